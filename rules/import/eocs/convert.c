/* From a mitigation to rule files: all of it, or the reason why not. */
#include "plan.h"
#include "proof.h"
#include "yaml_text.h"

#include <ctype.h>
#include <stdlib.h>

#include "import/iis/prove.h"
#include "stopgap/eocs.h"
#include "stopgap/limits.h"

#include "stopgap/banned.h"

/* What was published, and which shipped rules do its work (the feed's texts are not known). */
static const struct {
    const char *family, *rules, *cve;
} published[] = {
    {"M1", "EEMS-M1.1, SG-2022-41040-PATH", "CVE-2022-41040"},
    {"M2", "EEMS-M2.1", "CVE-2026-42897"},
};

/* "M1", "M1.1" and "M01.1.0" are of one family. */
static size_t find_published(const char *id)
{
    size_t n = sizeof(published) / sizeof(published[0]);
    const char *number = id + 1 + strspn(id + (*id != '\0'), "0");
    for (size_t i = 0; *id != '\0' && i < n; i++)
        if (toupper((unsigned char)*id) == published[i].family[0] &&
            number[0] == published[i].family[1] && !isdigit((unsigned char)number[1]))
            return i;
    return n;
}

const char *eocs_known_rule(const char *id)
{
    size_t i = find_published(id);
    return i < sizeof(published) / sizeof(published[0]) ? published[i].rules : NULL;
}

/* ---- writing */

static void write_test(struct yaml_text *yaml, const struct plan_test *test)
{
    if (test->is_negated) {
        yaml_open_map(yaml, false);
        yaml_word(yaml, "none");
        yaml_open_list(yaml, false);
    }
    yaml_open_map(yaml, true);
    yaml_pair(yaml, "field", test->field);
    if (test->name != NULL)
        yaml_pair(yaml, "name", test->name);
    yaml_pair(yaml, test->op, test->text);
    if (test->is_sensitive)
        yaml_pair(yaml, "case", "sensitive");
    yaml_close_map(yaml);
    if (test->is_negated) {
        yaml_close_list(yaml);
        yaml_close_map(yaml);
    }
}

static void write_tree(struct yaml_text *yaml, const char *key, const struct plan_group *groups)
{
    size_t n = 0;
    for (size_t i = 0; i < PLAN_GROUPS; i++)
        n += groups[i].n;
    if (n == 0)
        return;
    yaml_word(yaml, key);
    yaml_open_map(yaml, false);
    yaml_word(yaml, "all");
    yaml_open_list(yaml, false);
    for (size_t i = 0; i < PLAN_GROUPS; i++) {
        bool is_nested = groups[i].is_any && groups[i].n > 1;
        if (is_nested) {
            yaml_open_map(yaml, false);
            yaml_word(yaml, "any");
            yaml_open_list(yaml, false);
        }
        for (size_t j = 0; j < groups[i].n; j++)
            write_test(yaml, &groups[i].items[j]);
        if (is_nested) {
            yaml_close_list(yaml);
            yaml_close_map(yaml);
        }
    }
    yaml_close_list(yaml);
    yaml_close_map(yaml);
}

static void write_action(struct yaml_text *yaml, const struct plan *plan)
{
    char status[8];
    yaml_word(yaml, "action");
    yaml_open_map(yaml, false);
    yaml_pair(yaml, "type", plan->action);
    if (plan->status != 0) {
        (void)snprintf(status, sizeof(status), "%u", plan->status);
        yaml_word(yaml, "status");
        yaml_word(yaml, status);
    }
    if (plan->header != NULL)
        yaml_pair(yaml, "header", plan->header);
    if (plan->value != NULL)
        yaml_pair(yaml, "value", plan->value);
    if (plan->separator != NULL)
        yaml_pair(yaml, "separator", plan->separator);
    yaml_close_map(yaml);
}

/* Bytes that may stand in a request target as they are (RFC 3986); the others get a percent. */
static void write_target(struct yaml_text *yaml, struct slice target)
{
    struct buf out;
    buf_init(&out, PROOF_MAX_BYTES * 3UL);
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        bool is_plain = isalnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
        if (!(is_plain ? buf_append(&out, slice_make(&target.ptr[i], 1))
                       : buf_printf(&out, "%%%02X", c)))
            yaml->is_failed = true;
    }
    yaml_word(yaml, "target");
    yaml_quoted(yaml, buf_slice(&out));
    buf_done(&out);
}

static void write_headers(struct yaml_text *yaml, const char *key,
                          const struct proof_header *headers, size_t n)
{
    if (n == 0)
        return;
    yaml_word(yaml, key);
    yaml_open_list(yaml, true);
    for (size_t i = 0; i < n; i++) {
        struct buf line;
        buf_init(&line, PROOF_MAX_BYTES * 2UL);
        if (!buf_printf(&line, "%s: " SLICE_FMT, headers[i].name,
                        SLICE_ARG(buf_slice(&headers[i].value))))
            yaml->is_failed = true;
        yaml_quoted(yaml, buf_slice(&line));
        buf_done(&line);
    }
    yaml_close_list(yaml);
}

