/* The checks of one request: head, body, response. */
#include "engine/inspection.h"

#include <assert.h>

#include "engine/effect.h"
#include "engine/scan.h"
#include "engine/trace.h"

#include "stopgap/banned.h"

enum { DOUBTFUL_NS = 50 * 1000 }; /* longer than rules take, shorter than the scheduler */

/* ---- which rules */

/* Add the rules that the set bits lead to. */
static void gather_candidates(const struct ruleset *set, const uint64_t *bits, uint64_t *candidates)
{
    for (size_t word = 0; word < words_for(set->n_bits); word++) {
        for (uint64_t rest = bits[word]; rest != 0; rest &= rest - 1) {
            size_t bit = word * 64 + (size_t)__builtin_ctzll(rest);
            if (bit >= set->n_bits)
                break;
            for (uint32_t i = set->index_offsets[bit]; i < set->index_offsets[bit + 1]; i++)
                bit_set(candidates, set->index_rules[i]);
        }
    }
}

/* A rule that is off here, or would only edit a response and may not, has nothing to say about a
 * request. */
static bool is_idle(const struct inspection *inspection, const struct compiled_rule *rule,
                    enum rules_mode effect)
{
    return inspection->matched == NULL &&
           (effect == RULES_OFF || (effect != RULES_BLOCK && rule->when_response != NULL));
}

/* What took long was perhaps only interrupted; the same again tells. Nothing of it is counted. */
static uint64_t evaluate_again(struct lease_trace *trace, const struct evaluation *evaluation,
                               const struct compiled_rule *rule)
{
    struct evaluation again = {
        .lease = evaluation->lease, .fields = evaluation->fields, .bits = evaluation->bits};
    struct lease_trace kept = *trace;
    struct witness witness;
    trace->active = NULL;
    lease_forget(again.lease);
    uint64_t begun = trace_clock_ns();
    (void)evaluate_request(&again, rule->when, &witness);
    uint64_t spent = trace_clock_ns() - begun;
    *trace = kept;
    return spent;
}

static enum truth evaluate_traced(struct lease_trace *trace, uint32_t index,
                                  struct evaluation *evaluation, struct witness *ret_witness)
{
    const struct compiled_rule *rule = &evaluation->lease->set->rules[index];
    struct rule_cost *cost = &trace->rules[index];
    uint64_t own = 0;
    trace->active = cost;
    uint64_t overhead = trace->overhead_ns;
    uint64_t begun = trace_clock_ns();
    enum truth truth = evaluate_request(evaluation, rule->when, ret_witness);
    overhead = trace->overhead_ns - overhead; /* of the confirmations in it */
    (void)trace_end(trace, begun, &own);
    own = own > overhead ? own - overhead : 0;
    trace->active = NULL;
    trace->evaluate_ns += own;
    cost->evaluate_ns += own;
    if (own > DOUBTFUL_NS && own > cost->worst_ns) {
        uint64_t second = evaluate_again(trace, evaluation, rule);
        own = second < own ? second : own;
    }
    cost->worst_ns = own > cost->worst_ns ? own : cost->worst_ns;
    cost->n_woken++;
    cost->n_matched += truth == TRUTH_YES;
    return truth;
}

/* What the scan says of the tests of which all must hold; most rules that woke go no further. */
static bool is_ruled_out(const struct compiled_rule *rule, const uint64_t *bits)
{
    for (size_t i = 0; i < rule->n_needed; i++)
        if (!bit_is_set(bits, rule->needed[i]))
            return true;
    for (size_t i = 0; i < rule->n_refused; i++)
        if (bit_is_set(bits, rule->refused[i]))
            return true;
    return false;
}

static void evaluate_rule(struct inspection *inspection, struct evaluation *evaluation,
                          uint32_t index)
{
    const struct compiled_rule *rule = &inspection->lease->set->rules[index];
    if (evaluation->bits != NULL && is_ruled_out(rule, evaluation->bits))
        return;
    struct witness witness = {.cond = NULL};
    enum rules_mode effect = effect_of_rule(inspection, index);
    if (is_idle(inspection, rule, effect))
        return;
    enum truth truth = inspection->lease->trace == NULL
                           ? evaluate_request(evaluation, rule->when, &witness)
                           : evaluate_traced(inspection->lease->trace, index, evaluation, &witness);
    if (truth == TRUTH_YES) {
        inspection_note_match(inspection, index, effect, &witness);
    } else if (truth == TRUTH_UNKNOWN) {
        if (rule->body_fields != 0 && !inspection->fields.has_body_bytes) {
            bit_set(inspection->pending, index);
            inspection->n_pending++;
            inspection->body_fields |= rule->body_fields;
        } else {
            inspection->verdict.scan_failed = true;
        }
    }
}

