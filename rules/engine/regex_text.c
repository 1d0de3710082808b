/* A small reader of regular expressions; it never decides whether something matches. */
#include "engine/regex_text.h"

#include "stopgap/banned.h"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static char byte_at(struct slice regex, size_t at)
{
    return at < regex.len ? regex.ptr[at] : '\0';
}

/* Behind the bracket that closes the one at `at`. */
static size_t skip_to(struct slice regex, size_t at, char close)
{
    size_t len = slice_find(slice_from(regex, at), close);
    return len == SIZE_MAX ? regex.len : at + len + 1;
}

/* Offset behind the argument of an escape such as \p{L}, \k<name>, \cA, \012. */
static size_t skip_argument(struct slice regex, char escape, size_t at)
{
    char next = byte_at(regex, at);
    if (next == '{' && strchr("xopPkgN", escape) != NULL) /* else a count, or itself */
        return skip_to(regex, at, '}');
    if ((escape == 'k' || escape == 'g') && (next == '<' || next == '\''))
        return skip_to(regex, at + 1, next == '<' ? '>' : '\'');
    if (escape == 'c' || escape == 'p' || escape == 'P')
        return at < regex.len ? at + 1 : at;
    bool is_number = (escape >= '0' && escape <= '9') || escape == 'g';
    if (is_number && (next == '-' || next == '+'))
        at++;
    while (is_number && byte_at(regex, at) >= '0' && byte_at(regex, at) <= '9')
        at++;
    return at;
}

static struct regex_token read_escape(struct slice regex, size_t at)
{
    char c = byte_at(regex, at + 1);
    size_t end = at + 2 < regex.len ? at + 2 : regex.len;
    bool is_hex = c == 'x' && byte_at(regex, end) != '{';
    if (is_hex)
        for (int i = 0; i < 2 && is_alnum(byte_at(regex, end)); i++)
            end++;
    if (is_hex || !is_alnum(c) || c == 'n' || c == 't' || c == 'r')
        return (struct regex_token){.kind = TOKEN_BYTE, .end = end};
    return (struct regex_token){.kind = TOKEN_OTHER, .end = skip_argument(regex, c, end)};
}

static struct regex_token read_class(struct slice regex, size_t at)
{
    size_t end = at + 1;
    if (byte_at(regex, end) == '^')
        end++;
    if (byte_at(regex, end) == ']')
        end++;
    while (end < regex.len && regex.ptr[end] != ']') {
        struct slice rest = slice_from(regex, end);
        if (regex.ptr[end] == '\\')
            end++;
        else if (slice_starts_with(rest, SLICE("[:")))
            while (end < regex.len && regex.ptr[end] != ']')
                end++;
        end++;
    }
    return (struct regex_token){.kind = TOKEN_OTHER, .end = end < regex.len ? end + 1 : regex.len};
}

/* "{2,}", "{,3}", "?", with the "?" or "+" behind it. A "{" that opens no count is a byte. */
static struct regex_token read_repeat(struct slice regex, size_t at)
{
    size_t end = at + 1;
    bool is_optional = regex.ptr[at] != '+';
    bool is_unbounded = regex.ptr[at] == '*' || regex.ptr[at] == '+';
    unsigned most = 0;
    if (regex.ptr[at] == '{') {
        /* "{,3}" is text or a count, depending on the version of PCRE2. */
        is_optional = byte_at(regex, end) == '0' || byte_at(regex, end) == ',';
        for (char c; (c = byte_at(regex, end)) == ',' || (c >= '0' && c <= '9'); end++)
            most = c == ',' ? 0 : most < 100000 ? most * 10 + (unsigned)(c - '0') : most;
        is_unbounded = regex.ptr[end - 1] == ',';
        if (byte_at(regex, end) != '}' || end == at + 1)
            return (struct regex_token){.kind = TOKEN_BYTE, .end = at + 1};
        end++;
    }
    bool is_possessive = byte_at(regex, end) == '+';
    if (is_possessive || byte_at(regex, end) == '?')
        end++;
    return (struct regex_token){.kind = TOKEN_REPEAT,
                                .end = end,
                                .is_optional = is_optional,
                                .is_unbounded = is_unbounded,
                                .is_possessive = is_possessive,
                                .most = most};
}

