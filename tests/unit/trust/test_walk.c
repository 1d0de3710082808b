/* The walk from root to root: what a successor needs, and installs that slept for long. */
#include "publisher.h"

#include "trust/store.h"

#include "stopgap/banned.h"

/* A chain in the making: the draft of a bundle that carries it, and the hash of its last root. */
struct chain {
    struct draft draft;
    uint64_t version;
    char hash[HASH_SIZE];
    uint64_t epoch;
    const char *extra; /* lines behind the keys of the next root */
    bool is_test;
    const char *previous; /* other than the hash of the root before */
    uint64_t says;        /* another version than its place */
};

static char root_hash_1[HASH_SIZE];

static struct root_draft_key plain_key(int key, unsigned roles)
{
    return (struct root_draft_key){pub.keys[key], roles, T_2026, T_2036, T_2036};
}

static void put_root(struct chain *chain, uint64_t version, struct slice text)
{
    char name[ROOT_NAME_SIZE];
    store_format_root(name, "root", version, "");
    assert_true(draft_put(&chain->draft, name, text, NULL));
    assert_true(hash_hex(text, chain->hash));
}

static void sign_root(struct chain *chain, int key)
{
    char name[ROOT_NAME_SIZE];
    char prefix[ROOT_NAME_SIZE];
    store_format_root(name, "root", chain->version, "");
    store_format_root(prefix, "root", chain->version, ".sig/");
    assert_true(draft_sign(&chain->draft, name, prefix, pub.keys[key], NULL));
}

/* Append the next root with keys; threshold counts for root and rules. Not signed. */
static void next_root(struct chain *chain, const struct root_draft_key *keys, size_t n_keys,
                      unsigned threshold)
{
    struct root_draft root = {.version = chain->says != 0 ? chain->says : chain->version + 1,
                              .epoch = chain->epoch,
                              .is_test = chain->is_test,
                              .created = T_2026 + (int64_t)chain->version,
                              .expires = T_2036,
                              .previous = chain->version == 0       ? NULL
                                          : chain->previous != NULL ? chain->previous
                                                                    : chain->hash,
                              .thresholds = {threshold, threshold, 0},
                              .keys = keys,
                              .n_keys = n_keys};
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    struct err err = {0};
    if (!root_write(&root, &text, &err))
        fail_msg("%s", err.text);
    if (chain->extra != NULL)
        assert_true(buf_append(&text, slice_str(chain->extra)));
    chain->version++;
    put_root(chain, chain->version, buf_slice(&text));
    if (chain->version == 1) {
        put_file("root", buf_slice(&text)); /* what the operator trusts */
        memcpy(root_hash_1, chain->hash, sizeof(root_hash_1));
    }
    buf_done(&text);
}

/* Root 1 with key 0 alone. */
static struct chain start_chain(void)
{
    struct chain chain = {.epoch = 1};
    const struct root_draft_key key = plain_key(0, BOTH);
    next_root(&chain, &key, 1, 1);
    return chain;
}

/* A bundle of this serial under the last root of the chain, signed by the keys in the mask. */
static void put_bundle_of(struct chain *chain, const char *file, uint64_t serial, unsigned keys)
{
    struct manifest facts = plain_facts(serial);
    facts.epoch = chain->epoch;
    facts.root_version = chain->version;
    facts.root_hash = slice_str(chain->hash);
    struct draft draft = {0};
    for (size_t i = 0; i < chain->draft.n_members; i++)
        assert_true(draft_put(&draft, chain->draft.members[i].name,
                              buf_slice(&chain->draft.members[i].data), NULL));
    assert_true(draft_put(&draft, "rules/a.yaml", SLICE("id: A\n"), NULL));
    struct err err = {0};
    if (!draft_put_manifest(&draft, &facts, &err))
        fail_msg("%s", err.text);
    for (int key = 0; key < N_KEYS; key++)
        if ((keys & (1u << key)) != 0)
            sign_draft(&draft, key);
    put_draft(&draft, file);
}

static const char *open_after_restart(const char *file)
{
    struct trust_store *store = open_store("state");
    const char *code = open_code(store, file);
    trust_close(store);
    return code;
}

static void fresh_folder(void)
{
    remove_tree(in_folder("state"));
}

