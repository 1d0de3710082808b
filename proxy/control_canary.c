/* New rules between their acceptance and the moment when nobody thinks of them any more.
 *
 *   load ── nothing new ─────────────────────────────────→ in force
 *     └─ new rules of sources that came by themselves → on trial ── good → in force, watched → idle
 *                                                          └─ E_CANARY      └─ E_WATCHDOG
 *                                                               └→ the set before goes on ←┘
 *
 * On trial they only report. Both are judged by rates.c, each second, on the control thread. */
#include "control_internal.h"
#include "refused.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    TICK_MS = 1000,
    MOMENT_MS = 60 * 1000, /* between two that are remembered */
    RETRY_MS = 10 * 1000,  /* after a load that was refused, or for one under way */
};

/* ---- numbers */

static void take_now(const struct control *control, struct rates *ret_now)
{
    struct worker_stats sum = {.requests = 0};
    for (unsigned i = 0; i < control->n_workers; i++)
        worker_stats_add(&sum, &control->workers[i].stats);
    rates_take(ret_now, &sum, uv_now(&control->loop));
}

static void remember_moment(struct control_canary *canary, const struct rates *now)
{
    const struct rates *last = &canary->moments[(canary->n_moments - 1) % CANARY_MOMENTS];
    if (canary->n_moments == 0 || now->ms - last->ms >= MOMENT_MS)
        canary->moments[canary->n_moments++ % CANARY_MOMENTS] = *now;
}

/* From the oldest moment that is remembered until now. */
static void look_back(const struct control_canary *canary, const struct rates *now,
                      struct rates *ret_before)
{
    size_t n = canary->n_moments;
    *ret_before = (struct rates){.ms = 0};
    if (n != 0)
        rates_between(ret_before, &canary->moments[n > CANARY_MOMENTS ? n % CANARY_MOMENTS : 0],
                      now);
}

static struct rates_bounds bounds_of(const struct control_canary *canary)
{
    const struct config *config = canary->control->config;
    const struct control_trust *trust = canary->control->trust_watch;
    struct rates_bounds bounds = {.per_mille = (unsigned)config->canary.per_mille,
                                  .min_requests = config->canary.requests,
                                  .least_ms = config->canary.time_ms,
                                  .most_ms = config->canary.long_ms};
    bool is_root_over = trust != NULL && (trust->marks >> TRUST_MARK_ROOT_EXPIRED & 1) != 0;
    if (canary->watch == CANARY_FORCE) {
        bounds.least_ms = config->watchdog_ms;
    } else if (is_root_over) { /* its keys may be in other hands by now */
        bounds.least_ms = config->canary.long_ms;
    } else if (canary->is_critical) {
        bounds.least_ms = config->canary.critical_ms;
        bounds.min_requests = 0;
    }
    if (bounds.most_ms < bounds.least_ms)
        bounds.most_ms = bounds.least_ms;
    return bounds;
}

/* ---- deaths
 *
 * A set on trial is not in force, so the trust store knows nothing of it. Its name stands in a file
 * while its trial lasts: who finds it at the start was not ended in an orderly way. */

static bool note_path(const struct control *control, char *path, size_t size)
{
    const char *state = control->config->state_dir;
    int len = state != NULL ? snprintf(path, size, "%s/trial", state) : -1;
    return len > 0 && (size_t)len < size;
}

/* How often the program died while this was on trial. name NULL: whatever was. */
static unsigned read_deaths(const struct control *control, const char *name)
{
    char line[sizeof(control->canary.name) + 16];
    char path[4096];
    uint64_t n = 0;
    FILE *note = note_path(control, path, sizeof(path)) ? fopen(path, "re") : NULL;
    if (note == NULL)
        return 0;
    if (fgets(line, sizeof(line), note) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *space = strchr(line, ' ');
        bool is_good = space != NULL && (name == NULL || strcmp(space + 1, name) == 0) &&
                       slice_to_u64(slice_make(line, (size_t)(space - line)), &n);
        n = is_good ? n : 0;
    }
    (void)fclose(note);
    return (unsigned)n;
}

bool control_canary_was_cut(const struct control *control)
{
    return read_deaths(control, NULL) != 0;
}

