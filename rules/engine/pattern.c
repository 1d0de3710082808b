/* From operands to Hyperscan expressions, each text once. */
#include "engine/pattern.h"

#include <search.h>
#include <stdlib.h>

#include "engine/regex_text.h"

#include "stopgap/buf.h"

#include "stopgap/banned.h"

enum {
    /* Hyperscan's own limit on one expression is 16,000. */
    MAX_EXPRESSION_BYTES = 15000,
    /* A list of whole texts, each byte escaped. */
    MAX_EXACT_BYTES = 4 * LIMIT_RULE_FILE_BYTES,
    MIN_LITERAL_BYTES = 4, /* shorter ones hit too often to stand for their regex */
    BYTE_SCORE = 8,        /* of a byte that paths hardly have */
    BASE_FLAGS = HS_FLAG_MULTILINE | HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH,
};

void pattern_table_init(struct pattern_table *table, struct arena *memory)
{
    *table = (struct pattern_table){.memory = memory};
    for (uint32_t bit = 0; bit < BIT_FIRST_PATTERN; bit++)
        table->facts[bit] = (struct pattern){.score = bit == BIT_HAS_BODY ? 2 : 6, .bit = bit};
}

static void keep_item(void *item)
{
    (void)item; /* the arena owns it */
}

void pattern_table_done(struct pattern_table *table)
{
    tdestroy(table->tree, keep_item);
    free(table->items);
    free(table->names);
    table->tree = NULL;
    table->items = NULL;
    table->names = NULL;
}

static int compare_patterns(const void *a, const void *b)
{
    const struct pattern *left = a;
    const struct pattern *right = b;
    if (left->is_body != right->is_body)
        return left->is_body ? 1 : -1;
    if (left->exact != right->exact)
        return left->exact < right->exact ? -1 : 1;
    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    if (left->flags != right->flags)
        return left->flags < right->flags ? -1 : 1;
    return strcmp(left->text, right->text);
}

static bool table_push(struct pattern_table *table, struct pattern *pattern)
{
    if (table->n == table->capacity) {
        size_t capacity = table->capacity != 0 ? table->capacity * 2 : 64;
        struct pattern **items = reallocarray(table->items, capacity, sizeof(*items));
        if (items == NULL)
            return false;
        table->items = items;
        table->capacity = capacity;
    }
    table->items[table->n++] = pattern;
    return true;
}

/* The table's pattern with these properties; wanted->text is copied when it is new. */
static struct pattern *table_add(struct pattern_table *table, const struct pattern *wanted)
{
    struct pattern *const *found = tfind(wanted, &table->tree, compare_patterns);
    if (found != NULL)
        return *found;
    struct pattern *pattern = arena_alloc(table->memory, sizeof(*pattern));
    struct slice text =
        arena_copy(table->memory, slice_make(wanted->text, strlen(wanted->text) + 1));
    if (pattern == NULL || text.ptr == NULL)
        return NULL;
    *pattern = *wanted;
    pattern->text = text.ptr;
    pattern->needs = regex_needs(slice_str(text.ptr));
    pattern->rule_index = table->rule_index;
    if (tsearch(pattern, &table->tree, compare_patterns) == NULL || !table_push(table, pattern))
        return NULL;
    return pattern;
}

static bool append_escaped(struct buf *out, struct slice literal)
{
    for (size_t i = 0; i < literal.len; i++) {
        unsigned char c = (unsigned char)literal.ptr[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!buf_printf(out, is_plain ? "%c" : "\\x%02x", c))
            return false;
    }
    return true;
}

/* ^(?:a|b)$ with the anchors that op asks for. */
static bool append_literals(struct buf *out, const struct slice *literals, size_t n,
                            enum operator_id op)
{
    bool is_head = op == OP_EQUALS || op == OP_ONE_OF || op == OP_STARTS_WITH;
    bool is_tail = op == OP_EQUALS || op == OP_ONE_OF || op == OP_ENDS_WITH;
    bool fits = buf_append(out, slice_str(is_head ? "^" : "")) &&
                buf_append(out, slice_str(n > 1 ? "(?:" : ""));
    for (size_t i = 0; i < n && fits; i++)
        fits = (i == 0 || buf_append(out, SLICE("|"))) && append_escaped(out, literals[i]);
    return fits && buf_append(out, slice_str(n > 1 ? ")" : "")) &&
           buf_append(out, slice_make(is_tail ? "$" : "", is_tail ? 2 : 1));
}

