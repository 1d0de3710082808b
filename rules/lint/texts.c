/* What a rule says to its readers: sources, builds, side effects, samples. */
#include "lint/private.h"

#include "mitigation/apply.h"

#include "stopgap/banned.h"

enum {
    MUST_PASS_MIN = 2,    /* of a rule that blocks; one is too easily of another kind */
    SIDE_EFFECTS_MIN = 4, /* bytes: "none" */
};

static bool is_enforced(const struct rule *rule)
{
    return !rule->is_detect_only;
}

static void check_samples(struct lint *lint, struct lint_rule *item)
{
    const struct rule *rule = item->rule;
    if (is_enforced(rule) && !action_is_response(rule->action) && rule->n_must_pass < MUST_PASS_MIN)
        lint_add(lint, item, rule->lines[RULE_KEY_SAMPLES], LINT_MUST_PASS_FEW,
                 "a rule that blocks has %zu must_pass sample%s; it needs %d", rule->n_must_pass,
                 rule->n_must_pass == 1 ? "" : "s", (int)MUST_PASS_MIN);
}

/* ---- CVEs */

static bool lists_cve(const struct rule *rule, struct slice cve)
{
    for (size_t i = 0; i < rule->n_cve; i++)
        if (slice_equal_nocase(slice_str(rule->cve[i]), cve))
            return true;
    return false;
}

/* "CVE-2021-26855" at the front of text, or empty. */
static struct slice cve_at(struct slice text)
{
    size_t at = sizeof("CVE-") - 1;
    size_t n_dashes = 0;
    if (!slice_starts_with_nocase(text, SLICE("CVE-")))
        return slice_make("", 0);
    for (; at < text.len; at++) {
        bool is_digit = text.ptr[at] >= '0' && text.ptr[at] <= '9';
        if (!is_digit && (text.ptr[at] != '-' || n_dashes++ != 0))
            break;
    }
    return n_dashes != 0 && at > sizeof("CVE-0000-000") ? slice_head(text, at) : slice_make("", 0);
}

static void check_title(struct lint *lint, struct lint_rule *item)
{
    for (struct slice rest = slice_str(item->rule->title); rest.len != 0;
         rest = slice_from(rest, 1)) {
        struct slice cve = cve_at(rest);
        if (cve.len != 0 && !lists_cve(item->rule, cve))
            lint_add(lint, item, item->rule->lines[RULE_KEY_TITLE], LINT_CVE_UNLISTED,
                     SLICE_FMT " is named here, but 'cve' does not list it", SLICE_ARG(cve));
    }
}

static void check_cves(struct lint *lint, struct lint_rule *item)
{
    const struct rule *rule = item->rule;
    if (rule->n_references == 0)
        lint_add(lint, item, rule->lines[RULE_KEY_ID], LINT_NO_REFERENCE,
                 "nothing says where this rule comes from");
    if (rule->n_cve == 0 && rule->n_applies_to != 0)
        lint_add(lint, item, rule->lines[RULE_KEY_APPLIES_TO], LINT_NO_CVE,
                 "there are fixed builds, but no CVE that they fix");
    if (rule->n_cve != 0 && rule->n_applies_to == 0)
        lint_add(lint, item, rule->lines[RULE_KEY_CVE], LINT_NO_BUILDS,
                 "there is a CVE, but no builds where the hole is open");
    check_title(lint, item);
}

/* ---- builds */

static bool overlap(const struct build_span *a, const struct build_span *b)
{
    bool a_ends_first = build_is_known(&a->before) && build_compare(&a->before, &b->from) <= 0;
    bool b_ends_first = build_is_known(&b->before) && build_compare(&b->before, &a->from) <= 0;
    return !a_ends_first && !b_ends_first;
}

static const char *shown(const char *border)
{
    return border != NULL ? border : "...";
}

static void check_range(struct lint *lint, struct lint_rule *item, size_t index)
{
    const struct rule *rule = item->rule;
    const struct build_range *range = &rule->applies_to[index];
    struct build_span span = rule_build_span(rule, index);
    unsigned line = rule->lines[RULE_KEY_APPLIES_TO];
    if (build_is_known(&span.before) && build_compare(&span.from, &span.before) >= 0)
        lint_add(lint, item, line, LINT_BUILDS_INVERTED,
                 "the range from %s before %s holds no build", shown(range->from), range->before);
    if (build_is_known(&span.before) && build_find(&span.before) == NULL)
        lint_add(lint, item, line, LINT_BUILD_UNKNOWN,
                 "%s is no build of Exchange that is known here", range->before);
    for (size_t other = 0; other < index; other++) {
        struct build_span second = rule_build_span(rule, other);
        if (overlap(&span, &second))
            lint_add(lint, item, line, LINT_BUILDS_OVERLAP,
                     "the range from %s before %s overlaps the one from %s before %s",
                     shown(range->from), shown(range->before), shown(rule->applies_to[other].from),
                     shown(rule->applies_to[other].before));
    }
}

void lint_check_texts(struct lint *lint, struct lint_rule *item)
{
    const struct rule *rule = item->rule;
    check_samples(lint, item);
    check_cves(lint, item);
    for (size_t i = 0; i < rule->n_applies_to; i++)
        check_range(lint, item, i);
    if (slice_trim(slice_str(rule->side_effects)).len < SIDE_EFFECTS_MIN)
        lint_add(lint, item, rule->lines[RULE_KEY_SIDE_EFFECTS], LINT_SIDE_EFFECTS_EMPTY,
                 "'%s' says nothing about side effects", rule->side_effects);
    if (rule->superseded_by != NULL && is_enforced(rule))
        lint_add(lint, item, rule->lines[RULE_KEY_SUPERSEDED_BY], LINT_SUPERSEDED_ENFORCED,
                 "%s does the work of this rule, which acts all the same", rule->superseded_by);
}
