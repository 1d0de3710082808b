/* The way of a bundle from a file to checked rules: steps D to I of the trust design, in order.
 *
 * Everything happens in one buffer that is read once and kept until bundle_close, so there is no
 * gap between what was checked and what is used. */
#include "stopgap/bundle.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "file.h"
#include "signature.h"
#include "store.h"
#include "utc.h"
#include "walk.h"

#include "stopgap/banned.h"

struct bundle {
    struct buf bytes;
    struct ustar archive;
    struct manifest manifest;
    char name[TEXT_NAME_MAX + 1];
    char hash[HASH_SIZE];
    char expires[UTC_TIME_CHARS + 1];
    size_t first_rule; /* members [first_rule, first_rule + n_rules) are below rules/ */
    size_t n_rules;
    char manifest_hash[HASH_SIZE];
    bool is_kept;        /* read from the state folder */
    bool is_known;       /* accepted before, see store_knows */
    bool is_marked;      /* known, but its signatures would not count today */
    int64_t fixed_now;   /* 0: the system clock */
    int64_t signed_time; /* the clock is at least this */
};

/* A kept bundle has its hash as its name: what the disk made of it is not looked at. */
static bool check_kept(const struct bundle *bundle, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    return !bundle->is_kept || strncmp(slash + 1, bundle->hash, TEXT_HASH_CHARS) == 0 ||
           err_set(err, ERR_TRUST, "E_HASH",
                   "the kept bundle was damaged: its bytes are not those that were accepted");
}

static bool read_file(struct bundle *bundle, const char *path, struct err *err)
{
    static const struct file_codes codes = {.read = "E_BUNDLE_READ", .size = "E_BUNDLE_SIZE"};
    buf_init(&bundle->bytes, LIMIT_BUNDLE_BYTES);
    return file_read(AT_FDCWD, path, &codes, &bundle->bytes, err);
}

static bool read_container(struct bundle *bundle, const char *path, struct err *err)
{
    if (!hash_hex(buf_slice(&bundle->bytes), bundle->hash))
        return err_set(err, ERR_MEMORY, "E_BUNDLE_READ", "SHA-256 is not available");
    return check_kept(bundle, path, err) &&
           ustar_read(buf_slice(&bundle->bytes), &bundle->archive, err);
}

static bool fail_threshold(const struct signature_tally *tally, const char *code, struct err *err)
{
    char counts[400];
    signature_describe(tally, counts, sizeof(counts));
    return err_set(err, ERR_TRUST, code, "not enough valid signatures by keys of role rules: %s",
                   counts);
}

static bool fail_too_old(const struct signature_tally *tally, struct err *err)
{
    return err_set(err, ERR_TRUST, "E_ENGINE_TOO_OLD_CRYPTO",
                   "%u of the signatures are in an algorithm that this build cannot check (%s); "
                   "this does not mean forgery; upgrade the program",
                   tally->unusable, tally->unusable_word);
}

/* Step F, before a byte of the manifest is interpreted. */
static bool check_signatures(const struct trust_store *store, const struct bundle *bundle,
                             struct signature_tally *ret_tally, struct err *err)
{
    const struct signature_request request = {.role = ROLE_RULES,
                                              .message = bundle->archive.members[0].data,
                                              .archive = &bundle->archive,
                                              .prefix = "sig/"};
    signature_count(store->root, &request, ret_tally);
    if (ret_tally->good >= ret_tally->needed)
        return true;
    if (ret_tally->good + ret_tally->unusable >= ret_tally->needed)
        return fail_too_old(ret_tally, err);
    return fail_threshold(ret_tally, "E_SIG_THRESHOLD", err);
}

