/* The used patterns of a set become two block databases, one for heads and one for bodies, and
 * tables of what is looked up. */
#include "engine/cache.h"
#include "engine/pattern.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    /* How many patterns may turn out too large for exact compilation, one attempt each. */
    MAX_COMPILE_ATTEMPTS = 32,
};

struct expressions {
    const char **texts;
    unsigned *flags;
    unsigned *bits;
    struct pattern **patterns;
    unsigned n;
};

static void expressions_done(struct expressions *list)
{
    free(list->texts);
    free(list->flags);
    free(list->bits);
    free(list->patterns);
}

static bool expressions_init(struct expressions *list, const struct pattern_table *table,
                             bool is_body)
{
    *list = (struct expressions){
        .texts = calloc(table->n + 1, sizeof(*list->texts)),
        .flags = calloc(table->n + 1, sizeof(*list->flags)),
        .bits = calloc(table->n + 1, sizeof(*list->bits)),
        .patterns = calloc(table->n + 1, sizeof(struct pattern *)),
    };
    if (list->texts == NULL || list->flags == NULL || list->bits == NULL || list->patterns == NULL)
        return false;
    for (size_t i = 0; i < table->n; i++) {
        struct pattern *pattern = table->items[i];
        if (!pattern->is_used || pattern->is_body != is_body || !pattern_is_scanned(pattern))
            continue;
        list->texts[list->n] = pattern->text;
        list->flags[list->n] = pattern->flags;
        list->bits[list->n] = pattern->bit;
        list->patterns[list->n++] = pattern;
    }
    return true;
}

/* Blame a pattern: rule, text, the library's words. */
static bool compile_failed(const struct ruleset *set, const struct expressions *list,
                           const hs_compile_error_t *error, struct err *err)
{
    const char *message = error != NULL ? error->message : "unknown error";
    if (error == NULL || error->expression < 0 || (unsigned)error->expression >= list->n)
        return err_set(err, ERR_COMPILE, "E_COMPILE", "the patterns do not compile: %s", message);
    const struct pattern *pattern = list->patterns[error->expression];
    const struct rule *rule = set->source.items[pattern->rule_index];
    (void)err_set(err, ERR_COMPILE, "E_COMPILE", "rule %s: pattern '%.200s': %s", rule->id,
                  pattern->text, message);
    return err_at(err, rule->file, 0, 0);
}

/* A pattern that is too large to be exact may do as a filter: PCRE2 confirms anyway. */
static bool relax(struct expressions *list, const hs_compile_error_t *error)
{
    if (error == NULL || error->expression < 0 || (unsigned)error->expression >= list->n ||
        (list->flags[error->expression] & HS_FLAG_PREFILTER) != 0)
        return false;
    list->flags[error->expression] |= HS_FLAG_PREFILTER;
    return true;
}

static bool compile_list(struct expressions *list, const struct ruleset *set,
                         hs_database_t **ret_database, struct err *err)
{
    for (int attempt = 0;; attempt++) {
        hs_compile_error_t *error = NULL;
        hs_error_t result = hs_compile_multi(list->texts, list->flags, list->bits, list->n,
                                             HS_MODE_BLOCK, NULL, ret_database, &error);
        if (result == HS_SUCCESS)
            return true;
        bool is_relaxed = attempt < MAX_COMPILE_ATTEMPTS && relax(list, error);
        if (!is_relaxed)
            (void)compile_failed(set, list, error, err);
        (void)hs_free_compile_error(error);
        if (!is_relaxed)
            return false;
    }
}

/* From the cache, else compiled and kept there. */
static bool find_database(const struct pattern_table *table, struct expressions *list,
                          struct ruleset *set, hs_database_t **ret_database, struct err *err)
{
    const struct cache_input input = {
        .texts = list->texts, .flags = list->flags, .ids = list->bits, .n = list->n};
    struct cache_key key;
    bool has_key = table->cache != NULL && cache_key_of(&input, &key);
    if (has_key && (*ret_database = cache_load(table->cache, &key)) != NULL) {
        set->stats.n_cached++;
        return true;
    }
    if (!compile_list(list, set, ret_database, err))
        return false;
    if (has_key)
        cache_store(table->cache, &key, *ret_database);
    return true;
}

static bool compile_database(struct pattern_table *table, struct ruleset *set, bool is_body,
                             struct err *err)
{
    hs_database_t **database = is_body ? &set->body_database : &set->head_database;
    struct expressions list;
    bool is_done = expressions_init(&list, table, is_body);
    if (!is_done)
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    else if (list.n != 0)
        is_done = find_database(table, &list, set, database, err);
    expressions_done(&list);
    if (!is_done || *database == NULL)
        return is_done;
    size_t size = 0;
    if (hs_database_size(*database, &size) != HS_SUCCESS ||
        hs_alloc_scratch(*database, &set->scratch) != HS_SUCCESS)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the matcher");
    set->stats.database_bytes += size;
    return true;
}

