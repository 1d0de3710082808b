/* Parser of root files. */
#include "root.h"

#include <fcntl.h>
#include <stdlib.h>

#include "file.h"
#include "utc.h"

#include "stopgap/banned.h"

static const char *const role_words[ROLE_COUNT] = {"root", "rules", "pulse"};

const char *role_word(enum role role)
{
    return role_words[role];
}

static size_t find_role(struct slice word)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (slice_equal(word, slice_str(role_words[i])))
            return i;
    return SIZE_MAX;
}

unsigned role_parse_list(struct slice words)
{
    unsigned roles = 0;
    struct slice word;
    while (slice_next(&words, ',', &word)) {
        size_t role = find_role(word);
        if (role == SIZE_MAX || (roles & (1u << role)) != 0)
            return 0;
        roles |= 1u << role;
    }
    return roles;
}

static bool fail(struct err *err, const char *field, const char *form)
{
    return err_set(err, ERR_SYNTAX, "E_ROOT_SYNTAX", "the root's field '%s' must be %s", field,
                   form);
}

static bool read_first(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return slice_equal(words[1], SLICE("1")) ||
           err_set(err, ERR_SYNTAX, "E_ROOT_SYNTAX",
                   "this build knows root files of format 1 only");
}

static bool read_version(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    return text_number(words[1], &root->version) || fail(err, "version", "1..2^63-1");
}

static bool read_epoch(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    return text_number(words[1], &root->epoch) || fail(err, "epoch", "1..2^63-1");
}

static bool read_usage(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    root->is_test = slice_equal(words[1], SLICE("test"));
    return root->is_test || slice_equal(words[1], SLICE("production")) ||
           fail(err, "usage", "production or test");
}

static bool read_created(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    return utc_parse_time(words[1], &root->created) ||
           fail(err, "created", "a time like 2026-11-24T00:00:00Z");
}

static bool read_expires(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    return utc_parse_time(words[1], &root->expires) ||
           fail(err, "expires", "a time like 2031-11-24T00:00:00Z");
}

static bool read_previous(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    if (!text_is_hash(words[1]) || root->version == 1)
        return fail(err, "previous", "the SHA-256 of the root before this one; version 1 has none");
    memcpy(root->previous, words[1].ptr, TEXT_HASH_CHARS);
    return true;
}

static bool read_threshold(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    size_t role = find_role(words[1]);
    uint64_t threshold;
    if (role == SIZE_MAX || !text_number(words[2], &threshold) || threshold > LIMIT_KEYS_PER_ROOT ||
        root->thresholds[role] != 0)
        return fail(err, "threshold", "root, rules and pulse once each, with 1..32");
    root->thresholds[role] = (unsigned)threshold;
    return true;
}

/* Two ids for one key would let it count twice towards a threshold. */
static bool check_unique(const struct root *root, const struct root_key *key, struct err *err)
{
    for (size_t i = 0; i < root->n_keys; i++) {
        const struct root_key *other = &root->keys[i];
        bool is_same =
            strcmp(other->id, key->id) == 0 ||
            (other->pkey != NULL && key->pkey != NULL && EVP_PKEY_eq(other->pkey, key->pkey) == 1);
        if (is_same)
            return err_set(err, ERR_TRUST, "E_ROOT_DUPKEY", "key %.16s is the same as key %.16s",
                           key->id, other->id);
    }
    return true;
}

static bool decode_key(struct root_key *key, struct slice id, struct slice base64, struct err *err)
{
    struct buf der;
    buf_init(&der, LIMIT_ROOT_BYTES);
    bool done = false;
    if (!encode_from_base64(base64, &der))
        (void)fail(err, "key", "ended by the key in base64 on one line");
    else if (!hash_hex(buf_slice(&der), key->id))
        (void)err_set(err, ERR_MEMORY, "E_ROOT_KEYID", "SHA-256 is not available");
    else if (!slice_equal(id, slice_str(key->id)))
        (void)err_set(err, ERR_TRUST, "E_ROOT_KEYID",
                      "a key's id is not the SHA-256 of its bytes, which is %s", key->id);
    else if (key->algorithm == KEY_UNKNOWN)
        done = true;
    else
        done = key_from_spki(key->algorithm, buf_slice(&der), &key->pkey, err);
    buf_done(&der);
    return done;
}

