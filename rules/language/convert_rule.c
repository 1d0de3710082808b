/* The head of a rule: who it is, what it does, for which builds. */
#include "convert.h"

#include <stdlib.h>

#include "texts.h"
#include "words.h"

#include "stopgap/banned.h"

enum { DEFAULT_STATUS = 403 }; /* what IIS answers for a forbidden request */

bool convert_number(const struct report *report, const char *text, uint64_t path,
                    const unsigned range[2], unsigned *ret_value)
{
    uint64_t value;
    if (!slice_to_u64(slice_str(text), &value) || value < range[0] || value > range[1])
        return report_value(report, ERR_SYNTAX, path, "'%.60s' is not a status of %u to %u", text,
                            range[0], range[1]);
    *ret_value = (unsigned)value;
    return true;
}

static bool check_required(const struct report *report, const struct yaml_rule *yaml)
{
    const struct {
        const char *key;
        const void *value;
        const char *remedy;
    } required[] = {
        {"id", yaml->id, "letters, digits, '.', '_', '-'"},
        {"title", yaml->title, "one line for people"},
        {"severity", yaml->severity, "critical, high, medium or low"},
        {"side_effects", yaml->side_effects, "'none known' is an answer"},
        {"when", yaml->when, "the conditions"},
        {"samples", yaml->samples, "must_block and must_pass"},
    };
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
        if (required[i].value == NULL)
            return report_value(report, ERR_SYNTAX, PLACE_ROOT, "'%s' is missing; add it: %s",
                                required[i].key, required[i].remedy);
    return true;
}

static bool convert_texts(const struct report *report, struct yaml_rule *yaml, struct rule *rule)
{
    text_join_lines(yaml->title);
    text_join_lines(yaml->side_effects);
    if (!text_is_printable(yaml->title))
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "title"),
                            "'title' is one line of text for people");
    if (!text_is_printable(yaml->side_effects))
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "side_effects"),
                            "'side_effects' is text for people; 'none known' is an answer");
    rule->title = take_text(&yaml->title);
    rule->side_effects = take_text(&yaml->side_effects);
    return true;
}

/* Each entry of a list has the form that check asks for. */
static bool lint_entries(const struct report *report, char *const *texts, size_t n, const char *key,
                         bool (*check)(const char *text))
{
    const char *form = check == text_is_cve   ? "CVE-2021-26855"
                       : check == text_is_url ? "https://example.com/page"
                                              : "a line of text";
    for (size_t i = 0; i < n; i++)
        if (!check(texts[i]))
            return report_value(report, ERR_SYNTAX, place_item(place_key(PLACE_ROOT, key), i),
                                "'%.60s' in '%s' should look like: %s", texts[i], key, form);
    return true;
}

static bool convert_lists(const struct report *report, struct yaml_rule *yaml, struct rule *rule)
{
    for (unsigned i = 0; i < yaml->n_blind_to; i++)
        text_join_lines(yaml->blind_to[i]);
    rule->cve = take_texts(&yaml->cve, &yaml->n_cve, &rule->n_cve);
    rule->references = take_texts(&yaml->references, &yaml->n_references, &rule->n_references);
    rule->blind_to = take_texts(&yaml->blind_to, &yaml->n_blind_to, &rule->n_blind_to);
    return lint_entries(report, rule->cve, rule->n_cve, "cve", text_is_cve) &&
           lint_entries(report, rule->references, rule->n_references, "references", text_is_url) &&
           lint_entries(report, rule->blind_to, rule->n_blind_to, "blind_to", text_is_printable);
}

static bool convert_severity(const struct report *report, struct yaml_rule *yaml, struct rule *rule)
{
    static const char *const words[] = {"critical", "high", "medium", "low"};
    enum { N_WORDS = sizeof(words) / sizeof(words[0]) };
    if (word_index(words, N_WORDS, yaml->severity) == N_WORDS)
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "severity"),
                            "'severity' is critical, high, medium or low");
    rule->severity = take_text(&yaml->severity);
    return true;
}