static void test_a_successor_needs_the_thresholds_of_both_roots(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned signers; /* root 1 has key 0, root 2 has key 1 */
        const char *code;
    } cases[] = {
        {"signed by nobody", 0, "E_ROOT_OLD_THRESHOLD"},
        {"signed by the new key only", 1u << 1, "E_ROOT_OLD_THRESHOLD"},
        {"signed by the old key only", 1u << 0, "E_ROOT_NEW_THRESHOLD"},
        {"signed by a stranger", 1u << 2, "E_ROOT_OLD_THRESHOLD"},
        {"signed by both", 3, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain chain = start_chain();
        const struct root_draft_key key = plain_key(1, BOTH);
        next_root(&chain, &key, 1, 1);
        for (int signer = 0; signer < N_KEYS; signer++)
            if ((cases[i].signers & (1u << signer)) != 0)
                sign_root(&chain, signer);
        put_bundle_of(&chain, "b", 7, 1u << 1);
        check_code(cases[i].name, open_alone("b"), cases[i].code);
        draft_done(&chain.draft);
    }
}

static void test_a_key_of_another_role_does_not_sign_roots(void **state)
{
    (void)state;
    struct chain chain = {.epoch = 1};
    const struct root_draft_key keys[] = {plain_key(0, ROOT), plain_key(1, RULES)};
    next_root(&chain, keys, 2, 1);
    next_root(&chain, keys, 2, 1);
    sign_root(&chain, 1);
    put_bundle_of(&chain, "b", 7, 1u << 1);
    check_code("rules key", open_alone("b"), "E_ROOT_OLD_THRESHOLD");
    draft_done(&chain.draft);
}

