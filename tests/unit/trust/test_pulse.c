/* The pulse: what it may say, who may say it, and that it can do nothing more. */
#include "publisher.h"

#include "stopgap/pulse.h"
#include "stopgap/trust.h"
#include "trust/pulse.h"
#include "trust/store.h"

#include "stopgap/banned.h"

enum { PULSE = 1 << ROLE_PULSE };

static char root_hash[HASH_SIZE];

/* Keys 0 and 1 sign rules, key 2 pulses; key 3 is a stranger. */
static void make_pulse_root(const char *extra)
{
    const struct root_draft_key keys[] = {{pub.keys[0], BOTH, T_2026, T_2036, T_2036},
                                          {pub.keys[1], RULES, T_2026, T_2036, T_2036},
                                          {pub.keys[2], PULSE, T_2026, T_2036, T_2036}};
    const struct root_draft draft = {.version = 1,
                                     .epoch = 1,
                                     .created = T_2026,
                                     .expires = T_2036,
                                     .thresholds = {1, 1, 1},
                                     .keys = keys,
                                     .n_keys = 3};
    make_root(&draft, extra);
    assert_true(hash_hex(buf_slice(&pub.root), root_hash));
}

static struct pulse plain_pulse(int64_t created)
{
    struct pulse pulse = {
        .created = created,
        .root_version = 1,
        .entries =
            {{.name = "exchange-core", .epoch = 1, .serial = 7, .size = 5000, .lane = "1.0"}},
        .n_entries = 1};
    memcpy(pulse.root_hash, root_hash, sizeof(pulse.root_hash));
    memset(pulse.entries[0].sha256, 'a', TEXT_HASH_CHARS);
    return pulse;
}

/* The file of a pulse, signed by one key; key < 0: by nobody. */
static void write_pulse(struct pulse *pulse, int key, struct buf *out)
{
    struct err err = {0};
    buf_init(out, LIMIT_PULSE_FILE_BYTES);
    if (!pulse_write(pulse, key >= 0 ? &pub.keys[key] : NULL, key >= 0 ? 1 : 0, out, &err))
        fail_msg("%s: %s", err.code, err.text);
}

static const char *read_code(const struct trust_store *store, struct slice bytes)
{
    static struct err err;
    static struct pulse pulse;
    err = (struct err){0};
    if (pulse_read(store, bytes, &pulse, &err))
        return "";
    assert_true(err.code[0] != '\0' && err.text[0] != '\0');
    return err.code;
}

static const char *pulse_code(int64_t created, int key)
{
    struct buf bytes;
    struct pulse pulse = plain_pulse(created);
    struct trust_store *store = open_store(NULL);
    write_pulse(&pulse, key, &bytes);
    const char *code = read_code(store, buf_slice(&bytes));
    trust_close(store);
    buf_done(&bytes);
    return code;
}

static void test_a_pulse_of_its_role_says_what_is_newest(void **state)
{
    (void)state;
    struct buf bytes;
    struct pulse again;
    make_pulse_root("");
    struct pulse pulse = plain_pulse(T_NOW);
    struct trust_store *store = open_store(NULL);
    write_pulse(&pulse, 2, &bytes);
    assert_true(pulse_read(store, buf_slice(&bytes), &again, NULL));
    assert_true(again.is_signed && again.created == T_NOW && again.root_version == 1);
    assert_int_equal(again.n_entries, 1);
    assert_string_equal(again.entries[0].name, "exchange-core");
    assert_int_equal(again.entries[0].serial, 7);
    assert_int_equal(again.entries[0].size, 5000);
    assert_string_equal(again.entries[0].sha256, pulse.entries[0].sha256);
    trust_close(store);
    buf_done(&bytes);
}

static void test_only_keys_of_the_role_pulse_count(void **state)
{
    (void)state;
    make_pulse_root("");
    check_code("rules key", pulse_code(T_NOW, 0), "E_PULSE_SIG");
    check_code("stranger", pulse_code(T_NOW, 3), "E_PULSE_SIG");
    check_code("nobody", pulse_code(T_NOW, -1), "E_PULSE_SIG");
    check_code("before its day", pulse_code(T_2026 - UTC_DAY_SECONDS, 2), "E_PULSE_SIG");
}

static void test_a_revoked_pulse_key_counts_no_more(void **state)
{
    (void)state;
    char line[200];
    (void)snprintf(line, sizeof(line), "revoked %s 2026-03-01 stolen\n", pub.ids[2]);
    make_pulse_root(line);
    check_code("revoked", pulse_code(T_NOW, 2), "E_PULSE_SIG");
}

