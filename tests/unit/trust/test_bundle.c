/* What bundle_open accepts, and the code of everything that it refuses. */
#include "publisher.h"

#include "stopgap/banned.h"

/* A bundle of serial 7 signed by the keys of the bit set. */
static void put_signed(const char *name, unsigned signers, const struct manifest *facts)
{
    struct draft draft;
    make_draft(&draft, facts);
    for (int i = 0; i < N_KEYS; i++)
        if ((signers & (1u << i)) != 0)
            sign_draft(&draft, i);
    put_draft(&draft, name);
}

static void test_a_good_bundle_gives_its_facts_and_rules(void **state)
{
    (void)state;
    make_plain_root(2, "");
    struct manifest facts = plain_facts(7);
    put_signed("b", 3, &facts);
    struct trust_store *store = open_store(NULL);
    struct bundle *bundle = bundle_open(store, in_folder("b"), NULL);
    assert_non_null(bundle);
    assert_string_equal(bundle_name(bundle), "exchange-core");
    assert_int_equal(bundle_epoch(bundle), 1);
    assert_int_equal(bundle_serial(bundle), 7);
    assert_int_equal(strlen(bundle_hash(bundle)), TEXT_HASH_CHARS);
    assert_string_equal(bundle_expires(bundle), "2026-12-20T14:13:20Z");
    assert_false(bundle_is_expired(bundle));
    assert_int_equal(bundle_n_rules(bundle), 2);
    const char *name = NULL;
    assert_true(slice_equal(bundle_rule(bundle, 1, &name), SLICE("id: B\n")));
    assert_string_equal(name, "rules/b.yaml");
    bundle_close(bundle);
    trust_close(store);
}

static void test_signatures_count_once_for_each_key_of_the_root(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned threshold;
        unsigned signers; /* bit set of keys */
        const char *code;
        const char *counts; /* must be in the text */
    } cases[] = {
        {"one of one", 1, 1, "", ""},
        {"two of two, two algorithms", 2, 3, "", ""},
        {"two of two, one algorithm", 2, 5, "", ""},
        {"more than needed", 2, 15, "", ""},
        {"nobody", 1, 0, "E_SIG_THRESHOLD", "0/1"},
        {"one of two", 2, 1, "E_SIG_THRESHOLD", "1/2"},
        {"three of four", 4, 7, "E_SIG_THRESHOLD", "3/4"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        make_plain_root(cases[i].threshold, "");
        struct manifest facts = plain_facts(7);
        put_signed("b", cases[i].signers, &facts);
        struct trust_store *store = open_store(NULL);
        struct bundle *bundle = bundle_open(store, in_folder("b"), &err);
        check_code(cases[i].name, err.code, cases[i].code);
        assert_non_null(strstr(err.text, cases[i].counts));
        bundle_close(bundle);
        trust_close(store);
    }
}

static void put_signature(struct draft *draft, int key, struct slice bytes)
{
    char name[USTAR_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "sig/%s", pub.ids[key]);
    assert_true(draft_put(draft, name, bytes, NULL));
}

static void test_a_copied_signature_does_not_count(void **state)
{
    (void)state;
    make_plain_root(2, "");
    struct manifest facts = plain_facts(7);
    struct draft draft;
    make_draft(&draft, &facts);
    sign_draft(&draft, 0);
    char name[USTAR_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "sig/%s", pub.ids[0]);
    const struct draft_member *member = draft_find(&draft, name);
    assert_non_null(member);
    put_signature(&draft, 2, buf_slice(&member->data));
    assert_true(draft_put(&draft, "sig/copy", buf_slice(&member->data), NULL));
    put_draft(&draft, "b");
    check_code("copied", open_alone("b"), "E_SIG_THRESHOLD");
}

static void test_a_signature_of_another_text_does_not_count(void **state)
{
    (void)state;
    make_plain_root(1, "");
    struct manifest facts = plain_facts(7);
    struct draft draft;
    make_draft(&draft, &facts);
    /* Signed as a root, shown as a signature of the manifest. */
    assert_true(draft_sign(&draft, "root/0000000001", "sig/", pub.keys[0], NULL));
    put_draft(&draft, "b");
    check_code("cross type", open_alone("b"), "E_SIG_THRESHOLD");
}