struct pattern *pattern_add_literals(struct pattern_table *table, const struct slice *literals,
                                     size_t n, enum operator_id op, bool is_body)
{
    size_t shortest = SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        shortest = literals[i].len < shortest ? literals[i].len : shortest;
    if (n == 0 || shortest == 0)
        return NULL;
    struct buf text;
    buf_init(&text, MAX_EXPRESSION_BYTES);
    struct pattern *pattern = NULL;
    /* Without case, also for a test that minds it: the comparison decides. */
    if (append_literals(&text, literals, n, op))
        pattern = table_add(table, &(struct pattern){.text = text.ptr,
                                                     .flags = BASE_FLAGS | HS_FLAG_CASELESS,
                                                     .score = (unsigned)shortest,
                                                     .is_body = is_body});
    buf_done(&text);
    return pattern;
}

struct pattern *pattern_add_exact(struct pattern_table *table, enum exact_kind kind,
                                  const struct slice *literals, size_t n)
{
    size_t shortest = SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        shortest = literals[i].len < shortest ? literals[i].len : shortest;
    if (n == 0)
        return NULL;
    struct buf text;
    buf_init(&text, MAX_EXACT_BYTES);
    struct pattern *pattern = NULL;
    if (append_literals(&text, literals, n, OP_EQUALS))
        pattern = table_add(table, &(struct pattern){.text = text.ptr,
                                                     .exact = kind,
                                                     .literals = literals,
                                                     .n_literals = n,
                                                     .score = (unsigned)shortest,
                                                     .is_used = true}); /* it costs nothing */
    buf_done(&text);
    return pattern;
}

/* The texts as slices, whole values last, and a text that names them. */
static bool copy_starts(struct pattern_table *table, const struct regex_starts *starts,
                        struct pattern *wanted, struct buf *name)
{
    struct slice *literals = arena_alloc(table->memory, starts->n * sizeof(*literals));
    bool fits = literals != NULL;
    for (int is_whole = 0; is_whole <= 1; is_whole++)
        for (size_t i = 0; i < starts->n && fits; i++) {
            const struct regex_start *start = &starts->items[i];
            if ((int)start->is_whole != is_whole)
                continue;
            struct slice text = arena_copy(table->memory, slice_make(start->bytes, start->len));
            literals[wanted->n_literals++] = text;
            wanted->n_whole += start->is_whole;
            fits = text.len == start->len && buf_append(name, SLICE("|^")) &&
                   append_escaped(name, text) &&
                   buf_append(name, slice_make("$", start->is_whole ? 1 : 0));
        }
    wanted->literals = literals;
    return fits && buf_append(name, slice_make("", 1));
}

struct pattern *pattern_add_starts(struct pattern_table *table, enum start_kind kind,
                                   const struct regex_starts *starts)
{
    unsigned score = regex_starts_score(starts);
    struct pattern wanted = {.start = kind,
                             .score = score != 0 && kind == START_BYTE ? BYTE_SCORE : score,
                             .is_used =
                                 kind != START_BYTE}; /* a search, unlike a step of the walk */
    struct pattern *pattern = NULL;
    struct buf name;
    buf_init(&name, MAX_EXPRESSION_BYTES);
    if (wanted.score != 0 && copy_starts(table, starts, &wanted, &name)) {
        wanted.text = name.ptr;
        pattern = table_add(table, &wanted);
    }
    buf_done(&name);
    return pattern;
}

bool pattern_is_scanned(const struct pattern *pattern)
{
    return pattern->exact == EXACT_NONE && pattern->start == START_NONE;
}

bool pattern_add_name(struct pattern_table *table, enum exact_kind kind, struct slice name,
                      unsigned flags)
{
    if (table->n_names == table->name_capacity) {
        size_t capacity = table->name_capacity != 0 ? table->name_capacity * 2 : 64;
        struct named_use *names = reallocarray(table->names, capacity, sizeof(*names));
        if (names == NULL)
            return false;
        table->names = names;
        table->name_capacity = capacity;
    }
    table->names[table->n_names++] = (struct named_use){kind, name, flags};
    return true;
}

/* Find the flags with which Hyperscan takes text; *ret_width is the shortest match. */
static bool probe(const char *text, unsigned *flags, unsigned *ret_width, struct err *err)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        hs_expr_info_t *info = NULL;
        hs_compile_error_t *error = NULL;
        if (hs_expression_info(text, *flags, &info, &error) == HS_SUCCESS) {
            *ret_width = info->min_width;
            free(info);
            return true;
        }
        (void)err_set(err, ERR_COMPILE, "E_COMPILE", "%s", error != NULL ? error->message : "?");
        (void)hs_free_compile_error(error);
        *flags |= HS_FLAG_PREFILTER;
    }
    return false;
}

/* "A|B" with a long literal for each alternative; returns the bytes of the shortest, 0 where one
 * has none. The text is never longer than the regex. With is_loose, "^" is left out. */
