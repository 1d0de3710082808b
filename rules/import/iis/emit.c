/* Writes YAML: one test a line, texts in single quotes. */
#include "import/iis/emit.h"

#include "import/iis/inputs.h"

#include "stopgap/banned.h"

static bool put(struct buf *out, const char *text)
{
    return buf_append(out, slice_str(text));
}

static bool put_quoted(struct buf *out, const char *text)
{
    bool fits = put(out, "'");
    for (; *text != '\0' && fits; text++)
        fits = buf_append(out, slice_make(text, 1)) && (*text != '\'' || put(out, "'"));
    return fits && put(out, "'");
}

static bool put_indent(struct buf *out, unsigned indent)
{
    return buf_printf(out, "%*s", (int)indent, "");
}

/* ---- tests */

/* {field: iis_input, name: '...', regex: '...'} */
static bool put_comparison(struct buf *out, const struct test *test, bool is_response,
                           bool is_negated)
{
    bool is_status = is_response && test->input[0] == '\0';
    bool is_list = test->kind == TEST_VALUES;
    bool fits = put(out, is_status     ? "{field: status"
                         : is_response ? "{field: response_header, name: "
                                       : "{field: iis_input, name: ");
    if (!is_status)
        fits = fits && put_quoted(out, test->input);
    fits =
        fits && buf_printf(out, ", %s%s: ", is_negated ? "not_" : "", is_list ? "one_of" : "regex");
    if (!is_list)
        fits = fits && put_quoted(out, test->regex);
    for (size_t i = 0; i < test->n_values && is_list; i++)
        fits = fits && put(out, i == 0 ? "[" : ", ") && put_quoted(out, test->values[i]);
    fits = fits && put(out, is_list ? "]" : "");
    return fits && put(out, test->is_sensitive && !is_status ? ", case: sensitive}" : "}");
}

static bool put_none(struct buf *out, const struct test *test, bool is_response, bool is_negated)
{
    return put(out, "{none: [") && put_comparison(out, test, is_response, is_negated) &&
           put(out, "]}");
}

static bool put_header_test(struct buf *out, const struct test *test)
{
    const char *format = "{field: response_header, name: ";
    bool fits = true;
    switch (test->kind) {
    case TEST_PRESENT:
        return put(out, format) && put_quoted(out, test->input) && put(out, ", exists: true}");
    case TEST_DIFFERS:
        fits = put(out, "{any: [") && put(out, format) && put_quoted(out, test->input) &&
               put(out, ", not_equals: ") && put_quoted(out, test->values[0]);
        return fits && put(out, ", case: sensitive}, {none: [") && put(out, format) &&
               put_quoted(out, test->input) && put(out, ", exists: true}]}]}");
    case TEST_VALUES:
        return put_comparison(out, test, true, test->is_negated);
    case TEST_REGEX:
        break;
    }
    /* A header that is missing is empty to IIS, and makes every test false here. */
    return test->fits_empty != test->is_negated ? put_none(out, test, true, !test->is_negated)
                                                : put_comparison(out, test, true, test->is_negated);
}

/* is_certain: true in every reading of the input, not in one of them; for tests under `none`. */
static bool put_test(struct buf *out, const struct test *test, bool is_response, bool is_certain)
{
    if (is_response)
        return put_header_test(out, test);
    return is_certain && input_is_ambiguous(test->input)
               ? put_none(out, test, false, !test->is_negated)
               : put_comparison(out, test, false, test->is_negated);
}

static bool put_group(struct buf *out, const struct group *group, unsigned indent, bool is_certain)
{
    bool fits = true;
    if (group->is_any && group->n > 1) {
        fits = put_indent(out, indent) && put(out, "- any:\n");
        indent += 4;
    }
    for (size_t i = 0; i < group->n && fits; i++)
        fits = put_indent(out, indent) && put(out, "- ") &&
               put_test(out, &group->tests[i], group->is_response, is_certain) && put(out, "\n");
    return fits;
}

static bool put_shield(struct buf *out, const struct translated *shield)
{
    bool fits = buf_printf(out,
                           "    # not where '%s' of line %u ends the evaluation\n    - none:\n"
                           "        - all:\n",
                           shield->rule->name, shield->rule->line);
    for (size_t i = 0; i < shield->n_groups && fits; i++)
        fits = put_group(out, &shield->groups[i], 12, true);
    return fits;
}

/* Whether the rule has anything to say about one side. */
static bool has_side(const struct translated *translated, bool is_response)
{
    for (size_t i = 0; i < translated->n_groups; i++)
        if (translated->groups[i].is_response == is_response)
            return true;
    for (size_t i = 0; i < translated->n_shields; i++)
        if (translated->shields[i]->groups[0].is_response == is_response)
            return true;
    return false;
}