/* One bad signature must not spoil enough good ones. */
static void test_a_bad_signature_beside_enough_good_ones_is_ignored(void **state)
{
    (void)state;
    make_plain_root(2, "");
    struct manifest facts = plain_facts(7);
    struct draft draft;
    make_draft(&draft, &facts);
    sign_draft(&draft, 0);
    sign_draft(&draft, 1);
    put_signature(&draft, 2, SLICE("junk"));
    assert_true(draft_put(&draft, "sig/0000", SLICE("junk"), NULL));
    put_draft(&draft, "b");
    check_code("junk beside", open_alone("b"), "");
}

static void test_only_keys_with_the_role_rules_count(void **state)
{
    (void)state;
    const struct root_draft_key keys[] = {
        {pub.keys[0], ROOT, T_2026, T_2036, T_2036},
        {pub.keys[1], RULES, T_2026, T_2036, T_2036},
        {pub.keys[2], 1 << ROLE_PULSE, T_2026, T_2036, T_2036},
    };
    const struct root_draft root = {.version = 1,
                                    .epoch = 1,
                                    .created = T_2026,
                                    .expires = T_2036,
                                    .thresholds = {1, 1, 1},
                                    .keys = keys,
                                    .n_keys = 3};
    make_root(&root, "");
    struct manifest facts = plain_facts(7);
    static const char *const codes[N_KEYS] = {"E_SIG_THRESHOLD", "", "E_SIG_THRESHOLD",
                                              "E_SIG_THRESHOLD"};
    for (int i = 0; i < N_KEYS; i++) {
        put_signed("b", 1u << i, &facts);
        check_code("role", open_alone("b"), codes[i]);
    }
}

static void test_revoked_keys_do_not_count(void **state)
{
    (void)state;
    char line[128];
    make_plain_root(1, "");
    (void)snprintf(line, sizeof(line), "revoked %s 2030-01-01 stolen\n", pub.ids[0]);
    make_plain_root(1, line);
    struct manifest facts = plain_facts(7);
    put_signed("b", 1, &facts);
    check_code("revoked", open_alone("b"), "E_SIG_THRESHOLD");
    put_signed("b", 3, &facts);
    check_code("revoked and another", open_alone("b"), "");
}