static void test_a_successor_has_its_one_place(void **state)
{
    (void)state;
    static const char wrong[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        const char *name;
        struct chain next;
        const char *code;
    } cases[] = {
        {"a version left out", {.epoch = 2, .says = 3}, "E_ROOT_ROLLBACK"},
        {"a far version", {.epoch = 2, .says = INT64_MAX}, "E_ROOT_ROLLBACK"},
        {"another history", {.epoch = 2, .previous = wrong}, "E_ROOT_PREVIOUS"},
        {"an epoch back", {.epoch = 1}, "E_ROOT_EPOCH"},
        {"a test root", {.epoch = 2, .is_test = true}, "E_ROOT_TEST"},
        {"a line of the future", {.epoch = 2, .extra = "zeta 1\n"}, "E_ROOT_UNKNOWN_FIELD"},
        {"in its place", {.epoch = 2}, ""},
        {"a newer epoch", {.epoch = 3}, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chain chain = {.epoch = 2};
        const struct root_draft_key key = plain_key(0, BOTH);
        next_root(&chain, &key, 1, 1);
        chain.epoch = cases[i].next.epoch;
        chain.is_test = cases[i].next.is_test;
        chain.previous = cases[i].next.previous;
        chain.extra = cases[i].next.extra;
        chain.says = cases[i].next.says;
        next_root(&chain, &key, 1, 1);
        sign_root(&chain, 0);
        put_bundle_of(&chain, "b", 7, 1);
        check_code(cases[i].name, open_alone("b"), cases[i].code);
        draft_done(&chain.draft);
    }
}

/* Keys go round: root N has keys N-1 and N, so after two steps no key of the start is left. With a
 * threshold of 1 the key that both roots have signs alone. */
static struct chain long_chain_of(unsigned n_roots, unsigned threshold)
{
    struct chain chain = {.epoch = 1};
    for (unsigned i = 0; i < n_roots; i++) {
        const struct root_draft_key keys[] = {plain_key((int)(i % N_KEYS), BOTH),
                                              plain_key((int)((i + 1) % N_KEYS), BOTH)};
        next_root(&chain, keys, 2, threshold);
        if (i > 0)
            sign_root(&chain, (int)(i % N_KEYS));
        if (i > 0 && threshold == 2) {
            sign_root(&chain, (int)((i + N_KEYS - 1) % N_KEYS));
            sign_root(&chain, (int)((i + 1) % N_KEYS));
        }
    }
    return chain;
}

static struct chain long_chain(unsigned n_roots)
{
    return long_chain_of(n_roots, 2);
}

static void test_a_sleeper_catches_up_over_20_roots_from_one_file(void **state)
{
    (void)state;
    fresh_folder();
    struct chain chain = long_chain(21);
    put_bundle_of(&chain, "b", 7, 0xf);
    struct trust_store *store = open_store("state");
    assert_int_equal(store->root->version, 1);
    check_code("first", open_code(store, "b"), "");
    assert_int_equal(store->root->version, 21);
    trust_close(store);
    store = open_store("state");
    assert_int_equal(store->root->version, 21); /* remembered */
    assert_string_equal(store->root->hash, chain.hash);
    char hash[HASH_SIZE];
    assert_true(store_find_hash(store, NULL, 1, hash));
    assert_string_equal(hash, root_hash_1);
    trust_close(store);
    assert_int_equal(access(in_folder("state/roots/0000000001"), F_OK), 0);
    char signature[PATH_SIZE];
    (void)snprintf(signature, sizeof(signature), "state/roots/0000000002.sig/%s", pub.ids[0]);
    assert_int_equal(access(in_folder(signature), F_OK), 0);
    draft_done(&chain.draft);
}

static void test_good_roots_before_a_bad_one_are_kept(void **state)
{
    (void)state;
    fresh_folder();
    struct chain chain = long_chain(5);
    const struct root_draft_key key = plain_key(3, BOTH);
    next_root(&chain, &key, 1, 1); /* nobody signs it */
    put_bundle_of(&chain, "b", 7, 0xf);
    check_code("a forged sixth root", open_after_restart("b"), "E_ROOT_OLD_THRESHOLD");
    struct trust_store *store = open_store("state");
    assert_int_equal(store->root->version, 5);
    trust_close(store);
    draft_done(&chain.draft);
}

static void test_a_walk_stops_after_1024_roots_and_goes_on_next_time(void **state)
{
    (void)state;
    struct chain chain = long_chain_of(LIMIT_ROOT_STEPS + 2, 1);
    put_bundle_of(&chain, "b", 7, 0xf);
    struct trust_store *store = open_store(NULL);
    check_code("first time", open_code(store, "b"), "E_ROOT_BEHIND");
    assert_int_equal(store->root->version, LIMIT_ROOT_STEPS + 1);
    check_code("next time", open_code(store, "b"), "");
    assert_int_equal(store->root->version, LIMIT_ROOT_STEPS + 2);
    trust_close(store);
    draft_done(&chain.draft);
}

/* Two processes with one folder: who did not walk himself reads what the other has found. */
static void test_a_root_that_another_process_walked_to_is_taken(void **state)
{
    (void)state;
    fresh_folder();
    struct chain chain = long_chain(3);
    put_bundle_of(&chain, "b", 7, 0xf);
    struct trust_store *late = open_store("state");
    check_code("the other process", open_after_restart("b"), "");
    struct chain further = long_chain(4);
    put_bundle_of(&further, "c", 8, 0xf);
    check_code("a bundle of root 4", open_code(late, "c"), "");
    assert_int_equal(late->root->version, 4);
    trust_close(late);
    draft_done(&chain.draft);
    draft_done(&further.draft);
}

static bool open_is_marked(const char *file)
{
    struct trust_store *store = open_store("state");
    struct bundle *bundle = bundle_open(store, in_folder(file), NULL);
    assert_non_null(bundle);
    bool is_marked = bundle_is_marked(bundle);
    bundle_close(bundle);
    trust_close(store);
    return is_marked;
}

static void test_a_set_in_force_survives_the_end_of_its_key_and_a_restart(void **state)
{
    (void)state;
    fresh_folder();
    struct chain chain = start_chain();
    put_bundle_of(&chain, "old", 7, 1);
    put_bundle_of(&chain, "late", 8, 1);
    assert_false(open_is_marked("old"));
    const struct root_draft_key key = plain_key(1, BOTH);
    next_root(&chain, &key, 1, 1);
    sign_root(&chain, 0);
    sign_root(&chain, 1);
    struct chain other_name = chain;
    put_bundle_of(&other_name, "carrier", 9, 1u << 2); /* brings the root, is itself refused */
    check_code("carrier", open_after_restart("carrier"), "E_SIG_THRESHOLD");
    assert_true(open_is_marked("old"));
    check_code("a new set by the former key", open_after_restart("late"), "E_SIG_THRESHOLD");
    draft_done(&chain.draft);
}

static void test_a_withdrawn_set_is_left_even_when_it_was_accepted(void **state)
{
    (void)state;
    fresh_folder();
    struct chain chain = start_chain();
    put_bundle_of(&chain, "bad", 7, 1);
    check_code("before", open_after_restart("bad"), "");
    const struct root_draft_key key = plain_key(0, BOTH);
    chain.extra = "withdraw exchange-core 1 7\n";
    next_root(&chain, &key, 1, 1);
    sign_root(&chain, 0);
    put_bundle_of(&chain, "good", 8, 1);
    check_code("good", open_after_restart("good"), "");
    check_code("withdrawn", open_after_restart("bad"), "E_WITHDRAWN");
    draft_done(&chain.draft);
}

static void test_an_algorithm_of_the_future_is_no_forgery(void **state)
{
    (void)state;
    struct chain chain = {.epoch = 1};
    const struct root_draft_key key = plain_key(0, BOTH);
    /* The SHA-256 of the three bytes "new". */
    chain.extra = "";
    next_root(&chain, &key, 1, 1);
    static const char id[] = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
    char line[256];
    (void)snprintf(line, sizeof(line),
                   "stopgap-root 1\nversion 2\nepoch 1\nusage production\n"
                   "created 2026-02-01T00:00:00Z\nexpires 2031-01-01T00:00:00Z\nprevious %s\n",
                   chain.hash);
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "%sthreshold root 1\nthreshold rules 1\n"
                   "key %s ml-dsa-65 root,rules 2026-01-01 2036-01-01 2036-01-01 bmV3\n",
                   line, id);
    chain.version = 2;
    put_root(&chain, 2, slice_str(text));
    sign_root(&chain, 0);
    char member[ROOT_NAME_SIZE + HASH_SIZE];
    (void)snprintf(member, sizeof(member), "root/0000000002.sig/%s", id);
    assert_true(draft_put(&chain.draft, member, SLICE("looks like one"), NULL));
    put_bundle_of(&chain, "b", 7, 1);
    check_code("unknown algorithm only", open_alone("b"), "E_ENGINE_TOO_OLD_CRYPTO");
    draft_done(&chain.draft);
}

