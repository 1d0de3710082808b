/* Reading the sources of a set: bundles are verified here, and nothing is read again later. */
#include "gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/engine.h"
#include "language/rule.h"
#include "stopgap/pulse.h"
#include "stopgap/trust.h"

#include "stopgap/banned.h"

enum { MAX_PATH_BYTES = 4096 }; /* PATH_MAX of Linux */

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
}

/* ---- bundles */

static int64_t expiry_of(const struct bundle *bundle)
{
    struct tm end = {0};
    return strptime(bundle_expires(bundle), "%Y-%m-%dT%H:%M:%SZ", &end) != NULL
               ? (int64_t)timegm(&end)
               : 0;
}

/* Open what is at a path, or the set that the operator pinned its name to.
 *
 * pinned  room for the path of the latter, to which *path then points */
static struct bundle *open_bundle(struct trust_store *trust, const char **path,
                                  char pinned[MAX_PATH_BYTES], struct err *err)
{
    struct bundle *bundle = bundle_open(trust, *path, err);
    if (bundle == NULL || !trust_find_pinned(trust, bundle, pinned, MAX_PATH_BYTES))
        return bundle;
    bundle_close(bundle);
    *path = pinned;
    return bundle_open(trust, pinned, err);
}

/* The files that the operator named stand first: what came by a feed yields to them. */
static bool is_overtaken(struct trust_store *trust, const struct origins *origins,
                         const struct bundle *bundle, const char *path)
{
    return trust_is_kept(trust, path) &&
           origins_find(origins, ORIGIN_BUNDLE, bundle_name(bundle)) != NULL;
}

/* A full disk must not take rules away: trust_begin says what is not kept. */
static void keep_bundle(struct trust_store *trust, const struct bundle *bundle)
{
    struct err ignored;
    if (!trust_keep_bundle(trust, bundle, TRUST_FROM_FILE, &ignored))
        return;
}

/* path  of the bundle, so that a message names the file an operator can look at */
static bool add_bundle(struct origins *origins, const struct bundle *bundle, const char *path,
                       bool is_tried, struct err *err)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s@%llu.%llu", bundle_name(bundle),
                   (unsigned long long)bundle_epoch(bundle),
                   (unsigned long long)bundle_serial(bundle));
    char source[128];
    char hash[128];
    (void)snprintf(source, sizeof(source), "%s", bundle_name(bundle));
    (void)snprintf(hash, sizeof(hash), "%s", bundle_hash(bundle));
    struct origin like = {.kind = ORIGIN_BUNDLE,
                          .source = source,
                          .label = text,
                          .hash = hash,
                          .is_tried = is_tried,
                          .is_critical = bundle_is_critical(bundle),
                          .is_marked = bundle_is_marked(bundle),
                          .expires_unix = expiry_of(bundle),
                          .created_unix = bundle_created(bundle),
                          .max_cost = bundle_max_cost(bundle)};
    trust_set_of(bundle, &like.bundle);
    struct origin *origin = origins_add(origins, &like);
    bool is_added = origin != NULL;
    for (size_t i = 0; i < bundle_n_rules(bundle) && is_added; i++) {
        const char *file = NULL;
        char place[sizeof(err->file)];
        struct slice rule = bundle_rule(bundle, i, &file);
        (void)snprintf(place, sizeof(place), "%s:%s", path, file);
        is_added = origin_add_file(origin, place, rule);
    }
    return is_added || no_memory(err);
}

/* What was withdrawn must go at once, whatever else there is. */
static bool is_left_out(const struct rules_source *source, const struct err *why)
{
    if (source->left_out == NULL || strcmp(why->code, "E_WITHDRAWN") != 0)
        return false;
    *source->left_out = *why;
    return true;
}

static bool gather_bundles(const struct rules_source *source, struct origins *origins,
                           struct err *err)
{
    if (source->n_bundles != 0 && source->trust == NULL)
        return err_set(err, ERR_USAGE, "E_USAGE",
                       "a bundle needs a root of trust: give the root file");
    for (size_t i = 0; i < source->n_bundles; i++) {
        const char *path = source->bundle_paths[i];
        char pinned[MAX_PATH_BYTES];
        struct bundle *bundle = open_bundle(source->trust, &path, pinned, err);
        if (bundle == NULL && err != NULL && is_left_out(source, err))
            continue;
        bool is_added = bundle != NULL;
        if (is_added && !is_overtaken(source->trust, origins, bundle, path)) {
            keep_bundle(source->trust, bundle);
            is_added = add_bundle(origins, bundle, path, i >= source->n_own_bundles, err);
        }
        bundle_close(bundle);
        if (!is_added)
            return false;
    }
    return true;
}

/* ---- folders */

static bool keep_file(void *ctx, const char *path, struct slice text, struct err *err)
{
    return origin_add_file(ctx, path, text) || no_memory(err);
}

/* Sorted as rules_each_file does it, so that a set has one order everywhere. */
static bool add_directory(struct origins *origins, const char *path, struct origin *like,
                          struct err *err)
{
    struct origin *origin = origins_add(origins, like);
    return origin != NULL ? rules_each_file(path, keep_file, origin, err) : no_memory(err);
}

