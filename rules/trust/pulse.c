/* Pulses: their grammar, their signature, and what they may not do. */
#include "pulse.h"

#include <assert.h>
#include <stdlib.h>

#include "signature.h"
#include "store.h"
#include "utc.h"

#include "stopgap/banned.h"

_Static_assert((int)PULSE_NAME_BYTES == (int)TEXT_NAME_MAX + 1 &&
                   (int)PULSE_HASH_BYTES == (int)HASH_SIZE,
               "the contract and the text grammar have one size");

/* ---- the grammar */

static bool fail(struct err *err, const char *field, const char *form)
{
    return err_set(err, ERR_SYNTAX, "E_PULSE_SYNTAX", "the pulse's field '%s' must be %s", field,
                   form);
}

static void copy_word(char *out, struct slice word)
{
    memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
}

static bool read_first(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return slice_equal(words[1], SLICE("1")) ||
           err_set(err, ERR_SYNTAX, "E_PULSE_SYNTAX", "this build knows pulses of format 1 only");
}

static bool read_created(void *ctx, const struct slice *words, struct err *err)
{
    struct pulse *pulse = ctx;
    return utc_parse_time(words[1], &pulse->created) ||
           fail(err, "created", "a time like 2026-11-24T02:05:00Z");
}

static bool read_root(void *ctx, const struct slice *words, struct err *err)
{
    struct pulse *pulse = ctx;
    if (!text_number(words[1], &pulse->root_version) || !text_is_hash(words[2]))
        return fail(err, "root", "the version and the SHA-256 of a root");
    copy_word(pulse->root_hash, words[2]);
    return true;
}

static int compare_entries(const void *a, const void *b)
{
    const struct pulse_entry *left = a;
    const struct pulse_entry *right = b;
    unsigned lanes[2][3] = {{0}, {0}};
    int order = strcmp(left->name, right->name);
    if (order != 0 || !text_version(slice_str(left->lane), lanes[0]) ||
        !text_version(slice_str(right->lane), lanes[1]))
        return order;
    return text_version_compare(lanes[0], lanes[1]);
}

static bool read_newest(void *ctx, const struct slice *words, struct err *err)
{
    struct pulse *pulse = ctx;
    struct pulse_entry entry = {.size = 0};
    unsigned lane[3];
    if (pulse->n_entries == PULSE_MAX_ENTRIES)
        return err_set(err, ERR_LIMIT, "E_PULSE_SYNTAX", "more than %d bundles on offer",
                       PULSE_MAX_ENTRIES);
    if (!text_is_name(words[1]) || !text_number(words[2], &entry.epoch) ||
        !text_number(words[3], &entry.serial) || !text_is_hash(words[4]) ||
        !text_number(words[5], &entry.size) || entry.size > LIMIT_BUNDLE_BYTES ||
        !slice_equal(words[6], SLICE("lane")) || !text_version(words[7], lane))
        return fail(err, "newest", "NAME EPOCH SERIAL SHA256 SIZE lane VERSION");
    copy_word(entry.name, words[1]);
    copy_word(entry.sha256, words[4]);
    copy_word(entry.lane, words[7]);
    if (pulse->n_entries != 0 &&
        compare_entries(&pulse->entries[pulse->n_entries - 1], &entry) >= 0)
        return fail(err, "newest", "in order of names and lanes, each lane of a name once");
    pulse->entries[pulse->n_entries++] = entry;
    return true;
}

static const struct text_field fields[] = {
    {"stopgap-pulse", TEXT_ONCE, 2, read_first},
    {"created", TEXT_ONCE, 2, read_created},
    {"root", TEXT_ONCE, 3, read_root},
    {"newest", TEXT_REPEATED, 8, read_newest},
};

static bool parse_text(struct slice text, struct pulse *ret_pulse, struct err *err)
{
    static const struct text_grammar grammar = {
        .what = "pulse",
        .fields = fields,
        .n_fields = sizeof(fields) / sizeof(fields[0]),
        .syntax_code = "E_PULSE_SYNTAX",
        .unknown_code = "E_PULSE_SYNTAX",
        .has_extensions = true,
    };
    *ret_pulse = (struct pulse){.created = 0};
    return text_parse(&grammar, text, ret_pulse, err);
}

