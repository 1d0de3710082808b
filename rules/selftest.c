/* What a set has to say about its own samples. */
#include "selftest.h"

#include "sample.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { EXCERPT_SHOWN = 100 }; /* of a sample, in an error */

struct selftest {
    struct ruleset *set;
    struct lease *lease;
    bool *matched;
    struct err *err;
};

static bool fail(const struct selftest *test, size_t rule_index, const char *list, size_t number,
                 const char *what)
{
    const struct rule *rule = ruleset_source_rule(test->set, rule_index);
    (void)err_set(test->err, ERR_TEST, "E_SELFTEST", "rule %s: %s sample %zu %s", rule->id, list,
                  number + 1, what);
    return err_at(test->err, rule->file, 0, 0);
}

bool rules_try_sample(struct lease *lease, const struct sample *sample, bool *ret_matched)
{
    struct sample_request request;
    struct trial trial = {.head = &request.head, .response = &request.response};
    bool is_done = sample_request_init(sample, &request);
    trial.body = slice_make(sample->body, sample->body_len);
    is_done = is_done && ruleset_try(lease, &trial, ret_matched);
    sample_request_done(&request);
    return is_done;
}

/* Say where rule `offender` sees something in sample, for the author of the rule. */
static void explain(const struct selftest *test, const struct sample *sample, size_t offender,
                    char *text, size_t size)
{
    enum { ARENA_BYTES = 64 * 1024 };
    struct sample_request request;
    struct inspection *inspection = NULL;
    struct arena arena;
    struct slice id = slice_str(ruleset_rule(test->set, offender)->id);
    char *memory = malloc(ARENA_BYTES);
    (void)snprintf(text, size, "is matched by rule %s", id.ptr);
    if (memory == NULL || !sample_request_init(sample, &request)) {
        free(memory);
        return;
    }
    arena_init(&arena, memory, ARENA_BYTES, LIMIT_ARENA_BYTES);
    struct verdict verdict =
        rules_check_head(test->lease, &request.head, RULES_BLOCK, &arena, &inspection);
    if (verdict.action == VERDICT_NEED_BODY)
        verdict = rules_check_body(inspection, slice_make(sample->body, sample->body_len), true);
    for (unsigned i = 0; i < verdict.n_hits; i++) {
        const struct rule_hit *hit = &verdict.hits[i];
        if (slice_equal(hit->rule_id, id) && hit->field.len != 0)
            (void)snprintf(text, size, "is matched by rule %s in " SLICE_FMT ", view %s: '%.*s'",
                           id.ptr, SLICE_ARG(hit->field), view_name(hit->view),
                           SLICE_ARG(slice_head(hit->excerpt, EXCERPT_SHOWN)));
    }
    rules_end(inspection);
    arena_done(&arena);
    free(memory);
    sample_request_done(&request);
}

static bool test_must_block(const struct selftest *test, size_t index)
{
    const struct rule *rule = ruleset_source_rule(test->set, index);
    for (size_t i = 0; i < rule->n_must_block; i++) {
        if (!rules_try_sample(test->lease, &rule->must_block[i], test->matched))
            return fail(test, index, "must_block", i, "could not be judged: a match limit");
        if (!test->matched[index])
            return fail(test, index, "must_block", i, "is not matched by the rule");
    }
    return true;
}

/* The first rule that must not match a good request of rule `index`, or SIZE_MAX. */
static size_t find_offender(const struct selftest *test, size_t index)
{
    if (test->matched[index])
        return index;
    for (size_t i = 0; i < ruleset_n_rules(test->set); i++) {
        const struct rule *rule = ruleset_source_rule(test->set, i);
        /* What is not always on takes something away from clients on purpose. */
        bool can_stop = ruleset_rule(test->set, i)->is_enforced &&
                        rule->activation == ACTIVATION_ALWAYS && !action_is_response(rule->action);
        if (test->matched[i] && can_stop)
            return i;
    }
    return SIZE_MAX;
}

static bool test_must_pass(const struct selftest *test, size_t index)
{
    const struct rule *rule = ruleset_source_rule(test->set, index);
    for (size_t i = 0; i < rule->n_must_pass; i++) {
        char what[400];
        if (!rules_try_sample(test->lease, &rule->must_pass[i], test->matched))
            return fail(test, index, "must_pass", i, "could not be judged: a match limit");
        size_t offender = find_offender(test, index);
        if (offender == SIZE_MAX)
            continue;
        explain(test, &rule->must_pass[i], offender, what, sizeof(what));
        return fail(test, index, "must_pass", i, what);
    }
    return true;
}

static bool selftest_init(struct selftest *test, struct ruleset *set, struct err *err)
{
    *test = (struct selftest){.set = set, .err = err};
    test->matched = calloc(ruleset_n_rules(set) + 1, sizeof(*test->matched));
    test->lease = lease_new(set, err);
    return (test->matched != NULL && test->lease != NULL) ||
           err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the self-test");
}

static void selftest_done(struct selftest *test)
{
    lease_free(test->lease);
    free(test->matched);
}

static bool test_rule(const struct selftest *test, size_t index)
{
    return test_must_block(test, index) && test_must_pass(test, index);
}

bool rules_selftest(struct ruleset *set, struct err *err)
{
    struct selftest test;
    bool is_passed = selftest_init(&test, set, err);
    for (size_t i = 0; i < ruleset_n_rules(set) && is_passed; i++)
        is_passed = test_rule(&test, i);
    selftest_done(&test);
    return is_passed;
}

bool rules_selftest_each(struct ruleset *set,
                         void (*failed)(void *ctx, size_t index, const struct err *err), void *ctx,
                         struct err *err)
{
    struct selftest test;
    bool is_made = selftest_init(&test, set, err);
    for (size_t i = 0; i < ruleset_n_rules(set) && is_made; i++) {
        struct err failure = {0};
        test.err = &failure;
        if (!test_rule(&test, i))
            failed(ctx, i, &failure);
    }
    selftest_done(&test);
    return is_made;
}
