/* The timer that looks after the trust store, and what is told of its standing. */
#include "control_internal.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

enum {
    TICK_MS = 5 * 1000,   /* how late a state or the end of a pin shows */
    NOTE_RUN_S = 3600,    /* run time that a power cut may take */
    REPEAT_S = 24 * 3600, /* what is wrong is said once a day */
    LAST_DAYS = 7,        /* the end of trust is near: once a day */
};

static void on_timer(uv_timer_t *timer);

/* Counts while the machine sleeps, too, and nobody can set it. */
static uint64_t boot_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- telling */

static enum event_id mark_event(enum trust_mark mark)
{
    static const enum event_id events[TRUST_MARK_COUNT] = {
        [TRUST_MARK_NO_RULES] = EVENT_NO_RULES,      [TRUST_MARK_STATE_LOST] = EVENT_STATE_LOST,
        [TRUST_MARK_DAMAGED] = EVENT_TRUST_DAMAGED,  [TRUST_MARK_ENDED] = EVENT_TRUST_ENDED,
        [TRUST_MARK_STRANDED] = EVENT_STRANDED_SOON, [TRUST_MARK_ROOT_EXPIRED] = EVENT_ROOT_EXPIRED,
        [TRUST_MARK_CLOCK] = EVENT_CLOCK_SUSPECT,    [TRUST_MARK_BEHIND] = EVENT_RULES_BEHIND,
        [TRUST_MARK_PINNED] = EVENT_RULES_PINNED,
    };
    return events[mark];
}

static void tell_freshness(struct control_trust *trust, const struct trust_standing *standing)
{
    static const enum event_id events[TRUST_FRESHNESS_COUNT] = {
        [TRUST_BUILTIN] = EVENT_TRUST_FRESH,       [TRUST_FRESH] = EVENT_TRUST_FRESH,
        [TRUST_AGING] = EVENT_TRUST_AGING,         [TRUST_STALE] = EVENT_TRUST_STALE,
        [TRUST_ABANDONED] = EVENT_TRUST_ABANDONED,
    };
    char text[700];
    trust_describe_freshness(&trust->look.facts, standing, text, sizeof(text));
    events_emit(trust->control->events, events[standing->freshness],
                trust_freshness_word(standing->freshness), "state=%s %s",
                trust_freshness_word(standing->freshness), text);
}

static void tell_mark(struct control_trust *trust, const struct trust_standing *standing,
                      enum trust_mark mark)
{
    char text[700];
    const char *word = trust_mark_word(mark);
    if ((standing->marks >> mark & 1) == 0) {
        events_emit(trust->control->events, EVENT_TRUST_CLEARED, word, "state=%s is over", word);
        return;
    }
    trust_describe_mark(&trust->look.facts, standing, mark, text, sizeof(text));
    events_emit(trust->control->events, mark_event(mark), word, "state=%s %s", word, text);
}

/* 180, 90, 30, 14 and 7 days before the end, then each day. */
static int64_t stage_of(int64_t days_left)
{
    static const int64_t stages[] = {14, 30, 90};
    if (days_left <= LAST_DAYS)
        return days_left;
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        if (days_left <= stages[i])
            return stages[i];
    return INT64_MAX;
}

static bool is_lasting(enum trust_mark mark)
{
    return mark != TRUST_MARK_STRANDED && mark != TRUST_MARK_PINNED &&
           mark != TRUST_MARK_STATE_LOST;
}