static void test_keys_count_for_what_was_created_in_their_time(void **state)
{
    (void)state;
    enum { DAY = UTC_DAY_SECONDS };
    const struct root_draft_key keys[] = {
        {pub.keys[0], BOTH, T_NOW, T_NOW + DAY, T_NOW + 2 * DAY}, /* the 21st to the 23rd */
        {pub.keys[1], BOTH, T_2026, T_2036, T_2036},
    };
    const struct root_draft root = {.version = 1,
                                    .epoch = 1,
                                    .created = T_2026,
                                    .expires = T_2036,
                                    .thresholds = {1, 1, 0},
                                    .keys = keys,
                                    .n_keys = 2};
    make_root(&root, "");
    static const struct {
        const char *created;
        const char *code;
    } cases[] = {
        {"2026-09-20T23:59:59Z", "E_SIG_KEY_TIME"},
        {"2026-09-21T00:00:00Z", ""},
        {"2026-09-22T12:00:00Z", ""}, /* after the sunset, which only warns */
        {"2026-09-23T23:59:59Z", ""},
        {"2026-09-24T00:00:00Z", "E_SIG_KEY_TIME"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct manifest facts = plain_facts(7);
        assert_true(utc_parse_time(slice_str(cases[i].created), &facts.created));
        put_signed("b", 1, &facts);
        check_code(cases[i].created, open_alone("b"), cases[i].code);
        put_signed("b", 3, &facts);
        check_code("with a key in force", open_alone("b"), "");
    }
}

static void test_an_unknown_algorithm_is_not_called_forged(void **state)
{
    (void)state;
    make_plain_root(2, "");
    struct buf text;
    char key_id_text[HASH_SIZE];
    buf_init(&text, LIMIT_ROOT_BYTES);
    assert_true(hash_hex(SLICE("ABC"), key_id_text));
    assert_true(buf_printf(&text,
                           SLICE_FMT "key %s ml-dsa-65 rules 2026-01-01 2035-01-01 2036-01-01 "
                                     "QUJD\n",
                           SLICE_ARG(buf_slice(&pub.root)), key_id_text));
    pub.root.len = 0;
    assert_true(buf_append(&pub.root, buf_slice(&text)));
    put_file("root", buf_slice(&text));
    buf_done(&text);

    struct manifest facts = plain_facts(7);
    struct draft draft;
    char name[USTAR_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "sig/%s", key_id_text);
    for (unsigned n_good = 0; n_good <= 2; n_good++) {
        static const char *const codes[] = {"E_SIG_THRESHOLD", "E_ENGINE_TOO_OLD_CRYPTO", ""};
        make_draft(&draft, &facts);
        assert_true(draft_put(&draft, name, SLICE("new signature"), NULL));
        for (unsigned i = 0; i < n_good; i++)
            sign_draft(&draft, (int)i);
        put_draft(&draft, "b");
        check_code("with an unusable signature", open_alone("b"), codes[n_good]);
    }
}

/* The key in force signed, the other signature is in a new algorithm, a third came too late. */
static void test_too_old_is_said_although_a_key_has_ended(void **state)
{
    (void)state;
    char id[HASH_SIZE];
    char line[256];
    char name[USTAR_NAME_MAX + 1];
    const struct root_draft_key keys[] = {{pub.keys[0], BOTH, T_2026, T_2036, T_2036},
                                          {pub.keys[1], BOTH, T_2026, T_2026, T_2026}};
    const struct root_draft root = {.version = 1,
                                    .epoch = 1,
                                    .created = T_2026,
                                    .expires = T_2036,
                                    .thresholds = {1, 2, 0},
                                    .keys = keys,
                                    .n_keys = 2};
    assert_true(hash_hex(SLICE("ABC"), id));
    (void)snprintf(line, sizeof(line),
                   "key %s ml-dsa-65 rules 2026-01-01 2035-01-01 2036-01-01 QUJD\n", id);
    make_root(&root, line);
    struct manifest facts = plain_facts(7);
    struct draft draft;
    (void)snprintf(name, sizeof(name), "sig/%s", id);
    make_draft(&draft, &facts);
    assert_true(draft_put(&draft, name, SLICE("new signature"), NULL));
    sign_draft(&draft, 0);
    sign_draft(&draft, 1);
    put_draft(&draft, "b");
    check_code("1 in force, 1 ended, 1 new", open_alone("b"), "E_ENGINE_TOO_OLD_CRYPTO");
}

static void test_facts_of_the_manifest_are_judged(void **state)
{
    (void)state;
    make_plain_root(1, "withdraw exchange-core 1 666\n");
    static const char other_hash[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct manifest base = plain_facts(7);
    struct {
        const char *name;
        struct manifest facts;
        const char *code;
    } cases[] = {
        {"lab", base, "E_CHANNEL"},
        {"a newer root", base, "E_ROOT_BEHIND"},
        {"another root of our version", base, "E_ROOT_FORK"},
        {"withdrawn", base, "E_WITHDRAWN"},
        {"an epoch that the root has not opened", base, "E_EPOCH"},
        {"expired long ago", base, ""},
        {"created in far future", base, ""},
        {"the largest serial", base, ""},
    };
    cases[0].facts.is_lab = true;
    cases[1].facts.root_version = 2;
    cases[2].facts.root_hash = SLICE(other_hash);
    cases[3].facts.serial = 666;
    cases[4].facts.epoch = 2;
    cases[5].facts.expires = T_2026;
    cases[6].facts.created = T_2036;
    cases[7].facts.serial = INT64_MAX;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_signed("b", 1, &cases[i].facts);
        check_code(cases[i].name, open_alone("b"), cases[i].code);
    }
}

static void test_a_signed_manifest_that_is_no_manifest_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *code;
    } cases[] = {
        {SLICE("stopgap-manifest 1\nmin-engine 9.0.0\nwhatever\n"), "E_ENGINE_TOO_OLD"},
        {SLICE("stopgap-manifest 1\nmin-engine 1.0.0\nname x\nserial 007\n"), "E_MANIFEST_SYNTAX"},
        {SLICE("stopgap-manifest 1\nmin-engine 1.0.0\nnovelty x\n"), "E_MANIFEST_FIELD"},
        {SLICE(""), "E_MANIFEST_SYNTAX"},
    };
    make_plain_root(1, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct manifest facts = plain_facts(7);
        struct draft draft;
        make_draft(&draft, &facts);
        assert_true(draft_put(&draft, USTAR_MANIFEST, cases[i].text, NULL));
        sign_draft(&draft, 0);
        put_draft(&draft, "b");
        check_code(cases[i].code, open_alone("b"), cases[i].code);
    }
}