static bool convert_builds(const struct report *report, struct yaml_rule *yaml, struct rule *rule)
{
    if (yaml->n_applies_to == 0)
        return true;
    rule->applies_to = calloc(yaml->n_applies_to, sizeof(*rule->applies_to));
    if (rule->applies_to == NULL)
        return report_no_memory(report);
    rule->n_applies_to = yaml->n_applies_to;
    for (size_t i = 0; i < rule->n_applies_to; i++) {
        struct yaml_range *range = &yaml->applies_to[i];
        if ((range->from == NULL && range->before == NULL) ||
            (range->from != NULL && !text_is_build(range->from)) ||
            (range->before != NULL && !text_is_build(range->before)))
            return report_value(report, ERR_SYNTAX,
                                place_item(place_key(PLACE_ROOT, "applies_to"), i),
                                "'applies_to' has entries such as {from: 15.1.0.0, before: "
                                "15.1.2242.4}");
        rule->applies_to[i].from = take_text(&range->from);
        rule->applies_to[i].before = take_text(&range->before);
    }
    return true;
}

static bool convert_mode(const struct report *report, struct yaml_rule *yaml, struct rule *rule)
{
    if (yaml->mode != NULL && strcmp(yaml->mode, "block") != 0 && strcmp(yaml->mode, "detect") != 0)
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "mode"),
                            "'mode' is block or detect");
    rule->is_detect_only =
        (yaml->mode != NULL && strcmp(yaml->mode, "detect") == 0) || rule->action == ACTION_DETECT;
    if (yaml->superseded_by == NULL)
        return true;
    if (!text_is_id(yaml->superseded_by) || strcmp(yaml->superseded_by, rule->id) == 0)
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "superseded_by"),
                            "'superseded_by' is the id of another rule");
    rule->superseded_by = take_text(&yaml->superseded_by);
    return true;
}

static bool convert_activation(const struct report *report, const struct yaml_rule *yaml,
                               struct rule *rule)
{
    if (yaml->activation == NULL)
        return true;
    size_t index = word_index(activation_words, ACTIVATION_COUNT, yaml->activation);
    if (index == ACTIVATION_COUNT)
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "activation"),
                            "'activation' is always, option or stale");
    rule->activation = (enum rule_activation)index;
    return true;
}

static bool convert_keep(const struct report *report, const struct yaml_rule *yaml,
                         struct rule *rule)
{
    rule->is_kept = yaml->keep != NULL && strcmp(yaml->keep, "true") == 0;
    return yaml->keep == NULL || rule->is_kept || strcmp(yaml->keep, "false") == 0 ||
           report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "keep"),
                        "'keep' is true or false");
}

static bool convert_mitigation(const struct report *report, struct yaml_rule *yaml,
                               struct rule *rule)
{
    if (yaml->mitigation != NULL && !text_is_id(yaml->mitigation))
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "mitigation"),
                            "'mitigation' is an id such as M1.1; several rules may share it");
    rule->mitigation = yaml->mitigation != NULL ? take_text(&yaml->mitigation) : strdup(rule->id);
    return rule->mitigation != NULL || report_no_memory(report);
}

static bool convert_type(const struct report *report, const struct yaml_action *yaml, uint64_t path,
                         enum rule_action *ret_action)
{
    if (yaml->type == NULL)
        return report_value(report, ERR_SYNTAX, path, "'action' needs a 'type' such as block");
    size_t index = word_index(action_words, n_action_words, yaml->type);
    if (index < n_action_words) {
        *ret_action = (enum rule_action)index;
        return true;
    }
    const char *closest = word_closest(action_words, n_action_words, yaml->type);
    return report_value(report, ERR_SYNTAX, place_key(path, "type"),
                        "unknown action '%.60s'; %s%s%s", yaml->type,
                        closest != NULL ? "did you mean '"
                                        : "it is block, abort, detect, deny_vdir, set_header, "
                                          "append_header or remove_header",
                        closest != NULL ? closest : "", closest != NULL ? "'?" : "");
}

/* Each key of an action belongs to some types: it must be there, may, or must not. */
static bool lint_action_keys(const struct report *report, const struct yaml_action *yaml,
                             uint64_t path, enum rule_action action)
{
    bool answers = action == ACTION_BLOCK || action == ACTION_DENY_VDIR;
    bool has_value = action == ACTION_SET_HEADER || action == ACTION_APPEND_HEADER;
    const struct {
        const char *key;
        const char *text;
        bool is_allowed;
        bool is_required;
    } keys[] = {
        {"status", yaml->status, answers, false},
        {"header", yaml->header, action_is_response(action), action_is_response(action)},
        {"value", yaml->value, has_value, has_value},
        {"separator", yaml->separator, action == ACTION_APPEND_HEADER, false},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].text != NULL && !keys[i].is_allowed)
            return report_value(report, ERR_SYNTAX, place_key(path, keys[i].key),
                                "action '%s' has no '%s'; leave it out", action_word(action),
                                keys[i].key);
        if (keys[i].text == NULL && keys[i].is_required)
            return report_value(report, ERR_SYNTAX, path, "action '%s' needs '%s'; add it",
                                action_word(action), keys[i].key);
    }
    return true;
}