static void write_samples(struct yaml_text *yaml, const char *key,
                          const struct proof_request *requests, size_t n)
{
    yaml_word(yaml, key);
    yaml_open_list(yaml, false);
    for (size_t i = 0; i < n; i++) {
        yaml_open_map(yaml, false);
        yaml_pair(yaml, "method", requests[i].method);
        write_target(yaml, buf_slice(&requests[i].target));
        write_headers(yaml, "headers", requests[i].headers, requests[i].n_headers);
        write_headers(yaml, "response_headers", requests[i].response, requests[i].n_response);
        yaml_close_map(yaml);
    }
    yaml_close_list(yaml);
}

static void write_about(struct yaml_text *yaml, const struct eocs_mitigation *mitigation)
{
    static const char source[] =
        "https://learn.microsoft.com/exchange/plan-and-deploy/post-installation-tasks/"
        "security-best-practices/exchange-emergency-mitigation-service";
    char title[400];
    size_t known = find_published(mitigation->id);
    (void)snprintf(title, sizeof(title), "Mitigation %s of Microsoft's feed%s%.300s",
                   mitigation->id, *mitigation->desc != '\0' ? ": " : "", mitigation->desc);
    yaml_pair(yaml, "title", title);
    if (known < sizeof(published) / sizeof(published[0])) {
        yaml_word(yaml, "cve");
        yaml_open_list(yaml, true);
        yaml_word(yaml, published[known].cve);
        yaml_close_list(yaml);
    }
    yaml_word(yaml, "references");
    yaml_open_list(yaml, false);
    yaml_quoted(yaml, slice_str(source));
    yaml_close_list(yaml);
    yaml_pair(yaml, "severity", "high");
    yaml_pair(yaml, "side_effects",
              "not stated in the feed; see Microsoft's page about this mitigation");
    if (*mitigation->applicability != '\0') {
        yaml_word(yaml, "blind_to");
        yaml_open_list(yaml, false);
        yaml_quoted(yaml, SLICE("builds the feed names, which this rule does not look at"));
        yaml_quoted(yaml, slice_str(mitigation->applicability));
        yaml_close_list(yaml);
    }
}

/* One rule on its way into a file. */
struct job {
    const struct eocs_mitigation *mitigation;
    const struct eocs_action *action;
    const struct iis_rule *rule;
    const char *id;
    bool is_enforced;
};

static bool write_rule(const struct job *job, const struct plan *plan, const struct proof *proof,
                       struct buf *out)
{
    struct yaml_text yaml;
    yaml_text_begin(&yaml, out);
    yaml_open_map(&yaml, false);
    yaml_pair(&yaml, "id", job->id);
    write_about(&yaml, job->mitigation);
    yaml_pair(&yaml, "mode", job->is_enforced ? "block" : "detect");
    write_action(&yaml, plan);
    write_tree(&yaml, "when", plan->request);
    write_tree(&yaml, "when_response", plan->response);
    yaml_word(&yaml, "samples");
    yaml_open_map(&yaml, false);
    write_samples(&yaml, "must_block", proof->must_block, proof->n_must_block);
    write_samples(&yaml, "must_pass", proof->must_pass, proof->n_must_pass);
    yaml_close_map(&yaml);
    yaml_close_map(&yaml);
    return yaml_text_end(&yaml);
}

/* ---- converting */

static bool convert_rule(const struct job *job, struct eocs_file *file, struct err *err)
{
    struct arena arena;
    _Alignas(16) char first[4096];
    arena_init(&arena, first, sizeof(first), EOCS_MAX_TEXT_BYTES);
    struct plan *plan = calloc(1, sizeof(*plan));
    struct proof *proof = calloc(1, sizeof(*proof));
    const char *problem = NULL;
    bool done = plan != NULL && proof != NULL;
    if (!done) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    } else if ((problem = plan_make(&arena, job->rule, job->action->scope, plan)) != NULL) {
        done = err_set(err, ERR_COMPILE, "E_EOCS_CONVERT",
                       "mitigation %s: %s; look at it with 'stopgap eocs show' and write the rule "
                       "by hand",
                       job->mitigation->id, problem);
    } else if ((problem = proof_make(&arena, plan, proof)) != NULL) {
        done = err_set(err, ERR_TEST, "E_EOCS_SAMPLE",
                       "mitigation %s: %s; write the rule and its samples by hand",
                       job->mitigation->id, problem);
    } else if (!write_rule(job, plan, proof, &file->text)) {
        done = err_set(err, ERR_LIMIT, "E_EOCS_CONVERT", "mitigation %s: the rule is too large",
                       job->mitigation->id);
    }
    if (proof != NULL)
        proof_done(proof);
    free(proof);
    free(plan);
    arena_done(&arena);
    return done;
}

