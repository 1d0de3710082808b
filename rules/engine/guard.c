/* Chooses each rule's guard: patterns of which one must hit before the rule can be true. */
#include "engine/cond.h"

#include "engine/pattern.h"

#include "stopgap/banned.h"

struct guard {
    struct pattern *patterns[MAX_GUARD];
    size_t n; /* 0: no guard */
    unsigned score;
};

/* Fields that nearly every request has: their name tells nothing. */
static bool is_common_name(struct slice name)
{
    static const char *const names[] = {
        "accept",     "accept-encoding", "accept-language", "authorization",
        "connection", "content-type",    "content-length",  "cookie",
        "host",       "origin",          "referer",         "user-agent",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, slice_str(names[i])))
            return true;
    return false;
}

/* How rare a hit of pattern is when it looks for a value of field. Paths share their beginnings
 * with ordinary traffic; one of a few methods or hosts hits all the time. */
static unsigned value_score(const struct pattern *pattern, enum field_id field)
{
    unsigned score = pattern->score;
    if (field == FIELD_METHOD)
        return 1;
    if (field == FIELD_VDIR || field == FIELD_HOST)
        return score < 2 ? score : 2;
    if (field == FIELD_PATH || field == FIELD_TARGET || field == FIELD_IIS_INPUT)
        return score / 2 + 1;
    return score;
}

static void guard_take(struct guard *guard, struct pattern *pattern, unsigned score)
{
    if (pattern == NULL || (guard->n != 0 && score <= guard->score))
        return;
    guard->patterns[0] = pattern;
    guard->n = 1;
    guard->score = score;
}

static void guard_of_anomalies(struct pattern_table *table, uint32_t anomalies,
                               struct guard *ret_guard)
{
    for (unsigned bit = 0; bit < 32; bit++)
        if ((anomalies >> bit & 1) != 0)
            ret_guard->patterns[ret_guard->n++] = &table->facts[bit];
    ret_guard->score = table->facts[0].score;
}

static void guard_of_test(struct pattern_table *table, const struct cond *cond,
                          struct guard *ret_guard)
{
    ret_guard->n = 0;
    ret_guard->score = 0;
    if (field_needs_body(cond->node->field)) {
        guard_take(ret_guard, &table->facts[BIT_HAS_BODY], table->facts[BIT_HAS_BODY].score);
        return;
    }
    if (cond->node->field == FIELD_ANOMALY) {
        guard_of_anomalies(table, cond->anomalies, ret_guard);
        return;
    }
    for (size_t i = 0; i < cond->n_patterns; i++)
        guard_take(ret_guard, cond->patterns[i], value_score(cond->patterns[i], cond->node->field));
    if (cond->name_pattern != NULL)
        guard_take(ret_guard, cond->name_pattern,
                   is_common_name(cond->name) ? 0 : cond->name_pattern->score);
}

static bool guard_join(struct guard *guard, const struct guard *other)
{
    if (other->n == 0 || other->n > MAX_GUARD - guard->n)
        return false;
    memcpy(&guard->patterns[guard->n], other->patterns, other->n * sizeof(other->patterns[0]));
    guard->score = guard->n == 0 || other->score < guard->score ? other->score : guard->score;
    guard->n += other->n;
    return true;
}

static void guard_of(struct pattern_table *table, const struct cond *cond, struct guard *ret_guard);

/* One child suffices for ALL: the best one. */
static void guard_of_all(struct pattern_table *table, const struct cond *cond,
                         struct guard *ret_guard)
{
    struct guard child;
    for (size_t i = 0; i < cond->n_children; i++) {
        guard_of(table, &cond->children[i], &child);
        if (child.n != 0 && (ret_guard->n == 0 || child.score > ret_guard->score))
            *ret_guard = child;
    }
}

