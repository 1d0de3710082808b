/* Looks at the text of inputs; what they hold is the business of rules/view/iis.c. */
#include "import/iis/inputs.h"

#include "import/iis/ecma.h"
#include "view/iis.h"

#include "stopgap/banned.h"

static const char *find(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (; strlen(text) >= len; text++)
        if (slice_equal_nocase(slice_make(text, len), slice_make(word, len)))
            return text;
    return NULL;
}

bool input_is_plain(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

const char *input_header_name(struct arena *arena, struct slice variable)
{
    char *name = arena_alloc(arena, variable.len + 1);
    if (name == NULL || variable.len == 0)
        return NULL;
    for (size_t i = 0; i < variable.len; i++) {
        char c = variable.ptr[i];
        bool is_plain = (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
        if (!is_plain && c != '_' && c != '-')
            return NULL;
        name[i] = (char)(c == '_' ? '-' : c);
    }
    name[variable.len] = '\0';
    return name;
}

bool input_names(const char *text, const char *variable)
{
    size_t len = strlen(variable);
    for (const char *at = text; (at = find(at, variable)) != NULL; at++)
        if (at != text && at[-1] == '{' && at[len] == '}')
            return true;
    return false;
}

bool input_is_folded(const char *text)
{
    bool has_path = input_names(text, "REQUEST_URI") || input_names(text, "URL") ||
                    input_names(text, "PATH_INFO");
    return has_path && find(text, "{ToLower:") != text;
}

bool input_is_decoded(const char *text)
{
    return find(text, "{UrlDecode:") != NULL;
}

bool input_is_ambiguous(const char *text)
{
    return input_names(text, "REQUEST_URI") || input_is_decoded(text);
}

bool input_is_address(const char *text)
{
    static const char *const names[] = {"REQUEST_URI", "URL", "PATH_INFO", "QUERY_STRING"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (input_names(text, names[i]))
            return true;
    return false;
}

/* ---- back-references */

/* The text with the n bytes at `at` replaced. */
static const char *replace(const struct rewrite_file *file, const char *text, const char *at,
                           size_t n, const char *with)
{
    return rewrite_text(file->arena, "%.*s%s%s", (int)(at - text), text, with, at + n);
}

static const char *resolve_condition(const struct rewrite_file *file,
                                     const struct rewrite_rule *rule,
                                     const struct rewrite_condition *before, unsigned group,
                                     const char **ret_reason)
{
    bool is_certain = before != NULL && !before->is_negated && !rule->conditions.is_any &&
                      (!rule->conditions.tracks || before == rule->conditions.items);
    const struct ecma ecma = {.syntax = rule->syntax,
                              .text = is_certain ? before->pattern : "",
                              .has_line_ends = is_certain && input_is_decoded(before->input)};
    if (is_certain && ecma_captures_all(&ecma, group) && find(before->input, "{C:") == NULL &&
        find(before->input, "{R:") == NULL)
        return before->input;
    *ret_reason = rewrite_text(file->arena,
                               "{C:%u} is a part of what the condition before matched; a test "
                               "cannot look at such a part",
                               group);
    return NULL;
}

const char *input_resolve(const struct rewrite_file *file, const struct rewrite_rule *rule,
                          const struct rewrite_condition *before, const char *text,
                          const char **ret_reason)
{
    const char *at;
    for (int rounds = 0; (at = find(text, "{C:")) != NULL; rounds++) {
        bool is_reference = at[3] >= '0' && at[3] <= '9' && at[4] == '}';
        const char *with =
            is_reference && rounds < 4
                ? resolve_condition(file, rule, before, (unsigned)(at[3] - '0'), ret_reason)
                : NULL;
        if (!is_reference || rounds >= 4)
            *ret_reason = "a back-reference of the conditions is not understood";
        if (with == NULL)
            return NULL;
        text = replace(file, text, at, 5, with);
    }
    at = find(text, "{R:");
    if (at == NULL)
        return text;
    const struct ecma ecma = {.syntax = rule->syntax, .text = rule->match.pattern};
    bool is_whole = at == text && strlen(text) == 5 && at[3] >= '0' && at[3] <= '9' &&
                    !rule->is_outbound && !rule->match.is_negated &&
                    ecma_captures_all(&ecma, (unsigned)(at[3] - '0'));
    if (is_whole)
        return "{R}";
    *ret_reason = rewrite_text(
        file->arena, "%.5s is a part of the address; a test cannot look at such a part", at);
    return NULL;
}

/* ---- maps and what the engine knows */

const struct rewrite_map *input_map(const struct rewrite_file *file, const char *text,
                                    const char **ret_key)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < file->n_maps; i++) {
        const struct rewrite_map *map = &file->maps[i];
        size_t name = strlen(map->name);
        if (name == 0 || len < name + 4 || text[0] != '{' || text[name + 1] != ':' ||
            text[len - 1] != '}' ||
            !slice_equal_nocase(slice_make(text + 1, name), slice_str(map->name)))
            continue;
        *ret_key = rewrite_text(file->arena, "%.*s", (int)(len - name - 3), text + name + 2);
        return map;
    }
    return NULL;
}

const char *input_problem(const struct rewrite_file *file, const char *text)
{
    const char *reason = "it has control characters or ones beyond ASCII";
    if (input_is_plain(text) && iis_input_parse(slice_str(text), file->arena, &reason) != NULL)
        return NULL;
    return rewrite_text(file->arena, "input '%.120s': %s", text, reason);
}
