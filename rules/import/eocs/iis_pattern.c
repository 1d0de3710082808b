/* Tokens and patterns of IIS URL Rewrite. What differs between its engine and PCRE2 is refused,
 * never guessed: ECMAScript patterns keep to the part that both read alike. */
#include "iis_pattern.h"

#include <ctype.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* ---- inputs */

static const struct {
    const char *token;
    struct iis_place place;
} tokens[] = {
    {"REQUEST_URI", {.field = "target"}},
    {"UNENCODED_URL", {.field = "target"}},
    {"URL", {.field = "path"}},
    {"PATH_INFO", {.field = "path"}},
    {"SCRIPT_NAME", {.field = "path"}},
    {"QUERY_STRING", {.field = "query"}},
    {"REQUEST_METHOD", {.field = "method"}},
    {"HTTP_HOST", {.field = "host"}},
};

/* "X_BACKEND_COOKIE" names the field "X-BACKEND-COOKIE". */
static const char *header_name(struct arena *arena, struct slice variable)
{
    char *name = arena_alloc(arena, variable.len + 1);
    if (name == NULL || variable.len == 0)
        return NULL;
    for (size_t i = 0; i < variable.len; i++) {
        unsigned char c = (unsigned char)variable.ptr[i];
        if (!isalnum(c) && c != '_' && c != '-')
            return NULL;
        name[i] = c == '_' ? '-' : (char)c;
    }
    name[variable.len] = '\0';
    return name;
}

/* Our fields are seen raw and decoded and without regard to case, so these change nothing. */
static bool strip_function(struct slice *token)
{
    static const struct slice functions[] = {SLICE_INIT("UrlDecode:"), SLICE_INIT("ToLower:")};
    for (size_t i = 0; i < 2; i++) {
        if (!slice_starts_with_nocase(*token, functions[i]))
            continue;
        struct slice inner = slice_trim(slice_from(*token, functions[i].len));
        if (inner.len < 3 || inner.ptr[0] != '{' || inner.ptr[inner.len - 1] != '}')
            return false;
        *token = slice_make(inner.ptr + 1, inner.len - 2);
        return true;
    }
    return false;
}

static const char *find_header(struct arena *arena, struct slice token, size_t prefix,
                               struct iis_place *ret_place)
{
    const char *name = header_name(arena, slice_from(token, prefix));
    if (name == NULL)
        return "an input names no header";
    ret_place->name = name;
    return NULL;
}

const char *iis_place_find(struct arena *arena, const char *input, struct iis_place *ret_place)
{
    struct slice token = slice_str(input);
    if (token.len < 3 || token.ptr[0] != '{' || token.ptr[token.len - 1] != '}')
        return "an input is not one token in braces";
    token = slice_make(token.ptr + 1, token.len - 2);
    while (strip_function(&token))
        continue;
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
        if (slice_equal_nocase(token, slice_str(tokens[i].token))) {
            *ret_place = tokens[i].place;
            return NULL;
        }
    *ret_place = (struct iis_place){.field = "header"};
    if (slice_starts_with_nocase(token, SLICE("HTTP_")))
        return find_header(arena, token, 5, ret_place);
    *ret_place = (struct iis_place){.field = "response_header", .is_response = true};
    if (slice_starts_with_nocase(token, SLICE("RESPONSE_")) &&
        !slice_equal_nocase(token, SLICE("RESPONSE_STATUS")))
        return find_header(arena, token, 9, ret_place);
    return "an input has no equal in this proxy";
}

const char *iis_response_header(struct arena *arena, const char *variable)
{
    struct slice text = slice_str(variable);
    if (!slice_starts_with_nocase(text, SLICE("RESPONSE_")))
        return NULL;
    return header_name(arena, slice_from(text, 9));
}

/* ---- patterns */