/* The publisher's root and ours must be one history. */
static bool check_root_line(const struct trust_store *store, const struct bundle *bundle,
                            struct err *err)
{
    const struct manifest *manifest = &bundle->manifest;
    char hash[HASH_SIZE];
    char next[ROOT_NAME_SIZE];
    store_format_root(next, "root", store->root->version + 1, "");
    if (manifest->root_version > store->root->version && ustar_find(&bundle->archive, next) != NULL)
        return err_set(err, ERR_LIMIT, "E_ROOT_BEHIND",
                       "the bundle was signed under root %llu, and %d roots were followed to root "
                       "%llu, which is as far as one try goes; try again, it goes on from there",
                       (unsigned long long)manifest->root_version, LIMIT_ROOT_STEPS,
                       (unsigned long long)store->root->version);
    if (manifest->root_version > store->root->version)
        return err_set(err, ERR_TRUST, "E_ROOT_BEHIND",
                       "the bundle was signed under root %llu, ours is root %llu, and the roots "
                       "between are not in it; get the whole chain from the publisher",
                       (unsigned long long)manifest->root_version,
                       (unsigned long long)store->root->version);
    /* Roots that nobody kept cannot contradict; the keys of today's root have signed. */
    if (!store_find_hash(store, &bundle->archive, manifest->root_version, hash) ||
        slice_equal(manifest->root_hash, slice_str(hash)))
        return true;
    return err_set(err, ERR_TRUST, "E_ROOT_FORK",
                   "the bundle names a root %llu with another hash than ours; the publisher's "
                   "history of roots is not the one trusted here",
                   (unsigned long long)manifest->root_version);
}

/* A root of our version that comes in the bundle must be ours, byte for byte. */
static bool check_root_member(const struct root *root, const struct ustar *archive, struct err *err)
{
    char name[ROOT_NAME_SIZE];
    store_format_root(name, "root", root->version, "");
    const struct ustar_member *member = ustar_find(archive, name);
    if (member == NULL || slice_equal(member->data, buf_slice(&root->text)))
        return true;
    return err_set(err, ERR_TRUST, "E_ROOT_FORK", "%s in the bundle is not the root trusted here",
                   name);
}

/* An operator may wish that keys whose successors are overdue authorise nothing new. */
static bool check_hold(const struct trust_store *store, struct err *err)
{
    char when[UTC_DATE_CHARS + 1];
    int64_t now = store_now(store);
    if (now < store->state.signed_time)
        now = store->state.signed_time;
    if (!store->holds || now < store->root->expires)
        return true;
    utc_format_date(store->root->expires, when);
    return err_set(err, ERR_TRUST, "E_ROOT_EXPIRED",
                   "root %llu was meant to be replaced by %s, and rules.root_expired says that "
                   "nothing new is taken until then; the rules of before stay in force",
                   (unsigned long long)store->root->version, when);
}

/* Step G for what is not known yet: the keys at the time of signing, one history, its order. */
static bool check_new(struct trust_store *store, struct bundle *bundle,
                      struct signature_tally *tally, struct err *err)
{
    const struct manifest *manifest = &bundle->manifest;
    signature_apply_time(store->root, manifest->created, tally);
    if (tally->good < tally->needed)
        return tally->good + tally->unusable >= tally->needed
                   ? fail_too_old(tally, err)
                   : fail_threshold(tally, "E_SIG_KEY_TIME", err);
    return check_root_line(store, bundle, err) && check_hold(store, err);
}

static bool check_permitted(const struct trust_store *store, const struct manifest *manifest,
                            struct err *err)
{
    /* A lab has a test root; wherever that is refused, lab sets are, too. */
    if (manifest->is_lab && !store->allow_test_root)
        return err_set(err, ERR_TRUST, "E_CHANNEL",
                       "the bundle is of the channel lab and never loads in production");
    if (root_is_withdrawn(store->root, manifest->name, manifest->epoch, manifest->serial))
        return err_set(err, ERR_TRUST, "E_WITHDRAWN",
                       SLICE_FMT " %llu.%llu was withdrawn by its publisher; get a newer one",
                       SLICE_ARG(manifest->name), (unsigned long long)manifest->epoch,
                       (unsigned long long)manifest->serial);
    return true;
}

/* With this set the program died, and again: it must not come back before somebody looked. */
static bool check_fallen(const struct trust_store *store, const struct bundle *bundle,
                         struct err *err)
{
    struct trust_set set;
    trust_set_of(bundle, &set);
    return strcmp(trust_failed_code(store, &set), "E_CRASHLOOP") != 0 ||
           err_set(err, ERR_TRUST, "E_CRASHLOOP",
                   "the program ended %d times within %d seconds of using %s %llu.%llu, so it is "
                   "not used; get a newer one, or allow it with 'stopgap rules reset-floor'",
                   TRUST_MAX_TRIES, TRUST_PROVE_S, set.name, (unsigned long long)set.epoch,
                   (unsigned long long)set.serial);
}

