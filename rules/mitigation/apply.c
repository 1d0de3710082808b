/* From rules and the policy to mitigations and their states. */
#include "mitigation/apply.h"

#include <stdlib.h>

#include "stopgap/banned.h"

/* ---- applicability */

/* A border of applies_to: one to four numbers, missing ones are 0. */
static struct build border(const char *text)
{
    struct build build = {{0}};
    struct slice rest = slice_str(text);
    struct slice part;
    for (int i = 0; i < BUILD_PARTS && slice_next(&rest, '.', &part); i++) {
        uint64_t value = 0;
        (void)slice_to_u64(part, &value); /* the language has checked it */
        build.part[i] = (uint16_t)(value < UINT16_MAX ? value : UINT16_MAX);
    }
    return build;
}

struct build_span rule_build_span(const struct rule *rule, size_t index)
{
    return (struct build_span){.from = border(rule->applies_to[index].from),
                               .before = border(rule->applies_to[index].before)};
}

bool rule_applies_to(const struct rule *rule, const struct build_span *builds)
{
    bool applies = rule->n_applies_to == 0;
    for (size_t i = 0; i < rule->n_applies_to && !applies; i++) {
        struct build_span span = rule_build_span(rule, i);
        applies = build_spans_meet(builds, &span);
    }
    return applies;
}

/* The most vulnerable server wins, and one of which nothing is known counts as vulnerable. */
static bool is_needed(const struct rule *rule, const struct mitigation_policy *policy)
{
    bool is_fixed = policy->uses_builds && policy->n_builds != 0;
    for (size_t i = 0; i < policy->n_builds && is_fixed; i++)
        is_fixed = !rule_applies_to(rule, &policy->builds[i]);
    return !is_fixed;
}

static bool is_blocked(const char *id, const struct mitigation_policy *policy)
{
    for (size_t i = 0; i < policy->n_blocked; i++)
        if (mitigation_id_covers(policy->blocked[i], id))
            return true;
    return false;
}

/* ---- the list */

struct collected {
    struct mitigation_info *infos;
    size_t n;
};

static struct mitigation_info *info_find(const struct collected *collected, const char *id)
{
    for (size_t i = 0; i < collected->n; i++)
        if (strcmp(collected->infos[i].id, id) == 0)
            return &collected->infos[i];
    return NULL;
}

static void collect(struct collected *collected, const struct rule_list *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct rule *rule = rules->items[i];
        struct mitigation_info *info = info_find(collected, rule->mitigation);
        if (info == NULL) {
            info = &collected->infos[collected->n++];
            *info = (struct mitigation_info){
                .id = rule->mitigation,
                .title = rule->title,
                .cve = rule->n_cve != 0 ? rule->cve[0] : "",
                .type =
                    action_is_response(rule->action) ? "UrlRewriteOutbound" : "UrlRewriteInbound",
            };
        }
        info->n_rules++;
    }
}

/* n_active counts here what neither the modes nor the builds take away. */
static void judge(struct mitigation_info *info, const struct mitigation_policy *policy,
                  size_t n_enabled)
{
    struct mitigation_facts facts = {
        .is_org_on = policy->is_org_on,
        .is_server_on = policy->is_server_on,
        .is_blocked = is_blocked(info->id, policy),
        .is_off_by_rule = n_enabled == 0,
        .is_applicable = info->n_active != 0,
    };
    info->state = mitigation_judge(&facts);
    if (info->state != MITIGATION_APPLIED)
        info->n_active = 0;
}

bool mitigations_apply(struct rule_list *rules, struct rule_list *dropped,
                       const struct mitigation_policy *policy, struct mitigation_info **ret_infos,
                       size_t *ret_n)
{
    static const struct mitigation_policy all = {.is_org_on = true, .is_server_on = true};
    struct collected collected = {0};
    size_t n_kept = 0;
    size_t *n_enabled = calloc(rules->n + dropped->n + 1, sizeof(*n_enabled));
    collected.infos = calloc(rules->n + dropped->n + 1, sizeof(*collected.infos));
    if (n_enabled == NULL || collected.infos == NULL) {
        free(n_enabled);
        free(collected.infos);
        return false;
    }
    if (policy == NULL)
        policy = &all;
    collect(&collected, rules);
    collect(&collected, dropped);
    for (size_t i = 0; i < rules->n; i++) {
        struct mitigation_info *info = info_find(&collected, rules->items[i]->mitigation);
        n_enabled[info - collected.infos]++;
        info->n_active += is_needed(rules->items[i], policy);
    }
    for (size_t i = 0; i < collected.n; i++)
        judge(&collected.infos[i], policy, n_enabled[i]);
    for (size_t i = 0; i < rules->n; i++) {
        struct rule *rule = rules->items[i];
        bool is_kept =
            info_find(&collected, rule->mitigation)->n_active != 0 && is_needed(rule, policy);
        if (is_kept)
            rules->items[n_kept++] = rule;
        else
            dropped->items[dropped->n++] = rule;
    }
    rules->n = n_kept;
    free(n_enabled);
    *ret_infos = collected.infos;
    *ret_n = collected.n;
    return true;
}
