/* Questions about a pattern that need a matcher, and texts that fit one. */
#include "import/iis/ecma.h"

#include "stopgap/buf.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "stopgap/banned.h"

/* ---- matching, with the engine's options */

static pcre2_code *compile(struct slice regex, bool is_sensitive)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    return pcre2_compile((PCRE2_SPTR)regex.ptr, regex.len,
                         PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
                             (is_sensitive ? 0 : PCRE2_CASELESS),
                         &code, &offset, NULL);
}

static bool matches(const pcre2_code *code, struct slice subject)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    int result = PCRE2_ERROR_NOMEMORY;
    if (data != NULL && context != NULL) {
        (void)pcre2_set_match_limit(context, IIS_MATCH_STEPS);
        result = pcre2_match(code, (PCRE2_SPTR)(subject.len != 0 ? subject.ptr : ""), subject.len,
                             0, 0, data, context);
    }
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    return result >= 0;
}

bool ecma_compiles(const char *regex)
{
    pcre2_code *code = compile(slice_str(regex), false);
    pcre2_code_free(code);
    return code != NULL;
}

bool ecma_matches(const char *regex, bool is_sensitive, struct slice subject)
{
    pcre2_code *code = compile(slice_str(regex), is_sensitive);
    bool is_match = code != NULL && matches(code, subject);
    pcre2_code_free(code);
    return is_match;
}

/* ---- patterns that fit everything */

/* The pattern without "^", "$" and one pair of parentheses around all of it. */
static struct slice core(const char *text, bool *ret_is_bounded)
{
    struct slice rest = slice_str(text);
    bool has_head = rest.len != 0 && rest.ptr[0] == '^';
    if (has_head)
        rest = slice_from(rest, 1);
    bool has_tail = rest.len != 0 && rest.ptr[rest.len - 1] == '$';
    if (has_tail)
        rest.len--;
    *ret_is_bounded = has_head && has_tail;
    if (rest.len > 2 && rest.ptr[0] == '(' && rest.ptr[rest.len - 1] == ')')
        rest = slice_make(rest.ptr + 1, rest.len - 2);
    return rest;
}

bool ecma_is_always(struct arena *arena, const struct ecma *ecma)
{
    bool is_bounded;
    if (ecma->syntax == SYNTAX_WILDCARD)
        return ecma->text[0] != '\0' && strspn(ecma->text, "*") == strlen(ecma->text);
    if (ecma->syntax == SYNTAX_EXACT)
        return false;
    struct slice inner = core(ecma->text, &is_bounded);
    if (slice_equal(inner, SLICE(".*")) || slice_equal(inner, SLICE(".*?")))
        return !is_bounded || !ecma->has_line_ends;
    /* Without an assertion, what matches nothing matches before the first byte of anything. */
    bool has_assertion = strpbrk(ecma->text, "^$") != NULL || strstr(ecma->text, "\\b") != NULL ||
                         strstr(ecma->text, "\\B") != NULL || strstr(ecma->text, "(?") != NULL;
    struct ecma whole = *ecma;
    const char *reason;
    whole.base = NULL;
    const char *regex = has_assertion ? NULL : ecma_translate(arena, &whole, &reason);
    return regex != NULL && ecma_matches(regex, false, SLICE(""));
}

bool ecma_captures_all(const struct ecma *ecma, unsigned group)
{
    bool is_bounded;
    if (ecma->has_line_ends || group > 1)
        return false;
    if (ecma->syntax == SYNTAX_WILDCARD)
        return strcmp(ecma->text, "*") == 0;
    struct slice inner = core(ecma->text, &is_bounded);
    bool has_group = strchr(ecma->text, '(') != NULL;
    return ecma->syntax == SYNTAX_ECMASCRIPT && (group == 0 || has_group) &&
           (slice_equal(inner, SLICE(".*")) || slice_equal(inner, SLICE(".+")));
}

/* ---- texts that fit */

struct example {
    struct slice regex;
    size_t at;
    struct buf out;
    struct buf late;  /* what lookaheads ask for, when it goes to the end */
    unsigned variant; /* which alternative groups take */
    unsigned depth;
    bool is_late;
    bool is_lost;
};

static char at_offset(const struct example *e, size_t ahead)
{
    return e->at + ahead < e->regex.len ? e->regex.ptr[e->at + ahead] : '\0';
}

static void emit(struct example *e, char c)
{
    if (!buf_append(&e->out, slice_make(&c, 1)))
        e->is_lost = true;
}

/* A byte that the token (a class or an escape) matches. */
static void emit_fitting(struct example *e, struct slice token)
{
    static const char candidates[] = "ax1-_/.=&?~@:;,+!$'()*% \"#<>[]\\^`{|}\t\n\r\v\f\bBZ09";
    pcre2_code *code = compile(token, false);
    size_t i = 0;
    while (code != NULL && candidates[i] != '\0' && !matches(code, slice_make(&candidates[i], 1)))
        i++;
    if (code == NULL || candidates[i] == '\0')
        e->is_lost = true;
    else
        emit(e, candidates[i]);
    pcre2_code_free(code);
}

/* Length of the class at the place. */
static size_t class_length(const struct example *e)
{
    size_t len = 1;
    while (at_offset(e, len) != '\0' && at_offset(e, len) != ']')
        len += at_offset(e, len) == '\\' ? 2 : 1;
    return len + 1;
}