/* archive is to be freed by ustar_done when this is true. */
static bool read_container(struct slice bytes, struct ustar *ret_archive, struct pulse *ret_pulse,
                           struct err *err)
{
    struct err why = {0};
    if (!ustar_read_form(bytes, USTAR_PULSE, ret_archive, &why))
        return err_set(err, why.kind, "E_PULSE_SYNTAX", "this is not the file of a pulse: %s",
                       why.text);
    if (parse_text(ret_archive->members[0].data, ret_pulse, err))
        return true;
    ustar_done(ret_archive);
    return false;
}

bool pulse_parse(struct slice bytes, struct pulse *ret_pulse, struct err *err)
{
    struct ustar archive;
    struct pulse pulse;
    if (!read_container(bytes, &archive, &pulse, err))
        return false;
    ustar_done(&archive);
    *ret_pulse = pulse;
    return true;
}

/* ---- what is believed */

static bool check_signature(const struct root *root, const struct ustar *archive,
                            const struct pulse *pulse, struct err *err)
{
    const struct signature_request request = {.role = ROLE_PULSE,
                                              .message = archive->members[0].data,
                                              .archive = archive,
                                              .prefix = "pulse.sig/"};
    struct signature_tally tally;
    signature_count(root, &request, &tally);
    signature_apply_time(root, pulse->created, &tally);
    if (tally.good >= tally.needed)
        return true;
    if (pulse->root_version > root->version)
        return err_set(err, ERR_TRUST, "E_ROOT_BEHIND",
                       "the pulse was signed under root %llu, ours is root %llu, and the roots "
                       "between were not to be had here",
                       (unsigned long long)pulse->root_version, (unsigned long long)root->version);
    if (tally.good + tally.unusable >= tally.needed)
        return err_set(err, ERR_TRUST, "E_ENGINE_TOO_OLD_CRYPTO",
                       "the pulse is signed in an algorithm that this build cannot check (%s); "
                       "this does not mean forgery; upgrade the program",
                       tally.unusable_word);
    char counts[400];
    signature_describe(&tally, counts, sizeof(counts));
    return err_set(err, ERR_TRUST, "E_PULSE_SIG",
                   "not enough valid signatures by keys of role pulse: %s", counts);
}

/* A pulse of another history, or from before the one that was seen last. */
static bool check_place(const struct trust_store *store, const struct pulse *pulse, struct err *err)
{
    char known[UTC_TIME_CHARS + 1];
    char hash[HASH_SIZE];
    if (pulse->root_version <= store->root->version &&
        store_find_hash(store, NULL, pulse->root_version, hash) &&
        strcmp(hash, pulse->root_hash) != 0)
        return err_set(err, ERR_TRUST, "E_ROOT_FORK",
                       "the pulse names a root %llu with another hash than ours; the publisher's "
                       "history of roots is not the one trusted here",
                       (unsigned long long)pulse->root_version);
    if (pulse->created >= store->state.pulse_time)
        return true;
    utc_format_time(store->state.pulse_time, known);
    return err_set(err, ERR_TRUST, "E_PULSE_ROLLBACK",
                   "the pulse is older than the one of %s that was seen before: this mirror is "
                   "behind, or somebody shows old files",
                   known);
}

bool pulse_read(const struct trust_store *store, struct slice bytes, struct pulse *ret_pulse,
                struct err *err)
{
    struct ustar archive;
    struct pulse pulse = {.created = 0};
    if (!read_container(bytes, &archive, &pulse, err))
        return false;
    pulse.is_signed = store->root->thresholds[ROLE_PULSE] != 0;
    bool done = !pulse.is_signed || (check_signature(store->root, &archive, &pulse, err) &&
                                     check_place(store, &pulse, err));
    ustar_done(&archive);
    if (done)
        *ret_pulse = pulse;
    return done;
}

/* ---- choosing */