/* n 0: its trial is over. A note that is lost costs a crash more. */
static void note_deaths(const struct control_canary *canary, unsigned n)
{
    char path[4096];
    if (!note_path(canary->control, path, sizeof(path)))
        return;
    FILE *note = n != 0 ? fopen(path, "we") : NULL;
    if (note != NULL)
        (void)fprintf(note, "%u %s\n", n, canary->name);
    if (note == NULL || fclose(note) != 0)
        (void)unlink(path);
}

/* ---- what is watched */

static void set_idle(struct control_canary *canary)
{
    if (canary->watch == CANARY_TRIAL)
        note_deaths(canary, 0);
    canary->watch = CANARY_IDLE;
    ruleset_unref(canary->former);
    canary->former = NULL;
}

static void begin(struct control_canary *canary, enum canary_watch watch, const char *name)
{
    set_idle(canary);
    canary->watch = watch;
    canary->since_unix = control_unix_now();
    (void)snprintf(canary->name, sizeof(canary->name), "%s", name);
    take_now(canary->control, &canary->began);
    look_back(canary, &canary->began, &canary->before);
}

static void stand(struct control_canary *canary, struct ruleset *set)
{
    struct ruleset *old = canary->standing;
    canary->standing = ruleset_ref(set);
    ruleset_unref(old);
}

static void begin_trial(struct control_canary *canary, const struct rules_trial *trial)
{
    if (canary->watch == CANARY_TRIAL && strcmp(canary->name, trial->name) == 0)
        return; /* the same rules, loaded again for another reason */
    unsigned n_deaths = read_deaths(canary->control, trial->name);
    begin(canary, CANARY_TRIAL, trial->name);
    canary->n_deaths = n_deaths;
    note_deaths(canary, n_deaths + 1);
    canary->is_critical = trial->is_critical;
    canary->n_trials++;
    struct rates_bounds bounds = bounds_of(canary);
    events_emit(canary->control->events, EVENT_RULES_ON_TRIAL, trial->name,
                "name=%s rules=%zu urgency=%s for_s=%llu requests=%llu", trial->name,
                trial->n_rules, trial->is_critical ? "critical" : "normal",
                (unsigned long long)(bounds.least_ms / 1000),
                (unsigned long long)bounds.min_requests);
}

/* A set without rules on trial is in force. */
static void begin_force(struct control_canary *canary, struct ruleset *set, bool was_returned)
{
    struct ruleset *former = canary->standing;
    bool is_new = former != NULL && strcmp(ruleset_name(former), ruleset_name(set)) != 0;
    bool was_on_trial = canary->watch == CANARY_TRIAL;
    if (was_returned || (was_on_trial && !is_new)) {
        set_idle(canary);
    } else if (is_new) {
        if (was_on_trial)
            canary->n_promoted++;
        begin(canary, CANARY_FORCE, ruleset_name(set));
        if (canary->control->config->watchdog_ms != 0)
            canary->former = ruleset_ref(former);
        else
            set_idle(canary);
    }
    stand(canary, set);
}

/* ---- the way back */

bool control_canary_has_refused(const struct control *control, const char *hash)
{
    const struct control_canary *canary = &control->canary;
    for (size_t i = 0; i < canary->n_refused; i++)
        if (strncmp(canary->refused[i], hash, TRUST_HASH_BYTES - 1) == 0)
            return true;
    return false;
}

static void refuse(struct control_canary *canary, const char *hash)
{
    if (control_canary_has_refused(canary->control, hash))
        return;
    if (canary->n_refused == CANARY_REFUSED) {
        memmove(canary->refused[0], canary->refused[1],
                (CANARY_REFUSED - 1) * sizeof(canary->refused[0]));
        canary->n_refused--;
    }
    (void)snprintf(canary->refused[canary->n_refused++], TRUST_HASH_BYTES, "%s", hash);
}

void control_canary_refuse(struct control *control, const char *hash)
{
    refuse(&control->canary, hash);
    if (!control_eocs_keeps(control, hash))
        refused_add(control->config->state_dir, hash);
}

void control_canary_refused(struct control *control, struct load_order *order)
{
    struct control_canary *canary = &control->canary;
    canary->n_refused = refused_read(control->config->state_dir, canary->refused);
    order->n_refused = canary->n_refused;
    memcpy(order->refused, canary->refused, sizeof(order->refused));
}