/* Steps F to H. A set that was in force here stays usable, marked, when its keys end or are revoked
 * later: a restart must not take the rules away. Only a withdrawal does. */
static bool check_authority(struct trust_store *store, struct bundle *bundle, struct err *err)
{
    struct signature_tally tally;
    struct err why = {0};
    bool is_signed = check_signatures(store, bundle, &tally, &why);
    bool was_in_force = bundle->is_known && store_had_in_force(store, bundle->manifest_hash);
    /* What is damaged is refused as always; missing may be what a root took away. */
    if (!is_signed && (!was_in_force || tally.bad != 0)) {
        if (err != NULL)
            *err = why;
        return false;
    }
    if (!manifest_parse(bundle->archive.members[0].data, &bundle->manifest, err) ||
        !check_root_member(store->root, &bundle->archive, err))
        return false;
    if (bundle->is_known) {
        bundle->is_marked = !is_signed;
        return (was_in_force || store_check_epoch(store, &bundle->manifest, err)) &&
               check_permitted(store, &bundle->manifest, err);
    }
    return check_new(store, bundle, &tally, err) &&
           check_permitted(store, &bundle->manifest, err) &&
           store_admit(store, &bundle->manifest, bundle->manifest_hash, err);
}

static bool is_listed_kind(const char *name)
{
    return strncmp(name, "rules/", 6) == 0 || strncmp(name, "tests/", 6) == 0;
}

static bool check_member(const struct ustar_member *member, const struct manifest_file *file,
                         struct err *err)
{
    char hash[HASH_SIZE];
    if (member->data.len == file->size && hash_hex(member->data, hash) &&
        slice_equal(file->hash, slice_str(hash)))
        return true;
    return err_set(err, ERR_TRUST, "E_HASH",
                   "%s is not the file that was signed; fetch the bundle again", member->name);
}

static bool fail_missing(const struct manifest_file *file, struct err *err)
{
    return err_set(err, ERR_TRUST, "E_BUNDLE_MISSING",
                   SLICE_FMT " is in the manifest, but not in the bundle", SLICE_ARG(file->name));
}

/* Which of the two sorted lists has a name that the other lacks? file is NULL at the end. */
static bool fail_lists(const struct ustar_member *member, const struct manifest_file *file,
                       struct err *err)
{
    if (file != NULL && text_compare(file->name, slice_str(member->name)) < 0)
        return fail_missing(file, err);
    return err_set(err, ERR_TRUST, "E_BUNDLE_UNLISTED",
                   "%s is in the bundle, but not in the signed manifest", member->name);
}

/* Step I: both lists are in byte order, so one pass finds what either side lacks. */
static bool check_contents(const struct bundle *bundle, struct err *err)
{
    const struct manifest *manifest = &bundle->manifest;
    size_t next = 0;
    for (size_t i = 0; i < bundle->archive.n_members; i++) {
        const struct ustar_member *member = &bundle->archive.members[i];
        if (!is_listed_kind(member->name))
            continue;
        const struct manifest_file *file = next < manifest->n_files ? &manifest->files[next] : NULL;
        if (file == NULL || !slice_equal(slice_str(member->name), file->name))
            return fail_lists(member, file, err);
        if (!check_member(member, file, err))
            return false;
        next++;
    }
    return next == manifest->n_files || fail_missing(&manifest->files[next], err);
}

static void find_rules(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->archive.n_members; i++) {
        if (strncmp(bundle->archive.members[i].name, "rules/", 6) != 0)
            continue;
        if (bundle->n_rules++ == 0)
            bundle->first_rule = i;
    }
}

static bool check_bundle(struct trust_store *store, struct bundle *bundle, struct err *err)
{
    if (!hash_hex(bundle->archive.members[0].data, bundle->manifest_hash))
        return err_set(err, ERR_MEMORY, "E_HASH", "SHA-256 is not available");
    /* What another process withdrew or overtook in this folder counts here, too. */
    if (!store_lock(store, err))
        return false;
    store_unlock(store);
    if (!walk_archive(store, &bundle->archive, err))
        return false;
    bundle->is_known = store_knows(store, bundle->manifest_hash, bundle->is_kept);
    if (!check_authority(store, bundle, err) || !check_contents(bundle, err))
        return false;
    memcpy(bundle->name, bundle->manifest.name.ptr, bundle->manifest.name.len);
    if (!check_fallen(store, bundle, err))
        return false;
    utc_format_time(bundle->manifest.expires, bundle->expires);
    bundle->fixed_now = store->fixed_now;
    bundle->signed_time = store->state.signed_time;
    find_rules(bundle);
    return true;
}