static void test_contents_must_be_what_was_signed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *member;
        struct slice data;
        const char *code;
    } cases[] = {
        {"a changed byte", "rules/a.yaml", SLICE("id: C\n"), "E_HASH"},
        {"a byte more", "rules/a.yaml", SLICE("id: A\n\n"), "E_HASH"},
        {"nothing", "rules/a.yaml", SLICE(""), "E_HASH"},
        {"a rule before all", "rules/0.yaml", SLICE("id: C\n"), "E_BUNDLE_UNLISTED"},
        {"a rule in between", "rules/aa.yaml", SLICE("id: C\n"), "E_BUNDLE_UNLISTED"},
        {"a rule after all", "rules/c.yaml", SLICE("id: C\n"), "E_BUNDLE_UNLISTED"},
        {"a test", "tests/a", SLICE("x"), "E_BUNDLE_UNLISTED"},
        {"another root of our version", "root/0000000001", SLICE("x"), "E_ROOT_FORK"},
        {"a file for later versions", "root/0000000001.new", SLICE("x"), ""},
        {"a signature of a stranger", "sig/stranger", SLICE("x"), ""},
    };
    make_plain_root(1, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct manifest facts = plain_facts(7);
        struct draft draft;
        make_draft(&draft, &facts);
        sign_draft(&draft, 0);
        assert_true(draft_put(&draft, cases[i].member, cases[i].data, NULL));
        put_draft(&draft, "b");
        check_code(cases[i].name, open_alone("b"), cases[i].code);
    }
}

static void test_a_listed_file_that_is_absent_is_missing(void **state)
{
    (void)state;
    static const char *const absent[] = {"rules/a.yaml", "rules/b.yaml"};
    make_plain_root(1, "");
    for (size_t i = 0; i < 2; i++) {
        struct manifest facts = plain_facts(7);
        struct draft full;
        struct draft part = {0};
        make_draft(&full, &facts);
        sign_draft(&full, 0);
        for (size_t j = 0; j < full.n_members; j++)
            if (strcmp(full.members[j].name, absent[i]) != 0)
                assert_true(
                    draft_put(&part, full.members[j].name, buf_slice(&full.members[j].data), NULL));
        draft_done(&full);
        put_draft(&part, "b");
        check_code(absent[i], open_alone("b"), "E_BUNDLE_MISSING");
    }
}

/* Every byte of a small bundle that needs all of its signatures. */
static void test_no_flipped_bit_is_accepted(void **state)
{
    (void)state;
    make_plain_root(2, "");
    struct manifest facts = plain_facts(7);
    put_signed("b", 3, &facts);
    check_code("unchanged", open_alone("b"), "");
    struct trust_store *store = open_store(NULL);
    int fd = open(in_folder("b"), O_RDWR | O_CLOEXEC);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 0; at < st.st_size; at++) {
        char before;
        assert_int_equal(pread(fd, &before, 1, at), 1);
        char after = (char)(before ^ (1 << (at % 8)));
        assert_int_equal(pwrite(fd, &after, 1, at), 1);
        if (open_code(store, "b")[0] == '\0')
            fail_msg("the bundle is accepted with byte %lld changed", (long long)at);
        assert_int_equal(pwrite(fd, &before, 1, at), 1);
    }
    (void)close(fd);
    trust_close(store);
}