/* ---- the tables of texts that are looked up */

static size_t count_exact(const struct pattern_table *table)
{
    size_t n = table->n_names;
    for (size_t i = 0; i < table->n; i++)
        n += table->items[i]->exact != EXACT_NONE ? table->items[i]->n_literals : 0;
    return n;
}

/* All entries of one table, unsorted. */
static size_t gather_exact(const struct pattern_table *table, enum exact_kind kind,
                           struct exact_entry *entries)
{
    size_t n = 0;
    for (size_t i = 0; i < table->n; i++) {
        const struct pattern *pattern = table->items[i];
        for (size_t l = 0; pattern->exact == kind && l < pattern->n_literals; l++)
            entries[n++] = (struct exact_entry){.text = pattern->literals[l], .bit = pattern->bit};
    }
    for (size_t i = 0; i < table->n_names; i++)
        if (table->names[i].kind == kind)
            entries[n++] =
                (struct exact_entry){.text = table->names[i].name, .flags = table->names[i].flags};
    return n;
}

static bool build_exact(const struct pattern_table *table, struct ruleset *set)
{
    struct exact_entry *entries = calloc(count_exact(table) + 1, sizeof(*entries));
    bool is_done = entries != NULL;
    for (int kind = EXACT_NONE + 1; kind < EXACT_KIND_COUNT && is_done; kind++)
        is_done = exact_build(&set->exact[kind], entries,
                              gather_exact(table, (enum exact_kind)kind, entries), &set->memory);
    free(entries);
    return is_done;
}

static size_t count_starts(const struct pattern_table *table)
{
    size_t n = 0;
    for (size_t i = 0; i < table->n; i++)
        n += table->items[i]->is_used && table->items[i]->start != START_NONE
                 ? table->items[i]->n_literals
                 : 0;
    return n;
}

static size_t gather_starts(const struct pattern_table *table, enum start_kind kind,
                            struct start_entry *entries)
{
    size_t n = 0;
    for (size_t i = 0; i < table->n; i++) {
        const struct pattern *pattern = table->items[i];
        bool is_ours = pattern->is_used && pattern->start == kind;
        for (size_t l = 0; is_ours && l < pattern->n_literals; l++)
            entries[n++] = (struct start_entry){
                .text = pattern->literals[l],
                .bit = pattern->bit,
                .is_whole = l >= pattern->n_literals - pattern->n_whole,
            };
    }
    return n;
}

static bool build_starts(const struct pattern_table *table, struct ruleset *set)
{
    struct start_entry *entries = calloc(count_starts(table) + 1, sizeof(*entries));
    bool is_done = entries != NULL;
    for (int kind = START_NONE + 1; kind < START_KIND_COUNT && is_done; kind++)
        is_done = starts_build(&set->starts[kind], entries,
                               gather_starts(table, (enum start_kind)kind, entries), &set->memory);
    free(entries);
    return is_done;
}

bool pattern_compile(struct pattern_table *table, struct ruleset *set, struct err *err)
{
    uint32_t bit = BIT_FIRST_PATTERN;
    for (size_t i = 0; i < table->n; i++)
        if (table->items[i]->is_used)
            table->items[i]->bit = bit++;
    set->n_bits = bit;
    set->stats.n_patterns = bit - BIT_FIRST_PATTERN;
    if (set->stats.n_patterns > LIMIT_PATTERNS)
        return err_set(err, ERR_LIMIT, "E_LIMIT", "%zu patterns; a set may have %d",
                       set->stats.n_patterns, LIMIT_PATTERNS);
    if (hs_valid_platform() != HS_SUCCESS)
        return err_set(err, ERR_COMPILE, "E_COMPILE",
                       "this processor lacks the instructions that Hyperscan needs (SSSE3)");
    if (!build_exact(table, set) || !build_starts(table, set))
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    if (!compile_database(table, set, false, err) || !compile_database(table, set, true, err))
        return false;
    if (set->stats.database_bytes > LIMIT_DATABASE_BYTES)
        return err_set(err, ERR_LIMIT, "E_LIMIT", "the compiled patterns take %zu bytes, over %d",
                       set->stats.database_bytes, LIMIT_DATABASE_BYTES);
    if (set->scratch != NULL)
        (void)hs_scratch_size(set->scratch, &set->stats.scratch_bytes);
    return true;
}