static bool gather_directories(const struct rules_source *source, struct origins *origins,
                               struct err *err)
{
    static char name[] = "directory";
    static char none[] = "";
    for (size_t i = 0; i < source->n_directories; i++) {
        char label[512];
        (void)snprintf(label, sizeof(label), "%s@unsigned", source->directories[i]);
        struct origin like = {
            .kind = ORIGIN_DIRECTORY, .source = name, .label = label, .hash = none};
        if (!add_directory(origins, source->directories[i], &like, err))
            return false;
    }
    return true;
}

/* What was verified when it was made into files; the state folder is as safe as the program. The
 * folder is named by the document's hash. */
static bool gather_eocs(const struct rules_source *source, struct origins *origins, struct err *err)
{
    static char name[] = "eocs";
    const char *path = source->eocs_directory;
    char label[64];
    char hash[256];
    if (path == NULL)
        return true;
    const char *slash = strrchr(path, '/');
    (void)snprintf(hash, sizeof(hash), "%s", slash != NULL ? slash + 1 : path);
    (void)snprintf(label, sizeof(label), "eocs@%.12s", hash);
    struct origin like = {
        .kind = ORIGIN_EOCS, .source = name, .label = label, .hash = hash, .is_tried = true};
    return add_directory(origins, path, &like, err);
}

/* ---- what failed here */

static bool is_refused(const struct rules_source *source, const struct origin *origin,
                       const struct origins *before)
{
    bool is_listed = false;
    for (size_t i = 0; i < source->n_refused && !is_listed; i++)
        /* Behind the hash of a document stands how it was made into rules. */
        is_listed = strncmp(source->refused[i], origin->hash, TRUST_HASH_BYTES - 1) == 0;
    if (is_listed || !origin->is_tried || origin->kind != ORIGIN_BUNDLE || source->trust == NULL)
        return is_listed;
    const char *code = trust_failed_code(source->trust, &origin->bundle);
    if (strcmp(code, TRUST_HELD_CODE) == 0) /* many rules are better than none */
        return trust_is_held(source->trust, &origin->bundle) &&
               origins_find(before, origin->kind, origin->source) != NULL;
    return code[0] != '\0';
}

/* What is new may be to blame for a load that failed. */
static bool stands_aside(const struct rules_source *source, const struct origin *origin,
                         const struct origins *before)
{
    struct rules_news *news = source->news;
    const struct origin *old = origins_find(before, origin->kind, origin->source);
    if (news == NULL || !origin->is_tried || origin->kind == ORIGIN_DIRECTORY ||
        (old != NULL && strcmp(old->hash, origin->hash) == 0))
        return false;
    if (origin->kind == ORIGIN_BUNDLE && news->n_bundles < RULES_MAX_NEWS)
        news->bundles[news->n_bundles++] = origin->bundle;
    else if (origin->kind != ORIGIN_BUNDLE && news->n_hashes < RULES_MAX_NEWS)
        (void)snprintf(news->hashes[news->n_hashes++], TRUST_HASH_BYTES, "%s", origin->hash);
    return true;
}

/* In the place of a source that failed stands the one that is in force, or none. NULL: no memory.
 */
static struct origins *replace_refused(const struct rules_source *source,
                                       const struct origins *origins)
{
    const struct origins *before = source->before != NULL ? ruleset_origins(source->before) : NULL;
    struct origins *rest = origins_new();
    bool is_done = rest != NULL;
    if (source->news != NULL)
        *source->news = (struct rules_news){.n_hashes = 0};
    for (size_t i = 0; origins->items != NULL && i < origins->n && is_done; i++) {
        const struct origin *item = &origins->items[i];
        bool is_out = is_refused(source, item, before) || stands_aside(source, item, before);
        const struct origin *one = is_out ? origins_find(before, item->kind, item->source) : item;
        bool is_withdrawn = one != NULL && one->kind == ORIGIN_BUNDLE && source->trust != NULL &&
                            trust_is_withdrawn(source->trust, &one->bundle);
        if (one != NULL && !is_withdrawn)
            is_done = origins_add_copy(rest, one);
    }
    if (is_done)
        return rest;
    origins_unref(rest);
    return NULL;
}

static struct origins *gather_once(const struct rules_source *source, struct err *err)
{
    struct origins *origins = origins_new();
    if (origins == NULL || !gather_bundles(source, origins, err) ||
        !gather_eocs(source, origins, err) || !gather_directories(source, origins, err)) {
        if (origins == NULL)
            (void)no_memory(err);
        origins_unref(origins);
        return NULL;
    }
    struct origins *rest = replace_refused(source, origins);
    if (rest == NULL)
        (void)no_memory(err);
    origins_unref(origins);
    return rest;
}

struct origins *rules_gather(const struct rules_source *source, struct err *err)
{
    struct trust_store *trust = source->trust;
    uint64_t version = trust != NULL ? trust_root_version(trust) : 0;
    struct origins *origins = gather_once(source, err);
    if (origins == NULL || trust == NULL || trust_root_version(trust) == version)
        return origins;
    /* The roots that one bundle brought may have withdrawn another that was read before it. */
    origins_unref(origins);
    return gather_once(source, err);
}