/* Give up what `bad` has and `good` has not. */
static void give_up(struct control_canary *canary, const struct ruleset *bad, struct ruleset *good,
                    const char *code, const char *why)
{
    struct control *control = canary->control;
    struct load_order order = {.returns_to = ruleset_ref(good), .code = code};
    const char *hashes[CANARY_GIVEN_UP];
    size_t n = ruleset_news(bad, good, hashes, order.given_up, CANARY_GIVEN_UP, &order.n_given_up);
    for (size_t i = 0; i < n; i++) {
        bool is_bundle = false;
        for (size_t k = 0; k < order.n_given_up; k++)
            is_bundle = is_bundle || strcmp(order.given_up[k].file, hashes[i]) == 0;
        if (is_bundle) /* the trust store remembers it, and reset-floor forgets it */
            refuse(canary, hashes[i]);
        else
            control_canary_refuse(control, hashes[i]);
    }
    (void)err_set(&canary->err, ERR_TEST, code, "%s: %s", canary->name, why);
    canary->err_unix = control_unix_now();
    events_emit(control->events,
                canary->watch == CANARY_TRIAL ? EVENT_TRIAL_FAILED : EVENT_RULES_RETURNED,
                canary->name, "code=%s name=%s back_to=%s reason=%s", code, canary->name,
                ruleset_name(good), why);
    canary->has_asked = true;
    control_load_ordered(control, &order);
}

static void promote(struct control_canary *canary)
{
    struct load_order order;
    events_emit(canary->control->events, EVENT_RULES_PROMOTED, canary->name, "name=%s after_s=%llu",
                canary->name, (unsigned long long)(control_unix_now() - canary->since_unix));
    control_canary_order(canary->control, &order);
    order.promotes = true;
    canary->has_asked = true;
    control_load_ordered(canary->control, &order);
}

static void judge_trial(struct control_canary *canary, const struct rates *time)
{
    char why[CANARY_REASON_BYTES];
    const struct rates_bounds bounds = bounds_of(canary);
    enum rates_verdict verdict =
        rates_judge_trial(time, &canary->before, &bounds, why, sizeof(why));
    if (canary->n_deaths >= TRUST_MAX_TRIES) {
        (void)snprintf(why, sizeof(why), "the program died %u times while these were on trial",
                       canary->n_deaths);
        verdict = RATES_BAD;
    }
    if (verdict == RATES_BAD && canary->standing != NULL) {
        canary->n_failed++;
        give_up(canary, canary->control->set, canary->standing, "E_CANARY", why);
    } else if (verdict == RATES_GOOD) {
        promote(canary);
    }
}