static void test_an_older_pulse_is_a_step_back_and_the_same_one_is_not(void **state)
{
    (void)state;
    make_pulse_root("");
    struct trust_store *store = open_store(NULL);
    store->state.pulse_time = T_NOW;
    const struct {
        int64_t created;
        const char *code;
    } rows[] = {{T_NOW - 1, "E_PULSE_ROLLBACK"}, {T_NOW, ""}, {T_NOW + 1, ""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf bytes;
        struct pulse pulse = plain_pulse(rows[i].created);
        write_pulse(&pulse, 2, &bytes);
        check_code("pulse", read_code(store, buf_slice(&bytes)), rows[i].code);
        buf_done(&bytes);
    }
    trust_close(store);
}

/* A pulse of a stolen key may be of any day: it must not shut out those that follow. */
static void test_a_pulse_of_days_to_come_is_not_remembered(void **state)
{
    (void)state;
    make_pulse_root("");
    struct trust_store *store = open_store("pulses");
    assert_true(trust_note_contact(store, T_NOW, NULL));
    assert_true(trust_note_contact(store, T_NOW + 30 * UTC_DAY_SECONDS, NULL));
    assert_int_equal(store->state.pulse_time, T_NOW);
    trust_close(store);
}

static void test_a_pulse_of_another_history_or_of_a_newer_root_is_told_apart(void **state)
{
    (void)state;
    make_pulse_root("");
    struct trust_store *store = open_store(NULL);
    struct buf bytes;
    struct pulse pulse = plain_pulse(T_NOW);
    pulse.root_hash[0] = pulse.root_hash[0] == 'f' ? '0' : 'f';
    write_pulse(&pulse, 2, &bytes);
    check_code("fork", read_code(store, buf_slice(&bytes)), "E_ROOT_FORK");
    buf_done(&bytes);
    pulse = plain_pulse(T_NOW);
    pulse.root_version = 2;
    write_pulse(&pulse, 3, &bytes);
    check_code("behind", read_code(store, buf_slice(&bytes)), "E_ROOT_BEHIND");
    buf_done(&bytes);
    trust_close(store);
}

static void test_without_the_role_a_pulse_is_a_hint(void **state)
{
    (void)state;
    struct buf bytes;
    struct pulse again;
    make_plain_root(1, "");
    assert_true(hash_hex(buf_slice(&pub.root), root_hash));
    struct pulse pulse = plain_pulse(T_NOW);
    struct trust_store *store = open_store(NULL);
    write_pulse(&pulse, -1, &bytes);
    assert_true(pulse_read(store, buf_slice(&bytes), &again, NULL));
    assert_false(again.is_signed);
    trust_close(store);
    buf_done(&bytes);
}

/* Row 8: what signs one kind of text says nothing about another. */
static void test_a_signed_manifest_is_no_pulse(void **state)
{
    (void)state;
    struct draft draft;
    char name[USTAR_NAME_MAX + 1];
    struct buf signature;
    struct buf bytes;
    make_pulse_root("");
    const struct manifest facts = plain_facts(1);
    make_draft(&draft, &facts);
    struct slice manifest = buf_slice(&draft_find(&draft, USTAR_MANIFEST)->data);
    buf_init(&signature, LIMIT_SIGNATURE_BYTES);
    buf_init(&bytes, LIMIT_PULSE_FILE_BYTES);
    assert_true(key_sign(pub.keys[2], manifest, &signature, NULL));
    (void)snprintf(name, sizeof(name), "pulse.sig/%s", pub.ids[2]);
    assert_true(ustar_append(&bytes, USTAR_PULSE_TEXT, manifest) &&
                ustar_append(&bytes, name, buf_slice(&signature)) && ustar_finish(&bytes));
    struct trust_store *store = open_store(NULL);
    check_code("manifest", read_code(store, buf_slice(&bytes)), "E_PULSE_SYNTAX");
    trust_close(store);
    buf_done(&signature);
    buf_done(&bytes);
    draft_done(&draft);
}

/* Row 50: a bundle that only the pulse key signed is no bundle, whatever the pulse says. */
static void test_a_stolen_pulse_key_installs_nothing(void **state)
{
    (void)state;
    struct draft draft;
    make_pulse_root("");
    const struct manifest facts = plain_facts(9);
    make_draft(&draft, &facts);
    sign_draft(&draft, 2);
    put_draft(&draft, "thief.sgb");
    check_code("thief.sgb", open_alone("thief.sgb"), "E_SIG_THRESHOLD");
}

static const char head[] = "stopgap-pulse 1\ncreated 2026-11-24T02:05:00Z\nroot 7 ";
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *text_code(struct slice text)
{
    static struct err err;
    struct pulse pulse;
    struct buf bytes;
    err = (struct err){0};
    buf_init(&bytes, LIMIT_PULSE_FILE_BYTES);
    assert_true(ustar_append(&bytes, USTAR_PULSE_TEXT, text) && ustar_finish(&bytes));
    bool done = pulse_parse(buf_slice(&bytes), &pulse, &err);
    buf_done(&bytes);
    return done ? "" : err.code;
}

static void test_pulse_parse_table(void **state)
{
    (void)state;
    const struct {
        const char *name, *rest;
        bool is_good;
    } rows[] = {
        {"no bundle", HASH "\n", true},
        {"one", HASH "\nnewest a 1 2 " HASH " 10 lane 1.0\n", true},
        {"two lanes",
         HASH "\nnewest a 1 2 " HASH " 10 lane 0.9\nnewest a 1 3 " HASH " 10 lane 1.0\n", true},
        {"ignored", HASH "\nx-note for people\nnewest a 1 2 " HASH " 10 lane 1.0\n", true},
        {"lanes out of order",
         HASH "\nnewest a 1 2 " HASH " 10 lane 1.0\nnewest a 1 3 " HASH " 10 lane 0.9\n", false},
        {"names out of order",
         HASH "\nnewest b 1 2 " HASH " 10 lane 1.0\nnewest a 1 3 " HASH " 10 lane 1.0\n", false},
        {"one lane twice",
         HASH "\nnewest a 1 2 " HASH " 10 lane 1.0\nnewest a 1 3 " HASH " 10 lane 1.0.0\n", false},
        {"no lane", HASH "\nnewest a 1 2 " HASH " 10\n", false},
        {"another word", HASH "\nnewest a 1 2 " HASH " 10 line 1.0\n", false},
        {"no size", HASH "\nnewest a 1 2 " HASH " 0 lane 1.0\n", false},
        {"larger than any bundle", HASH "\nnewest a 1 2 " HASH " 33554433 lane 1.0\n", false},
        {"serial with zero", HASH "\nnewest a 1 02 " HASH " 10 lane 1.0\n", false},
        {"name with a slash", HASH "\nnewest a/b 1 2 " HASH " 10 lane 1.0\n", false},
        {"hash in upper case", HASH "\nnewest a 1 2 ABCDEF 10 lane 1.0\n", false},
        {"unknown field", HASH "\nwithdraw a 1 2\n", false},
        {"no root hash", "\n", false},
        {"no line feed", HASH, false},
        {"two spaces", HASH "\nnewest  a 1 2 " HASH " 10 lane 1.0\n", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[2000];
        (void)snprintf(text, sizeof(text), "%s%s", head, rows[i].rest);
        check_code(rows[i].name, text_code(slice_str(text)),
                   rows[i].is_good ? "" : "E_PULSE_SYNTAX");
    }
}

static void test_a_pulse_over_its_limits_is_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4 * LIMIT_PULSE_BYTES);
    assert_true(buf_printf(&text, "%s%s\n", head, HASH));
    for (int i = 0; text.len <= LIMIT_PULSE_BYTES; i++)
        assert_true(buf_printf(&text, "x-fill %0100d\n", i));
    check_code("text", text_code(buf_slice(&text)), "E_PULSE_SYNTAX");
    buf_done(&text);
    check_code("not a container", text_code(SLICE("<html>sign in</html>\n")), "E_PULSE_SYNTAX");
    struct pulse pulse;
    struct err err = {0};
    assert_false(pulse_parse(SLICE("<html>"), &pulse, &err));
    assert_string_equal(err.code, "E_PULSE_SYNTAX");
}