static bool read_key(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    if (root->n_keys == LIMIT_KEYS_PER_ROOT)
        return err_set(err, ERR_LIMIT, "E_ROOT_SIZE", "more than %d keys", LIMIT_KEYS_PER_ROOT);
    struct root_key key = {.algorithm = key_algorithm_find(words[2]),
                           .algorithm_word = words[2],
                           .roles = role_parse_list(words[3])};
    if (!text_is_name(words[2]) || key.roles == 0)
        return fail(err, "key", "ID ALGORITHM ROLE[,ROLE] FROM SUNSET END BASE64");
    if (!utc_parse_date(words[4], &key.from) || !utc_parse_date(words[5], &key.sunset) ||
        !utc_parse_date(words[6], &key.end) || key.from > key.sunset || key.sunset > key.end)
        return fail(err, "key", "given three dates in order: from, sunset, end");
    if (!decode_key(&key, words[1], words[7], err) || !check_unique(root, &key, err)) {
        EVP_PKEY_free(key.pkey);
        return false;
    }
    root->keys[root->n_keys++] = key;
    return true;
}

static bool read_revoked(void *ctx, const struct slice *words, struct err *err)
{
    struct root *root = ctx;
    int64_t date;
    if (!text_is_hash(words[1]) || !utc_parse_date(words[2], &date) || !text_is_name(words[3]))
        return fail(err, "revoked", "ID DATE REASON, the reason one lower-case word");
    /* A key of an older root may be named, too. */
    for (size_t i = 0; i < root->n_keys; i++)
        if (slice_equal(words[1], slice_str(root->keys[i].id)))
            root->keys[i].is_revoked = true;
    return true;
}

static bool read_withdraw(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx; /* root_is_withdrawn looks the line up in the text */
    uint64_t number;
    return (text_is_name(words[1]) && text_number(words[2], &number) &&
            text_number(words[3], &number)) ||
           fail(err, "withdraw", "NAME EPOCH SERIAL");
}

static bool read_engine_sunset(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    unsigned version[3];
    int64_t date;
    return (text_version(words[1], version) && utc_parse_date(words[2], &date)) ||
           fail(err, "engine-sunset", "VERSION DATE");
}

static bool read_anchor(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    struct buf der;
    buf_init(&der, LIMIT_ROOT_BYTES);
    bool done = encode_from_base64(words[1], &der);
    buf_done(&der);
    return done || fail(err, "eocs-*-anchor", "a certificate in base64 on one line");
}

static bool read_deny(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return text_is_hash(words[1]) || fail(err, "eocs-deny", "the SHA-256 of a certificate");
}

static bool read_mirror(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return slice_starts_with(words[1], SLICE("https://")) ||
           slice_starts_with(words[1], SLICE("http://")) ||
           fail(err, "mirror", "an http or https URL");
}

static bool read_announce(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    int64_t date;
    return (utc_parse_date(words[1], &date) && text_is_name(words[2])) ||
           fail(err, "announce", "DATE TEXT-ID");
}

static const struct text_field fields[] = {
    {"stopgap-root", TEXT_ONCE, 2, read_first},
    {"version", TEXT_ONCE, 2, read_version},
    {"epoch", TEXT_ONCE, 2, read_epoch},
    {"usage", TEXT_ONCE, 2, read_usage},
    {"created", TEXT_ONCE, 2, read_created},
    {"expires", TEXT_ONCE, 2, read_expires},
    {"previous", TEXT_OPTIONAL, 2, read_previous},
    {"threshold", TEXT_REPEATED, 3, read_threshold},
    {"key", TEXT_REPEATED, 8, read_key},
    {"revoked", TEXT_REPEATED, 4, read_revoked},
    {"withdraw", TEXT_REPEATED, 4, read_withdraw},
    {"engine-sunset", TEXT_REPEATED, 3, read_engine_sunset},
    {"eocs-sign-anchor", TEXT_REPEATED, 2, read_anchor},
    {"eocs-ts-anchor", TEXT_REPEATED, 2, read_anchor},
    {"eocs-deny", TEXT_REPEATED, 2, read_deny},
    {"mirror", TEXT_REPEATED, 2, read_mirror},
    {"announce", TEXT_REPEATED, 3, read_announce},
};

