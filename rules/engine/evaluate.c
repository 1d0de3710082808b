/* Evaluates condition trees with three values: yes, no, and not known yet. */
#include "engine/evaluate.h"

#include "engine/memo.h"
#include "engine/trace.h"

#include "stopgap/banned.h"

/* ---- operators on one value */

static bool bytes_equal(struct slice a, struct slice b, bool is_case_sensitive)
{
    return is_case_sensitive ? slice_equal(a, b) : slice_equal_nocase(a, b);
}

static size_t find_bytes(struct slice value, struct slice literal, bool is_case_sensitive)
{
    if (literal.len == 0)
        return 0;
    for (size_t at = 0; at + literal.len <= value.len; at++) {
        if (ascii_lower(value.ptr[at]) == ascii_lower(literal.ptr[0]) &&
            bytes_equal(slice_make(value.ptr + at, literal.len), literal, is_case_sensitive))
            return at;
    }
    return SIZE_MAX;
}

/* Offset of the literal in value as op wants it, or SIZE_MAX. */
static size_t find_literal(const struct cond *cond, struct slice value, struct slice literal)
{
    bool is_sensitive = cond->node->is_case_sensitive;
    if (cond->node->op == OP_CONTAINS)
        return find_bytes(value, literal, is_sensitive);
    if (value.len < literal.len)
        return SIZE_MAX;
    size_t at = cond->node->op == OP_ENDS_WITH ? value.len - literal.len : 0;
    bool is_whole = cond->node->op == OP_EQUALS || cond->node->op == OP_ONE_OF;
    if (is_whole && value.len != literal.len)
        return SIZE_MAX;
    return bytes_equal(slice_make(value.ptr + at, literal.len), literal, is_sensitive) ? at
                                                                                       : SIZE_MAX;
}

static enum truth match_literals(const struct cond *cond, struct slice value,
                                 struct match *ret_match)
{
    bool is_whole = cond->node->op == OP_EQUALS || cond->node->op == OP_ONE_OF;
    for (size_t i = 0; i < cond->n_literals; i++) {
        if (is_whole && value.len != cond->literals[i].len)
            continue; /* long lists are passed quickly */
        size_t at = find_literal(cond, value, cond->literals[i]);
        if (at != SIZE_MAX) {
            *ret_match = (struct match){.offset = at, .len = cond->literals[i].len};
            return TRUTH_YES;
        }
    }
    return TRUTH_NO;
}

static enum truth match_networks(const struct cond *cond, const struct request_head *head)
{
    for (size_t i = 0; i < cond->n_networks; i++)
        if (net_prefix_contains(&cond->networks[i], &head->client))
            return TRUTH_YES;
    return TRUTH_NO;
}

static void trace_confirm(struct lease_trace *trace, uint64_t begun, int result)
{
    uint64_t own = trace_end(trace, begun, &trace->confirm_ns);
    trace->n_limits += result < 0 && result != PCRE2_ERROR_NOMATCH;
    if (trace->active == NULL)
        return; /* a response */
    trace->active->n_confirms++;
    trace->active->confirm_ns += own;
}

/* The same as pcre2_match for code that has a JIT form, without its checks of the arguments. */
static int match_code(const struct lease *lease, const struct cond *cond, struct slice value)
{
    PCRE2_SPTR bytes = (PCRE2_SPTR)(value.len != 0 ? value.ptr : "");
    return cond->is_jit ? pcre2_jit_match(cond->code, bytes, value.len, 0, 0, lease->match_data,
                                          lease->match_context)
                        : pcre2_match(cond->code, bytes, value.len, 0, 0, lease->match_data,
                                      lease->match_context);
}

static enum truth run_regex(const struct lease *lease, const struct cond *cond, struct slice value,
                            struct match *ret_match)
{
    uint64_t begun = trace_begin(lease);
    int result = match_code(lease, cond, value);
    if (lease->trace != NULL)
        trace_confirm(lease->trace, begun, result);
    if (result >= 0) {
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(lease->match_data);
        /* \K can put the start of a match behind its end. */
        *ret_match =
            (struct match){.offset = ends[0], .len = ends[1] > ends[0] ? ends[1] - ends[0] : 0};
        return TRUTH_YES;
    }
    if (result == PCRE2_ERROR_NOMATCH)
        return TRUTH_NO;
    /* A limit was reached. To call that "no match" would let an attacker choose it. */
    return TRUTH_UNKNOWN;
}

