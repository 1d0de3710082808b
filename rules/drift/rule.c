/* Two forms of one rule: what differs, and whether the new one stops more or less. */
#include "drift/drift.h"

#include "language/tree.h"

#include "stopgap/banned.h"

/* ---- equality of parts */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
    bool is_same = n_a == n_b;
    for (size_t i = 0; i < n_a && is_same; i++)
        is_same = strcmp(a[i], b[i]) == 0;
    return is_same;
}

bool sample_is_same(const struct sample *a, const struct sample *b)
{
    return same_text(a->method, b->method) && same_text(a->target, b->target) &&
           same_texts(a->headers, a->n_headers, b->headers, b->n_headers) &&
           a->body_len == b->body_len &&
           (a->body_len == 0 || memcmp(a->body, b->body, a->body_len) == 0) &&
           same_text(a->client, b->client) && a->status == b->status &&
           same_texts(a->response_headers, a->n_response_headers, b->response_headers,
                      b->n_response_headers);
}

static bool same_samples(const struct sample *a, size_t n_a, const struct sample *b, size_t n_b)
{
    bool is_same = n_a == n_b;
    for (size_t i = 0; i < n_a && is_same; i++)
        is_same = sample_is_same(&a[i], &b[i]);
    return is_same;
}

static bool same_builds(const struct rule *a, const struct rule *b)
{
    bool is_same = a->n_applies_to == b->n_applies_to;
    for (size_t i = 0; i < a->n_applies_to && is_same; i++)
        is_same = same_text(a->applies_to[i].from, b->applies_to[i].from) &&
                  same_text(a->applies_to[i].before, b->applies_to[i].before);
    return is_same;
}

static bool same_notes(const struct rule *a, const struct rule *b)
{
    return same_text(a->title, b->title) && same_text(a->severity, b->severity) &&
           same_text(a->side_effects, b->side_effects) &&
           same_text(a->superseded_by, b->superseded_by) &&
           same_text(a->mitigation, b->mitigation) && a->is_kept == b->is_kept &&
           same_texts(a->cve, a->n_cve, b->cve, b->n_cve) &&
           same_texts(a->references, a->n_references, b->references, b->n_references) &&
           same_texts(a->blind_to, a->n_blind_to, b->blind_to, b->n_blind_to);
}

static bool same_action(const struct rule *a, const struct rule *b)
{
    return a->action == b->action && a->status == b->status && same_text(a->header, b->header) &&
           same_text(a->value, b->value) && same_text(a->separator, b->separator);
}

/* ---- rules */

static enum drift drift_join(enum drift a, enum drift b)
{
    if (a == DRIFT_NONE || a == b)
        return b;
    return b == DRIFT_NONE ? a : DRIFT_OTHER;
}

static unsigned compare_rules(const struct rule *a, const struct rule *b)
{
    unsigned aspects = 0;
    aspects |= node_is_same(a->when, b->when) ? 0 : ASPECT_WHEN;
    aspects |= node_is_same(a->when_response, b->when_response) ? 0 : ASPECT_WHEN_RESPONSE;
    aspects |= a->is_detect_only == b->is_detect_only ? 0 : ASPECT_MODE;
    aspects |= same_action(a, b) ? 0 : ASPECT_ACTION;
    aspects |= same_builds(a, b) ? 0 : ASPECT_BUILDS;
    aspects |= same_samples(a->must_block, a->n_must_block, b->must_block, b->n_must_block) &&
                       same_samples(a->must_pass, a->n_must_pass, b->must_pass, b->n_must_pass)
                   ? 0
                   : ASPECT_SAMPLES;
    aspects |= same_notes(a, b) ? 0 : ASPECT_TEXTS;
    aspects |= a->activation == b->activation ? 0 : ASPECT_ACTIVATION;
    return aspects;
}

static enum drift drift_of(const struct rule *a, const struct rule *b, unsigned aspects)
{
    enum drift drift = diff_trees(a->when, b->when);
    drift = drift_join(drift, diff_trees(a->when_response, b->when_response));
    if ((aspects & ASPECT_MODE) != 0)
        drift = drift_join(drift, b->is_detect_only ? DRIFT_LOOSER : DRIFT_TIGHTER);
    if ((aspects & ASPECT_ACTIVATION) != 0)
        drift = drift_join(drift, b->activation == ACTIVATION_ALWAYS   ? DRIFT_TIGHTER
                                  : a->activation == ACTIVATION_ALWAYS ? DRIFT_LOOSER
                                                                       : DRIFT_OTHER);
    if ((aspects & (ASPECT_ACTION | ASPECT_BUILDS)) != 0)
        drift = drift_join(drift, DRIFT_OTHER);
    return drift;
}

/* Acting rules that come or go change what is stopped. */
static enum drift drift_of_one(const struct rule *rule, bool is_new)
{
    if (rule->is_detect_only)
        return DRIFT_NONE;
    return is_new ? DRIFT_TIGHTER : DRIFT_LOOSER;
}

enum drift diff_rule(const struct rule *a, const struct rule *b, unsigned *ret_aspects)
{
    *ret_aspects = a != NULL && b != NULL ? compare_rules(a, b) : 0;
    if (a != NULL && b != NULL)
        return *ret_aspects != 0 ? drift_of(a, b, *ret_aspects) : DRIFT_NONE;
    return a != NULL ? drift_of_one(a, false) : drift_of_one(b, true);
}

const char *drift_word(enum drift drift)
{
    static const char *const words[] = {"same", "tighter", "looser", "different"};
    return words[drift];
}