const struct pulse_entry *pulse_find(const struct pulse *pulse, const char *name, const char *below,
                                     struct err *err)
{
    const struct pulse_entry *found = NULL;
    const struct pulse_entry *newer = NULL;
    unsigned ours[3] = {0};
    unsigned end[3] = {0};
    bool has_end = below != NULL && text_version(slice_str(below), end);
    if (!text_version(SLICE(STOPGAP_VERSION), ours))
        assert(false);
    for (size_t i = 0; i < pulse->n_entries; i++) {
        const struct pulse_entry *entry = &pulse->entries[i];
        unsigned lane[3] = {0};
        if (strcmp(entry->name, name) != 0 || !text_version(slice_str(entry->lane), lane))
            continue;
        bool fits = text_version_compare(lane, ours) <= 0 &&
                    (!has_end || text_version_compare(lane, end) < 0);
        if (fits)
            found = entry; /* lanes ascend */
        else
            newer = entry;
    }
    if (found == NULL && newer != NULL)
        (void)err_set(err, ERR_TRUST, "E_ENGINE_TOO_OLD",
                      "every bundle of %s is for newer engines, such as stopgap %s; this is "
                      "stopgap " STOPGAP_VERSION "; upgrade the program",
                      name, newer->lane);
    else if (found == NULL)
        (void)err_set(err, ERR_TRUST, "E_NAME", "the feed has no bundle of the name %s", name);
    return found;
}

/* ---- writing */

static bool write_text(const struct pulse *pulse, struct buf *text)
{
    char created[UTC_TIME_CHARS + 1];
    utc_format_time(pulse->created, created);
    bool done = buf_printf(text, "stopgap-pulse 1\ncreated %s\nroot %llu %s\n", created,
                           (unsigned long long)pulse->root_version, pulse->root_hash);
    for (size_t i = 0; done && i < pulse->n_entries; i++) {
        const struct pulse_entry *entry = &pulse->entries[i];
        done = buf_printf(text, "newest %s %llu %llu %s %llu lane %s\n", entry->name,
                          (unsigned long long)entry->epoch, (unsigned long long)entry->serial,
                          entry->sha256, (unsigned long long)entry->size, entry->lane);
    }
    return done;
}

struct signed_by {
    char id[HASH_SIZE];
    struct buf signature;
};

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct signed_by *)a)->id, ((const struct signed_by *)b)->id);
}

static bool append_signatures(struct slice text, EVP_PKEY *const *keys, size_t n_keys,
                              struct buf *out, struct err *err)
{
    struct signed_by made[LIMIT_KEYS_PER_ROOT] = {{.id = ""}};
    size_t n = 0;
    bool done = n_keys <= LIMIT_KEYS_PER_ROOT ||
                err_set(err, ERR_LIMIT, "E_PULSE_WRITE", "more than %d keys", LIMIT_KEYS_PER_ROOT);
    while (done && n < n_keys) {
        buf_init(&made[n].signature, LIMIT_SIGNATURE_BYTES);
        done = key_id(keys[n], made[n].id, err) && key_sign(keys[n], text, &made[n].signature, err);
        n++;
    }
    qsort(made, n, sizeof(made[0]), compare_ids);
    for (size_t i = 0; done && i < n; i++) {
        char name[USTAR_NAME_MAX + 1];
        (void)snprintf(name, sizeof(name), "pulse.sig/%s", made[i].id);
        done = ustar_append(out, name, buf_slice(&made[i].signature)) ||
               err_set(err, ERR_LIMIT, "E_PULSE_WRITE", "the pulse would be too large");
    }
    for (size_t i = 0; i < n; i++)
        buf_done(&made[i].signature);
    return done;
}

bool pulse_write(struct pulse *pulse, EVP_PKEY *const *keys, size_t n_keys, struct buf *out,
                 struct err *err)
{
    struct buf text;
    struct pulse again;
    buf_init(&text, LIMIT_PULSE_BYTES);
    qsort(pulse->entries, pulse->n_entries, sizeof(pulse->entries[0]), compare_entries);
    bool done =
        (write_text(pulse, &text) && ustar_append(out, USTAR_PULSE_TEXT, buf_slice(&text))) ||
        err_set(err, ERR_LIMIT, "E_PULSE_WRITE",
                "the pulse would have more than %d bytes: offer fewer bundles", LIMIT_PULSE_BYTES);
    done =
        done && append_signatures(buf_slice(&text), keys, n_keys, out, err) &&
        (ustar_finish(out) || err_set(err, ERR_MEMORY, "E_PULSE_WRITE", "no memory for the pulse"));
    buf_done(&text);
    return done && pulse_parse(buf_slice(out), &again, err);
}