/* ANY needs a guard for each child. */
static void guard_of_any(struct pattern_table *table, const struct cond *cond,
                         struct guard *ret_guard)
{
    struct guard child;
    for (size_t i = 0; i < cond->n_children; i++) {
        guard_of(table, &cond->children[i], &child);
        if (!guard_join(ret_guard, &child)) {
            ret_guard->n = 0;
            return;
        }
    }
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
static void guard_of(struct pattern_table *table, const struct cond *cond, struct guard *ret_guard)
{
    ret_guard->n = 0;
    ret_guard->score = 0;
    switch (cond->node->kind) {
    case NODE_ALL:
        guard_of_all(table, cond, ret_guard);
        break;
    case NODE_ANY:
        guard_of_any(table, cond, ret_guard);
        break;
    case NODE_NONE: /* true where nothing hits */
        break;
    case NODE_TEST:
        guard_of_test(table, cond, ret_guard);
        break;
    }
}

bool guard_choose(struct pattern_table *table, struct compiled_rule *rule, struct arena *memory)
{
    struct guard guard;
    guard_of(table, rule->when, &guard);
    if (guard.n == 0)
        return true;
    rule->guard = arena_alloc(memory, guard.n * sizeof(struct pattern *));
    if (rule->guard == NULL)
        return false;
    memcpy(rule->guard, guard.patterns, guard.n * sizeof(struct pattern *));
    rule->n_guard = guard.n;
    rule->guard_score = guard.score;
    for (size_t i = 0; i < guard.n; i++)
        guard.patterns[i]->is_used = true;
    return true;
}

/* ---- what the scan must see */

/* NEED_... of the patterns that a scan finds for cond; 0 where none is scanned for. */
static unsigned needs_of(const struct cond *cond)
{
    unsigned needs = 0;
    for (size_t i = 0; i < cond->n_patterns; i++)
        if (cond->patterns[i]->is_used && pattern_is_scanned(cond->patterns[i]))
            needs |= NEED_LINE | cond->patterns[i]->needs;
    return needs;
}

/* A test of values that have names: of one name, or of all. */
static bool note_named(struct ruleset *set, struct pattern_table *table, const struct cond *cond,
                       enum exact_kind kind)
{
    unsigned needs = needs_of(cond);
    if (cond->name.len == 0) {
        set->needs[cond->node->field] |= needs;
        set->decodes_headers |= kind == EXACT_HEADER;
        set->decodes_cookies |= kind == EXACT_COOKIE;
        return true;
    }
    set->needs[cond->node->field] |= needs & ~(unsigned)NEED_LINE;
    return pattern_add_name(table, kind, cond->name,
                            EXACT_DECODES | (needs != 0 ? EXACT_SCANS : 0u));
}

static bool note_test(struct ruleset *set, struct pattern_table *table, const struct cond *cond)
{
    enum field_id field = cond->node->field;
    if (field == FIELD_HEADER)
        return note_named(set, table, cond, EXACT_HEADER);
    if (field == FIELD_COOKIE)
        return note_named(set, table, cond, EXACT_COOKIE);
    if (field == FIELD_ARG)
        return note_named(set, table, cond, EXACT_ARG);
    if (field < FIELD_JSON_KEY || field > FIELD_MULTIPART) {
        set->needs[field] |= needs_of(cond);
        return true;
    }
    struct interest *interest = &set->body_names[field - FIELD_JSON_KEY];
    enum operator_id op = cond->node->op;
    bool is_literal = (op == OP_EQUALS || op == OP_ONE_OF) && !cond->node->is_negated;
    /* A document can have more names than are kept: those that no test can mean take no room. */
    if (body_kind_is_name((enum body_kind)(field - FIELD_JSON_KEY)) && is_literal)
        for (size_t i = 0; i < cond->n_literals; i++)
            *interest_word(interest, cond->literals[i]) |= interest_mask(cond->literals[i]);
    else if (cond->name.len == 0)
        interest->all_values = true;
    else
        *interest_word(interest, cond->name) |= interest_mask(cond->name);
    return true;
}

bool needs_note(struct ruleset *set, struct pattern_table *table, const struct cond *cond)
{
    if (cond->node->kind == NODE_TEST && !note_test(set, table, cond))
        return false;
    for (size_t i = 0; i < cond->n_children; i++)
        if (!needs_note(set, table, &cond->children[i]))
            return false;
    return true;
}
