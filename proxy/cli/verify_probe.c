/* From samples to requests on the wire, and what their answers mean. */
#include "cli/verify.h"

#include "cli/explain.h"

#include "engine/engine.h"

#include "stopgap/banned.h"

enum { MAX_PROBE_BYTES = 512 * 1024 }; /* a rule file has 256 KiB */

/* ---- the request */

/* Reads, and what Exchange's own clients use for reads, too. A POST may change a server: that a
 * sample does not is up to its text, which is a shape without a working payload. */
static bool is_harmless(const char *method)
{
    static const char *const harmless[] = {"GET",     "HEAD",        "POST",
                                           "OPTIONS", "RPC_IN_DATA", "RPC_OUT_DATA"};
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        if (strcmp(method, harmless[i]) == 0)
            return true;
    return false;
}

static bool has_header(const struct sample *sample, struct slice name)
{
    for (size_t i = 0; i < sample->n_headers; i++) {
        struct slice line = slice_str(sample->headers[i]);
        if (slice_equal_nocase(slice_trim(slice_head(line, slice_find(line, ':'))), name))
            return true;
    }
    return false;
}

/* The authority of an absolute target, which Host must repeat (RFC 9112 3.2.2). */
static struct slice host_of(const char *target, const char *host)
{
    const char *mark = strstr(target, "://");
    if (target[0] == '/' || mark == NULL)
        return slice_str(host);
    return slice_make(mark + 3, strcspn(mark + 3, "/?#"));
}

static bool write_request(const struct sample *sample, const char *host, struct buf *out,
                          const char *method)
{
    const char *target = sample->target != NULL ? sample->target : "/";
    struct slice authority = host_of(target, host);
    bool wants_length = (sample->body_len != 0 || strcmp(method, "POST") == 0) &&
                        !has_header(sample, SLICE("Content-Length")) &&
                        !has_header(sample, SLICE("Transfer-Encoding"));
    bool is_written = buf_printf(out, "%s ", method) && buf_append(out, slice_str(target)) &&
                      buf_printf(out, " HTTP/1.1\r\n") &&
                      (has_header(sample, SLICE("Host")) ||
                       buf_printf(out, "Host: " SLICE_FMT "\r\n", SLICE_ARG(authority))) &&
                      (has_header(sample, SLICE("User-Agent")) ||
                       buf_printf(out, "User-Agent: stopgap-verify/" STOPGAP_VERSION "\r\n"));
    for (size_t i = 0; i < sample->n_headers && is_written; i++)
        is_written =
            buf_append(out, slice_str(sample->headers[i])) && buf_append(out, SLICE("\r\n"));
    return is_written &&
           (!wants_length || buf_printf(out, "Content-Length: %zu\r\n", sample->body_len)) &&
           buf_printf(out, "Connection: close\r\n\r\n") &&
           (sample->body_len == 0 || buf_append(out, slice_make(sample->body, sample->body_len)));
}

/* ---- what must come of it */

static void note_expected(struct verify_probe *probe, const struct explanation *explanation)
{
    const struct verdict *verdict = &explanation->verdict;
    const struct explain_rule *rule = &explanation->rules[probe->rule];
    probe->is_abort = verdict->action == VERDICT_ABORT;
    probe->status = verdict->status;
    if (verdict->action == VERDICT_BLOCK || probe->is_abort) {
        probe->kind = PROBE_BLOCK;
    } else if (rule->result != EXPLAIN_YES) {
        probe->kind = PROBE_NONE;
        probe->reason = "cannot be shown from outside, such as a client's address";
    } else {
        probe->kind = rule->is_response && rule->info->is_enforced ? PROBE_EDIT : PROBE_REPORT;
    }
}

/* The set here is asked as the proxy there would be. */
static bool expect(struct verify_probe *probe, struct lease *lease, struct err *err)
{
    struct config config;
    struct explain_request request = {.is_refused = false};
    struct explanation *explanation = NULL;
    config_init(&config);
    bool is_read = explain_request_read(&request, buf_slice(&probe->request), false, &config, err);
    if (is_read && request.is_refused) {
        probe->kind = PROBE_BLOCK;
    } else if (is_read) {
        explanation =
            rules_explain(lease, &request.head, buf_slice(&request.body), RULES_BLOCK, err);
        if (explanation != NULL)
            note_expected(probe, explanation);
    }
    bool is_done = is_read && (request.is_refused || explanation != NULL);
    explanation_free(explanation);
    explain_request_done(&request);
    config_done(&config);
    return is_done;
}

bool verify_probe_make(struct verify_probe *probe, struct lease *lease, size_t rule,
                       size_t sample_index, const char *host, struct err *err)
{
    const struct rule *source = ruleset_source_rule(lease_ruleset(lease), rule);
    const struct sample *sample = &source->must_block[sample_index];
    const char *method = sample->method;
    if (method == NULL)
        method = sample->body_len != 0 ? "POST" : "GET";
    *probe = (struct verify_probe){.rule = rule, .is_head = strcmp(method, "HEAD") == 0};
    buf_init(&probe->request, MAX_PROBE_BYTES);
    if (!is_harmless(method)) {
        probe->kind = PROBE_NONE;
        probe->reason = "its method is not sent, since it could change a server";
        return true;
    }
    if (!write_request(sample, host, &probe->request, method))
        return err_set(err, ERR_LIMIT, "E_PROBE", "rule %s: sample %zu is too long to be sent",
                       source->id, sample_index + 1);
    return expect(probe, lease, err);
}

void verify_probe_done(struct verify_probe *probe)
{
    buf_done(&probe->request);
}

/* ---- what came of it */

/* Does the answer have the field as the rule makes it? */
static bool is_edited(const struct rule *rule, const struct http_head *head)
{
    bool is_there = false;
    bool has_value = false;
    for (size_t i = 0; i < head->n_fields; i++) {
        struct slice value = head->fields[i].value;
        if (!slice_equal_nocase(head->fields[i].name, slice_str(rule->header)))
            continue;
        is_there = true;
        has_value =
            has_value || (rule->value != NULL && value.len != 0 &&
                          memmem(value.ptr, value.len, rule->value, strlen(rule->value)) != NULL);
    }
    return rule->action == ACTION_REMOVE_HEADER ? !is_there : has_value;
}

/* 502 to 504 say that the request was sent on, or would have been; 408 and 429 that its content was
 * not judged. A set of another version may stop it with another status than ours. */
static bool is_stop(const struct verify_probe *probe, unsigned status)
{
    bool is_of_limit = status == 408 || status == 429;
    return status == probe->status || (status < 500 && !is_of_limit) || status == 501 ||
           status == 505;
}

enum probe_outcome verify_judge(const struct verify_probe *probe, const struct ruleset *set,
                                const struct verify_answer *answer)
{
    const struct http_head *head = &answer->parser.head;
    if (!answer->is_connected || answer->is_timeout)
        return OUTCOME_UNREACHABLE;
    if (answer->bytes.len == 0)
        return probe->is_abort ? OUTCOME_STOPPED : OUTCOME_UNREACHABLE;
    if (verify_is_own(answer, probe->is_head))
        return is_stop(probe, head->status) ? OUTCOME_STOPPED : OUTCOME_PASSED;
    bool is_shown = probe->kind == PROBE_EDIT && answer->has_head &&
                    is_edited(ruleset_source_rule(set, probe->rule), head);
    return is_shown ? OUTCOME_EDITED : OUTCOME_PASSED;
}
