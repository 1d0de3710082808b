/* Blocks and switches: kept here, applied by loading the rules again. */
#include "audit.h"
#include "control_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "stopgap/banned.h"

static void on_tick(uv_timer_t *timer);

void control_mitigations_start(struct control *control)
{
    struct mitigations *mitigations = &control->mitigations;
    const char *directory = control->config->state_dir;
    if (directory != NULL &&
        !mitigation_store_load(directory, &mitigations->store, &mitigations->lost)) {
        char line[1200];
        err_format(&mitigations->lost, line, sizeof(line));
        /* Protection that nobody asked to go is better than a proxy that does not start. */
        events_emit(control->events, EVENT_MITIGATIONS_LOST, "",
                    "nothing is blocked at run time: %s; %s/mitigations.audit has what was", line,
                    directory);
        mitigations->store = (struct mitigation_store){0};
    }
    mitigations->ask_at_ms = uv_now(&control->loop) + control->config->mitigations.settle_ms;
    (void)uv_timer_start(&control->mitigation_timer, on_tick, MITIGATIONS_TICK_MS,
                         MITIGATIONS_TICK_MS);
}

void control_mitigations_again(struct control *control)
{
    struct mitigations *mitigations = &control->mitigations;
    const char *directory = control->config->state_dir;
    struct mitigation_store store;
    struct err err = {0};
    if (directory == NULL || !mitigation_store_load(directory, &store, &err))
        return; /* what was read at the start stays, and was told of */
    mitigations->store = store;
    mitigations->lost = (struct err){0};
}

/* ---- the policy */

struct policy_copy *control_policy(struct control *control)
{
    const struct mitigations_config *config = &control->config->mitigations;
    struct mitigations *mitigations = &control->mitigations;
    struct policy_copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < config->blocked.n; i++)
        copy->blocked[n++] = config->blocked.items[i];
    for (size_t i = 0; i < mitigations->store.n_blocks; i++) {
        memcpy(copy->ids[i], mitigations->store.blocks[i].id, sizeof(copy->ids[i]));
        copy->blocked[n++] = copy->ids[i];
    }
    copy->changes = control->policy->changes;
    copy->is_stale = control_is_stale(control);
    copy->policy = (struct mitigation_policy){
        .is_org_on = config->enabled && !mitigations->store.is_off,
        .is_server_on = config->server_enabled,
        .blocked = copy->blocked,
        .n_blocked = n,
        .uses_builds = config->applicability == APPLICABILITY_ON,
        .builds = copy->builds,
        .n_builds = control_builds(control, copy->builds),
    };
    return copy;
}

void control_policy_done(struct control *control, const struct policy_copy *policy, bool is_active)
{
    struct mitigations *mitigations = &control->mitigations;
    mitigations->retry_at_ms = is_active ? 0 : uv_now(&control->loop) + MITIGATIONS_RETRY_MS;
    control_stale_loaded(control, policy->is_stale, is_active);
    if (!is_active)
        return;
    memcpy(mitigations->loaded, policy->builds, sizeof(policy->builds));
    mitigations->n_loaded = policy->policy.n_builds;
}

static void on_tick(uv_timer_t *timer)
{
    struct control *control =
        (struct control *)((char *)timer - offsetof(struct control, mitigation_timer));
    struct mitigations *mitigations = &control->mitigations;
    struct build_span builds[LIMIT_POLICY_BUILDS] = {0};
    control_policy_tick(control);
    control_stale_tick(control);
    control_builds_tick(control);
    size_t n = control_builds(control, builds);
    bool is_same = n == mitigations->n_loaded &&
                   memcmp(builds, mitigations->loaded, n * sizeof(builds[0])) == 0;
    if (!is_same && control->config->mitigations.applicability == APPLICABILITY_ON &&
        control->job == NULL && !control->is_stopping &&
        uv_now(timer->loop) >= mitigations->retry_at_ms)
        control_reload_rules(control, NULL, NULL);
}

/* ---- what an admin asks for */