static enum truth match_regex(struct evaluation *evaluation, const struct cond *cond,
                              struct slice value, struct match *ret_match)
{
    for (unsigned i = 0; i < REGEX_MEMOS; i++) {
        const struct regex_memo *memo = &evaluation->memos[i];
        if (memo->cond == cond && memo->value.ptr == value.ptr && memo->value.len == value.len) {
            *ret_match = memo->match;
            return memo->truth;
        }
    }
    struct memo_entry *place;
    enum truth truth = memo_find(evaluation->lease->memo, cond, value, ret_match, &place);
    if (truth != TRUTH_UNKNOWN)
        return truth;
    truth = run_regex(evaluation->lease, cond, value, ret_match);
    memo_keep(place, cond, value, truth, ret_match);
    struct regex_memo *memo = &evaluation->memos[evaluation->next_memo++ % REGEX_MEMOS];
    /* Text made for a walk has an address that the next walk may use again. */
    bool is_lasting = cond->node->field != FIELD_CLIENT && cond->node->field != FIELD_STATUS &&
                      cond->node->field != FIELD_ANOMALY;
    if (is_lasting)
        *memo =
            (struct regex_memo){.cond = cond, .value = value, .truth = truth, .match = *ret_match};
    return truth;
}

static enum truth match_value(struct evaluation *evaluation, const struct cond *cond,
                              struct slice value, struct match *ret_match)
{
    enum truth truth = TRUTH_NO;
    struct lease_trace *trace = evaluation->lease->trace;
    *ret_match = (struct match){.offset = 0, .len = value.len};
    if (trace != NULL && trace->active != NULL)
        trace->active->n_bytes += value.len;
    if (cond->node->op == OP_REGEX)
        truth = match_regex(evaluation, cond, value, ret_match);
    else if (cond->node->op == OP_EXISTS)
        truth = TRUTH_YES;
    else if (cond->node->op == OP_IN_CIDR)
        truth = match_networks(cond, evaluation->fields->head);
    else
        truth = match_literals(cond, value, ret_match);
    if (!cond->node->is_negated || truth == TRUTH_UNKNOWN)
        return truth;
    return truth == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
}

/* ---- trees */

/* The scan saw every value in every view; what it did not find is not there. */
static bool is_ruled_out(const struct evaluation *evaluation, const struct cond *cond)
{
    if (evaluation->bits == NULL)
        return false;
    /* Nothing has this name, so nothing is unlike what a negated test names, either. */
    if (cond->name_pattern != NULL && !bit_is_set(evaluation->bits, cond->name_pattern->bit))
        return true;
    if (cond->node->is_negated)
        return cond->excluded != NULL && bit_is_set(evaluation->bits, cond->excluded->bit);
    for (size_t i = 0; i < cond->n_patterns; i++) {
        const struct pattern *pattern = cond->patterns[i];
        if (pattern->is_used && !bit_is_set(evaluation->bits, pattern->bit))
            return true;
    }
    return false;
}

static enum truth test_values(struct evaluation *evaluation, const struct cond *cond,
                              enum view_id view, struct witness *ret_witness)
{
    struct field_walk walk; /* its text is not worth clearing */
    struct named_value value;
    field_walk_init(&walk, evaluation->fields, cond, view);
    enum truth result = TRUTH_NO;
    while (field_walk_next(&walk, &value)) {
        struct match match;
        enum truth truth = match_value(evaluation, cond, value.value, &match);
        if (truth == TRUTH_YES) {
            /* Text made for the walk dies with it. */
            bool is_lasting = value.value.ptr != walk.text;
            *ret_witness = (struct witness){
                .cond = is_lasting ? cond : NULL, .view = view, .value = value, .match = match};
            return TRUTH_YES;
        }
        if (truth == TRUTH_UNKNOWN)
            result = TRUTH_UNKNOWN;
    }
    return result;
}

static enum truth evaluate_test(struct evaluation *evaluation, const struct cond *cond,
                                enum view_id view, struct witness *ret_witness)
{
    if (field_needs_body(cond->node->field) && !evaluation->fields->has_body_bytes)
        return TRUTH_UNKNOWN;
    return is_ruled_out(evaluation, cond) ? TRUTH_NO
                                          : test_values(evaluation, cond, view, ret_witness);
}

