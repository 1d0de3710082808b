/* Asks every node of every rule, through the evaluation that the checks use. */
#include "stopgap/explain.h"

#include "engine/explain_text.h"
#include "engine/inspection.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    FIRST_BYTES = 32 * 1024,
    /* 2000 rules of 20 conditions with an excerpt in each view, with room to spare */
    MAX_NOTES_BYTES = 256 * 1024 * 1024,
};

struct explaining {
    struct explanation shown; /* the first member: explanation_free gets this one */
    struct arena transaction; /* as the proxy has it */
    struct arena notes;
    struct explain_rule *rules;
    bool has_memory; /* for all notes so far */
    _Alignas(16) char first[2][FIRST_BYTES];
};

/* What one rule is noted with. */
struct noting {
    struct explaining *explaining;
    struct evaluation evaluation;
    struct explain_condition *conditions;
    size_t n;
};

static enum explain_result result_of(enum truth truth)
{
    switch (truth) {
    case TRUTH_NO:
        return EXPLAIN_NO;
    case TRUTH_YES:
        return EXPLAIN_YES;
    case TRUTH_UNKNOWN:
        break;
    }
    return EXPLAIN_UNKNOWN;
}

/* ---- values */

static void note_value(struct explaining *explaining, const struct witness *witness,
                       struct explain_value *ret_value)
{
    struct arena *notes = &explaining->notes;
    *ret_value = (struct explain_value){.value_len = witness->value.value.len,
                                        .offset = witness->match.offset,
                                        .len = witness->match.len,
                                        .is_secret = witness_is_secret(witness),
                                        .field = witness_field(notes, witness)};
    ret_value->excerpt = witness_excerpt(notes, witness, &ret_value->excerpt_start);
    if (ret_value->field.ptr == NULL || ret_value->excerpt.ptr == NULL)
        explaining->has_memory = false;
}

/* The values that a test looks at: how many, and the one that shows its result best. */
static void note_values(struct noting *noting, const struct cond *cond, enum view_id view,
                        const struct witness *witness, struct explain_view *ret_view)
{
    struct field_walk walk;
    struct witness first = {.cond = cond, .view = view};
    struct named_value value;
    field_walk_init(&walk, noting->evaluation.fields, cond, view);
    while (field_walk_next(&walk, &value))
        if (ret_view->n_values++ == 0)
            first.value = value;
    if (witness->cond != NULL) {
        note_value(noting->explaining, witness, &ret_view->value);
    } else if (ret_view->n_values != 0) {
        first.match.len = first.value.value.len;
        note_value(noting->explaining, &first, &ret_view->value);
    }
}

/* ---- conditions */

static void note_condition(struct noting *noting, const struct cond *cond, unsigned depth)
{
    const struct fields *fields = noting->evaluation.fields;
    struct explain_condition *noted = &noting->conditions[noting->n++];
    bool is_test = cond->node->kind == NODE_TEST;
    *noted = (struct explain_condition){
        .depth = depth,
        .is_test = is_test,
        .text = explain_text(cond->node, &noting->explaining->notes),
    };
    if (noted->text.ptr == NULL)
        noting->explaining->has_memory = false;
    for (int i = 0; i < VIEW_COUNT; i++) {
        enum view_id view = (enum view_id)i;
        struct witness witness = {.cond = NULL};
        if (view != VIEW_RAW && fields->is_same[view]) {
            noted->views[view] = noted->views[view - 1];
            continue;
        }
        enum truth truth = evaluate_view(&noting->evaluation, cond, view, &witness);
        noted->views[view].result = result_of(truth);
        if (truth != TRUTH_YES)
            witness.cond = NULL;
        if (is_test)
            note_values(noting, cond, view, &witness, &noted->views[view]);
    }
    for (size_t i = 0; i < cond->n_children; i++)
        note_condition(noting, &cond->children[i], depth + 1);
}

static size_t count_conditions(const struct cond *cond)
{
    size_t n = 1;
    for (size_t i = 0; i < cond->n_children; i++)
        n += count_conditions(&cond->children[i]);
    return n;
}

/* ---- rules */

/* Of a rule that is not true: the view in which it comes nearest. */
static enum view_id nearest_view(const struct noting *noting)
{
    enum view_id best = VIEW_RAW;
    size_t n_best = 0;
    for (int view = 0; view < VIEW_COUNT; view++) {
        size_t n_true = 0;
        for (size_t i = 0; i < noting->n; i++)
            n_true += noting->conditions[i].is_test &&
                      noting->conditions[i].views[view].result == EXPLAIN_YES;
        if (n_true > n_best) {
            n_best = n_true;
            best = (enum view_id)view;
        }
    }
    return best;
}

/* The condition that keeps the tree from being true: down through "all of" to the first that is
 * not, and through "none of" to the first that is. `at` moves behind the node. */
