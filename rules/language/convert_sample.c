/* Sample requests of a rule: complete enough to be sent, so that the self-test means something. */
#include "convert.h"

#include <stdlib.h>

#include "stopgap/base64.h"
#include "texts.h"

#include "stopgap/banned.h"

static bool decode_body(const struct report *report, const char *text, uint64_t path,
                        struct sample *sample)
{
    /* A long one stands on several lines, which YAML joins with blanks or newlines. */
    size_t len = strlen(text);
    char *joined = malloc(len + 1);
    char *body = malloc(base64_decoded_max(len) + 1);
    bool is_good = joined != NULL && body != NULL;
    if (!is_good) {
        (void)report_no_memory(report);
        goto out;
    }
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != ' ' && text[i] != '\n')
            joined[n++] = text[i];
    is_good = base64_decode(slice_make(joined, n), body, &sample->body_len);
    if (!is_good) {
        (void)report_value(report, ERR_SYNTAX, path,
                           "'body_base64' is not base64 (RFC 4648 with padding); encode the body "
                           "again, for instance with base64 -w0");
        goto out;
    }
    body[sample->body_len] = '\0'; /* for debuggers; the length rules */
    sample->body = body;
    body = NULL;
out:
    free(joined);
    free(body);
    return is_good;
}

static bool convert_body(const struct report *report, struct yaml_sample *yaml, uint64_t path,
                         struct sample *sample)
{
    if (yaml->body != NULL && yaml->body_base64 != NULL)
        return report_value(report, ERR_SYNTAX, place_key(path, "body_base64"),
                            "'body' and 'body_base64' exclude each other; keep one");
    if (yaml->body_base64 != NULL)
        return decode_body(report, yaml->body_base64, place_key(path, "body_base64"), sample);
    if (yaml->body != NULL) {
        sample->body_len = strlen(yaml->body);
        sample->body = take_text(&yaml->body);
    }
    return true;
}

static bool lint_headers(const struct report *report, char *const *headers, size_t n, uint64_t path)
{
    for (size_t i = 0; i < n; i++)
        if (!text_is_header_line(headers[i]))
            return report_value(report, ERR_SYNTAX, place_item(path, i),
                                "a header is one line 'Name: value'; quote it, and leave out line "
                                "breaks");
    return true;
}

static bool convert_method(const struct report *report, struct yaml_sample *yaml, uint64_t path,
                           struct sample *sample)
{
    if (yaml->method == NULL) {
        sample->method = strdup(sample->body != NULL ? "POST" : "GET");
        return sample->method != NULL || report_no_memory(report);
    }
    if (!text_is_token(yaml->method))
        return report_value(report, ERR_SYNTAX, place_key(path, "method"),
                            "a method is one word such as GET");
    sample->method = take_text(&yaml->method);
    return true;
}

static bool convert_sample(const struct report *report, struct yaml_sample *yaml, uint64_t path,
                           struct sample *sample)
{
    static const unsigned any_status[2] = {100, 599};
    if (yaml->target == NULL)
        return report_value(report, ERR_SYNTAX, path, "a sample needs a 'target' such as /owa/");
    if (!text_is_target(yaml->target))
        return report_value(report, ERR_SYNTAX, place_key(path, "target"),
                            "a target begins with /, http or *, and has no blank; write %%20 for "
                            "one");
    sample->target = take_text(&yaml->target);
    sample->headers = take_texts(&yaml->headers, &yaml->n_headers, &sample->n_headers);
    sample->response_headers =
        take_texts(&yaml->response_headers, &yaml->n_response_headers, &sample->n_response_headers);
    if (!lint_headers(report, sample->headers, sample->n_headers, place_key(path, "headers")) ||
        !lint_headers(report, sample->response_headers, sample->n_response_headers,
                      place_key(path, "response_headers")) ||
        !convert_body(report, yaml, path, sample) || !convert_method(report, yaml, path, sample))
        return false;
    if (yaml->status != NULL && !convert_number(report, yaml->status, place_key(path, "status"),
                                                any_status, &sample->status))
        return false;
    if (yaml->client != NULL && !text_is_address(yaml->client))
        return report_value(report, ERR_SYNTAX, place_key(path, "client"),
                            "'client' is an address such as 192.0.2.1 or 2001:db8::1");
    sample->client = take_text(&yaml->client);
    return true;
}

/* A list of samples into *ret_samples, which rule_free frees, half-filled or not. */
static bool convert_list(const struct report *report, struct yaml_sample *yaml, size_t n,
                         uint64_t path, struct sample **ret_samples)
{
    struct sample *samples = calloc(n, sizeof(*samples));
    if (samples == NULL)
        return report_no_memory(report);
    *ret_samples = samples;
    for (size_t i = 0; i < n; i++)
        if (!convert_sample(report, &yaml[i], place_item(path, i), &samples[i]))
            return false;
    return true;
}

bool convert_samples(const struct report *report, struct yaml_samples *yaml, struct rule *rule)
{
    uint64_t path = place_key(PLACE_ROOT, "samples");
    uint64_t block_path = place_key(path, "must_block");
    uint64_t pass_path = place_key(path, "must_pass");
    if (yaml == NULL)
        return report_value(report, ERR_SYNTAX, PLACE_ROOT,
                            "the rule needs 'samples' with 'must_block' and 'must_pass'");
    if (yaml->n_must_block == 0)
        return report_value(report, ERR_SYNTAX, path,
                            "'must_block' needs a sample: a request that this rule must match");
    if (yaml->n_must_pass == 0)
        return report_value(report, ERR_SYNTAX, path,
                            "'must_pass' needs a sample: a good request that comes close");
    if (yaml->n_must_block + yaml->n_must_pass > LIMIT_SAMPLES_PER_RULE)
        return report_value(report, ERR_LIMIT, path, "more than %d samples; leave some out",
                            LIMIT_SAMPLES_PER_RULE);
    rule->n_must_block = yaml->n_must_block;
    rule->n_must_pass = yaml->n_must_pass;
    if (!convert_list(report, yaml->must_block, rule->n_must_block, block_path, &rule->must_block))
        return false;
    return convert_list(report, yaml->must_pass, rule->n_must_pass, pass_path, &rule->must_pass);
}
