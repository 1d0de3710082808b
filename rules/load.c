/* The path of a rule set, top-down: read and verify, have it judged, build it. */
#include "build.h"
#include "engine/cache.h"
#include "engine/engine.h"
#include "gather.h"
#include "judge_wire.h"
#include "removal.h"
#include "sets/builtin.h"

#include <stdlib.h>

#include "stopgap/banned.h"

/* The rules in the program were judged when it was built, unsigned ones are their author's own. */
static bool has_foreign_rules(const struct origins *origins)
{
    for (size_t i = 0; i < origins->n; i++)
        if (origins->items[i].kind != ORIGIN_DIRECTORY)
            return true;
    return false;
}

/* What is to be loaded, and what its new rules are on trial beside. */
struct candidate {
    struct origins *origins;
    struct origins *before; /* borrowed; NULL: nothing is on trial */
};

static bool has_bundles_of(const struct origins *gathered, const struct origins *on_trial)
{
    for (size_t i = 0; i < on_trial->n; i++) {
        const struct origin *wanted = &on_trial->items[i];
        const struct origin *found = origins_find(gathered, wanted->kind, wanted->source);
        if (wanted->kind == ORIGIN_BUNDLE &&
            (found == NULL || strcmp(found->hash, wanted->hash) != 0))
            return false;
    }
    return true;
}

/* What was on trial is loaded from the bytes that were, unless the publisher took a bundle or its
 * keys back meanwhile. Looking at the files again makes them kept ones, without which the trust
 * store lets nothing come into force. False with err. */
static bool choose(const struct rules_source *source, struct candidate *ret_candidate,
                   struct err *err)
{
    struct origins *on_trial = source->before != NULL ? ruleset_candidate(source->before) : NULL;
    struct err why = {0};
    struct origins *gathered = rules_gather(source, &why);
    bool is_unreadable = gathered == NULL && why.kind != ERR_TRUST; /* a disk, say */
    if (source->promotes && on_trial != NULL &&
        (is_unreadable || (gathered != NULL && has_bundles_of(gathered, on_trial)))) {
        origins_unref(gathered);
        *ret_candidate = (struct candidate){.origins = origins_ref(on_trial)};
        return true;
    }
    *ret_candidate = (struct candidate){
        .origins = gathered,
        .before = source->before != NULL && source->tries ? ruleset_origins(source->before) : NULL,
    };
    if (gathered == NULL && err != NULL)
        *err = why;
    return gathered != NULL;
}

/* ---- what was judged before */

static void add_part(struct cache_part *parts, size_t *n, const void *bytes, size_t len)
{
    parts[(*n)++] = (struct cache_part){.bytes = bytes, .n = len};
}

static void add_origin(struct cache_part *parts, size_t *n, const struct origin *origin)
{
    add_part(parts, n, origin->source, strlen(origin->source));
    add_part(parts, n, &origin->kind, sizeof(origin->kind));
    add_part(parts, n, &origin->max_cost, sizeof(origin->max_cost));
    for (size_t i = 0; i < origin->n_files; i++)
        add_part(parts, n, origin->files[i].text, origin->files[i].len);
}

/* Of everything that a judgement depends on. rest: the request without the rules. */
static bool key_of(const struct candidate *candidate, struct slice rest, struct cache_key *ret_key)
{
    const struct origins *lists[] = {candidate->origins, candidate->before};
    size_t n = 0;
    size_t room = n_builtin_rules + 2;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; lists[k] != NULL && i < lists[k]->n; i++)
            room += 3 + lists[k]->items[i].n_files;
    struct cache_part *parts = calloc(room, sizeof(*parts));
    if (parts == NULL)
        return false;
    add_part(parts, &n, STOPGAP_VERSION, sizeof(STOPGAP_VERSION));
    add_part(parts, &n, rest.ptr, rest.len);
    for (size_t i = 0; i < n_builtin_rules; i++)
        add_part(parts, &n, builtin_rules[i].text.ptr, builtin_rules[i].text.len);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; lists[k] != NULL && i < lists[k]->n; i++)
            add_origin(parts, &n, &lists[k]->items[i]);
    bool is_done = cache_key_of_parts(parts, n, ret_key);
    free(parts);
    return is_done;
}

static bool find_key(const struct rules_source *source, const struct candidate *candidate,
                     struct cache_key *ret_key)
{
    static const struct origins none = {.n = 0};
    struct buf rest = {.max = JUDGE_REQUEST_BYTES};
    bool is_found =
        source->cache != NULL &&
        judge_request_write(source, &none, candidate->before != NULL ? &none : NULL, &rest) &&
        key_of(candidate, buf_slice(&rest), ret_key);
    buf_done(&rest);
    return is_found;
}

/* ---- the judgement */

static bool ask_judge(const struct rules_source *source, const struct candidate *candidate,
                      struct err *err)
{
    struct buf request = {.max = JUDGE_REQUEST_BYTES};
    struct rules_judgement judgement;
    bool is_good = judge_request_write(source, candidate->origins, candidate->before, &request)
                       ? source->judge(source->judge_ctx, buf_slice(&request), &judgement, err)
                       : err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
    if (is_good && source->judgement != NULL)
        *source->judgement = judgement;
    buf_done(&request);
    return is_good;
}

/* A set that was found good on this machine is not judged again. */
static bool be_judged(const struct rules_source *source, const struct candidate *candidate,
                      struct err *err)
{
    struct cache_key key;
    bool has_key = find_key(source, candidate, &key);
    if (has_key && cache_is_marked(source->cache, &key))
        return true;
    if (!ask_judge(source, candidate, err))
        return false;
    if (has_key)
        cache_mark(source->cache, &key);
    return true;
}

struct ruleset *rules_load(const struct rules_source *source, struct err *err)
{
    struct candidate candidate;
    if (!choose(source, &candidate, err))
        return NULL;
    bool is_asked = source->judge != NULL && has_foreign_rules(candidate.origins);
    const struct build_request request = {
        .use_builtin = source->use_builtin,
        .origins = candidate.origins,
        .before = candidate.before,
        .changes = source->changes,
        .policy = source->policy,
        .cache = source->cache,
        .is_stale = source->is_stale,
        .is_judged = is_asked,
    };
    struct ruleset *set = NULL;
    if ((!is_asked || be_judged(source, &candidate, err)) &&
        (source->promotes || removal_check(source, candidate.origins, err)))
        set = rules_build(&request, err);
    origins_unref(candidate.origins);
    return set;
}
