/* One worker's share of a rule set: memory that a scan and a regex need, counters, holders. */
#include "engine/memo.h"

#include <assert.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    JIT_STACK_START = 32 * 1024,
    JIT_STACK_MAX = 512 * 1024, /* what a match within MATCH_LIMIT may need; beyond is an error */
};

static bool lease_alloc(struct lease *lease, const struct ruleset *set)
{
    lease->hits = calloc(set->n_rules + 1, sizeof(*lease->hits));
    lease->match_data = pcre2_match_data_create(1, NULL);
    lease->match_context = pcre2_match_context_copy(set->match_context);
    lease->jit_stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    if (lease->hits == NULL || lease->match_data == NULL || lease->match_context == NULL)
        return false;
    /* Without JIT there is no stack, and none is needed. */
    if (lease->jit_stack != NULL)
        pcre2_jit_stack_assign(lease->match_context, NULL, lease->jit_stack);
    for (const struct cond *cond = set->codes; cond != NULL && lease->memo == NULL;
         cond = cond->next_with_code)
        if (memo_wants(cond) && (lease->memo = memo_new()) == NULL)
            return false;
    for (size_t i = 0; i < set->n_rules && lease->body_memory == NULL; i++)
        if (set->rules[i].body_fields != 0 &&
            (lease->body_memory = malloc(BODY_MEMORY_BYTES)) == NULL)
            return false;
    return set->scratch == NULL || hs_clone_scratch(set->scratch, &lease->scratch) == HS_SUCCESS;
}

static void lease_destroy(struct lease *lease)
{
    (void)hs_free_scratch(lease->scratch);
    pcre2_match_data_free(lease->match_data);
    pcre2_match_context_free(lease->match_context);
    pcre2_jit_stack_free(lease->jit_stack);
    memo_free(lease->memo);
    free(lease->body_memory);
    free(lease->hits);
    free(lease);
}

struct lease *lease_new(struct ruleset *set, struct err *err)
{
    struct lease *lease = calloc(1, sizeof(*lease));
    if (lease == NULL || !lease_alloc(lease, set)) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for a worker's rule set");
        if (lease != NULL)
            lease_destroy(lease);
        return NULL;
    }
    lease->set = ruleset_ref(set);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (lease == NULL)
        return;
    assert(lease->n_holders == 0);
    ruleset_unref(lease->set);
    lease_destroy(lease);
}

void lease_hold(struct lease *lease)
{
    lease->n_holders++;
}

bool lease_release(struct lease *lease)
{
    assert(lease->n_holders != 0);
    return --lease->n_holders == 0;
}

bool lease_is_held(const struct lease *lease)
{
    return lease->n_holders != 0;
}

struct ruleset *lease_ruleset(const struct lease *lease)
{
    return lease->set;
}

void lease_set_trace(struct lease *lease, struct lease_trace *trace)
{
    lease->trace = trace;
}

void lease_forget(struct lease *lease)
{
    memo_clear(lease->memo);
}

uint64_t lease_rule_hits(const struct lease *lease, size_t index)
{
    return __atomic_load_n(&lease->hits[index], __ATOMIC_RELAXED);
}
