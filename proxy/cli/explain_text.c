/* Explanations for a terminal. */
#include "cli/explain.h"

#include "cli/cli.h"
#include "log/log.h"
#include "log/mask.h"

#include <arpa/inet.h>

#include "stopgap/banned.h"

enum {
    CLEAN_BYTES = 6 * LIMIT_EXCERPT_BYTES + 1,
    SUMMARY_BYTES = 80,       /* of a condition in a line about a rule that did not match */
    SUMMARY_VALUE_BYTES = 48, /* of the value there */
};

bool explain_clean(struct slice bytes, bool is_secret, char *out, size_t size)
{
    char masked[2 * LIMIT_EXCERPT_BYTES]; /* a mark can be longer than what it hides */
    struct slice clean =
        is_secret ? SLICE("***")
                  : mask_excerpt(slice_head(bytes, LIMIT_EXCERPT_BYTES), masked, sizeof(masked));
    out[log_escape_json(clean, out, size - 1)] = '\0';
    return !is_secret && slice_equal(clean, bytes);
}

bool explain_is_full(const struct explain_result_view *view, const struct explain_rule *rule)
{
    if (view->rule != NULL)
        return strcmp(view->rule, rule->info->id) == 0;
    return view->shows_all || rule->result == EXPLAIN_YES;
}

static const char *result_word(enum explain_result result)
{
    static const char *const words[] = {"no", "YES", "?"};
    return words[result];
}

/* ---- the head of the page */

static void print_request(const struct explain_result_view *view, FILE *out)
{
    static const char *const names[VIEW_COUNT] = {"as sent (raw)", "decoded once (once)",
                                                  "decoded to the end (stable)"};
    const struct explain_request *request = view->request;
    char target[MASK_TARGET_BYTES + MASK_MARK_BYTES];
    char clean[6 * sizeof(target)];
    char client[INET6_ADDRSTRLEN];
    size_t len = net_address_format(&request->head.client, client, sizeof(client));
    struct slice shown = mask_target(request->head.target, target);
    clean[log_escape_json(shown, clean, sizeof(clean) - 1)] = '\0';
    (void)fprintf(out, "request  " SLICE_FMT " %s\n", SLICE_ARG(request->head.method), clean);
    clean[log_escape_json(request->head.host, clean, CLEAN_BYTES - 1)] = '\0';
    (void)fprintf(out, "         host %s, client %.*s, %zu bytes of body\n", clean, (int)len,
                  client, request->body.len);
    for (int i = 0; view->explanation != NULL && i < VIEW_COUNT; i++)
        if (view->explanation->has_view[i]) {
            (void)explain_clean(view->explanation->path[i], false, clean, CLEAN_BYTES);
            (void)fprintf(out, "path     %-28s %s\n", names[i], clean);
        }
}

static void print_refusal(const struct explain_result_view *view, FILE *out)
{
    enum { SHOWN = 60 };
    const struct explain_request *request = view->request;
    const struct http_refusal *refusal = &request->parser.refusal;
    size_t at = request->refused_offset;
    struct slice raw = buf_slice(&request->raw);
    size_t start = at;
    while (start != 0 && raw.ptr[start - 1] != '\n')
        start--; /* the name in front of a value says whether it is a secret */
    size_t shown = at < raw.len ? 1 : 0; /* never into the next line, which has a name of its own */
    while (shown < SHOWN && at + shown < raw.len && raw.ptr[at + shown] != '\r' &&
           raw.ptr[at + shown] != '\n')
        shown++;
    /* A folded line belongs to the field above, and that may be a secret. */
    bool is_folded = start < raw.len && (raw.ptr[start] == ' ' || raw.ptr[start] == '\t');
    char before[CLEAN_BYTES];
    char behind[CLEAN_BYTES];
    bool is_plain = explain_clean(slice_head(slice_from(raw, start), at - start + shown), false,
                                  before, sizeof(before));
    (void)fprintf(out, "verdict  refused with %u (%s), before any rule, in every mode\n",
                  refusal->status, end_reason_word(refusal->reason));
    (void)fprintf(out, "         %s, at byte %zu\n", refusal->text, at);
    if (is_folded) {
        (void)fputs("         the line continues the one above; it is not shown\n", out);
        return;
    }
    if (!is_plain) {
        (void)fprintf(out, "         the line: %s\n", before);
        return;
    }
    (void)explain_clean(slice_head(slice_from(raw, start), at - start), false, before,
                        sizeof(before));
    (void)explain_clean(slice_head(slice_from(raw, at), shown), false, behind, sizeof(behind));
    (void)fprintf(out, "         the line: %s  >>here>>  %s\n", before, behind);
}