static void evaluate_rules(struct inspection *inspection, const uint64_t *rules)
{
    struct evaluation evaluation = {.lease = inspection->lease,
                                    .fields = &inspection->fields,
                                    .bits = inspection->is_exhaustive ? NULL : inspection->bits};
    for (size_t word = 0; word < words_for(inspection->lease->set->n_rules); word++)
        for (uint64_t rest = rules[word]; rest != 0; rest &= rest - 1)
            evaluate_rule(inspection, &evaluation,
                          (uint32_t)(word * 64 + (size_t)__builtin_ctzll(rest)));
}

/* ---- head */

struct inspection *inspection_start(struct lease *lease, const struct request_head *head,
                                    enum rules_mode mode, struct arena *arena)
{
    const struct ruleset *set = lease->set;
    struct inspection *inspection = arena_alloc(arena, sizeof(*inspection));
    size_t n_rule_words = words_for(set->n_rules);
    size_t n_words = words_for(set->n_bits) + 2 * n_rule_words;
    uint64_t *words = arena_alloc(arena, (n_words + 1) * sizeof(uint64_t));
    if (inspection == NULL || words == NULL)
        return NULL;
    memset(inspection, 0, offsetof(struct inspection, fields));
    memset(words, 0, n_words * sizeof(uint64_t));
    inspection->lease = lease;
    inspection->mode = mode;
    inspection->candidates = words;
    inspection->pending = words + n_rule_words;
    inspection->bits = words + 2 * n_rule_words;
    buf_init(&inspection->window, LIMIT_BODY_WINDOW);
    memcpy(inspection->candidates, set->unguarded, n_rule_words * sizeof(uint64_t));
    uint64_t begun = trace_begin(lease);
    bool is_made = fields_init(&inspection->fields, set, head, arena);
    if (lease->trace != NULL)
        (void)trace_end(lease->trace, begun, &lease->trace->views_ns);
    return is_made ? inspection : NULL;
}

/* The answer so far. A decision in hand waits for nothing. */
static struct verdict conclude(struct inspection *inspection)
{
    struct verdict *verdict = &inspection->verdict;
    bool is_decided = inspection->decision_rank != 0;
    if (!is_decided)
        verdict->action =
            inspection->n_pending != 0 && !inspection->is_final ? VERDICT_NEED_BODY : VERDICT_PASS;
    verdict->edits_response = !is_decided && inspection->n_edits != 0;
    verdict->vdir = inspection->fields.views.vdir;
    verdict->mode = effect_of_vdir(inspection);
    return *verdict;
}

struct verdict inspection_judge_head(struct inspection *inspection)
{
    struct lease *lease = inspection->lease;
    const struct ruleset *set = lease->set;
    uint64_t begun = trace_begin(lease);
    if (!scan_head(lease, &inspection->fields, inspection->bits))
        inspection->verdict.scan_failed = true;
    if (lease->trace != NULL)
        (void)trace_end(lease->trace, begun, &lease->trace->scan_ns);
    gather_candidates(set, inspection->bits, inspection->candidates);
    if (inspection->is_exhaustive)
        for (size_t i = 0; i < set->n_rules; i++)
            bit_set(inspection->candidates, i);
    evaluate_rules(inspection, inspection->candidates);
    return conclude(inspection);
}

__attribute__((noinline)) /* bench/instructions.py counts what is below it */
struct verdict
rules_check_head(struct lease *lease, const struct request_head *head, enum rules_mode mode,
                 struct arena *arena, struct inspection **ret_inspection)
{
    assert(mode != RULES_OFF);
    *ret_inspection = NULL;
    struct inspection *inspection = inspection_start(lease, head, mode, arena);
    if (inspection == NULL)
        return (struct verdict){.scan_failed = true, .mode = mode};
    struct verdict verdict = inspection_judge_head(inspection);
    if (verdict.action == VERDICT_NEED_BODY || verdict.edits_response)
        *ret_inspection = inspection;
    return verdict;
}