static void add_lane(struct pulse *pulse, const char *lane, uint64_t serial)
{
    struct pulse_entry *entry = &pulse->entries[pulse->n_entries++];
    *entry = pulse->entries[0];
    entry->serial = serial;
    (void)snprintf(entry->lane, sizeof(entry->lane), "%s", lane);
}

static void test_an_engine_takes_the_highest_lane_that_it_can(void **state)
{
    (void)state;
    struct err err = {0};
    struct pulse pulse = plain_pulse(T_NOW);
    pulse.n_entries = 0;
    (void)snprintf(pulse.entries[0].name, sizeof(pulse.entries[0].name), "exchange-core");
    add_lane(&pulse, "0.8", 1);
    add_lane(&pulse, "0.9", 2);
    add_lane(&pulse, STOPGAP_VERSION, 3);
    add_lane(&pulse, "65535.0", 4);
    const struct pulse_entry *found = pulse_find(&pulse, "exchange-core", NULL, &err);
    assert_non_null(found);
    assert_int_equal(found->serial, 3);
    found = pulse_find(&pulse, "exchange-core", found->lane, &err);
    assert_non_null(found);
    assert_int_equal(found->serial, 2);
    assert_null(pulse_find(&pulse, "exchange-core", "0.8", &err));
    assert_string_equal(err.code, "E_ENGINE_TOO_OLD");
    assert_null(pulse_find(&pulse, "other", NULL, &err));
    assert_string_equal(err.code, "E_NAME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pulse_of_its_role_says_what_is_newest),
        cmocka_unit_test(test_only_keys_of_the_role_pulse_count),
        cmocka_unit_test(test_a_revoked_pulse_key_counts_no_more),
        cmocka_unit_test(test_an_older_pulse_is_a_step_back_and_the_same_one_is_not),
        cmocka_unit_test(test_a_pulse_of_days_to_come_is_not_remembered),
        cmocka_unit_test(test_a_pulse_of_another_history_or_of_a_newer_root_is_told_apart),
        cmocka_unit_test(test_without_the_role_a_pulse_is_a_hint),
        cmocka_unit_test(test_a_signed_manifest_is_no_pulse),
        cmocka_unit_test(test_a_stolen_pulse_key_installs_nothing),
        cmocka_unit_test(test_pulse_parse_table),
        cmocka_unit_test(test_a_pulse_over_its_limits_is_refused),
        cmocka_unit_test(test_an_engine_takes_the_highest_lane_that_it_can),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
