/* Token by token: what the two dialects share is copied, what differs is rewritten, what PCRE2
 * cannot say in the same way is refused. */
#include "import/iis/ecma.h"

#include "stopgap/buf.h"

#include "stopgap/banned.h"

struct translation {
    struct slice in;
    size_t at;
    struct buf out;
    const char *caret; /* what "^" becomes */
    bool has_line_ends;
    bool has_atom; /* something stands before that can be repeated */
    unsigned depth;
    unsigned n_carets;
    bool has_bar; /* outside of parentheses */
    const char *reason;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static char peek(const struct translation *t, size_t ahead)
{
    return t->at + ahead < t->in.len ? t->in.ptr[t->at + ahead] : '\0';
}

static bool refuse(struct translation *t, const char *reason)
{
    t->reason = reason;
    return false;
}

static bool put(struct translation *t, const char *text)
{
    return buf_append(&t->out, slice_str(text)) || refuse(t, "the pattern is too long");
}

static bool put_literal(struct translation *t, char c)
{
    char text[3] = {'\\', c, '\0'};
    return put(t, is_alnum(c) || strchr("_ /\"'<>%&,;:=!@~`-#", c) != NULL ? text + 1 : text);
}

static bool put_code(struct translation *t, unsigned code)
{
    char text[8];
    (void)snprintf(text, sizeof(text), "\\x%02x", code);
    return put(t, text);
}

/* ---- escapes and classes */

/* Hex digits behind \x and \u; what is no such escape stands for its letter. */
static bool translate_hex(struct translation *t, size_t digits)
{
    unsigned code = 0;
    char letter = peek(t, 1);
    for (size_t i = 0; i < digits; i++) {
        char c = peek(t, 2 + i);
        if (!is_hex(c)) {
            t->at += 2;
            return put_literal(t, letter);
        }
        code = code * 16 + (unsigned)(is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10);
    }
    t->at += 2 + digits;
    if (code > 0x7f)
        return refuse(t, "the pattern has characters beyond ASCII, which are several bytes here");
    return put_code(t, code);
}

static bool translate_escape(struct translation *t, bool is_class)
{
    char c = peek(t, 1);
    if (t->at + 1 >= t->in.len)
        return refuse(t, "the pattern ends in a backslash");
    if (c == 'x' || c == 'u')
        return translate_hex(t, c == 'x' ? 2 : 4);
    t->at += 2;
    if (strchr("dDwWsSnrtf", c) != NULL || (!is_class && (c == 'b' || c == 'B'))) {
        char text[3] = {'\\', c, '\0'};
        return put(t, text);
    }
    if (c == 'v' || (is_class && c == 'b'))
        return put_code(t, c == 'v' ? 0x0b : 0x08);
    if (c == 'c' && is_alnum(peek(t, 0)))
        return put_code(t, (unsigned)(t->in.ptr[t->at++] & 0x1f));
    if (c == '0' && !is_digit(peek(t, 0)))
        return put_code(t, 0);
    if (is_digit(c) || (is_class && c == 'B') || c == 'c')
        return refuse(t, "the pattern refers back to what it matched before, which the two "
                         "dialects do not do alike");
    return put_literal(t, c);
}

static bool translate_class(struct translation *t)
{
    t->at++;
    bool is_good = put(t, "[");
    if (peek(t, 0) == '^') {
        t->at++;
        is_good = is_good && put(t, "^");
    }
    if (peek(t, 0) == ']')
        return refuse(t, "[] and [^] are not the same in both dialects");
    while (is_good && t->at < t->in.len && peek(t, 0) != ']') {
        char text[2] = {peek(t, 0), '\0'};
        if (text[0] == '\\') {
            is_good = translate_escape(t, true);
        } else {
            is_good = put(t, text[0] == '[' ? "\\[" : text);
            t->at++;
        }
    }
    if (is_good && t->at >= t->in.len)
        return refuse(t, "a [ is not closed");
    t->at++;
    return is_good && put(t, "]");
}

/* ---- the rest */

static bool translate_group(struct translation *t)
{
    if (++t->depth > IIS_GROUP_DEPTH)
        return refuse(t, "parentheses are nested too deep");
    t->has_atom = false;
    if (peek(t, 1) != '?') {
        t->at++;
        return put(t, "(");
    }
    char text[4] = {'(', '?', peek(t, 2), '\0'};
    if (text[2] == '\0' || strchr(":=!", text[2]) == NULL)
        return refuse(t, "the pattern has a (?...) that ECMAScript does not know");
    t->at += 3;
    return put(t, text);
}

/* Length of "{2,3}" at the place, or 0. */
static size_t count_length(const struct translation *t)
{
    size_t len = 1;
    while (is_digit(peek(t, len)))
        len++;
    if (len == 1)
        return 0;
    if (peek(t, len) == ',')
        len++;
    while (is_digit(peek(t, len)))
        len++;
    return peek(t, len) == '}' ? len + 1 : 0;
}

static bool translate_repeat(struct translation *t)
{
    size_t len = peek(t, 0) == '{' ? count_length(t) : 1;
    if (len == 0) {
        t->at++;
        t->has_atom = true;
        return put(t, "\\{");
    }
    if (!t->has_atom)
        return refuse(t, "a quantifier has nothing to repeat; IIS answers 500 to every request "
                         "when it meets such a pattern");
    len += peek(t, len) == '?' ? 1 : 0;
    if (!buf_append(&t->out, slice_make(t->in.ptr + t->at, len)))
        return refuse(t, "the pattern is too long");
    t->at += len;
    t->has_atom = false;
    return true;
}

/* "^", "$", ".", "|" and plain characters. */
static bool translate_one(struct translation *t, char c)
{
    t->at++;
    t->has_atom = strchr("^$|", c) == NULL;
    switch (c) {
    case '^':
        t->n_carets++;
        return put(t, t->caret);
    case '$': /* PCRE2's also matches before a line end at the end. */
        return put(t, t->has_line_ends ? "$(?!\\n)" : "$");
    case '.':
        return put(t, t->has_line_ends ? "[^\\n\\r]" : ".");
    case '|':
        t->has_bar = t->has_bar || t->depth == 0;
        return put(t, "|");
    default:
        return put_literal(t, c);
    }
}

static bool translate_token(struct translation *t)
{
    char c = peek(t, 0);
    bool is_good = true;
    if (c == '\\') {
        char next = peek(t, 1);
        is_good = translate_escape(t, false);
        t->has_atom = next != 'b' && next != 'B';
    } else if (c == '[') {
        is_good = translate_class(t);
        t->has_atom = true;
    } else if (c == '(') {
        is_good = translate_group(t);
    } else if (c == ')') {
        if (t->depth == 0)
            return refuse(t, "a ) is not opened");
        t->depth--;
        t->at++;
        t->has_atom = true;
        is_good = put(t, ")");
    } else if (strchr("*+?{", c) != NULL) {
        is_good = translate_repeat(t);
    } else {
        is_good = translate_one(t, c);
    }
    return is_good;
}

static bool translate_wildcard(struct translation *t, bool is_exact)
{
    for (; t->at < t->in.len; t->at++) {
        char c = t->in.ptr[t->at];
        bool is_good =
            is_exact || (c != '*' && c != '?') ? put_literal(t, c) : put(t, c == '*' ? ".*" : ".");
        if (!is_good)
            return false;
    }
    return true;
}

/* The body of the regex, "^" written as caret; t->out must be released. */
static bool translate_body(struct translation *t, const struct ecma *ecma, const char *caret)
{
    *t = (struct translation){
        .in = slice_str(ecma->text), .caret = caret, .has_line_ends = ecma->has_line_ends};
    buf_init(&t->out, LIMIT_PATTERN_BYTES);
    for (size_t i = 0; i < t->in.len; i++)
        if ((unsigned char)t->in.ptr[i] > 0x7e || (unsigned char)t->in.ptr[i] < 0x20)
            return refuse(t, "the pattern has control characters or ones beyond ASCII, which are "
                             "several bytes here");
    if (ecma->syntax != SYNTAX_ECMASCRIPT)
        return translate_wildcard(t, ecma->syntax == SYNTAX_EXACT);
    while (t->at < t->in.len)
        if (!translate_token(t))
            return false;
    return t->depth == 0 || refuse(t, "a ( is not closed");
}

/* ---- the two frames */

static const char *join(struct arena *arena, const char *const parts[4], const char **ret_reason)
{
    char text[LIMIT_PATTERN_BYTES];
    int len = snprintf(text, sizeof(text), "%s%s%s%s", parts[0], parts[1], parts[2], parts[3]);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        *ret_reason = "the pattern is too long";
        return NULL;
    }
    struct slice copy = arena_copy(arena, slice_make(text, (size_t)len + 1));
    *ret_reason = copy.ptr != NULL ? NULL : "out of memory";
    return copy.ptr;
}