static size_t find_decisive(const struct explain_condition *conditions, const struct cond *cond,
                            enum view_id view, size_t *at)
{
    size_t self = (*at)++;
    size_t found = SIZE_MAX;
    enum explain_result wanted = cond->node->kind == NODE_NONE ? EXPLAIN_NO : EXPLAIN_YES;
    for (size_t i = 0; i < cond->n_children; i++) {
        size_t child = *at;
        size_t below = find_decisive(conditions, &cond->children[i], view, at);
        bool is_cause = conditions[child].views[view].result != wanted;
        /* What makes a child of "none of" true is the child itself. */
        if (is_cause && found == SIZE_MAX)
            found = cond->node->kind == NODE_NONE ? child : below;
    }
    return cond->node->kind == NODE_ANY || found == SIZE_MAX ? self : found;
}

static void note_rule(struct explaining *explaining, struct inspection *inspection, size_t index)
{
    const struct compiled_rule *rule = &inspection->lease->set->rules[index];
    struct explain_rule *noted = &explaining->rules[index];
    size_t n = count_conditions(rule->when);
    struct noting noting = {
        .explaining = explaining,
        /* No bits: what the scan found only saves work, and a value shall be seen. */
        .evaluation = {.lease = inspection->lease, .fields = &inspection->fields},
        .conditions = arena_alloc(&explaining->notes, n * sizeof(*noting.conditions)),
    };
    struct witness witness = {.cond = NULL};
    if (noting.conditions == NULL) {
        explaining->has_memory = false;
        return;
    }
    note_condition(&noting, rule->when, 0);
    *noted = (struct explain_rule){
        .info = &rule->info,
        .result = result_of(evaluate_request(&noting.evaluation, rule->when, &witness)),
        .is_response = rule->is_response,
        .status = rule->rule->status,
        .conditions = noting.conditions,
        .n_conditions = n,
    };
    noted->view = nearest_view(&noting);
    for (int view = 0; noted->result == EXPLAIN_YES && view < VIEW_COUNT; view++)
        if (noting.conditions[0].views[view].result == EXPLAIN_YES) {
            noted->view = (enum view_id)view;
            break;
        }
    size_t at = 0;
    noted->decisive = find_decisive(noting.conditions, rule->when, noted->view, &at);
}

void explaining_note(struct explaining *explaining, struct inspection *inspection)
{
    const struct fields *fields = &inspection->fields;
    struct explanation *shown = &explaining->shown;
    for (size_t i = 0; i < shown->n_rules && explaining->has_memory; i++)
        note_rule(explaining, inspection, i);
    for (int view = 0; view < VIEW_COUNT; view++) {
        shown->has_view[view] = view == VIEW_RAW || !fields->is_same[view];
        shown->path[view] = fields->views.view[view].path; /* of the transaction's arena */
    }
    shown->is_body_seen = fields->n_texts != 0;
}

/* ---- all of it */

static bool explain(struct explaining *explaining, struct lease *lease,
                    const struct request_head *head, struct slice body, enum rules_mode mode)
{
    struct explanation *shown = &explaining->shown;
    struct inspection *inspection = inspection_start(lease, head, mode, &explaining->transaction);
    shown->n_rules = lease->set->n_rules;
    explaining->rules =
        arena_alloc(&explaining->notes, (shown->n_rules + 1) * sizeof(*explaining->rules));
    if (inspection == NULL || explaining->rules == NULL)
        return false;
    explaining->has_memory = true;
    shown->rules = explaining->rules;
    shown->verdict = inspection_judge_head(inspection);
    /* Noted again with the body, where one is looked at. */
    explaining_note(explaining, inspection);
    inspection->explaining = explaining;
    if (shown->verdict.action == VERDICT_NEED_BODY)
        shown->verdict = rules_check_body(inspection, slice_head(body, LIMIT_BODY_WINDOW), true);
    rules_end(inspection);
    return explaining->has_memory;
}

struct explanation *rules_explain(struct lease *lease, const struct request_head *head,
                                  struct slice body, enum rules_mode mode, struct err *err)
{
    struct explaining *explaining = calloc(1, sizeof(*explaining));
    if (explaining != NULL) {
        arena_init(&explaining->transaction, explaining->first[0], FIRST_BYTES, LIMIT_ARENA_BYTES);
        arena_init(&explaining->notes, explaining->first[1], FIRST_BYTES, MAX_NOTES_BYTES);
        if (explain(explaining, lease, head, body, mode))
            return &explaining->shown;
        explanation_free(&explaining->shown);
    }
    (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for an explanation");
    return NULL;
}

void explanation_free(struct explanation *explanation)
{
    struct explaining *explaining = (struct explaining *)explanation;
    if (explaining == NULL)
        return;
    arena_done(&explaining->transaction);
    arena_done(&explaining->notes);
    free(explaining);
}
