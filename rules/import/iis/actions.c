/* What rules do: actions of inbound rules, header edits of outbound ones. */
#include "import/iis/translate.h"

#include "import/iis/ecma.h"
#include "import/iis/inputs.h"

#include "stopgap/banned.h"

static void refuse(struct translated *translated, const char *text)
{
    translated->action_problem = text;
}

/* ---- inbound */

/* A redirect to the client's own machine, or to nowhere, is a way to say no. */
static bool leads_nowhere(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]", "0.0.0.0"};
    struct slice rest = slice_str(url);
    if (slice_equal_nocase(rest, SLICE("about:blank")))
        return true;
    if (slice_starts_with_nocase(rest, SLICE("https://")))
        rest = slice_from(rest, 8);
    else if (slice_starts_with_nocase(rest, SLICE("http://")))
        rest = slice_from(rest, 7);
    else
        return false;
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (slice_equal_nocase(slice_head(rest, len), slice_str(hosts[i])))
            return true;
    return false;
}

static void translate_response(const struct rewrite_file *file, struct translated *translated)
{
    unsigned status = translated->rule->status;
    if (status < 400 || status > 599)
        refuse(translated, rewrite_text(file->arena,
                                        "a CustomResponse of status %u; Stopgap refuses with 400 "
                                        "to 599",
                                        status));
    else
        translated->action = rewrite_text(file->arena, "{type: block, status: %u}", status);
}

void translate_action(const struct rewrite_file *file, struct translated *translated)
{
    const struct rewrite_rule *rule = translated->rule;
    switch (rule->action) {
    case REWRITE_ABORT:
        translated->action = "{type: abort}";
        return;
    case REWRITE_RESPONSE:
        translate_response(file, translated);
        return;
    case REWRITE_NONE:
        return;
    case REWRITE_REDIRECT:
        if (leads_nowhere(rule->value)) {
            translated->action = "{type: block}";
            translated->note = "a redirect to the client itself: became a block with 403";
            return;
        }
        refuse(translated, "a Redirect; Stopgap answers, but does not send clients elsewhere");
        return;
    case REWRITE_REWRITE:
        refuse(translated, "a Rewrite; Stopgap never changes the address of a request");
        return;
    }
}

/* ---- outbound */

/* Where the rule's pattern is one that the header's value must fit. */
static bool add_header_group(const struct rewrite_file *file, struct translated *translated,
                             const struct test *test)
{
    struct group *group = translated_add_group(file, translated, 1);
    if (group == NULL)
        return false;
    group->is_response = true;
    group->tests[group->n++] = *test;
    return true;
}

/* Text in single quotes of YAML. */
static const char *quoted(const struct rewrite_file *file, struct slice text)
{
    char *out = arena_alloc(file->arena, 2 * text.len + 3);
    size_t len = 0;
    if (out == NULL)
        return "''";
    out[len++] = '\'';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            out[len++] = '\'';
        out[len++] = text.ptr[i];
    }
    out[len++] = '\'';
    out[len] = '\0';
    return out;
}

/* "{R:1}; more" behind a pattern that takes the whole value: more is appended. */
static void translate_append(const struct rewrite_file *file, struct translated *translated,
                             const char *header)
{
    const struct rewrite_rule *rule = translated->rule;
    const struct ecma ecma = {.syntax = rule->syntax, .text = rule->match.pattern};
    const char *value = rule->value;
    bool is_reference = strlen(value) > 5 && slice_starts_with(slice_str(value), SLICE("{R:")) &&
                        value[3] >= '0' && value[3] <= '9' && value[4] == '}';
    struct slice more = is_reference ? slice_str(value + 5) : slice_make(NULL, 0);
    size_t glue = 0;
    while (glue < more.len && strchr(",; ", more.ptr[glue]) != NULL)
        glue++;
    if (!is_reference || !ecma_captures_all(&ecma, (unsigned)(value[3] - '0')) ||
        rule->match.is_negated || memchr(more.ptr, '{', more.len) != NULL || glue == more.len ||
        glue == 0) {
        refuse(translated, "the new value of the header is made of variables or parts of the old "
                           "one; only a fixed text, none, or \"{R:1}; text\" behind (.*) can be "
                           "said");
        return;
    }
    translated->action = rewrite_text(
        file->arena, "{type: append_header, header: %s, value: %s, separator: %s}", header,
        quoted(file, slice_from(more, glue)), quoted(file, slice_head(more, glue)));
}

/* Without a condition the rule is for every response, and none could show what it leaves alone:
 * say it so that a response that is as wished is one. */
static void add_idle_test(const struct rewrite_file *file, struct translated *translated,
                          const char *header)
{
    const char *value = translated->rule->value;
    struct test test = {.kind = value[0] == '\0' ? TEST_PRESENT : TEST_DIFFERS, .input = header};
    if (translated->n_groups != 0)
        return;
    test.values = arena_alloc(file->arena, sizeof(*test.values));
    if (test.values == NULL)
        return;
    test.values[0] = value;
    test.n_values = 1;
    (void)add_header_group(file, translated, &test);
}

static void translate_edit(const struct rewrite_file *file, struct translated *translated,
                           const char *header)
{
    const char *value = translated->rule->value;
    if (value[0] == '\0') {
        translated->action = rewrite_text(file->arena, "{type: remove_header, header: %s}", header);
    } else if (!input_is_plain(value) || strlen(value) > IIS_VALUE_BYTES) {
        refuse(translated, "the new value of the header is longer than a rule can hold, or has "
                           "characters beyond ASCII");
        return;
    } else if (strchr(value, '{') != NULL) {
        translate_append(file, translated, header);
        return;
    } else {
        translated->action = rewrite_text(file->arena, "{type: set_header, header: %s, value: %s}",
                                          header, quoted(file, slice_str(value)));
    }
    add_idle_test(file, translated, header);
}

void translate_outbound(const struct rewrite_file *file, struct translated *translated)
{
    const struct rewrite_rule *rule = translated->rule;
    struct rewrite_condition match = rule->match;
    struct test test;
    bool is_response = false;
    int constant = -1;
    if (translated->problem != NULL || rule->action == REWRITE_NONE)
        return;
    if (rule->action != REWRITE_REWRITE) {
        refuse(translated, "an outbound rule can only rewrite");
        return;
    }
    match.input = rewrite_text(file->arena, "{%s}", rule->match.input);
    const char *problem =
        translate_test(file, rule->syntax, &match, &test, &is_response, &constant);
    if (problem == NULL && (!is_response || test.kind != TEST_REGEX))
        problem = "it sets something else than a header of the response (RESPONSE_...)";
    if (problem != NULL) {
        translated_problem(translated, match.line, problem);
        return;
    }
    translated->is_never = translated->is_never || constant == 0;
    if (constant < 0 && !add_header_group(file, translated, &test))
        return;
    translate_edit(file, translated, test.input);
}