static void test_only_regular_files_of_bounded_size_are_read(void **state)
{
    (void)state;
    make_plain_root(1, "");
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    check_code("a FIFO does not hang", open_alone("fifo"), "E_BUNDLE_READ");
    check_code("a folder", open_alone("."), "E_BUNDLE_READ");
    check_code("nothing", open_alone("absent"), "E_BUNDLE_READ");
    put_file("empty", SLICE(""));
    check_code("an empty file", open_alone("empty"), "E_BUNDLE_TRUNCATED");
    put_file("large", SLICE(""));
    assert_int_equal(truncate(in_folder("large"), LIMIT_BUNDLE_BYTES + 1), 0);
    check_code("a byte over the maximum", open_alone("large"), "E_BUNDLE_SIZE");
}

/* What was checked is what is used: the file is not looked at again. */
static void test_a_file_that_is_swapped_after_the_check_changes_nothing(void **state)
{
    (void)state;
    const char *name;
    make_plain_root(1, "");
    struct manifest facts = plain_facts(5);
    struct draft draft;
    make_draft(&draft, &facts);
    sign_draft(&draft, 0);
    put_draft(&draft, "b");
    struct trust_store *store = open_store(NULL);
    struct bundle *bundle = bundle_open(store, in_folder("b"), NULL);
    assert_non_null(bundle);
    int fd = open(in_folder("b"), O_WRONLY | O_TRUNC); /* the very file, not another of its name */
    assert_true(fd >= 0);
    (void)close(fd);
    assert_true(slice_equal(bundle_rule(bundle, 0, &name), SLICE("id: A\n")));
    bundle_close(bundle);
    trust_close(store);
}

static void test_expiry_is_a_state(void **state)
{
    (void)state;
    make_plain_root(1, "");
    struct manifest facts = plain_facts(7);
    facts.expires = T_NOW;
    put_signed("b", 1, &facts);
    struct trust_store *store = open_store(NULL);
    struct bundle *bundle = bundle_open(store, in_folder("b"), NULL);
    assert_non_null(bundle);
    assert_true(bundle_is_expired(bundle));
    bundle_close(bundle);
    trust_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_bundle_gives_its_facts_and_rules),
        cmocka_unit_test(test_signatures_count_once_for_each_key_of_the_root),
        cmocka_unit_test(test_a_copied_signature_does_not_count),
        cmocka_unit_test(test_a_signature_of_another_text_does_not_count),
        cmocka_unit_test(test_a_bad_signature_beside_enough_good_ones_is_ignored),
        cmocka_unit_test(test_only_keys_with_the_role_rules_count),
        cmocka_unit_test(test_revoked_keys_do_not_count),
        cmocka_unit_test(test_keys_count_for_what_was_created_in_their_time),
        cmocka_unit_test(test_an_unknown_algorithm_is_not_called_forged),
        cmocka_unit_test(test_too_old_is_said_although_a_key_has_ended),
        cmocka_unit_test(test_facts_of_the_manifest_are_judged),
        cmocka_unit_test(test_a_signed_manifest_that_is_no_manifest_is_refused),
        cmocka_unit_test(test_contents_must_be_what_was_signed),
        cmocka_unit_test(test_a_listed_file_that_is_absent_is_missing),
        cmocka_unit_test(test_no_flipped_bit_is_accepted),
        cmocka_unit_test(test_only_regular_files_of_bounded_size_are_read),
        cmocka_unit_test(test_a_file_that_is_swapped_after_the_check_changes_nothing),
        cmocka_unit_test(test_expiry_is_a_state),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