/* The base as a pattern; the paths that the engine shows are in lower case. */
static const char *base_text(struct arena *arena, const char *base)
{
    struct translation t = {.in = slice_str(base)};
    buf_init(&t.out, IIS_BASE_BYTES);
    bool is_good = true;
    for (size_t i = 0; i < t.in.len && is_good; i++)
        is_good = put_literal(&t, ascii_lower(t.in.ptr[i]));
    const char *text =
        is_good ? rewrite_text(arena, SLICE_FMT, SLICE_ARG(buf_slice(&t.out))) : NULL;
    buf_done(&t.out);
    return text;
}

/* Anywhere below: from any point on, and never inside of the base. */
static const char *frame_floating(struct arena *arena, const struct ecma *ecma, const char *base,
                                  const char *head, const char **ret_reason)
{
    struct translation t;
    const char *text = NULL;
    bool is_good = translate_body(&t, ecma, rewrite_text(arena, "(?<=^%s/)", base)) &&
                   buf_append(&t.out, slice_make("", 1));
    *ret_reason = t.reason;
    if (is_good) {
        bool starts_anywhere = slice_starts_with(buf_slice(&t.out), SLICE(".*"));
        bool needs_group = t.has_bar || t.n_carets != 0;
        const char *start =
            rewrite_text(arena, "%s%s", starts_anywhere ? "" : ".*?", needs_group ? "(?:" : "");
        text = join(arena, (const char *[4]){head, start, t.out.ptr, needs_group ? ")" : ""},
                    ret_reason);
    }
    buf_done(&t.out);
    return text;
}