bool iis_pattern_is_always(enum iis_syntax syntax, const char *pattern)
{
    static const char *const regexes[] = {"", ".*", "(.*)", "^.*", "^(.*)", "^.*$", "^(.*)$"};
    if (syntax == IIS_WILDCARD)
        return strcmp(pattern, "*") == 0;
    for (size_t i = 0; syntax == IIS_ECMASCRIPT && i < sizeof(regexes) / sizeof(regexes[0]); i++)
        if (strcmp(pattern, regexes[i]) == 0)
            return true;
    return false;
}

static bool is_plain_escape(char c)
{
    return c != '\0' && (!isalnum((unsigned char)c) || strchr("bBdDsSwWfnrtx", c) != NULL);
}

static bool is_plain_class(const char *at)
{
    return at[1] != ']' && !(at[1] == '^' && at[2] == ']');
}

/* "(", "(?:", "(?=" and "(?!" */
static bool is_plain_group(const char *at)
{
    return at[1] != '*' && (at[1] != '?' || (at[2] != '\0' && strchr(":=!", at[2]) != NULL));
}

/* What follows a backslash, a bracket or a parenthesis decides whether both engines agree. */
static const char *check_ecmascript(const char *pattern)
{
    bool in_class = false;
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\') {
            if (!is_plain_escape(*++at))
                return "a pattern has an escape that means something else here";
        } else if (in_class) {
            if (*at == '[')
                return "a pattern has a class in a class, which means something else here";
            in_class = *at != ']';
        } else if (*at == '[') {
            in_class = true;
            if (!is_plain_class(at))
                return "a pattern has an empty class, which means something else here";
        } else if (*at == '(') {
            if (!is_plain_group(at))
                return "a pattern has a group that means something else here";
        } else if (strchr("*+?}", *at) != NULL && at[1] == '+') {
            return "a pattern repeats in a way that means something else here";
        }
    }
    return NULL;
}

static const char *translate_wildcard(struct arena *arena, const char *pattern)
{
    char *text = arena_alloc(arena, strlen(pattern) * 2 + 3);
    if (text == NULL)
        return NULL;
    size_t n = 0;
    text[n++] = '^';
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '*' || *at == '?') {
            text[n++] = '.';
            if (*at == '*')
                text[n++] = '*';
            continue;
        }
        if (ispunct((unsigned char)*at))
            text[n++] = '\\';
        text[n++] = *at;
    }
    text[n++] = '$';
    text[n] = '\0';
    return text;
}

const char *iis_pattern_translate(struct arena *arena, enum iis_syntax syntax, const char *pattern,
                                  const char **ret_operator, const char **ret_text)
{
    *ret_operator = syntax == IIS_EXACT ? "equals" : "regex";
    *ret_text = pattern;
    if (*pattern == '\0' || strlen(pattern) > LIMIT_PATTERN_BYTES / 2)
        return "a pattern is empty or too long";
    if (syntax == IIS_ECMASCRIPT)
        return check_ecmascript(pattern);
    if (syntax == IIS_WILDCARD)
        *ret_text = translate_wildcard(arena, pattern);
    return *ret_text != NULL ? NULL : "out of memory";
}

const char *iis_url_pattern(struct arena *arena, enum iis_syntax syntax, const char *pattern)
{
    char *text = arena_alloc(arena, strlen(pattern) + 2);
    if (text == NULL)
        return NULL;
    bool is_regex = syntax == IIS_ECMASCRIPT;
    size_t skip = is_regex && *pattern == '^' ? 1 : 0;
    /* Another anchor further on would have to be moved, too; only a class may hold one. */
    for (const char *at = pattern + skip; is_regex && *at != '\0'; at++)
        if (*at == '^' && (at == pattern || (at[-1] != '[' && at[-1] != '\\')))
            return NULL;
    (void)snprintf(text, strlen(pattern) + 2, "%s%s",
                   skip != 0  ? "^/"
                   : is_regex ? ""
                              : "/",
                   pattern + skip);
    return text;
}
