/* Explanations for programs. */
#include "cli/explain.h"

#include "log/log.h"
#include "log/mask.h"

#include <jansson.h>

#include "stopgap/banned.h"

enum { CLEAN_BYTES = 6 * LIMIT_EXCERPT_BYTES + 1 };

/* Bytes as the logs write them: each one a character of Latin-1. */
static json_t *json_bytes(struct slice bytes, bool is_secret)
{
    char text[CLEAN_BYTES + 2] = "\"";
    (void)explain_clean(bytes, is_secret, text + 1, CLEAN_BYTES);
    size_t len = strlen(text);
    text[len] = '"';
    return json_loadb(text, len + 1, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static json_t *json_target(struct slice target)
{
    char masked[MASK_TARGET_BYTES + MASK_MARK_BYTES];
    char text[6 * sizeof(masked) + 2] = "\"";
    size_t len = log_escape_json(mask_target(target, masked), text + 1, sizeof(text) - 2);
    text[len + 1] = '"';
    return json_loadb(text, len + 2, JSON_DECODE_ANY, NULL);
}

static const char *result_word(enum explain_result result)
{
    static const char *const words[] = {"no", "yes", "unknown"};
    return words[result];
}

static json_t *json_view(const struct explain_condition *condition, const struct explain_view *view)
{
    json_t *object = json_pack("{s:s}", "result", result_word(view->result));
    if (!condition->is_test)
        return object;
    (void)json_object_set_new(object, "values", json_integer((json_int_t)view->n_values));
    if (view->n_values == 0)
        return object;
    const struct explain_value *value = &view->value;
    (void)json_object_set_new(object, "field", json_bytes(value->field, false));
    (void)json_object_set_new(object, "excerpt", json_bytes(value->excerpt, value->is_secret));
    (void)json_object_set_new(object, "excerpt_at", json_integer((json_int_t)value->excerpt_start));
    if (view->result == EXPLAIN_YES) {
        (void)json_object_set_new(object, "offset", json_integer((json_int_t)value->offset));
        (void)json_object_set_new(object, "bytes", json_integer((json_int_t)value->len));
    }
    return object;
}

static json_t *json_condition(const struct explain_result_view *view,
                              const struct explain_condition *condition)
{
    json_t *views = json_object();
    for (int i = 0; i < VIEW_COUNT; i++)
        if (view->explanation->has_view[i])
            (void)json_object_set_new(views, view_name((enum view_id)i),
                                      json_view(condition, &condition->views[i]));
    return json_pack("{s:i, s:o, s:o}", "depth", (int)condition->depth, "condition",
                     json_stringn(condition->text.ptr, condition->text.len), "views", views);
}

static json_t *json_rule(const struct explain_result_view *view, const struct explain_rule *rule)
{
    const struct rule_info *info = rule->info;
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s}", "id", info->id, "cve", info->cve, "title",
                  info->title, "action", info->action, "enforced", (int)info->is_enforced, "result",
                  result_word(rule->result), "view", view_name(rule->view));
    json_t *conditions = json_array();
    bool is_full = explain_is_full(view, rule);
    for (size_t i = 0; i < rule->n_conditions; i++)
        if (is_full || i == rule->decisive)
            (void)json_array_append_new(conditions, json_condition(view, &rule->conditions[i]));
    (void)json_object_set_new(object, is_full ? "conditions" : "missing", conditions);
    return object;
}

static json_t *json_rules(const struct explain_result_view *view)
{
    json_t *rules = json_array();
    for (size_t i = 0; view->explanation != NULL && i < view->explanation->n_rules; i++) {
        const struct explain_rule *rule = &view->explanation->rules[i];
        if (view->rule == NULL || explain_is_full(view, rule))
            (void)json_array_append_new(rules, json_rule(view, rule));
    }
    return rules;
}

static json_t *json_absent(const struct explain_result_view *view)
{
    json_t *list = json_array();
    for (size_t i = 0; i < view->absent.n; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s}", "id", view->absent.rules[i].id,
                                                    "why", view->absent.rules[i].why));
    return list;
}

bool explain_print_json(const struct explain_result_view *view, FILE *out)
{
    const struct explain_request *request = view->request;
    json_t *notes = json_array();
    for (size_t i = 0; i < request->n_notes; i++)
        (void)json_array_append_new(notes, json_string(request->notes[i]));
    json_t *root =
        json_pack("{s:s, s:i, s:s, s:o}", "decision", view->decision.word, "status",
                  (int)view->decision.status, "ruleset", ruleset_name(view->set), "notes", notes);
    if (request->is_refused) {
        const struct http_refusal *refusal = &request->parser.refusal;
        (void)json_object_set_new(root, "refused",
                                  json_pack("{s:s, s:s, s:I}", "code",
                                            end_reason_word(refusal->reason), "text", refusal->text,
                                            "offset", (json_int_t)request->refused_offset));
    } else {
        (void)json_object_set_new(root, "request",
                                  json_pack("{s:o, s:o, s:o, s:I}", "method",
                                            json_bytes(request->head.method, false), "target",
                                            json_target(request->head.target), "host",
                                            json_bytes(request->head.host, false), "body_bytes",
                                            (json_int_t)request->body.len));
        (void)json_object_set_new(root, "rules", json_rules(view));
        (void)json_object_set_new(root, "not_in_force", json_absent(view));
    }
    int status = json_dumpf(root, out, JSON_INDENT(2));
    json_decref(root);
    return root != NULL && status == 0 && fputc('\n', out) != EOF;
}