static void test_an_anchor_of_another_history_is_a_fork(void **state)
{
    (void)state;
    fresh_folder();
    struct chain chain = long_chain(3);
    put_bundle_of(&chain, "b", 7, 0xf);
    check_code("our history", open_after_restart("b"), "");
    const struct root_draft_key key = plain_key(3, BOTH);
    struct chain other = {.epoch = 1};
    next_root(&other, &key, 1, 1); /* another root 1 */
    char root_path[PATH_SIZE * 2];
    char state_path[PATH_SIZE * 2];
    (void)snprintf(root_path, sizeof(root_path), "%s", in_folder("root"));
    (void)snprintf(state_path, sizeof(state_path), "%s", in_folder("state"));
    const struct trust_options options = {
        .root_path = root_path, .state_dir = state_path, .now = T_NOW};
    struct err err = {0};
    assert_null(trust_open(&options, &err));
    assert_string_equal(err.code, "E_ROOT_FORK");
    draft_done(&chain.draft);
    draft_done(&other.draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_successor_needs_the_thresholds_of_both_roots),
        cmocka_unit_test(test_a_key_of_another_role_does_not_sign_roots),
        cmocka_unit_test(test_a_successor_has_its_one_place),
        cmocka_unit_test(test_a_sleeper_catches_up_over_20_roots_from_one_file),
        cmocka_unit_test(test_good_roots_before_a_bad_one_are_kept),
        cmocka_unit_test(test_a_walk_stops_after_1024_roots_and_goes_on_next_time),
        cmocka_unit_test(test_a_root_that_another_process_walked_to_is_taken),
        cmocka_unit_test(test_a_set_in_force_survives_the_end_of_its_key_and_a_restart),
        cmocka_unit_test(test_a_withdrawn_set_is_left_even_when_it_was_accepted),
        cmocka_unit_test(test_an_algorithm_of_the_future_is_no_forgery),
        cmocka_unit_test(test_an_anchor_of_another_history_is_a_fork),
    };
    return cmocka_run_group_tests(tests, publisher_setup, publisher_teardown);
}
