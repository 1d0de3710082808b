/* The path of a rule set, top-down: read and verify, have it judged, build it. */
#include "build.h"
#include "gather.h"
#include "judge_wire.h"

#include "stopgap/banned.h"

/* The rules in the program were judged when it was built, unsigned ones are their author's own. */
static bool has_foreign_rules(const struct origins *origins)
{
    for (size_t i = 0; i < origins->n; i++)
        if (origins->items[i].kind != ORIGIN_DIRECTORY)
            return true;
    return false;
}

static bool ask_judge(const struct rules_source *source, const struct origins *origins,
                      struct err *err)
{
    struct buf request = {.max = JUDGE_REQUEST_BYTES};
    struct rules_judgement judgement;
    bool is_good = judge_request_write(source, origins, &request)
                       ? source->judge(source->judge_ctx, buf_slice(&request), &judgement, err)
                       : err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
    if (is_good && source->judgement != NULL)
        *source->judgement = judgement;
    buf_done(&request);
    return is_good;
}

struct ruleset *rules_load(const struct rules_source *source, struct err *err)
{
    struct origins *origins = rules_gather(source, err);
    if (origins == NULL)
        return NULL;
    bool is_asked = source->judge != NULL && has_foreign_rules(origins);
    const struct build_request request = {
        .use_builtin = source->use_builtin,
        .origins = origins,
        .changes = source->changes,
        .policy = source->policy,
        .cache = source->cache,
        .is_stale = source->is_stale,
        .is_judged = is_asked,
    };
    struct ruleset *set = NULL;
    if (!is_asked || ask_judge(source, origins, err))
        set = rules_build(&request, err);
    origins_unref(origins);
    return set;
}