static unsigned reduce_to_literals(struct slice regex, bool is_loose, char *text,
                                   bool *ret_is_anchored)
{
    struct slice alternative;
    unsigned shortest = UINT32_MAX;
    size_t len = 0;
    *ret_is_anchored = true;
    if (regex_is_obscure(regex))
        return 0;
    while (regex_next_alternative(&regex, &alternative)) {
        struct regex_literal literal = regex_find_literal(alternative);
        if (literal.n_bytes < MIN_LITERAL_BYTES)
            return 0;
        if (len != 0)
            text[len++] = '|';
        if (literal.text.ptr[0] != '^')
            *ret_is_anchored = false;
        else if (is_loose)
            literal.text = slice_from(literal.text, 1);
        memcpy(text + len, literal.text.ptr, literal.text.len);
        len += literal.text.len;
        shortest = literal.n_bytes < shortest ? literal.n_bytes : shortest;
    }
    text[len] = '\0';
    return shortest;
}

/* Add a pattern for what `part` of a regex must find. A long literal in it is enough: literals
 * cost the scan next to nothing, and PCRE2 confirms. Without one, the part itself is a pattern
 * that is only worth its price when a rule has no better guard. like->score is what a look at the
 * start of the value tells, which no pattern need tell again. */
static bool add_part(struct pattern_table *table, struct slice part, const struct pattern *like,
                     struct pattern **ret_pattern, struct err *err)
{
    char text[LIMIT_PATTERN_BYTES + 1];
    struct pattern wanted = *like;
    bool is_anchored;
    wanted.text = text;
    wanted.score = reduce_to_literals(part, false, text, &is_anchored);
    *ret_pattern = NULL;
    if (wanted.score != 0 && is_anchored && like->score >= wanted.score)
        return true;
    /* A line that need not begin with a value is cheaper than an exact hit. */
    if (wanted.score != 0 && !is_anchored)
        wanted.score = reduce_to_literals(part, true, text, &is_anchored);
    if (wanted.score != 0) {
        wanted.flags |= HS_FLAG_CASELESS; /* "(?i)" may stand before it */
        wanted.is_used = true;
    } else {
        memcpy(text, part.ptr, part.len);
        text[part.len] = '\0';
    }
    unsigned width = 0;
    if (!probe(text, &wanted.flags, &width, err))
        return false;
    if (width == 0)
        return true; /* Would hit on everything. */
    *ret_pattern = table_add(table, &wanted);
    return *ret_pattern != NULL || err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

/* The table that has the starts of field's values. */
static enum start_kind start_kind_of(enum field_id field)
{
    return field == FIELD_PATH ? START_PATH : field == FIELD_TARGET ? START_TARGET : START_NONE;
}

static struct pattern *add_starts_of(struct pattern_table *table, const struct cond *cond)
{
    struct regex_starts starts;
    enum start_kind kind = start_kind_of(cond->node->field);
    if (kind == START_NONE || !regex_find_starts(slice_str(cond->node->value), &starts))
        return NULL;
    return pattern_add_starts(table, kind, &starts);
}

static struct pattern *add_byte_of(struct pattern_table *table, const struct cond *cond)
{
    struct regex_starts byte = {.n = 1};
    if (cond->node->field != FIELD_PATH)
        return NULL;
    byte.items[0].bytes[0] = regex_find_rare_byte(slice_str(cond->node->value));
    byte.items[0].len = byte.items[0].bytes[0] != '\0' ? 1 : 0;
    return pattern_add_starts(table, START_BYTE, &byte);
}

bool pattern_add_regex(struct pattern_table *table, const struct cond *cond, bool is_body,
                       struct pattern **ret_parts, size_t *ret_n, struct err *err)
{
    struct slice regex = slice_str(cond->node->value);
    struct pattern *starts = add_starts_of(table, cond);
    /* Case must be minded here: [^a] without case would not hit on "A". */
    const struct pattern like = {.flags = BASE_FLAGS |
                                          (cond->node->is_case_sensitive ? 0 : HS_FLAG_CASELESS),
                                 .score = starts != NULL ? starts->score : 0,
                                 .is_body = is_body};
    struct slice parts[MAX_PARTS];
    size_t n = regex_split_lookaheads(regex, parts, MAX_PARTS);
    if (n == 0)
        parts[n++] = regex;
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct pattern *pattern;
        if (!add_part(table, parts[i], &like, &pattern, err))
            return false;
        if (pattern != NULL)
            ret_parts[(*ret_n)++] = pattern;
    }
    struct pattern *byte = add_byte_of(table, cond);
    if (starts != NULL)
        ret_parts[(*ret_n)++] = starts;
    if (byte != NULL)
        ret_parts[(*ret_n)++] = byte;
    return true;
}