static bool check_kinds(const struct eocs_mitigation *mitigation, size_t *ret_n_rules,
                        struct err *err)
{
    *ret_n_rules = 0;
    if (mitigation->problem != NULL)
        return err_set(err, ERR_COMPILE, "E_EOCS_UNKNOWN",
                       "mitigation %.40s: %s; nothing of it is applied: look at it with 'stopgap "
                       "eocs show' and at Microsoft's announcement",
                       mitigation->id, mitigation->problem);
    for (size_t i = 0; i < mitigation->n_actions; i++) {
        const struct eocs_action *action = &mitigation->actions[i];
        if (action->kind == EOCS_SERVICE || action->kind == EOCS_APP_POOL)
            return err_set(err, ERR_COMPILE, "E_EOCS_ADMIN",
                           "mitigation %s stops a service or an application pool of Windows, which "
                           "a proxy cannot do; nothing of it is applied: do it on the server, or "
                           "close the virtual directory with a deny_vdir rule",
                           mitigation->id);
        *ret_n_rules += action->n_rules;
    }
    return true;
}

/* Rules of ours add up, while IIS leaves out the outbound rules behind one that matched and stops.
 * What an inbound rule stops is refused by it as well, so nothing is lost there. */
static bool check_order(const struct eocs_mitigation *mitigation, struct err *err)
{
    bool is_stopped = false;
    for (size_t i = 0; i < mitigation->n_actions; i++)
        for (size_t j = 0; j < mitigation->actions[i].n_rules; j++) {
            const struct iis_rule *rule = &mitigation->actions[i].rules[j];
            if (rule->is_outbound && is_stopped)
                return err_set(err, ERR_COMPILE, "E_EOCS_CONVERT",
                               "mitigation %s: an outbound rule stops the processing before "
                               "another one; look at it with 'stopgap eocs show' and write the "
                               "rules by hand",
                               mitigation->id);
            is_stopped = is_stopped || (rule->is_outbound && rule->stops);
        }
    return true;
}

/* "EOCS-M1", or "EOCS-M1-R2" when there are several rules. */
static void name_rule(const struct eocs_mitigation *mitigation, size_t index, size_t n, char *id,
                      size_t size)
{
    if (n == 1)
        (void)snprintf(id, size, "EOCS-%.40s", mitigation->id);
    else
        (void)snprintf(id, size, "EOCS-%.40s-R%zu", mitigation->id, index + 1);
}

/* The rules as the proxy would load them, with every sample. */
static bool prove(const struct eocs_files *files, struct err *err)
{
    struct slice *texts = calloc(files->n + 1, sizeof(*texts));
    const char **names = calloc(files->n + 1, sizeof(*names));
    bool done = texts != NULL && names != NULL;
    if (!done)
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    for (size_t i = 0; i < files->n && done; i++) {
        texts[i] = buf_slice(&files->items[i].text);
        names[i] = files->items[i].name;
    }
    done = done && (files->n == 0 || prove_texts(texts, names, files->n, err));
    free(texts);
    free(names);
    return done;
}

bool eocs_convert(const struct eocs_mitigation *mitigation, bool is_enforced,
                  struct eocs_files *ret_files, struct err *err)
{
    size_t n = 0;
    *ret_files = (struct eocs_files){0};
    if (!check_kinds(mitigation, &n, err) || !check_order(mitigation, err))
        return false;
    ret_files->items = calloc(n + 1, sizeof(struct eocs_file));
    if (ret_files->items == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    bool done = true;
    for (size_t i = 0; i < mitigation->n_actions && done; i++) {
        const struct eocs_action *action = &mitigation->actions[i];
        for (size_t j = 0; j < action->n_rules && done; j++) {
            char id[64];
            struct eocs_file *file = &ret_files->items[ret_files->n];
            name_rule(mitigation, ret_files->n, n, id, sizeof(id));
            (void)snprintf(file->name, sizeof(file->name), "%s.yaml", id);
            buf_init(&file->text, LIMIT_RULE_FILE_BYTES);
            ret_files->n++;
            const struct job job = {mitigation, action, &action->rules[j], id, is_enforced};
            done = convert_rule(&job, file, err);
        }
    }
    done = done && prove(ret_files, err);
    if (!done)
        eocs_files_free(ret_files);
    return done;
}

void eocs_files_free(struct eocs_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        buf_done(&files->items[i].text);
    free(files->items);
    *files = (struct eocs_files){0};
}