/* ---- body */

/* Take the body apart and scan it. */
static bool see_body(struct inspection *inspection, struct slice body, struct arena *arena)
{
    struct lease *lease = inspection->lease;
    uint64_t begun = trace_begin(lease);
    bool is_seen = fields_add_body(&inspection->fields, body, body.len == LIMIT_BODY_WINDOW,
                                   inspection->body_fields, arena);
    if (lease->trace != NULL)
        (void)trace_end(lease->trace, begun, &lease->trace->views_ns);
    begun = trace_begin(lease);
    is_seen = is_seen && scan_body(lease, &inspection->fields, inspection->bits);
    if (lease->trace != NULL)
        (void)trace_end(lease->trace, begun, &lease->trace->scan_ns);
    return is_seen;
}

/* What is made of the body lives in the lease's memory, and only until here is done: the hits
 * copy what they show. */
static void judge_body(struct inspection *inspection, struct slice body)
{
    struct lease *lease = inspection->lease;
    struct arena arena;
    arena_init(&arena, lease->body_memory, BODY_MEMORY_BYTES, LIMIT_BODY_MEMORY_BYTES);
    bool is_seen = see_body(inspection, body, &arena);
    inspection->is_final = true;
    if (!is_seen)
        inspection->verdict.scan_failed = true;
    else
        evaluate_rules(inspection, inspection->pending);
    if (is_seen && inspection->explaining != NULL)
        explaining_note(inspection->explaining, inspection);
    fields_drop_body(&inspection->fields);
    arena_done(&arena);
}

struct verdict rules_check_body(struct inspection *inspection, struct slice piece, bool last)
{
    if (inspection->is_final || inspection->n_pending == 0)
        return conclude(inspection);
    if (last && inspection->window.len == 0) {
        judge_body(inspection, slice_head(piece, LIMIT_BODY_WINDOW)); /* needs no copy */
    } else {
        size_t room = LIMIT_BODY_WINDOW - inspection->window.len;
        if (!buf_append(&inspection->window, slice_head(piece, room))) {
            inspection->verdict.scan_failed = true;
            inspection->is_final = true;
        } else if (last || inspection->window.len == LIMIT_BODY_WINDOW) {
            judge_body(inspection, buf_slice(&inspection->window));
        }
    }
    return conclude(inspection);
}

size_t rules_body_window(const struct inspection *inspection)
{
    return inspection->n_pending != 0 ? LIMIT_BODY_WINDOW : 0;
}

void rules_end(struct inspection *inspection)
{
    if (inspection != NULL)
        buf_done(&inspection->window);
}

/* ---- response */

static void fill_edit(const struct rule *rule, struct header_edit *ret_edit)
{
    *ret_edit = (struct header_edit){
        .kind = rule->action == ACTION_SET_HEADER      ? EDIT_SET
                : rule->action == ACTION_APPEND_HEADER ? EDIT_APPEND
                                                       : EDIT_REMOVE,
        .name = slice_str(rule->header),
        .value = slice_str(rule->value),
        .separator = rule->separator != NULL ? slice_str(rule->separator) : SLICE("; "),
        .rule_id = slice_str(rule->id),
    };
}

bool inspection_wants_edit(struct inspection *inspection, uint32_t rule_index,
                           const struct response_head *response)
{
    const struct compiled_rule *rule = &inspection->lease->set->rules[rule_index];
    struct evaluation evaluation = {.lease = inspection->lease, .fields = &inspection->fields};
    if (rule->when_response == NULL)
        return true;
    inspection->fields.response = response;
    enum truth truth = evaluate_response(&evaluation, rule->when_response);
    inspection->fields.response = NULL;
    /* Where a match limit leaves it open, the mitigation is applied. */
    return truth != TRUTH_NO;
}

size_t rules_edit_response(struct inspection *inspection, const struct response_head *response,
                           struct header_edit *ret_edits, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < inspection->n_edits && n < max; i++) {
        uint32_t index = inspection->edits[i];
        if (!inspection_wants_edit(inspection, index, response))
            continue;
        inspection_count(inspection->lease, index);
        fill_edit(inspection->lease->set->rules[index].rule, &ret_edits[n++]);
    }
    return n;
}