/* Who, when, what and why; a line of JSON that nothing overwrites. */
static void audit(const struct control *control, const struct admin_mitigation *asked)
{
    log_event("warn", "mitigation_change", "uid=%lu what=%s id=%s reason=%s",
              (unsigned long)asked->uid, asked->what, asked->id, asked->reason);
    if (control->config->state_dir == NULL)
        return;
    json_t *root = json_pack("{s:I, s:I, s:s, s:s, s:s}", "time_unix",
                             (json_int_t)control_unix_now(), "uid", (json_int_t)asked->uid, "what",
                             asked->what, "id", asked->id, "reason", asked->reason);
    char *line = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    if (line == NULL ||
        !audit_append(control->config->state_dir, AUDIT_MITIGATIONS, slice_str(line)))
        log_event("error", "audit", "the change could not be written to %s/mitigations.audit: %s",
                  control->config->state_dir, line == NULL ? "no memory" : strerror(errno));
    free(line);
    json_decref(root);
}

/* Why an id that has no block of its own cannot be unblocked. */
static bool refuse_unblock(const struct control *control, const struct mitigation_store *store,
                           const char *id, struct err *err)
{
    const struct string_list *list = &control->config->mitigations.blocked;
    for (size_t i = 0; i < list->n; i++)
        if (mitigation_id_covers(list->items[i], id))
            return err_set(err, ERR_USAGE, "",
                           "%s is blocked by the configuration, as %s: remove it from "
                           "mitigations.blocked there",
                           id, list->items[i]);
    for (size_t i = 0; i < store->n_blocks; i++)
        if (mitigation_id_covers(store->blocks[i].id, id))
            return err_set(err, ERR_USAGE, "",
                           "%s is blocked with its family: 'stopgap mitigations unblock %s', then "
                           "block what shall stay so",
                           id, store->blocks[i].id);
    return err_set(err, ERR_USAGE, "",
                   "%s is not blocked; 'stopgap mitigations list' shows what is", id);
}

static struct mitigation_block origin_of(const struct admin_mitigation *asked)
{
    struct mitigation_block block = {.when_unix = (int64_t)control_unix_now(), .uid = asked->uid};
    (void)snprintf(block.id, sizeof(block.id), "%s", asked->id);
    (void)snprintf(block.reason, sizeof(block.reason), "%s", asked->reason);
    return block;
}

/* Change the store as asked; false with the reason why not. */
static bool change_store(struct control *control, const struct admin_mitigation *asked,
                         struct mitigation_store *store, struct err *err)
{
    struct mitigation_block origin = origin_of(asked);
    if (strcmp(asked->what, "block") == 0)
        return mitigation_store_block(store, &origin, err);
    if (strcmp(asked->what, "unblock") == 0)
        return mitigation_store_unblock(store, asked->id) ||
               refuse_unblock(control, store, asked->id, err);
    store->is_off = strcmp(asked->what, "disable") == 0;
    store->off = store->is_off ? origin : (struct mitigation_block){.when_unix = 0};
    if (!store->is_off && !control->config->mitigations.enabled)
        return err_set(err, ERR_USAGE, "",
                       "the configuration says mitigations.enabled: false; change it there");
    return true;
}

void control_mitigate(void *ctx, const struct admin_mitigation *asked, admin_reload_cb done,
                      void *done_ctx)
{
    struct control *control = ctx;
    struct mitigations *mitigations = &control->mitigations;
    struct mitigation_store *changed = malloc(sizeof(*changed));
    struct err err = {0};
    if (changed == NULL) {
        done(done_ctx, false, "out of memory");
        return;
    }
    *changed = mitigations->store;
    if (change_store(control, asked, changed, &err) &&
        (control->config->state_dir == NULL ||
         mitigation_store_save(control->config->state_dir, changed, &err))) {
        mitigations->store = *changed;
        mitigations->lost =
            (struct err){0}; /* a good file has taken the place of the damaged one */
        audit(control, asked);
        if (asked->id[0] == '\0')
            events_emit(control->events, EVENT_MITIGATIONS_SWITCHED, "", "%sd by uid %lu: %s",
                        asked->what, (unsigned long)asked->uid, asked->reason);
        control_reload_rules(control, done, done_ctx);
    } else {
        char line[1100];
        err_format(&err, line, sizeof(line));
        done(done_ctx, false, line);
    }
    free(changed);
}

/* ---- what changed with a new set */