static void tell(struct control_trust *trust, const struct trust_standing *standing)
{
    bool repeats = boot_s() - trust->told_boot_s >= REPEAT_S;
    bool is_bad = standing->freshness == TRUST_STALE || standing->freshness == TRUST_ABANDONED;
    bool was_fine = !trust->is_told && standing->freshness <= TRUST_FRESH;
    if ((standing->freshness != trust->freshness && !was_fine) || (repeats && is_bad))
        tell_freshness(trust, standing);
    for (unsigned i = 0; i < TRUST_MARK_COUNT; i++) {
        enum trust_mark mark = (enum trust_mark)i;
        bool is_set = (standing->marks >> i & 1) != 0;
        bool is_change = ((standing->marks ^ trust->marks) >> i & 1) != 0;
        bool is_later = mark == TRUST_MARK_STRANDED && is_set &&
                        stage_of(standing->days_left) != stage_of(trust->days_left);
        if (is_change || is_later || (repeats && is_set && is_lasting(mark)))
            tell_mark(trust, standing, mark);
    }
    if (repeats || !trust->is_told)
        trust->told_boot_s = boot_s();
    trust->is_told = true;
    trust->freshness = standing->freshness;
    trust->marks = standing->marks;
    trust->days_left = standing->days_left;
}

void control_trust_note_error(struct control *control, const struct err *err)
{
    struct control_trust *trust = control->trust_watch;
    bool is_new = trust->write_err.kind == ERR_NONE;
    trust->write_err = *err;
    trust->write_err_unix = control_unix_now();
    if (is_new)
        events_emit(control->events, EVENT_STATE_WRITE, err->code,
                    "code=%s the rules in force stay, but what changes is forgotten at a restart: "
                    "%s",
                    err->code, err->text);
}

/* ---- judging */

/* The facts of the last work, brought up to this second. */
static void judge(struct control_trust *trust, struct trust_standing *ret_standing)
{
    struct control *control = trust->control;
    struct ruleset_stats stats = {.n_rules = 0};
    struct trust_facts *facts = &trust->look.facts;
    if (control->set != NULL)
        ruleset_stats(control->set, &stats);
    facts->now = (int64_t)control_unix_now();
    facts->expires = stats.expires_unix;
    facts->has_no_rules = trust->has_no_rules;
    bool asks = control->config->feed.names.n != 0;
    facts->has_feed = facts->has_feed && asks;
    facts->has_bundles = facts->has_bundles || asks || trust->damage[0] != '\0';
    memcpy(facts->damage, trust->damage, sizeof(facts->damage));
    struct trust_facts now = *facts;
    now.run_s += boot_s() - trust->noted_boot_s;
    trust_judge(&now, ret_standing);
}

void control_trust_feed(const struct control *control, int64_t *ret_pulse, int64_t *ret_silent_s)
{
    const struct control_trust *trust = control->trust_watch;
    *ret_pulse = 0;
    *ret_silent_s = 0;
    if (trust == NULL || !trust->look.is_good || control->config->feed.urls.n == 0 ||
        trust->look.facts.contact == 0)
        return;
    const struct trust_facts *facts = &trust->look.facts;
    *ret_pulse = facts->pulse;
    *ret_silent_s = (int64_t)(facts->run_s - facts->contact_run_s + boot_s() - trust->noted_boot_s);
}

/* ---- the work on the pool */

/* On the pool, or before the loop runs. */
static void look(struct control_trust *trust)
{
    struct trust_store *store = trust->store;
    struct trust_look *found = &trust->found;
    *found = (struct trust_look){.is_good = false};
    if (!trust_note_run(store, trust->run_s, &found->err))
        trust->run_s = 0; /* it is noted later */
    if (trust->proves && !trust_prove(store, &found->err))
        trust->proves = false;
    if (!trust_end_pins(store, &found->n_ended_pins, &found->err))
        found->n_ended_pins = 0;
    trust_prune(store);
    found->is_good = trust_collect(store, &found->facts, &found->err);
    found->n_names = trust_names(store, found->names, TRUST_MAX_NAMES);
}

static void on_work(uv_work_t *work)
{
    look((struct control_trust *)((char *)work - offsetof(struct control_trust, work)));
}

static void take_look(struct control_trust *trust)
{
    struct trust_standing standing;
    trust->noted_boot_s += trust->run_s;
    if (trust->proves)
        trust->prove_boot_s = 0;
    if (trust->found.err.kind != ERR_NONE)
        control_trust_note_error(trust->control, &trust->found.err);
    else if (!trust->is_unkept)
        trust->write_err = (struct err){0};
    bool was_behind = trust->look.facts.is_behind;
    if (trust->found.is_good)
        trust->look = trust->found;
    /* Between its signatures and its first request a set is no lag; the end of the load is looked
     * at again. */
    if (trust->saw_load || trust->control->job != NULL)
        trust->look.facts.is_behind = was_behind;
    judge(trust, &standing);
    tell(trust, &standing);
}