/* The tree of one side. */
static bool put_tree(struct buf *out, const struct translated *translated, bool is_response)
{
    bool is_there = has_side(translated, is_response);
    if (is_response && !is_there)
        return true;
    bool fits = buf_printf(out, "%s:\n  all:%s\n", is_response ? "when_response" : "when",
                           is_there ? "" : " []");
    for (size_t i = 0; i < translated->n_groups && fits; i++)
        if (translated->groups[i].is_response == is_response)
            fits = put_group(out, &translated->groups[i], 4, false);
    for (size_t i = 0; i < translated->n_shields && fits; i++)
        if (translated->shields[i]->groups[0].is_response == is_response)
            fits = put_shield(out, translated->shields[i]);
    return fits;
}

/* ---- the file */

static bool has_undecoded(const struct translated *translated)
{
    for (size_t g = 0; g < translated->n_groups; g++)
        for (size_t i = 0; i < translated->groups[g].n && !translated->groups[g].is_response; i++) {
            const char *input = translated->groups[g].tests[i].input;
            if (!input_is_decoded(input) && strcmp(input, "{URL}") != 0)
                return true;
        }
    return false;
}

bool emit_rule(const struct rewrite_file *file, const struct translated *translated, const char *id,
               struct buf *out)
{
    const struct rewrite_rule *rule = translated->rule;
    const char *name = file->options->file != NULL ? file->options->file : "";
    const char *slash = strrchr(name, '/');
    bool fits = put(out, "# Imported from IIS: ");
    for (name = slash != NULL ? slash + 1 : name; *name != '\0' && fits; name++)
        fits = *name < ' ' || *name > '~' || buf_append(out, slice_make(name, 1));
    fits = fits &&
           buf_printf(out,
                      ", line %u. It sees what the rule sees there, and no more.\n"
                      "id: %s\ntitle: ",
                      rule->line, id) &&
           put_quoted(out, rule->name[0] != '\0' ? rule->name : "rule without a name");
    if (translated->note != NULL)
        fits = fits && buf_printf(out, "\n# %s", translated->note);
    fits =
        fits && put(out, "\nseverity: medium\n"
                         "side_effects: those of the rule in IIS; the import cannot know them\n");
    if (has_undecoded(translated))
        fits = fits && put(out, "blind_to: [an input that is written with escapes where IIS does "
                                "not decode it]\n");
    return fits && buf_printf(out, "mode: block\naction: %s\n", translated->action) &&
           put_tree(out, translated, false) && put_tree(out, translated, true);
}

/* ---- samples */

static bool put_headers(struct buf *out, const char *key, char *const *headers, size_t n)
{
    bool fits = n == 0 || buf_printf(out, "      %s: [", key);
    for (size_t i = 0; i < n && fits; i++)
        fits = put(out, i == 0 ? "" : ", ") && put_quoted(out, headers[i]);
    return fits && put(out, n == 0 ? "" : "]\n");
}

static bool put_sample(struct buf *out, const struct sample *sample)
{
    bool fits = put(out, "    - target: ") && put_quoted(out, sample->target) && put(out, "\n");
    if (sample->method != NULL)
        fits =
            fits && put(out, "      method: ") && put_quoted(out, sample->method) && put(out, "\n");
    if (sample->client != NULL)
        fits =
            fits && put(out, "      client: ") && put_quoted(out, sample->client) && put(out, "\n");
    if (sample->status != 0)
        fits = fits && buf_printf(out, "      status: %u\n", sample->status);
    return fits && put_headers(out, "headers", sample->headers, sample->n_headers) &&
           put_headers(out, "response_headers", sample->response_headers,
                       sample->n_response_headers);
}

static bool put_list(struct buf *out, const char *key, const struct sample *samples, size_t n)
{
    bool fits = buf_printf(out, "  %s:\n", key);
    if (n == 0)
        fits = fits && put(out, "    # none could be made up; add one by hand, such as\n"
                                "    # - target: /owa/?x=1\n"
                                "    #   headers: ['X-Name: value']\n");
    for (size_t i = 0; i < n && fits; i++)
        fits = put_sample(out, &samples[i]);
    return fits;
}

bool emit_samples(struct buf *out, const struct sample *must_block, size_t n_must_block,
                  const struct sample *must_pass, size_t n_must_pass)
{
    return put(out, "samples:\n") && put_list(out, "must_block", must_block, n_must_block) &&
           put_list(out, "must_pass", must_pass, n_must_pass);
}
