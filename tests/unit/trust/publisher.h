/* A publisher in memory for the trust tests: keys, a root, a bundle, and a folder for files. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/bundle.h"
#include "trust/bundle_write.h"
#include "trust/utc.h"

enum { N_KEYS = 4, PATH_SIZE = 256 };
enum {
    BOTH = (1 << ROLE_ROOT) | (1 << ROLE_RULES),
    RULES = 1 << ROLE_RULES,
    ROOT = 1 << ROLE_ROOT
};

#define T_2026 INT64_C(1767225600) /* 2026-01-01 */
#define T_NOW INT64_C(1790000000)  /* 2026-09-21 */
#define T_2036 INT64_C(2082758400) /* 2036-01-01 */

struct publisher {
    char folder[PATH_SIZE];
    EVP_PKEY *keys[N_KEYS]; /* ed25519, p256, ed25519, p256 */
    char ids[N_KEYS][HASH_SIZE];
    struct buf root; /* text of the root last made */
};

static struct publisher pub;

/* ---- roots as data */

struct root_draft {
    uint64_t version, epoch;
    bool is_test;
    int64_t created, expires;
    const char *previous; /* NULL in version 1 */
    unsigned thresholds[ROLE_COUNT];
    const struct root_draft_key *keys;
    size_t n_keys;
};

static inline bool write_root_head(struct buf *out, const struct root_draft *draft)
{
    char created[UTC_TIME_CHARS + 1];
    char expires[UTC_TIME_CHARS + 1];
    utc_format_time(draft->created, created);
    utc_format_time(draft->expires, expires);
    bool done = buf_printf(out,
                           "stopgap-root 1\nversion %llu\nepoch %llu\nusage %s\ncreated %s\n"
                           "expires %s\n",
                           (unsigned long long)draft->version, (unsigned long long)draft->epoch,
                           draft->is_test ? "test" : "production", created, expires);
    if (done && draft->previous != NULL)
        done = buf_printf(out, "previous %s\n", draft->previous);
    for (int role = 0; done && role < ROLE_COUNT; role++)
        if (draft->thresholds[role] != 0)
            done = buf_printf(out, "threshold %s %u\n", role_word((enum role)role),
                              draft->thresholds[role]);
    return done;
}

/* Append the text of a root to out and parse it again. */
static inline bool root_write(const struct root_draft *draft, struct buf *out, struct err *err)
{
    if (!write_root_head(out, draft))
        return err_set(err, ERR_LIMIT, "E_ROOT_SIZE", "the root would have more than %zu bytes",
                       out->max);
    for (size_t i = 0; i < draft->n_keys; i++)
        if (!root_write_key(&draft->keys[i], out, err))
            return false;
    struct root *again = root_parse(buf_slice(out), err);
    root_free(again);
    return again != NULL;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)st, (void)kind, (void)place;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int publisher_setup(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(pub.folder, sizeof(pub.folder), "%s/stopgap-trust-XXXXXX",
                   base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(pub.folder));
    for (int i = 0; i < N_KEYS; i++) {
        pub.keys[i] = key_generate(i % 2 == 0 ? KEY_ED25519 : KEY_ECDSA_P256, NULL);
        assert_non_null(pub.keys[i]);
        assert_true(key_id(pub.keys[i], pub.ids[i], NULL));
    }
    buf_init(&pub.root, LIMIT_ROOT_BYTES);
    return 0;
}

static inline int publisher_teardown(void **state)
{
    (void)state;
    for (int i = 0; i < N_KEYS; i++)
        EVP_PKEY_free(pub.keys[i]);
    buf_done(&pub.root);
    remove_tree(pub.folder);
    return 0;
}

static inline const char *in_folder(const char *name)
{
    static char path[PATH_SIZE * 2];
    (void)snprintf(path, sizeof(path), "%s/%s", pub.folder, name);
    return path;
}

static inline void put_file(const char *name, struct slice bytes)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

