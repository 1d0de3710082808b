/* From parsed rules to a rule set: conditions, guards, databases, index. */
#include "engine/cond.h"

#include <stdlib.h>

#include "body/xml.h"
#include "engine/pattern.h"
#include "engine/trace.h"

#include "stopgap/banned.h"

enum {
    FIRST_CHUNK_BYTES = 64 * 1024,
    MAX_MEMORY_BYTES = 256 * 1024 * 1024, /* 6000 rules of 80 conditions take a third */
    /* One match on one field may take this many steps: some milliseconds at most. */
    MATCH_LIMIT = 500000,
    DEPTH_LIMIT = 2000,
    HEAP_LIMIT_KIB = 8192,
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

/* ---- one rule */

static uint32_t body_fields_of(const struct cond *cond)
{
    uint32_t fields = 0;
    if (cond->node->kind == NODE_TEST && field_needs_body(cond->node->field))
        fields = (uint32_t)1 << cond->node->field;
    for (size_t i = 0; i < cond->n_children; i++)
        fields |= body_fields_of(&cond->children[i]);
    return fields;
}

static bool join_cves(const struct rule *rule, struct arena *memory, const char **ret_text)
{
    size_t size = 1;
    for (size_t i = 0; i < rule->n_cve; i++)
        size += strlen(rule->cve[i]) + 1;
    char *text = arena_alloc(memory, size);
    if (text == NULL)
        return false;
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < rule->n_cve; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i != 0 ? "," : "", rule->cve[i]);
    *ret_text = text;
    return true;
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* The version in force beside it has the same id. NULL: no memory. */
static const char *trial_id(const struct rule *rule, struct arena *memory)
{
    size_t size = strlen(rule->id) + sizeof(RULE_TRIAL_SUFFIX);
    char *id = arena_alloc(memory, size);
    if (id != NULL)
        (void)snprintf(id, size, "%s" RULE_TRIAL_SUFFIX, rule->id);
    return id;
}

static bool describe(struct compiled_rule *compiled, struct arena *memory)
{
    const struct rule *rule = compiled->rule;
    compiled->info = (struct rule_info){
        .id = rule->is_trial ? trial_id(rule, memory) : text_or_empty(rule->id),
        .title = text_or_empty(rule->title),
        .severity = text_or_empty(rule->severity),
        .action = action_word(rule->action),
        .side_effects = text_or_empty(rule->side_effects),
        .source = text_or_empty(rule->source),
        .activation = activation_word(rule->activation),
        .is_enforced = !rule->is_detect_only && !rule->is_trial && rule->action != ACTION_DETECT,
        .is_on_trial = rule->is_trial,
        .n_must_block = rule->n_must_block,
        .n_must_pass = rule->n_must_pass,
    };
    compiled->first_cve = slice_str(rule->n_cve != 0 ? rule->cve[0] : NULL);
    compiled->is_response = action_is_response(rule->action);
    return compiled->info.id != NULL && join_cves(rule, memory, &compiled->info.cve);
}

static bool compile_rule(struct ruleset *set, struct pattern_table *table, size_t index,
                         struct err *err)
{
    struct compiled_rule *compiled = &set->rules[index];
    compiled->rule = set->source.items[index];
    struct cond_context context = {.set = set, .table = table, .rule = compiled->rule};
    table->rule_index = index;
    compiled->when = cond_compile(&context, compiled->rule->when, err);
    if (compiled->when == NULL)
        return false;
    context.is_response = true;
    if (compiled->rule->when_response != NULL) {
        compiled->when_response = cond_compile(&context, compiled->rule->when_response, err);
        if (compiled->when_response == NULL)
            return false;
    }
    compiled->body_fields = body_fields_of(compiled->when);
    if (!describe(compiled, &set->memory) || !guard_choose(table, compiled, &set->memory))
        return no_memory(err);
    return true;
}

/* ---- what rules a rule out */

/* Note the bits that the truth of a test needs or excludes. */
static void note_test_bits(struct compiled_rule *rule, const struct cond *test)
{
    /* What is said of a body is not known before it is there. */
    if (field_needs_body(test->node->field))
        return;
    if (test->name_pattern != NULL)
        rule->needed[rule->n_needed++] = test->name_pattern->bit;
    if (test->excluded != NULL)
        rule->refused[rule->n_refused++] = test->excluded->bit;
    for (size_t i = 0; i < test->n_patterns && !test->node->is_negated; i++)
        if (test->patterns[i]->is_used)
            rule->needed[rule->n_needed++] = test->patterns[i]->bit;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
static void note_bits(struct compiled_rule *rule, const struct cond *cond)
{
    if (cond->node->kind == NODE_TEST)
        note_test_bits(rule, cond);
    for (size_t i = 0; cond->node->kind == NODE_ALL && i < cond->n_children; i++)
        note_bits(rule, &cond->children[i]);
}

static size_t count_tests(const struct cond *cond)
{
    size_t n = cond->node->kind == NODE_TEST ? 1 : 0;
    for (size_t i = 0; i < cond->n_children; i++)
        n += count_tests(&cond->children[i]);
    return n;
}

static bool note_needed(struct ruleset *set)
{
    for (size_t i = 0; i < set->n_rules; i++) {
        struct compiled_rule *rule = &set->rules[i];
        size_t n = count_tests(rule->when);
        rule->needed = arena_alloc(&set->memory, n * (MAX_PARTS + 3) * sizeof(uint32_t));
        rule->refused = arena_alloc(&set->memory, n * sizeof(uint32_t));
        if (rule->needed == NULL || rule->refused == NULL)
            return false;
        note_bits(rule, rule->when);
    }
    return true;
}

/* ---- the index from bits to rules */

static bool index_alloc(struct ruleset *set)
{
    size_t n_entries = 0;
    for (size_t i = 0; i < set->n_rules; i++)
        n_entries += set->rules[i].n_guard;
    size_t n_words = words_for(set->n_rules);
    set->index_offsets = arena_alloc(&set->memory, (set->n_bits + 2) * sizeof(uint32_t));
    set->index_rules = arena_alloc(&set->memory, (n_entries + 1) * sizeof(uint32_t));
    set->unguarded = arena_alloc(&set->memory, (n_words + 1) * sizeof(uint64_t));
    if (set->index_offsets == NULL || set->index_rules == NULL || set->unguarded == NULL)
        return false;
    memset(set->index_offsets, 0, (set->n_bits + 2) * sizeof(uint32_t));
    memset(set->unguarded, 0, (n_words + 1) * sizeof(uint64_t));
    return true;
}

/* A counting sort: how many rules a bit has, where they begin, then the rules. */
static bool index_build(struct ruleset *set)
{
    if (!index_alloc(set))
        return false;
    uint32_t *offsets = set->index_offsets;
    for (size_t i = 0; i < set->n_rules; i++)
        for (size_t g = 0; g < set->rules[i].n_guard; g++)
            offsets[set->rules[i].guard[g]->bit + 2]++;
    for (size_t bit = 2; bit < set->n_bits + 2; bit++)
        offsets[bit] += offsets[bit - 1];
    for (size_t i = 0; i < set->n_rules; i++) {
        const struct compiled_rule *rule = &set->rules[i];
        for (size_t g = 0; g < rule->n_guard; g++)
            set->index_rules[offsets[rule->guard[g]->bit + 1]++] = (uint32_t)i;
        if (rule->n_guard == 0) {
            bit_set(set->unguarded, i);
            set->stats.n_unguarded++;
        }
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const struct compiled_rule *const *left = a;
    const struct compiled_rule *const *right = b;
    return strcmp((*left)->info.id, (*right)->info.id);
}

static bool sort_ids(struct ruleset *set)
{
    set->by_id = arena_alloc(&set->memory, (set->n_rules + 1) * sizeof(*set->by_id));
    if (set->by_id == NULL)
        return false;
    for (size_t i = 0; i < set->n_rules; i++)
        set->by_id[i] = &set->rules[i];
    qsort(set->by_id, set->n_rules, sizeof(*set->by_id), compare_ids);
    return true;
}

/* ---- the set */

static bool set_init(struct ruleset *set, const struct rule_list *rules)
{
    set->n_references = 1;
    set->source = *rules;
    set->n_rules = rules->n;
    set->stats.n_rules = rules->n;
    set->first_chunk = malloc(FIRST_CHUNK_BYTES);
    set->rules = calloc(rules->n + 1, sizeof(*set->rules));
    set->match_context = pcre2_match_context_create(NULL);
    set->name = strdup("");
    set->hash = strdup("");
    if (set->first_chunk == NULL || set->rules == NULL || set->match_context == NULL ||
        set->name == NULL || set->hash == NULL)
        return false;
    arena_init(&set->memory, set->first_chunk, FIRST_CHUNK_BYTES, MAX_MEMORY_BYTES);
    (void)pcre2_set_match_limit(set->match_context, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(set->match_context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(set->match_context, HEAP_LIMIT_KIB);
    return true;
}

static bool compile_all(struct ruleset *set, struct pattern_table *table, struct err *err)
{
    for (size_t i = 0; i < set->n_rules; i++)
        if (!compile_rule(set, table, i, err))
            return false;
    for (size_t i = 0; i < set->n_rules; i++)
        set->stats.n_on_trial += set->rules[i].info.is_on_trial;
    for (size_t i = 0; i < set->n_rules; i++)
        if (!needs_note(set, table, set->rules[i].when))
            return no_memory(err);
    if (!pattern_compile(table, set, err))
        return false;
    return (index_build(set) && note_needed(set) && sort_ids(set)) || no_memory(err);
}

struct ruleset *ruleset_compile(struct rule_list *rules, struct err *err)
{
    return ruleset_compile_cached(rules, NULL, err);
}

struct ruleset *ruleset_compile_cached(struct rule_list *rules, const char *cache, struct err *err)
{
    if (rules->n > LIMIT_RULES) {
        (void)err_set(err, ERR_LIMIT, "E_LIMIT", "%zu rules; a set may have %d", rules->n,
                      LIMIT_RULES);
        return NULL;
    }
    struct ruleset *set = calloc(1, sizeof(*set));
    struct pattern_table table;
    if (set == NULL || !set_init(set, rules)) {
        (void)no_memory(err);
        if (set != NULL)
            set->source = (struct rule_list){0};
        ruleset_unref(set);
        return NULL;
    }
    xml_init();
    uint64_t begun = trace_clock_ns();
    pattern_table_init(&table, &set->memory);
    table.cache = cache;
    bool is_done = compile_all(set, &table, err);
    pattern_table_done(&table);
    if (!is_done) {
        set->source = (struct rule_list){0}; /* stays the caller's */
        ruleset_unref(set);
        return NULL;
    }
    *rules = (struct rule_list){0};
    set->stats.compile_us = (trace_clock_ns() - begun) / 1000;
    return set;
}