struct regex_token regex_token_read(struct slice regex, size_t at)
{
    switch (regex.ptr[at]) {
    case '\\':
        return read_escape(regex, at);
    case '[':
        return read_class(regex, at);
    case '(':
        return (struct regex_token){.kind = TOKEN_OPEN, .end = at + 1};
    case ')':
        return (struct regex_token){.kind = TOKEN_CLOSE, .end = at + 1};
    case '|':
        return (struct regex_token){.kind = TOKEN_BAR, .end = at + 1};
    case '*':
    case '+':
    case '?':
    case '{':
        return read_repeat(regex, at);
    case '.':
    case '^':
    case '$':
        return (struct regex_token){.kind = TOKEN_OTHER, .end = at + 1};
    default:
        return (struct regex_token){.kind = TOKEN_BYTE, .end = at + 1};
    }
}

size_t regex_find_close(struct slice regex, size_t at)
{
    unsigned depth = 1;
    while (at < regex.len) {
        struct regex_token token = regex_token_read(regex, at);
        if (token.kind == TOKEN_OPEN)
            depth++;
        if (token.kind == TOKEN_CLOSE && --depth == 0)
            return at;
        at = token.end;
    }
    return SIZE_MAX;
}

/* Offset of the first "|" outside groups, or SIZE_MAX. */
static size_t find_bar(struct slice regex)
{
    unsigned depth = 0;
    for (size_t at = 0; at < regex.len;) {
        struct regex_token token = regex_token_read(regex, at);
        if (token.kind == TOKEN_OPEN)
            depth++;
        else if (token.kind == TOKEN_CLOSE && depth != 0)
            depth--;
        else if (token.kind == TOKEN_BAR && depth == 0)
            return at;
        at = token.end;
    }
    return SIZE_MAX;
}

bool regex_next_alternative(struct slice *rest, struct slice *ret_alternative)
{
    if (rest->ptr == NULL)
        return false;
    size_t bar = find_bar(*rest);
    *ret_alternative = slice_head(*rest, bar);
    *rest = bar == SIZE_MAX ? slice_make(NULL, 0) : slice_from(*rest, bar + 1);
    return true;
}

static bool contains(struct slice regex, const char *word)
{
    return memmem(regex.ptr, regex.len, word, strlen(word)) != NULL;
}

/* Whether an option group such as "(?ix)" or "(?-m:" holds letter, behind "-" if is_off. */
static bool has_option(struct slice regex, char letter, bool is_off)
{
    for (size_t at = 0; at + 1 < regex.len; at++) {
        if (regex.ptr[at] != '(' || regex.ptr[at + 1] != '?')
            continue;
        bool is_behind = !is_off;
        for (size_t i = at + 2; is_alnum(byte_at(regex, i)) || byte_at(regex, i) == '-'; i++) {
            is_behind = is_behind || regex.ptr[i] == '-';
            if (is_behind && regex.ptr[i] == letter)
                return true;
        }
    }
    return false;
}

bool regex_is_obscure(struct slice regex)
{
    /* "\\E" is nothing, so that a count behind it is for what stands before. */
    return contains(regex, "\\Q") || contains(regex, "\\E") || contains(regex, "(?#") ||
           has_option(regex, 'x', false);
}

bool regex_is_multiline(struct slice regex)
{
    return has_option(regex, 'm', false);
}

/* A run of literal tokens at [start, end). */
struct run {
    size_t start;
    size_t end;
    size_t last; /* where its last token begins */
    unsigned n;
};

static struct regex_literal run_literal(struct slice regex, struct run run)
{
    if (run.start == 1 && regex.ptr[0] == '^')
        run.start = 0;
    if (run.end + 1 == regex.len && regex.ptr[run.end] == '$')
        run.end++;
    return (struct regex_literal){.text = slice_make(regex.ptr + run.start, run.end - run.start),
                                  .n_bytes = run.n};
}