static bool convert_header(const struct report *report, struct yaml_action *yaml, uint64_t path,
                           struct rule *rule)
{
    if (!text_is_token(yaml->header))
        return report_value(report, ERR_SYNTAX, place_key(path, "header"),
                            "'%.60s' cannot be the name of a header field", yaml->header);
    if (text_is_framing_field(yaml->header))
        return report_value(report, ERR_SYNTAX, place_key(path, "header"),
                            "'%s' frames the message or belongs to the connection; a rule must "
                            "not change it",
                            yaml->header);
    if (yaml->value != NULL && (yaml->value[0] == '\0' || !text_is_field_value(yaml->value)))
        return report_value(report, ERR_SYNTAX, place_key(path, "value"),
                            "'value' is one line without control characters and not empty; use "
                            "remove_header to take a field away");
    if (yaml->separator != NULL && !text_is_field_value(yaml->separator))
        return report_value(report, ERR_SYNTAX, place_key(path, "separator"),
                            "'separator' has no line breaks and control characters");
    rule->header = take_text(&yaml->header);
    rule->value = take_text(&yaml->value);
    rule->separator = take_text(&yaml->separator);
    if (rule->action == ACTION_APPEND_HEADER && rule->separator == NULL) {
        rule->separator = strdup("; ");
        return rule->separator != NULL || report_no_memory(report);
    }
    return true;
}

static bool convert_action(const struct report *report, struct yaml_action *yaml, struct rule *rule)
{
    static const unsigned error_status[2] = {400, 599};
    uint64_t path = place_key(PLACE_ROOT, "action");
    if (yaml != NULL && (!convert_type(report, yaml, path, &rule->action) ||
                         !lint_action_keys(report, yaml, path, rule->action)))
        return false;
    if (yaml != NULL && action_is_response(rule->action))
        return convert_header(report, yaml, path, rule);
    if (rule->action == ACTION_BLOCK || rule->action == ACTION_DENY_VDIR)
        rule->status = DEFAULT_STATUS;
    return yaml == NULL || yaml->status == NULL ||
           convert_number(report, yaml->status, place_key(path, "status"), error_status,
                          &rule->status);
}

static bool convert_conditions(const struct report *report, struct yaml_rule *yaml,
                               struct rule *rule)
{
    struct convert convert = {.report = report};
    uint64_t response_path = place_key(PLACE_ROOT, "when_response");
    if (!convert_node(&convert, yaml->when, place_key(PLACE_ROOT, "when"), 1, &rule->when))
        return false;
    if (yaml->when_response == NULL)
        return true;
    if (!action_is_response(rule->action))
        return report_value(report, ERR_SYNTAX, response_path,
                            "'when_response' needs an action on the response (set_header, "
                            "append_header, remove_header); leave it out");
    convert.is_response = true;
    return convert_node(&convert, yaml->when_response, response_path, 1, &rule->when_response);
}

bool convert_rule(const struct report *report, struct yaml_rule *yaml, struct rule *rule)
{
    if (!check_required(report, yaml))
        return false;
    if (!text_is_id(yaml->id))
        return report_value(report, ERR_SYNTAX, place_key(PLACE_ROOT, "id"),
                            "'id' has letters, digits, '.', '_', '-', and at most %d of them",
                            LIMIT_RULE_ID_BYTES);
    rule->id = take_text(&yaml->id);
    return convert_texts(report, yaml, rule) && convert_lists(report, yaml, rule) &&
           convert_severity(report, yaml, rule) && convert_builds(report, yaml, rule) &&
           convert_action(report, yaml->action, rule) && convert_mode(report, yaml, rule) &&
           convert_activation(report, yaml, rule) && convert_keep(report, yaml, rule) &&
           convert_mitigation(report, yaml, rule) && convert_conditions(report, yaml, rule) &&
           convert_samples(report, yaml->samples, rule);
}
