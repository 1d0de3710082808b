/* Asks every rule about one complete request: for the self-test of a set and for its tests. */
#include "engine/inspection.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static bool try_in(struct lease *lease, const struct trial *trial, struct arena *arena,
                   bool *ret_matched)
{
    const struct ruleset *set = lease->set;
    memset(ret_matched, 0, set->n_rules * sizeof(*ret_matched));
    struct inspection *inspection = inspection_start(lease, trial->head, RULES_BLOCK, arena);
    if (inspection == NULL)
        return false;
    inspection->matched = ret_matched;
    inspection->is_exhaustive = trial->is_exhaustive;
    struct verdict verdict = inspection_judge_head(inspection);
    if (verdict.action == VERDICT_NEED_BODY)
        verdict = rules_check_body(inspection, trial->body, true);
    for (size_t i = 0; i < set->n_rules; i++)
        if (ret_matched[i] && set->rules[i].is_response)
            ret_matched[i] = inspection_wants_edit(inspection, (uint32_t)i, trial->response);
    rules_end(inspection);
    return !verdict.scan_failed;
}

bool ruleset_try(struct lease *lease, const struct trial *trial, bool *ret_matched)
{
    enum { FIRST_BYTES = 32 * 1024 };
    struct arena arena;
    void *memory = malloc(FIRST_BYTES);
    if (memory == NULL)
        return false;
    arena_init(&arena, memory, FIRST_BYTES, LIMIT_ARENA_BYTES);
    bool is_done = try_in(lease, trial, &arena, ret_matched);
    arena_done(&arena);
    free(memory);
    return is_done;
}