/* How often what stands before must stand there at least. */
static unsigned read_minimum(struct example *e)
{
    char c = at_offset(e, 0);
    unsigned minimum = c == '*' || c == '?' ? 0 : 1;
    if (c == '{') {
        minimum = 0;
        for (e->at++; at_offset(e, 0) >= '0' && at_offset(e, 0) <= '9' && minimum < 1000; e->at++)
            minimum = minimum * 10 + (unsigned)(at_offset(e, 0) - '0');
        while (at_offset(e, 0) != '\0' && at_offset(e, 0) != '}')
            e->at++;
    }
    if (c == '{' || c == '*' || c == '?' || c == '+')
        e->at++;
    if (c != '\0' && strchr("{*?+", c) != NULL && at_offset(e, 0) == '?')
        e->at++;
    return minimum;
}

/* What was written since start, as often as the quantifier asks for. */
static void repeat(struct example *e, size_t start)
{
    unsigned minimum = read_minimum(e);
    size_t len = e->out.len - start;
    char unit[IIS_EXAMPLE_BYTES];
    /* Every other variant takes what may be left out. */
    if (minimum == 0 && e->variant % 2 == 0)
        e->out.len = start;
    if (minimum < 2 || len == 0)
        return;
    memcpy(unit, e->out.ptr + start, len);
    for (unsigned i = 1; i < minimum && !e->is_lost; i++)
        e->is_lost = !buf_append(&e->out, slice_make(unit, len));
}

static void write_alternatives(struct example *e);

static void write_group(struct example *e)
{
    size_t start = e->out.len;
    bool is_special = at_offset(e, 1) == '?';
    bool is_silent = is_special && (at_offset(e, 2) == '!' || at_offset(e, 2) == '<');
    bool is_late = e->is_late && is_special && at_offset(e, 2) == '=';
    size_t late = e->late.len;
    e->at += !is_special ? 1 : at_offset(e, 2) == '<' ? 4 : 3;
    write_alternatives(e);
    if (at_offset(e, 0) == ')')
        e->at++;
    size_t len = e->out.len - start;
    if (is_silent)
        e->late.len = late;
    else if (is_late && len != 0 && !buf_append(&e->late, slice_make(e->out.ptr + start, len)))
        e->is_lost = true;
    if (is_silent || is_late)
        e->out.len = start;
}

static unsigned hex_value(struct slice digits)
{
    unsigned value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = ascii_lower(digits.ptr[i]);
        value = value * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value;
}

static void write_atom(struct example *e)
{
    char c = at_offset(e, 0);
    size_t len = 1;
    if (c == '[')
        len = class_length(e);
    else if (c == '\\')
        len = at_offset(e, 1) == 'x' ? 4 : 2;
    struct slice token = slice_head(slice_from(e->regex, e->at), len);
    e->at += token.len;
    if (c == '^' || c == '$' || (c == '\\' && (token.ptr[1] == 'b' || token.ptr[1] == 'B')))
        return;
    if (c == '.')
        emit(e, 'x');
    else if (token.len == 4 && c == '\\')
        emit(e, (char)hex_value(slice_from(token, 2)));
    else if (c == '[' || (c == '\\' && ((token.ptr[1] >= 'A' && token.ptr[1] <= 'Z') ||
                                        (token.ptr[1] >= 'a' && token.ptr[1] <= 'z'))))
        emit_fitting(e, token);
    else
        emit(e, c == '\\' ? token.ptr[1] : c);
}

static void write_sequence(struct example *e)
{
    while (e->at < e->regex.len && at_offset(e, 0) != '|' && at_offset(e, 0) != ')' &&
           !e->is_lost) {
        size_t start = e->out.len;
        if (at_offset(e, 0) == '(')
            write_group(e);
        else
            write_atom(e);
        repeat(e, start);
    }
}

/* The alternative that the variant asks for. Depth is limited by IIS_GROUP_DEPTH and two. */
static void write_alternatives(struct example *e)
{
    struct buf *out = &e->out;
    size_t start = out->len;
    size_t late = e->late.len;
    size_t kept_late = late;
    size_t kept = 0;
    char chosen[IIS_EXAMPLE_BYTES];
    if (++e->depth > IIS_GROUP_DEPTH + 2)
        e->is_lost = true;
    for (unsigned i = 0; !e->is_lost; i++) {
        out->len = start;
        if (i <= e->variant)
            e->late.len = late;
        write_sequence(e);
        if (i <= e->variant) {
            kept_late = e->late.len;
            kept = out->len - start;
            if (kept != 0)
                memcpy(chosen, out->ptr + start, kept);
        }
        if (at_offset(e, 0) != '|')
            break;
        e->at++;
    }
    out->len = start;
    e->late.len = kept_late;
    if (kept != 0 && !e->is_lost && !buf_append(out, slice_make(chosen, kept)))
        e->is_lost = true;
    e->depth--;
}

static const char *write_example(struct arena *arena, const char *regex, unsigned variant,
                                 bool is_late)
{
    struct example e = {.regex = slice_str(regex), .variant = variant, .is_late = is_late};
    buf_init(&e.out, IIS_EXAMPLE_BYTES);
    buf_init(&e.late, IIS_EXAMPLE_BYTES);
    write_alternatives(&e);
    const char *text = "";
    if (!e.is_lost && buf_append(&e.out, buf_slice(&e.late)) &&
        buf_append(&e.out, slice_make("", 1))) {
        struct slice copy = arena_copy(arena, buf_slice(&e.out));
        text = copy.ptr != NULL ? copy.ptr : "";
    }
    buf_done(&e.out);
    buf_done(&e.late);
    return text;
}

const char *ecma_example(struct arena *arena, const char *regex, unsigned variant)
{
    const char *text = write_example(arena, regex, variant, false);
    /* What a lookahead asks for may stand in the way of what follows it. */
    bool is_in_the_way =
        strstr(regex, "(?=") != NULL && !ecma_matches(regex, false, slice_str(text));
    return is_in_the_way ? write_example(arena, regex, variant, true) : text;
}