/* Write the root that draft describes, with extra lines at its end, to the file "root". */
static inline void make_root(const struct root_draft *draft, const char *extra)
{
    struct err err = {0};
    pub.root.len = 0;
    if (!root_write(draft, &pub.root, &err))
        fail_msg("%s", err.text);
    assert_true(buf_append(&pub.root, slice_str(extra)));
    put_file("root", buf_slice(&pub.root));
}

/* All keys with both roles, threshold n for rules. */
static inline void make_plain_root(unsigned n, const char *extra)
{
    struct root_draft_key keys[N_KEYS];
    for (int i = 0; i < N_KEYS; i++)
        keys[i] = (struct root_draft_key){pub.keys[i], BOTH, T_2026, T_2036, T_2036};
    const struct root_draft draft = {.version = 1,
                                     .epoch = 1,
                                     .created = T_2026,
                                     .expires = T_2036,
                                     .thresholds = {1, n, 0},
                                     .keys = keys,
                                     .n_keys = N_KEYS};
    make_root(&draft, extra);
}

static inline struct manifest plain_facts(uint64_t serial)
{
    static char hash[HASH_SIZE];
    assert_true(hash_hex(buf_slice(&pub.root), hash));
    return (struct manifest){.min_engine = SLICE("1.0.0"),
                             .name = SLICE("exchange-core"),
                             .epoch = 1,
                             .serial = serial,
                             .created = T_NOW,
                             .expires = T_NOW + 90 * UTC_DAY_SECONDS,
                             .root_version = 1,
                             .root_hash = slice_str(hash)};
}

/* A draft with two rules, the root, a manifest, and no signature. */
static inline void make_draft(struct draft *draft, const struct manifest *facts)
{
    *draft = (struct draft){0};
    assert_true(draft_put(draft, "rules/a.yaml", SLICE("id: A\n"), NULL));
    assert_true(draft_put(draft, "rules/b.yaml", SLICE("id: B\n"), NULL));
    assert_true(draft_put(draft, "root/0000000001", buf_slice(&pub.root), NULL));
    struct err err = {0};
    if (!draft_put_manifest(draft, facts, &err))
        fail_msg("%s", err.text);
}

static inline void sign_draft(struct draft *draft, int key)
{
    assert_true(draft_sign(draft, USTAR_MANIFEST, "sig/", pub.keys[key], NULL));
}

/* Write the draft to NAME without the reader's rules, and free it. */
static inline void put_draft(struct draft *draft, const char *name)
{
    struct buf bytes;
    buf_init(&bytes, 2 * LIMIT_BUNDLE_BYTES);
    assert_true(draft_write(draft, &bytes, NULL));
    put_file(name, buf_slice(&bytes));
    buf_done(&bytes);
    draft_done(draft);
}

static inline struct trust_store *open_store(const char *state_dir)
{
    char root_path[PATH_SIZE * 2];
    char state_path[PATH_SIZE * 2];
    (void)snprintf(root_path, sizeof(root_path), "%s", in_folder("root"));
    if (state_dir != NULL)
        (void)snprintf(state_path, sizeof(state_path), "%s", in_folder(state_dir));
    const struct trust_options options = {
        .root_path = root_path, .state_dir = state_dir != NULL ? state_path : NULL, .now = T_NOW};
    struct err err = {0};
    struct trust_store *store = trust_open(&options, &err);
    if (store == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return store;
}

/* The code with which the file NAME is refused; "" when it is accepted. */
static inline const char *open_code(struct trust_store *store, const char *name)
{
    static struct err err;
    err = (struct err){0};
    struct bundle *bundle = bundle_open(store, in_folder(name), &err);
    bool is_open = bundle != NULL;
    bundle_close(bundle);
    if (is_open)
        return "";
    assert_true(err.code[0] != '\0' && err.text[0] != '\0' && err.file[0] != '\0');
    return err.code;
}

/* Open once with a store of its own. */
static inline const char *open_alone(const char *name)
{
    struct trust_store *store = open_store(NULL);
    const char *code = open_code(store, name);
    trust_close(store);
    return code;
}

static inline void check_code(const char *name, const char *code, const char *expected)
{
    if (strcmp(code, expected) != 0)
        fail_msg("%s: got '%s', expected '%s'", name, code, expected);
}
