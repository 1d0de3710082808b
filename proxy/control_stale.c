/* Rules that are in force while nobody looks after the rules: found out once a second, brought
 * about by loading again. */
#include "control_internal.h"
#include "stale.h"

#include "stopgap/trust.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static void find_facts(const struct control *control, struct stale_facts *facts)
{
    *facts = (struct stale_facts){.now = (int64_t)control_unix_now(),
                                  .after_s = (int64_t)(control->config->stale_after_ms / 1000),
                                  .released = trust_released()};
    if (control->eocs != NULL)
        facts->eocs = (int64_t)control->eocs->contact_unix;
    control_trust_feed(control, &facts->pulse, &facts->run_s);
    if (control->set == NULL)
        return;
    struct ruleset_stats stats;
    ruleset_stats(control->set, &stats);
    facts->created = stats.created_unix;
    facts->expires = stats.expires_unix;
}

bool control_is_stale(const struct control *control)
{
    struct stale_facts facts;
    struct stale_view view;
    /* What the first set is like is known when it is there; a second later it is judged. */
    if (control->config->when_stale == WHEN_STALE_OFF || control->set == NULL)
        return false;
    find_facts(control, &facts);
    stale_judge(&facts, &view);
    return view.is_stale;
}

void control_stale_loaded(struct control *control, bool is_stale, bool is_active)
{
    char why[200];
    struct stale_facts facts;
    struct stale_view view;
    control->stale.retry_at_ms = is_active ? 0 : uv_now(&control->loop) + STALE_RETRY_MS;
    if (!is_active || control->stale.is_loaded == is_stale)
        return;
    control->stale.is_loaded = is_stale;
    find_facts(control, &facts);
    stale_judge(&facts, &view);
    stale_describe(&facts, &view, why, sizeof(why));
    struct ruleset_stats stats;
    ruleset_stats(control->set, &stats);
    events_emit(control->events, is_stale ? EVENT_STALE_RULES_ON : EVENT_STALE_RULES_OFF, "",
                "rules=%zu reason=%s", stats.n_stale, why);
}

void control_stale_tick(struct control *control)
{
    if (control->job == NULL && !control->is_stopping &&
        control_is_stale(control) != control->stale.is_loaded &&
        uv_now(&control->loop) >= control->stale.retry_at_ms)
        control_reload_rules(control, NULL, NULL);
}

void control_collect_stale(const struct control *control, struct status *status)
{
    struct stale_facts facts;
    struct stale_view view;
    find_facts(control, &facts);
    stale_judge(&facts, &view);
    status->stale =
        (struct stale_status){.is_wanted = control->config->when_stale != WHEN_STALE_OFF,
                              .is_stale = view.is_stale,
                              .is_in_force = control->stale.is_loaded,
                              .age_s = (uint64_t)view.age_s,
                              .n_rules = status->ruleset.n_stale};
    stale_describe(&facts, &view, status->stale.reason, sizeof(status->stale.reason));
}