static void tell_state(struct control *control, const struct mitigation_info *now,
                       const struct mitigation_info *before)
{
    static const enum event_id ids[MITIGATION_STATE_COUNT] = {
        [MITIGATION_APPLIED] = EVENT_MITIGATION_APPLIED,
        [MITIGATION_BLOCKED] = EVENT_MITIGATION_BLOCKED,
        [MITIGATION_DISABLED] = EVENT_MITIGATION_DISABLED,
        [MITIGATION_NOT_APPLICABLE] = EVENT_MITIGATION_NOT_APPLICABLE,
        [MITIGATION_FAILED] = EVENT_MITIGATION_REMOVED,
    };
    if (before != NULL && before->state == MITIGATION_BLOCKED && now->state != before->state)
        events_emit(control->events, EVENT_MITIGATION_UNBLOCKED, now->id, "%s is unblocked",
                    now->id);
    events_emit(control->events, ids[now->state], now->id,
                "%s is %s, %zu of %zu rules in force: %s", now->id,
                mitigation_state_word(now->state), now->n_active, now->n_rules, now->title);
}

void control_tell_mitigations(struct control *control, const struct ruleset *old,
                              const struct ruleset *set)
{
    for (size_t i = 0; i < ruleset_n_mitigations(set); i++) {
        const struct mitigation_info *now = ruleset_mitigation(set, i);
        const struct mitigation_info *before =
            old != NULL ? ruleset_find_mitigation(old, now->id) : NULL;
        /* At the start only what is not in force is worth a line. */
        bool is_news = old == NULL ? now->state != MITIGATION_APPLIED
                                   : before == NULL || before->state != now->state ||
                                         before->n_active != now->n_active;
        if (is_news)
            tell_state(control, now, before);
    }
    for (size_t i = 0; old != NULL && i < ruleset_n_mitigations(old); i++) {
        const char *id = ruleset_mitigation(old, i)->id;
        if (ruleset_find_mitigation(set, id) == NULL)
            events_emit(control->events, EVENT_MITIGATION_REMOVED, id,
                        "%s is gone: the new set has no rule for it", id);
    }
}

/* ---- status */

/* Where a block comes from, and why. */
static void collect_origin(const struct control *control, struct mitigation_status *status)
{
    const struct mitigation_store *store = &control->mitigations.store;
    const struct string_list *config = &control->config->mitigations.blocked;
    for (size_t i = 0; i < store->n_blocks; i++)
        if (mitigation_id_covers(store->blocks[i].id, status->info.id)) {
            status->by = store->blocks[i].id;
            status->origin = "run time";
            status->reason = store->blocks[i].reason;
            status->when_unix = store->blocks[i].when_unix;
            status->uid = store->blocks[i].uid;
        }
    for (size_t i = 0; i < config->n; i++)
        if (mitigation_id_covers(config->items[i], status->info.id)) {
            status->by = config->items[i];
            status->origin = "config";
            status->reason = "";
        }
}

void control_collect_mitigations(struct control *control, struct status *status)
{
    const struct ruleset *set = control->set;
    size_t n = ruleset_n_mitigations(set);
    const struct mitigations *mitigations = &control->mitigations;
    bool is_on = control->config->mitigations.enabled && !mitigations->store.is_off &&
                 control->config->mitigations.server_enabled;
    status->mitigations_on = is_on;
    if (mitigations->lost.kind != ERR_NONE)
        err_format(&mitigations->lost, status->mitigations_lost, sizeof(status->mitigations_lost));
    status->mitigations = calloc(n + 1, sizeof(*status->mitigations));
    status->n_mitigations = status->mitigations != NULL ? n : 0;
    for (size_t i = 0; i < status->n_mitigations; i++) {
        struct mitigation_status *one = &status->mitigations[i];
        *one = (struct mitigation_status){
            .info = *ruleset_mitigation(set, i), .by = "", .origin = "", .reason = ""};
        collect_origin(control, one);
        bool is_wanted = is_on && one->origin[0] == '\0';
        /* Wanted now, but not in the set, for the load that should bring it was refused. */
        if (is_wanted && one->info.state == MITIGATION_BLOCKED &&
            control->reload_err.kind != ERR_NONE)
            one->info.state = MITIGATION_FAILED;
    }
    control_collect_builds(control, status);
    status->events_lost = events_lost(control->events);
}