static void on_worked(uv_work_t *work, int status)
{
    struct control_trust *trust =
        (struct control_trust *)((char *)work - offsetof(struct control_trust, work));
    struct control *control = trust->control;
    (void)status; /* it is not cancelled */
    trust->is_busy = false;
    if (control->is_stopping || trust->is_left)
        return;
    take_look(trust);
    if (trust->found.n_ended_pins != 0)
        control_reload_rules(control, NULL, NULL);
    if (trust->wants_another)
        control_trust_poke(control);
}

void control_trust_poke(struct control *control)
{
    struct control_trust *trust = control->trust_watch;
    if (trust == NULL || control->is_stopping || trust->is_left)
        return;
    trust->wants_another = trust->is_busy;
    if (trust->is_busy)
        return;
    control_trust_take_mended(trust);
    if (trust->store == NULL)
        return;
    uint64_t ran_s = boot_s() - trust->noted_boot_s;
    trust->run_s = ran_s >= NOTE_RUN_S ? ran_s : 0;
    trust->proves = trust->prove_boot_s != 0 && boot_s() >= trust->prove_boot_s;
    trust->saw_load = control->job != NULL;
    trust->is_busy = true;
    (void)uv_queue_work(&control->loop, &trust->work, on_work,
                        on_worked); /* with a callback it cannot fail */
}

static bool is_pin_over(const struct control_trust *trust)
{
    for (size_t i = 0; i < trust->look.n_names; i++)
        if (trust->look.names[i].pin.serial != 0 &&
            trust->look.names[i].pin.until <= (int64_t)control_unix_now())
            return true;
    return false;
}

static void on_timer(uv_timer_t *timer)
{
    struct control_trust *trust =
        (struct control_trust *)((char *)timer - offsetof(struct control_trust, timer));
    if (trust->is_busy)
        return;
    bool is_due = boot_s() - trust->noted_boot_s >= NOTE_RUN_S || is_pin_over(trust) ||
                  (trust->prove_boot_s != 0 && boot_s() >= trust->prove_boot_s) ||
                  trust->write_err.kind != ERR_NONE;
    if (is_due && trust->store != NULL) {
        control_trust_poke(trust->control);
        return;
    }
    struct trust_standing standing;
    judge(trust, &standing);
    tell(trust, &standing);
}

/* ---- sets that come and go */

void control_trust_kept(struct control *control, enum trust_choice choice,
                        struct string_list *ret_paths)
{
    struct trust_paths paths;
    struct err err = {0};
    *ret_paths = (struct string_list){0};
    if (control->trust == NULL)
        return;
    if (trust_find_paths(control->trust, choice, &paths, &err))
        *ret_paths = (struct string_list){.items = paths.items, .n = paths.n};
    else
        control_trust_note_error(control, &err);
}

bool control_trust_begin(struct control *control, const struct ruleset *set, struct err *err)
{
    if (control->trust == NULL)
        return true;
    struct trust_set sets[TRUST_MAX_NAMES];
    if (!trust_begin(control->trust, sets, ruleset_bundles(set, sets, TRUST_MAX_NAMES), err))
        return false;
    size_t n = ruleset_bundles_on_trial(set, sets, TRUST_MAX_NAMES);
    return trust_try(control->trust, sets, n, err);
}

bool control_trust_refused(struct control *control, const struct err *why)
{
    return control->trust != NULL && trust_fail_candidate(control->trust, why);
}

void control_trust_loaded(struct control *control, bool is_new)
{
    struct control_trust *trust = control->trust_watch;
    trust->is_unkept = trust->has_no_rules = false;
    if (is_new)
        trust->prove_boot_s = boot_s() + TRUST_PROVE_S;
    control_trust_poke(control);
}