static void judge_force(struct control_canary *canary, const struct rates *time)
{
    char why[CANARY_REASON_BYTES];
    const struct rates_bounds bounds = bounds_of(canary);
    enum rates_verdict verdict =
        rates_judge_force(time, &canary->before, &bounds, why, sizeof(why));
    if (verdict == RATES_BAD) {
        canary->n_returned++;
        give_up(canary, canary->control->set, canary->former, "E_WATCHDOG", why);
    } else if (verdict == RATES_GOOD) {
        log_event("info", "rules_proved", "name=%s", canary->name);
        set_idle(canary);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct control_canary *canary =
        (struct control_canary *)((char *)timer - offsetof(struct control_canary, timer));
    struct control *control = canary->control;
    struct rates now;
    struct rates time;
    take_now(control, &now);
    remember_moment(canary, &now);
    control_eocs_settle(control);
    if (canary->watch == CANARY_IDLE || canary->has_asked || control->job != NULL ||
        control->is_stopping || control->is_draining || now.ms < canary->ask_at_ms)
        return;
    rates_between(&time, &canary->began, &now);
    if (canary->watch == CANARY_TRIAL)
        judge_trial(canary, &time);
    else
        judge_force(canary, &time);
}

/* ---- loads */

void load_order_done(struct load_order *order)
{
    ruleset_unref(order->before);
    ruleset_unref(order->returns_to);
    *order = (struct load_order){.tries = false};
}

void control_canary_order(struct control *control, struct load_order *ret_order)
{
    const struct control_canary *canary = &control->canary;
    *ret_order = (struct load_order){.tries = control->config->canary.time_ms != 0,
                                     .before = ruleset_ref(control->set),
                                     .n_refused = canary->n_refused};
    memcpy(ret_order->refused, canary->refused, sizeof(ret_order->refused));
}

void control_canary_loaded(struct control *control, const struct load_job *job, struct ruleset *old)
{
    struct control_canary *canary = &control->canary;
    struct rules_trial trial;
    bool was_ordered = job->order.promotes || job->order.returns_to != NULL;
    if (was_ordered) {
        canary->has_asked = false;
        canary->ask_at_ms = old == NULL ? uv_now(&control->loop) + RETRY_MS : 0;
    }
    if (old == NULL && !job->had_error && canary->watch != CANARY_TRIAL)
        note_deaths(canary, 0); /* what was on trial once is gone */
    if (old == NULL)
        return;
    /* The set of before may lack what the operator changed meanwhile. */
    control->wants_another |= job->order.returns_to != NULL;
    if (ruleset_trial(control->set, &trial))
        begin_trial(canary, &trial);
    else
        begin_force(canary, control->set, job->order.returns_to != NULL);
}

/* ---- an operator's wish */

const char *control_canary_end(struct control *control, const struct admin_trust *asked,
                               bool is_good, admin_reload_cb done, void *done_ctx)
{
    struct control_canary *canary = &control->canary;
    char why[CANARY_REASON_BYTES];
    if (canary->watch != CANARY_TRIAL || canary->standing == NULL)
        return "nothing is on trial";
    if (strcmp(asked->name, canary->name) != 0)
        return "this is not on trial; 'stopgap status' shows the name of what is";
    if (control->job != NULL || canary->has_asked || control->is_draining)
        return "a load of rules is under way; ask again in a moment";
    if (!control_wait_load(control, done, done_ctx))
        return "too many wait for a load already";
    if (is_good) {
        promote(canary);
        return NULL;
    }
    (void)snprintf(why, sizeof(why), "uid %lu ended the trial: %s", (unsigned long)asked->uid,
                   asked->reason);
    canary->n_failed++;
    give_up(canary, control->set, canary->standing, "E_ABANDONED", why);
    return NULL;
}

/* ---- life */

void control_canary_start(struct control *control)
{
    struct control_canary *canary = &control->canary;
    canary->control = control;
    stand(canary, control->set);
    if (!control->has_begun_with_kept)
        note_deaths(canary, 0);
    (void)uv_timer_init(&control->loop, &canary->timer);
    (void)uv_timer_start(&canary->timer, on_tick, TICK_MS, TICK_MS);
}

void control_canary_stop(struct control *control)
{
    struct control_canary *canary = &control->canary;
    if (canary->control == NULL)
        return;
    if (!uv_is_closing((uv_handle_t *)&canary->timer))
        uv_close((uv_handle_t *)&canary->timer, NULL);
    if (canary->watch == CANARY_TRIAL)
        note_deaths(canary, 0);
}

void control_canary_done(struct control *control)
{
    set_idle(&control->canary);
    ruleset_unref(control->canary.standing);
    control->canary.standing = NULL;
}

void control_collect_canary(const struct control *control, struct status *status)
{
    const struct control_canary *canary = &control->canary;
    struct canary_status *to = &status->canary;
    struct rates now;
    *to = (struct canary_status){.is_on_trial = canary->watch == CANARY_TRIAL,
                                 .is_watched = canary->watch == CANARY_FORCE,
                                 .name = canary->name,
                                 .since_unix = canary->since_unix,
                                 .n_trials = canary->n_trials,
                                 .n_promoted = canary->n_promoted,
                                 .n_failed = canary->n_failed,
                                 .n_returned = canary->n_returned,
                                 .error_unix = canary->err_unix};
    if (canary->watch != CANARY_IDLE) {
        const struct rates_bounds bounds = bounds_of(canary);
        struct rates time;
        take_now(control, &now);
        rates_between(&time, &canary->began, &now);
        to->until_unix = canary->since_unix + bounds.least_ms / 1000;
        to->requests = time.requests;
        to->requests_wanted = canary->watch == CANARY_TRIAL ? bounds.min_requests : 0;
        to->authenticated = time.authenticated;
        to->stopped = canary->watch == CANARY_TRIAL ? time.would_stop : time.blocked_known;
    }
    if (canary->err.kind == ERR_NONE)
        return;
    err_format(&canary->err, to->error, sizeof(to->error));
    (void)snprintf(to->error_code, sizeof(to->error_code), "%s", canary->err.code);
}