/* The place of an error is the bundle and, for its texts, the line within the member. */
static void set_place(struct err *err, const char *path)
{
    if (err == NULL)
        return;
    unsigned line = strcmp(err->file, "manifest") == 0 ? err->line : 0;
    (void)err_at(err, path, 0, 0);
    if (line != 0)
        (void)snprintf(err->file, sizeof(err->file), "%.200s(" USTAR_MANIFEST ")", path);
    err->line = line;
}

/* bytes  what to check, taken; NULL: the file of the path */
static struct bundle *open_bundle(struct trust_store *store, const char *path, struct buf *bytes,
                                  struct err *err)
{
    struct bundle *bundle = calloc(1, sizeof(*bundle));
    if (bundle == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_BUNDLE_READ", "no memory for the bundle");
        if (bytes != NULL)
            buf_done(bytes);
        return NULL;
    }
    if (err != NULL)
        *err = (struct err){0};
    bool done = true;
    if (bytes != NULL) {
        bundle->bytes = *bytes;
        buf_init(bytes, bytes->max);
    } else {
        bundle->is_kept = trust_is_kept(store, path);
        done = read_file(bundle, path, err);
    }
    if (done && read_container(bundle, path, err) && check_bundle(store, bundle, err))
        return bundle;
    set_place(err, path);
    bundle_close(bundle);
    return NULL;
}

struct bundle *bundle_open(struct trust_store *store, const char *path, struct err *err)
{
    return open_bundle(store, path, NULL, err);
}

struct bundle *bundle_open_bytes(struct trust_store *store, const char *label, struct buf *bytes,
                                 struct err *err)
{
    return open_bundle(store, label, bytes, err);
}

void bundle_close(struct bundle *bundle)
{
    if (bundle == NULL)
        return;
    manifest_done(&bundle->manifest);
    ustar_done(&bundle->archive);
    buf_done(&bundle->bytes);
    free(bundle);
}

const char *bundle_name(const struct bundle *bundle)
{
    return bundle->name;
}

uint64_t bundle_epoch(const struct bundle *bundle)
{
    return bundle->manifest.epoch;
}

uint64_t bundle_serial(const struct bundle *bundle)
{
    return bundle->manifest.serial;
}

void trust_set_of(const struct bundle *bundle, struct trust_set *ret_set)
{
    *ret_set = (struct trust_set){.is_lab = bundle->manifest.is_lab,
                                  .epoch = bundle->manifest.epoch,
                                  .serial = bundle->manifest.serial};
    memcpy(ret_set->name, bundle->name, sizeof(ret_set->name));
    memcpy(ret_set->manifest, bundle->manifest_hash, sizeof(ret_set->manifest));
    memcpy(ret_set->file, bundle->hash, sizeof(ret_set->file));
}

struct slice bundle_bytes(const struct bundle *bundle)
{
    return buf_slice(&bundle->bytes);
}

const char *bundle_hash(const struct bundle *bundle)
{
    return bundle->hash;
}

int64_t bundle_created(const struct bundle *bundle)
{
    return bundle->manifest.created;
}

const char *bundle_expires(const struct bundle *bundle)
{
    return bundle->expires;
}

bool bundle_is_expired(const struct bundle *bundle)
{
    int64_t now = bundle->fixed_now != 0 ? bundle->fixed_now : (int64_t)time(NULL);
    return (now > bundle->signed_time ? now : bundle->signed_time) >= bundle->manifest.expires;
}

bool bundle_is_marked(const struct bundle *bundle)
{
    return bundle->is_marked;
}

bool bundle_is_critical(const struct bundle *bundle)
{
    return bundle->manifest.is_critical;
}

uint64_t bundle_max_cost(const struct bundle *bundle)
{
    return bundle->manifest.max_cost;
}

size_t bundle_n_rules(const struct bundle *bundle)
{
    return bundle->n_rules;
}

struct slice bundle_rule(const struct bundle *bundle, size_t index, const char **ret_name)
{
    assert(index < bundle->n_rules);
    const struct ustar_member *member = &bundle->archive.members[bundle->first_rule + index];
    *ret_name = member->name;
    return member->data;
}