void control_trust_first(struct control *control)
{
    struct err err = {0};
    if (control_trust_begin(control, control->set, &err))
        return;
    control->trust_watch->is_unkept = true;
    control_trust_note_error(control, &err);
}

/* ---- life */

/* The try of this start is counted before anything of the sets is loaded. */
static void count_start(struct control *control)
{
    struct trust_set fallen;
    struct err err = {0};
    /* What was on trial is blamed for a death then, not the set in force beside it. */
    if (control_canary_was_cut(control) && !trust_end(control->trust, &err))
        control_trust_note_error(control, &err);
    if (!trust_start(control->trust, &fallen, &err))
        control_trust_note_error(control, &err);
    else if (fallen.name[0] != '\0')
        events_emit(
            control->events, EVENT_CRASH_LOOP, fallen.name,
            "code=E_CRASHLOOP the program ended %d times within %d s of using %s %llu.%llu; "
            "the last known good set comes back",
            TRUST_MAX_TRIES, TRUST_PROVE_S, fallen.name, (unsigned long long)fallen.epoch,
            (unsigned long long)fallen.serial);
}

bool control_trust_init(struct control *control, struct err *err)
{
    struct control_trust *trust = calloc(1, sizeof(*trust));
    if (trust == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    control->trust_watch = trust;
    trust->control = control;
    trust->look.facts.released = trust_released();
    trust->noted_boot_s = boot_s();
    (void)uv_timer_init(&control->loop, &trust->timer);
    if (!control_trust_open(control, err))
        return false;
    if (control->trust != NULL)
        count_start(control);
    return true;
}

void control_trust_start(struct control *control)
{
    struct control_trust *trust = control->trust_watch;
    trust->prove_boot_s = boot_s() + TRUST_PROVE_S;
    (void)uv_timer_start(&trust->timer, on_timer, TICK_MS, TICK_MS);
    if (trust->store == NULL) {
        on_timer(&trust->timer);
        return;
    }
    look(trust); /* the loop does not run yet, and the first status shall be whole */
    take_look(trust);
}

/* Once. While the pool has the store this is left out: a death too many is counted, and minutes too
 * few. */
static void note_end(struct control_trust *trust)
{
    struct err err;
    if (trust->store == NULL || trust->is_left || trust->is_busy)
        return;
    trust->is_left = true;
    if (!trust_end(trust->store, &err) ||
        !trust_note_run(trust->store, boot_s() - trust->noted_boot_s, &err))
        log_event("warn", "state_write", "code=%s %s", err.code, err.text);
}

void control_trust_leave(struct control *control)
{
    struct control_trust *trust = control->trust_watch;
    if (trust == NULL)
        return;
    note_end(trust);
    trust->is_left = true;
    (void)uv_timer_stop(&trust->timer);
}

void control_trust_take(struct control *control)
{
    if (control->trust_watch->store != NULL)
        count_start(control);
}

void control_trust_stop(struct control *control)
{
    struct control_trust *trust = control->trust_watch;
    if (trust != NULL && !uv_is_closing((uv_handle_t *)&trust->timer))
        uv_close((uv_handle_t *)&trust->timer, NULL);
}

void control_trust_done(struct control *control)
{
    struct control_trust *trust = control->trust_watch;
    if (trust == NULL)
        return;
    note_end(trust);
    trust_close(trust->store);
    free(trust);
    control->trust_watch = NULL;
}

void control_collect_trust(const struct control *control, struct status *status)
{
    struct control_trust *trust = control->trust_watch;
    struct trust_status *shown = &status->trust;
    judge(trust, &shown->standing);
    shown->facts = trust->look.facts;
    shown->names = trust->look.names;
    shown->n_names = trust->look.n_names;
    shown->error_unix = trust->write_err_unix;
    if (trust->write_err.kind == ERR_NONE)
        return;
    err_format(&trust->write_err, shown->error, sizeof(shown->error));
    (void)snprintf(shown->error_code, sizeof(shown->error_code), "%s", trust->write_err.code);
}
