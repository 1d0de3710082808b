/* Tokens of IIS URL Rewrite. */
#include "iis_place.h"

#include "import/iis/inputs.h"

#include "stopgap/banned.h"

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
    const char *name = input_header_name(arena, slice_from(token, prefix));
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
    return input_header_name(arena, slice_from(text, 9));
}
