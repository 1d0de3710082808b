/* The path of a rule set, top-down: read and verify, have it judged, build it. */
#include "build.h"
#include "gather.h"

#include "stopgap/banned.h"

struct ruleset *rules_load(const struct rules_source *source, struct err *err)
{
    struct origins *origins = rules_gather(source, err);
    if (origins == NULL)
        return NULL;
    const struct build_request request = {
        .use_builtin = source->use_builtin,
        .origins = origins,
        .changes = source->changes,
        .policy = source->policy,
        .cache = source->cache,
        .is_stale = source->is_stale,
    };
    struct ruleset *set = rules_build(&request, err);
    origins_unref(origins);
    return set;
}