struct regex_literal regex_find_literal(struct slice regex)
{
    struct run best = {.n = 0};
    struct run run = {.n = 0};
    unsigned depth = 0;
    if (regex_is_obscure(regex) || find_bar(regex) != SIZE_MAX)
        return (struct regex_literal){.n_bytes = 0};
    for (size_t at = 0; at < regex.len;) {
        struct regex_token token = regex_token_read(regex, at);
        bool is_byte = token.kind == TOKEN_BYTE && depth == 0;
        if (is_byte) {
            run.start = run.n == 0 ? at : run.start;
            run.last = at;
            run.end = token.end;
            run.n++;
        } else if (token.kind == TOKEN_REPEAT && token.is_optional && run.n != 0) {
            run.end = run.last;
            run.n--;
        }
        if (!is_byte || token.end == regex.len) {
            best = run.n > best.n ? run : best;
            run.n = is_byte ? run.n : 0;
        }
        depth += token.kind == TOKEN_OPEN ? 1 : 0;
        depth -= token.kind == TOKEN_CLOSE && depth != 0 ? 1 : 0;
        at = token.end;
    }
    return run_literal(regex, best);
}

size_t regex_split_lookaheads(struct slice regex, struct slice *ret_parts, size_t max)
{
    if (regex_is_obscure(regex))
        return 0;
    size_t n = 0;
    size_t start = byte_at(regex, 0) == '^' ? 1 : 0;
    size_t at = start;
    while (slice_starts_with(slice_from(regex, at), SLICE("(?="))) {
        size_t close = regex_find_close(regex, at + 3);
        if (close == SIZE_MAX)
            return 0;
        if (n < max)
            ret_parts[n++] = slice_make(regex.ptr + at + 3, close - at - 3);
        at = close + 1;
    }
    struct slice rest = slice_from(regex, at);
    bool is_repeated = rest.len != 0 && strchr("?*+{", rest.ptr[0]) != NULL;
    if (n == 0 || is_repeated || find_bar(rest) != SIZE_MAX)
        return 0;
    if (rest.len != 0 && n < max)
        ret_parts[n++] = rest;
    return n;
}

/* Of a token that is no byte. */
static unsigned token_needs(struct slice regex, size_t at)
{
    char c = regex.ptr[at];
    char next = byte_at(regex, at + 1);
    if (c == '^')
        return NEED_START;
    if (c == '$')
        return NEED_END;
    if (c == '(') /* "(?:" only groups */
        return next != '?' || byte_at(regex, at + 2) == ':' ? 0 : NEED_CONTEXT;
    bool is_set =
        c == '.' || c == '[' || (c == '\\' && next != '\0' && strchr("dDsSwW", next) != NULL);
    return is_set ? NEED_QUESTION : NEED_CONTEXT;
}

/* Whether the token for one byte stands for "?": escaped, or by its number. */
static bool is_question(struct slice token)
{
    return token.len > 1 &&
           (token.ptr[1] == '?' ||
            (token.ptr[1] == 'x' && slice_equal_nocase(slice_from(token, 2), SLICE("3f"))));
}

unsigned regex_needs(struct slice regex)
{
    unsigned needs = regex_is_obscure(regex) ? NEED_CONTEXT | NEED_QUESTION : 0u;
    for (size_t at = 0; at < regex.len;) {
        struct regex_token token = regex_token_read(regex, at);
        struct slice text = slice_make(regex.ptr + at, token.end - at);
        if (token.kind == TOKEN_BYTE)
            needs |= is_question(text) ? NEED_QUESTION : 0u;
        else if (token.kind == TOKEN_OTHER || token.kind == TOKEN_OPEN)
            needs |= token_needs(regex, at);
        at = token.end;
        if (token.kind == TOKEN_OPEN && byte_at(regex, at) == '?' && byte_at(regex, at + 1) == ':')
            at += 2;
    }
    return needs;
}

const char *regex_forbidden(struct slice regex)
{
    for (size_t at = 0; at + 1 < regex.len; at = regex_token_read(regex, at).end)
        if (regex.ptr[at] == '(' && regex.ptr[at + 1] == '*')
            return "(*verb)";
    return has_option(regex, 'm', true) ? "(?-m)" : NULL;
}