static void print_answer(const struct explain_result_view *view, struct slice rule, FILE *out)
{
    const struct decision *decision = &view->decision;
    if (decision->reason == END_UPGRADE_REFUSED)
        (void)fputs("refused with 501 (upgrade_refused): allow_upgrade is false", out);
    else if (decision->reason == END_RULE_BLOCK)
        (void)fprintf(out, "BLOCKED with %u by " SLICE_FMT, decision->status, SLICE_ARG(rule));
    else
        (void)fprintf(out, "refused with %u: the matcher reached a limit, fail_mode is closed",
                      decision->status);
}

/* A request that goes on, and why. */
static void print_pass(const struct explain_result_view *view, struct slice rule, FILE *out)
{
    const struct verdict *verdict = &view->explanation->verdict;
    if (view->is_exempt)
        (void)fputs("passes: a bare health check is not inspected", out);
    else if (view->is_off)
        (void)fputs("passes: mode is off; below is what mode block would say", out);
    else if (verdict->is_excluded)
        (void)fprintf(out, "passes: exclusion " SLICE_FMT " holds for " SLICE_FMT,
                      SLICE_ARG(verdict->hits[0].excluded_by), SLICE_ARG(rule));
    else if (rule.len != 0)
        (void)fprintf(out, "passes, and is reported: " SLICE_FMT, SLICE_ARG(rule));
    else
        (void)fputs("passes", out);
}

static void print_verdict(const struct explain_result_view *view, FILE *out)
{
    const struct verdict *verdict = &view->explanation->verdict;
    struct slice rule = verdict->n_hits != 0 ? verdict->hits[0].rule_id : slice_make(NULL, 0);
    (void)fputs("verdict  ", out);
    if (view->decision.kind == DECISION_ANSWER)
        print_answer(view, rule, out);
    else if (view->decision.kind == DECISION_ABORT)
        (void)fprintf(out, "ABORTED (closed without an answer) by " SLICE_FMT, SLICE_ARG(rule));
    else
        print_pass(view, rule, out);
    if (verdict->edits_response)
        (void)fputs("; a rule may edit the response", out);
    (void)fprintf(out, "\n         %zu rules of %s, mode %s\n", view->explanation->n_rules,
                  ruleset_name(view->set), view->config->mode == RULES_DETECT ? "detect" : "block");
}

/* ---- rules */

static void print_value(const struct explain_value *value, bool is_match, FILE *out)
{
    char field[CLEAN_BYTES];
    char excerpt[CLEAN_BYTES];
    char matched[CLEAN_BYTES];
    bool is_plain = explain_clean(value->excerpt, value->is_secret, excerpt, sizeof(excerpt));
    (void)explain_clean(value->field, false, field, sizeof(field));
    (void)fprintf(out, "%s = \"%s\"", field, excerpt);
    if (value->value_len > value->excerpt.len)
        (void)fprintf(out, " (%zu bytes, from %zu)", value->value_len, value->excerpt_start);
    if (!is_match)
        return;
    (void)fprintf(out, ", matched at %zu, %zu bytes", value->offset, value->len);
    struct slice bytes = slice_from(value->excerpt, value->offset - value->excerpt_start);
    if (is_plain && value->len != value->value_len && bytes.len != 0) {
        (void)explain_clean(slice_head(bytes, value->len), false, matched, sizeof(matched));
        (void)fprintf(out, ": \"%s\"", matched);
    }
}

