/* An explanation says what the proxy does: for every sample of every shipped rule. */
#include "stopgap/explain.h"

#include "engine/engine.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stopgap/banned.h"

enum { FIRST_BYTES = 32 * 1024 };

struct shipped {
    struct ruleset *set;
    struct lease *lease;
    bool *matched;
    size_t n_samples;
    size_t n_with_body;
};

/* What the proxy's own two calls say. */
static struct verdict ask_proxy(struct shipped *shipped, const struct sample_request *request,
                                struct slice body, enum rules_mode mode, struct arena *arena)
{
    struct inspection *inspection = NULL;
    struct verdict verdict =
        rules_check_head(shipped->lease, &request->head, mode, arena, &inspection);
    if (verdict.action == VERDICT_NEED_BODY)
        verdict = rules_check_body(inspection, body, true);
    rules_end(inspection);
    return verdict;
}

static void compare_verdicts(const struct verdict *proxy, const struct verdict *explained,
                             const char *id)
{
    if (proxy->action != explained->action || proxy->status != explained->status ||
        proxy->n_hits != explained->n_hits || proxy->scan_failed != explained->scan_failed ||
        proxy->edits_response != explained->edits_response)
        fail_msg("%s: the proxy says %d %u, the explanation %d %u", id, proxy->action,
                 proxy->status, explained->action, explained->status);
    for (unsigned i = 0; i < proxy->n_hits; i++) {
        const struct rule_hit *a = &proxy->hits[i];
        const struct rule_hit *b = &explained->hits[i];
        if (!slice_equal(a->rule_id, b->rule_id) || a->view != b->view ||
            !slice_equal(a->field, b->field) || !slice_equal(a->excerpt, b->excerpt))
            fail_msg("%s: hit %u differs", id, i);
    }
}

static bool verdict_names(const struct verdict *verdict, const char *id)
{
    for (unsigned i = 0; i < verdict->n_hits; i++)
        if (slice_equal(verdict->hits[i].rule_id, slice_str(id)))
            return true;
    return false;
}

/* Every rule is true in the explanation exactly where it matches. */
static void compare_rules(struct shipped *shipped, const struct explanation *explanation,
                          const struct sample *sample, const char *id)
{
    const struct verdict *verdict = &explanation->verdict;
    bool is_complete = verdict->action == VERDICT_PASS; /* a decision does not wait for a body */
    for (size_t i = 0; i < explanation->n_rules; i++) {
        const struct explain_rule *rule = &explanation->rules[i];
        bool is_true = rule->result == EXPLAIN_YES;
        if (rule->is_response || verdict->hits_truncated)
            continue;
        if (is_true != verdict_names(verdict, rule->info->id))
            fail_msg("%s: rule %s is %d in the explanation", id, rule->info->id, rule->result);
        if (is_complete && is_true != shipped->matched[i])
            fail_msg("%s: rule %s, body %zu", id, rule->info->id, sample->body_len);
        if (is_true)
            assert_int_equal(rule->conditions[0].views[rule->view].result, EXPLAIN_YES);
        else
            assert_in_range(rule->decisive, 0, rule->n_conditions - 1);
    }
}

static void compare_sample(struct shipped *shipped, const struct sample *sample, const char *id,
                           enum rules_mode mode)
{
    struct sample_request request;
    struct arena arena;
    struct err err = {0};
    struct slice body = slice_make(sample->body, sample->body_len);
    char *memory = malloc(FIRST_BYTES);
    assert_non_null(memory);
    assert_true(sample_request_init(sample, &request));
    struct trial trial = {.head = &request.head, .body = body, .response = &request.response};
    assert_true(ruleset_try(shipped->lease, &trial, shipped->matched));
    arena_init(&arena, memory, FIRST_BYTES, LIMIT_ARENA_BYTES);
    struct verdict verdict = ask_proxy(shipped, &request, body, mode, &arena);
    struct explanation *explanation =
        rules_explain(shipped->lease, &request.head, body, mode, &err);
    assert_non_null(explanation);
    compare_verdicts(&verdict, &explanation->verdict, id);
    compare_rules(shipped, explanation, sample, id);
    shipped->n_with_body += explanation->is_body_seen;
    shipped->n_samples++;
    explanation_free(explanation);
    arena_done(&arena);
    free(memory);
    sample_request_done(&request);
}

static void test_an_explanation_says_what_the_proxy_does(void **state)
{
    (void)state;
    static const enum rules_mode modes[] = {RULES_BLOCK, RULES_DETECT};
    struct rules_source source = {.use_builtin = true};
    struct err err = {0};
    struct shipped shipped = {.set = rules_load(&source, &err)};
    assert_non_null(shipped.set);
    shipped.lease = lease_new(shipped.set, &err);
    shipped.matched = calloc(ruleset_n_rules(shipped.set) + 1, sizeof(bool));
    assert_true(shipped.lease != NULL && shipped.matched != NULL);
    for (size_t mode = 0; mode < sizeof(modes) / sizeof(modes[0]); mode++)
        for (size_t i = 0; i < ruleset_n_rules(shipped.set); i++) {
            const struct rule *rule = ruleset_source_rule(shipped.set, i);
            for (size_t n = 0; n < rule->n_must_block; n++)
                compare_sample(&shipped, &rule->must_block[n], rule->id, modes[mode]);
            for (size_t n = 0; n < rule->n_must_pass; n++)
                compare_sample(&shipped, &rule->must_pass[n], rule->id, modes[mode]);
        }
    assert_true(shipped.n_samples > 500);
    assert_true(shipped.n_with_body > 50);
    free(shipped.matched);
    lease_free(shipped.lease);
    ruleset_unref(shipped.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_explanation_says_what_the_proxy_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