size_t root_find_field(struct slice word)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (slice_equal(word, slice_str(fields[i].word)))
            return i;
    return SIZE_MAX;
}

size_t root_n_fields(void)
{
    return sizeof(fields) / sizeof(fields[0]);
}

static const struct text_grammar grammar = {
    .what = "root",
    .fields = fields,
    .n_fields = sizeof(fields) / sizeof(fields[0]),
    .syntax_code = "E_ROOT_SYNTAX",
    .unknown_code = "E_ROOT_UNKNOWN_FIELD",
};

/* Unusable keys count here: a newer program may have their algorithm. */
static unsigned count_listed(const struct root *root, enum role role)
{
    unsigned n = 0;
    for (size_t i = 0; i < root->n_keys; i++)
        if ((root->keys[i].roles & (1u << role)) != 0 && !root->keys[i].is_revoked)
            n++;
    return n;
}

static bool check_whole(const struct root *root, struct err *err)
{
    if (root->version != 1 && root->previous[0] == '\0')
        return fail(err, "previous", "there in every version but the first");
    for (int role = ROLE_ROOT; role <= ROLE_RULES; role++) {
        unsigned n_keys = count_listed(root, (enum role)role);
        if (root->thresholds[role] == 0 || n_keys < root->thresholds[role])
            return err_set(err, ERR_SYNTAX, "E_ROOT_SYNTAX",
                           "role %s has %u keys that are not revoked and threshold %u; nothing "
                           "could ever be accepted",
                           role_words[role], n_keys, root->thresholds[role]);
    }
    return true;
}

struct root *root_parse(struct slice text, struct err *err)
{
    if (text.len > LIMIT_ROOT_BYTES) {
        (void)err_set(err, ERR_LIMIT, "E_ROOT_SIZE", "the root has more than %d bytes",
                      LIMIT_ROOT_BYTES);
        return NULL;
    }
    struct root *root = calloc(1, sizeof(*root));
    if (root == NULL || !hash_hex(text, root->hash)) {
        (void)err_set(err, ERR_MEMORY, "E_ROOT_SIZE", "no memory for the root");
        free(root);
        return NULL;
    }
    buf_init(&root->text, LIMIT_ROOT_BYTES);
    bool done = buf_append(&root->text, text) ||
                err_set(err, ERR_MEMORY, "E_ROOT_SIZE", "no memory for the root");
    if (done && text_parse(&grammar, buf_slice(&root->text), root, err) && check_whole(root, err))
        return root;
    root_free(root);
    return NULL;
}

struct root *root_read(int directory, const char *path, struct err *err)
{
    static const struct file_codes codes = {.read = "E_ROOT_READ", .size = "E_ROOT_SIZE"};
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    struct root *root = NULL;
    if (file_read(directory, path, &codes, &text, err)) {
        root = root_parse(buf_slice(&text), err);
        if (root == NULL)
            (void)err_at(err, path, err != NULL ? err->line : 0, 0);
    }
    buf_done(&text);
    return root;
}

void root_free(struct root *root)
{
    if (root == NULL)
        return;
    for (size_t i = 0; i < root->n_keys; i++)
        EVP_PKEY_free(root->keys[i].pkey);
    buf_done(&root->text);
    free(root);
}

const struct root_key *root_find_key(const struct root *root, const char *id)
{
    for (size_t i = 0; i < root->n_keys; i++)
        if (strcmp(root->keys[i].id, id) == 0)
            return &root->keys[i];
    return NULL;
}

bool root_is_withdrawn(const struct root *root, struct slice name, uint64_t epoch, uint64_t serial)
{
    char line[TEXT_NAME_MAX + 64];
    int len = snprintf(line, sizeof(line), "withdraw " SLICE_FMT " %llu %llu", SLICE_ARG(name),
                       (unsigned long long)epoch, (unsigned long long)serial);
    if (len < 0 || (size_t)len >= sizeof(line))
        return false;
    struct slice rest = buf_slice(&root->text);
    struct slice at;
    while (slice_next(&rest, '\n', &at))
        if (slice_equal(at, slice_make(line, (size_t)len)))
            return true;
    return false;
}