static void print_condition(const struct explain_rule *rule,
                            const struct explain_condition *condition, FILE *out)
{
    const struct explain_view *view = &condition->views[rule->view];
    int indent = (int)(2 * condition->depth);
    (void)fprintf(out, "    %-4s%*s", result_word(view->result), indent, "");
    cli_put_bytes(out, condition->text);
    (void)fputc('\n', out);
    if (!condition->is_test)
        return;
    (void)fprintf(out, "        %*s  ", indent, "");
    if (view->n_values == 0)
        (void)fputs(view->result == EXPLAIN_UNKNOWN ? "(not looked at)" : "(there is none)", out);
    else
        print_value(&view->value, view->result == EXPLAIN_YES, out);
    if (view->n_values > 1)
        (void)fprintf(out, ", of %zu values", view->n_values);
    (void)fputc('\n', out);
}

static void print_full(const struct explain_rule *rule, FILE *out)
{
    const struct rule_info *info = rule->info;
    (void)fprintf(out, "\n%s  %s", rule->result == EXPLAIN_YES ? "MATCHED" : "rule", info->id);
    if (info->cve[0] != '\0')
        (void)fprintf(out, "  %s", info->cve);
    (void)fprintf(out, "  %s%s\n  %s\n  in view %s:\n", info->action,
                  info->is_enforced ? "" : ", only reports", info->title, view_name(rule->view));
    for (size_t i = 0; i < rule->n_conditions; i++)
        print_condition(rule, &rule->conditions[i], out);
    if (rule->result == EXPLAIN_YES && rule->is_response)
        (void)fputs("  It edits the response, where that fits its when_response.\n", out);
    else if (rule->result == EXPLAIN_YES && info->is_enforced)
        explain_print_remedy(info->id, out);
}

void explain_print_remedy(const char *id, FILE *out)
{
    (void)fprintf(out,
                  "  If this is a false alarm, in the configuration:\n"
                  "    modes: [{rule: %s, mode: detect}]   # it only reports; or\n"
                  "    exclusions: [{rule: %s, path: /..., comment: why, until: 2027-01-31}]\n",
                  id, id);
}

/* One line: the condition that kept it from being true. */
static void print_summary(const struct explain_rule *rule, FILE *out)
{
    const struct explain_condition *condition = &rule->conditions[rule->decisive];
    const struct explain_view *view = &condition->views[rule->view];
    char excerpt[CLEAN_BYTES];
    (void)fprintf(out, "  %-4s%-32s ", result_word(rule->result), rule->info->id);
    if (rule->result == EXPLAIN_UNKNOWN) {
        (void)fputs("the body was not looked at\n", out);
        return;
    }
    (void)fputs(view->result == EXPLAIN_YES ? "is true: " : "not true: ", out);
    cli_put_bytes(out, slice_head(condition->text, SUMMARY_BYTES));
    if (condition->text.len > SUMMARY_BYTES)
        (void)fputs("...", out);
    if (condition->is_test && view->n_values == 0) {
        (void)fputs(" (there is none)", out);
    } else if (condition->is_test) {
        (void)explain_clean(slice_head(view->value.excerpt, SUMMARY_VALUE_BYTES),
                            view->value.is_secret, excerpt, sizeof(excerpt));
        (void)fprintf(out, ", it is \"%s\"%s", excerpt,
                      view->value.value_len > SUMMARY_VALUE_BYTES ? "..." : "");
    }
    (void)fputc('\n', out);
}

void explain_print_text(const struct explain_result_view *view, FILE *out)
{
    const struct explanation *explanation = view->explanation;
    bool has_summary = false;
    for (size_t i = 0; i < view->request->n_notes; i++)
        (void)fprintf(out, "note     %s\n", view->request->notes[i]);
    if (view->request->is_refused) {
        print_refusal(view, out);
        return;
    }
    print_request(view, out);
    print_verdict(view, out);
    for (size_t i = 0; i < explanation->n_rules; i++)
        if (explain_is_full(view, &explanation->rules[i]))
            print_full(&explanation->rules[i], out);
    for (size_t i = 0; i < view->absent.n; i++)
        (void)fprintf(out, "%s  %-32s %s\n", i == 0 ? "\nWould match, but not in force:\n" : "",
                      view->absent.rules[i].id, view->absent.rules[i].why);
    for (size_t i = 0; i < explanation->n_rules && view->rule == NULL; i++) {
        if (explain_is_full(view, &explanation->rules[i]))
            continue;
        if (!has_summary)
            (void)fputs("\nNot matched, and the first condition that was missing:\n", out);
        has_summary = true;
        print_summary(&explanation->rules[i], out);
    }
}