/* What is more telling for a reader of the log: the cookie rather than the path. */
static int witness_rank(const struct witness *witness)
{
    static const int ranks[FIELD_COUNT] = {
        [FIELD_TARGET] = 4,
        [FIELD_PATH] = 3,
        [FIELD_QUERY] = 5,
        [FIELD_ARG] = 6,
        [FIELD_ARG_NAME] = 5,
        [FIELD_HEADER] = 6,
        [FIELD_COOKIE] = 6,
        [FIELD_COOKIE_NAME] = 5,
        [FIELD_HEADER_NAME] = 5,
        [FIELD_FORM] = 7,
        [FIELD_BODY] = 7,
        [FIELD_ANOMALY] = 2,
        [FIELD_JSON] = 8,
        [FIELD_XML_TEXT] = 8,
        [FIELD_XML_ATTR] = 8,
        [FIELD_XML_BASE64] = 8,
        [FIELD_MULTIPART] = 8,
        [FIELD_FORM_NAME] = 6,
        [FIELD_JSON_KEY] = 6,
        [FIELD_XML_ELEMENT] = 6,
        [FIELD_XML_ATTRIBUTE] = 6,
        [FIELD_MULTIPART_NAME] = 6,
        [FIELD_MULTIPART_FILENAME] = 8,
        [FIELD_BODY_ANOMALY] = 3,
        [FIELD_HOST] = 2,
        [FIELD_VDIR] = 1,
        [FIELD_CLIENT] = 1,
        [FIELD_METHOD] = 0,
        [FIELD_STATUS] = 0,
        [FIELD_RESPONSE_HEADER] = 0,
        [FIELD_IIS_INPUT] = 5,
    };
    return witness->cond != NULL ? ranks[witness->cond->node->field] : -1;
}

static enum truth evaluate_all(struct evaluation *evaluation, const struct cond *cond,
                               enum view_id view, struct witness *ret_witness)
{
    enum truth result = TRUTH_YES;
    struct witness best = {.cond = NULL};
    for (size_t i = 0; i < cond->n_children; i++) {
        struct witness witness = {.cond = NULL};
        enum truth truth = evaluate_view(evaluation, &cond->children[i], view, &witness);
        if (truth == TRUTH_NO)
            return TRUTH_NO;
        if (truth == TRUTH_UNKNOWN)
            result = TRUTH_UNKNOWN;
        else if (witness_rank(&witness) > witness_rank(&best))
            best = witness;
    }
    *ret_witness = best;
    return result;
}

static enum truth evaluate_any(struct evaluation *evaluation, const struct cond *cond,
                               enum view_id view, struct witness *ret_witness)
{
    enum truth result = TRUTH_NO;
    for (size_t i = 0; i < cond->n_children; i++) {
        enum truth truth = evaluate_view(evaluation, &cond->children[i], view, ret_witness);
        if (truth == TRUTH_YES)
            return TRUTH_YES;
        if (truth == TRUTH_UNKNOWN)
            result = TRUTH_UNKNOWN;
    }
    return result;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
enum truth evaluate_view(struct evaluation *evaluation, const struct cond *cond, enum view_id view,
                         struct witness *ret_witness)
{
    struct witness ignored;
    switch (cond->node->kind) {
    case NODE_ALL:
        return evaluate_all(evaluation, cond, view, ret_witness);
    case NODE_ANY:
        return evaluate_any(evaluation, cond, view, ret_witness);
    case NODE_NONE:
        ret_witness->cond = NULL;
        switch (evaluate_any(evaluation, cond, view, &ignored)) {
        case TRUTH_NO:
            return TRUTH_YES;
        case TRUTH_YES:
            return TRUTH_NO;
        case TRUTH_UNKNOWN:
            break;
        }
        return TRUTH_UNKNOWN;
    case NODE_TEST:
        break;
    }
    return evaluate_test(evaluation, cond, view, ret_witness);
}

enum truth evaluate_request(struct evaluation *evaluation, const struct cond *cond,
                            struct witness *ret_witness)
{
    enum truth result = TRUTH_NO;
    for (int view = 0; view < VIEW_COUNT; view++) {
        if (view != VIEW_RAW && evaluation->fields->is_same[view])
            continue;
        enum truth truth = evaluate_view(evaluation, cond, (enum view_id)view, ret_witness);
        if (truth == TRUTH_YES)
            return TRUTH_YES;
        if (truth == TRUTH_UNKNOWN)
            result = TRUTH_UNKNOWN;
    }
    return result;
}

enum truth evaluate_response(struct evaluation *evaluation, const struct cond *cond)
{
    struct witness ignored;
    return evaluate_view(evaluation, cond, VIEW_RAW, &ignored);
}