/* t holds the body with "^" as "^". */
static const char *frame_below(struct arena *arena, const struct ecma *ecma,
                               const struct translation *t, const char **ret_reason)
{
    const char *base = base_text(arena, ecma->base);
    const char *body = t->out.ptr;
    if (base == NULL) {
        *ret_reason = "the path of its place is too long";
        return NULL;
    }
    bool is_whole = ecma->syntax != SYNTAX_ECMASCRIPT;
    bool is_anchored = is_whole || (t->n_carets == 1 && body[0] == '^' && !t->has_bar);
    /* The base itself, without a slash behind, is the empty path below it. */
    bool fits_empty = base[0] != '\0' && ecma_matches(body, false, SLICE(""));
    const char *head = rewrite_text(arena, "^%s%s", base, fits_empty ? "(?:/|$)" : "/");
    if (is_anchored)
        return join(arena,
                    (const char *[4]){head, is_whole ? body : body + 1, is_whole ? "$" : "", ""},
                    ret_reason);
    if (t->n_carets != 0 && fits_empty) {
        *ret_reason = "the pattern is too involved for a rule below a path; write it with one ^ at "
                      "its beginning";
        return NULL;
    }
    return frame_floating(arena, ecma, base, head, ret_reason);
}

const char *ecma_translate(struct arena *arena, const struct ecma *ecma, const char **ret_reason)
{
    struct translation t;
    const char *text = NULL;
    bool is_whole = ecma->syntax != SYNTAX_ECMASCRIPT;
    bool has_body = translate_body(&t, ecma, "^") && buf_append(&t.out, slice_make("", 1));
    *ret_reason = t.reason != NULL ? t.reason : "the pattern is too long";
    if (has_body && ecma->base != NULL)
        text = frame_below(arena, ecma, &t, ret_reason);
    else if (has_body)
        text = join(arena,
                    (const char *[4]){is_whole ? "^" : "", t.out.ptr, is_whole ? "$" : "",
                                      is_whole && ecma->has_line_ends ? "(?!\\n)" : ""},
                    ret_reason);
    buf_done(&t.out);
    if (text != NULL && !ecma_compiles(text)) {
        *ret_reason = "the pattern is no regular expression; IIS answers 500 to every request when "
                      "it meets such a one";
        return NULL;
    }
    return text;
}
