/* The timer of the feed of signed bundles, and the way of a new bundle into force. */
#include "control_internal.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/trust.h"

#include "stopgap/banned.h"

enum {
    WAIT_MS = 200,                  /* for a load under way; they take about a second */
    RETRY_MS = 60 * 1000,           /* after the first failure; doubled each time */
    MAX_RETRY_MS = 6 * 3600 * 1000, /* who is out for a day is asked four times */
    FIRST_SPREAD_MS = 600 * 1000,   /* a fleet that starts together does not ask together */
    JITTER_PERCENT = 20,
};

static void on_timer(uv_timer_t *timer);

/* ---- when */

static void schedule(struct control_feed *feed, uint64_t ms)
{
    (void)uv_timer_start(&feed->timer, on_timer, ms, 0);
}

static uint64_t with_jitter(uint64_t ms)
{
    uint64_t spread = ms * JITTER_PERCENT / 100;
    return ms - spread + arc4random_uniform((uint32_t)(2 * spread) + 1);
}

static uint64_t retry_delay(const struct control_feed *feed)
{
    uint64_t most = MAX_RETRY_MS;
    uint64_t delay = feed->control->config->feed.every_ms;
    delay = delay < RETRY_MS ? delay : RETRY_MS;
    for (unsigned i = 1; i < feed->n_failed_in_a_row && delay < most; i++)
        delay *= 2;
    delay = delay < most ? delay : most;
    uint64_t asked = (uint64_t)feed->visit.retry_after_s * 1000;
    return with_jitter(delay > asked ? delay : asked);
}

/* A bundle that waits for its turn may be due before the next round. */
static uint64_t next_delay(const struct control_feed *feed)
{
    uint64_t delay = with_jitter(feed->control->config->feed.every_ms);
    int64_t due = feed->visit.due_unix;
    int64_t now = (int64_t)control_unix_now();
    if (due == 0)
        return delay;
    uint64_t wait = due > now ? (uint64_t)(due - now) * 1000 : 0;
    return wait < delay ? wait : delay;
}

/* ---- what is told */

static const struct feed_mirror_report *find_mirror(const struct control_feed_report *report,
                                                    const char *url)
{
    for (size_t i = 0; i < report->n_mirrors; i++)
        if (strcmp(report->mirrors[i].url, url) == 0)
            return &report->mirrors[i];
    return NULL;
}

/* Each trouble of a mirror is told once, as long as another one helps. */
static void tell_mirrors(const struct control_feed *feed, const struct control_feed_report *old)
{
    for (size_t i = 0; i < feed->report.n_mirrors; i++) {
        const struct feed_mirror_report *mirror = &feed->report.mirrors[i];
        const struct feed_mirror_report *before = find_mirror(old, mirror->url);
        const char *code = mirror->is_frozen ? "E_PULSE_FROZEN" : mirror->err.code;
        const char *code_before = before == NULL      ? ""
                                  : before->is_frozen ? "E_PULSE_FROZEN"
                                                      : before->err.code;
        if (code[0] != '\0' && strcmp(code, code_before) != 0)
            events_emit(feed->control->events, EVENT_FEED_MIRROR, mirror->url,
                        "mirror=%s code=%s reason=%s", mirror->url, code,
                        mirror->is_frozen ? "its pulse is a day older than that of another mirror"
                                          : mirror->err.text);
    }
}

static void tell_degraded(const struct control_feed *feed, bool was_degraded)
{
    if (feed->report.is_degraded == was_degraded)
        return;
    if (was_degraded)
        events_emit(feed->control->events, EVENT_FEED_TLS_REGAINED, "",
                    "a mirror with TLS can be used again");
    else
        events_emit(feed->control->events, EVENT_FEED_TLS_DEGRADED, "",
                    "no mirror with TLS can be used; rules come over plain http, verified by "
                    "their signatures as always; 'stopgap feed test' shows why");
}

static bool is_same_offer(const struct own_feed_name *name, const struct control_feed_report *old)
{
    for (size_t i = 0; i < old->n_names; i++)
        if (old->names[i].state == name->state &&
            strcmp(old->names[i].entry.sha256, name->entry.sha256) == 0)
            return true;
    return false;
}

static void tell_names(const struct control_feed *feed, const struct control_feed_report *old)
{
    for (size_t i = 0; i < feed->report.n_names; i++) {
        const struct own_feed_name *name = &feed->report.names[i];
        if (is_same_offer(name, old))
            continue;
        if (name->state == OWN_FEED_TAKEN)
            events_emit(feed->control->events, EVENT_FEED_BUNDLE, name->name,
                        "name=%s epoch=%llu serial=%llu sha256=%s", name->name,
                        (unsigned long long)name->entry.epoch,
                        (unsigned long long)name->entry.serial, name->entry.sha256);
        else if (name->state == OWN_FEED_WAITING)
            events_emit(feed->control->events, EVENT_FEED_WAITS, name->name,
                        "name=%s epoch=%llu serial=%llu in_s=%lld", name->name,
                        (unsigned long long)name->entry.epoch,
                        (unsigned long long)name->entry.serial,
                        (long long)(name->due_unix - (int64_t)control_unix_now()));
    }
}

static void take_report(struct control_feed *feed)
{
    const struct own_feed_visit *visit = &feed->visit;
    struct control_feed_report *report = &feed->report;
    struct control_feed_report *old = malloc(sizeof(*old));
    if (old != NULL)
        *old = *report;
    *report = (struct control_feed_report){.n_names = visit->n_names,
                                           .n_mirrors = visit->mirrors.n,
                                           .is_degraded = visit->is_degraded,
                                           .pulse_created = visit->pulse_created,
                                           .root_version = visit->root_version};
    memcpy(report->names, visit->names, sizeof(report->names));
    for (size_t i = 0; i < visit->mirrors.n; i++) {
        const struct feed_mirror *from = visit->mirrors.items[i];
        struct feed_mirror_report *to = &report->mirrors[i];
        *to = (struct feed_mirror_report){.asked_unix = from->asked_unix,
                                          .pulse_created = from->pulse_created,
                                          .is_frozen = from->is_frozen,
                                          .err = from->err};
        memcpy(to->url, from->url, sizeof(to->url));
    }
    if (old == NULL) /* what is not told now is told in status */
        return;
    tell_mirrors(feed, old);
    tell_degraded(feed, old->is_degraded);
    tell_names(feed, old);
    free(old);
}

/* ---- the end of a visit */

static void answer(struct control_feed *feed, bool ok, const char *text)
{
    size_t n = feed->n_done;
    feed->n_done = 0;
    for (size_t i = 0; i < n; i++)
        feed->done[i](feed->done_ctx[i], ok, text);
}

static void answer_err(struct control_feed *feed, const struct err *err)
{
    char line[1400];
    err_format(err, line, sizeof(line));
    answer(feed, false, line);
}

static void note_failure(struct control_feed *feed, const struct err *err)
{
    feed->n_failed++;
    feed->n_failed_in_a_row++;
    feed->err = *err;
    feed->err_unix = (int64_t)control_unix_now();
    uint64_t delay = retry_delay(feed);
    events_emit(feed->control->events, EVENT_FEED_FAILED, err->code,
                "source=feed code=%s again_in_s=%llu reason=%s", err->code,
                (unsigned long long)(delay / 1000), err->text);
    answer_err(feed, err);
    schedule(feed, delay);
}

static void note_success(struct control_feed *feed, const char *text)
{
    feed->n_good++;
    feed->n_failed_in_a_row = 0;
    feed->err = (struct err){0};
    answer(feed, true, text);
    schedule(feed, next_delay(feed));
}

/* The candidates are in force, or were refused and what was before goes on. */
static void on_reloaded(void *ctx, bool ok, const char *text)
{
    struct control_feed *feed = ctx;
    struct err err = {0};
    if (feed->control->is_stopping)
        return;
    /* What is at fault itself is given up by then; with disk or memory it may load next time. */
    enum err_kind why = feed->control->reload_err.kind;
    feed->has_kept = !ok && (why == ERR_IO || why == ERR_MEMORY);
    if (!ok) {
        (void)err_set(&err, ERR_TRUST, "E_FEED_LOAD", "%s", text);
    } else if (!feed->visit.is_good) {
        err = feed->visit.err; /* of another name */
    }
    if (err.kind == ERR_NONE)
        note_success(feed, text);
    else
        note_failure(feed, &err);
}

static void finish(struct control_feed *feed)
{
    const struct own_feed_visit *visit = &feed->visit;
    feed->has_kept = feed->has_kept || visit->has_new;
    if (feed->has_kept && feed->control->job != NULL) {
        /* In one load with a reload that somebody asked for, one would be refused for the other. */
        feed->is_waiting = true;
        schedule(feed, WAIT_MS);
    } else if (feed->has_kept) {
        control_reload_rules(feed->control, on_reloaded, feed);
    } else if (visit->is_good) {
        note_success(feed, visit->due_unix != 0 ? "a newer bundle waits for its turn"
                                                : "nothing newer than what is here");
    } else {
        note_failure(feed, &visit->err);
    }
}

static struct control_feed *feed_of_work(uv_work_t *work)
{
    return (struct control_feed *)((char *)work - offsetof(struct control_feed, work));
}

static void on_visit(uv_work_t *work)
{
    own_feed_run(&feed_of_work(work)->visit);
}

static void on_visited(uv_work_t *work, int status)
{
    struct control_feed *feed = feed_of_work(work);
    (void)status; /* visits are not cancelled in the queue */
    feed->is_busy = false;
    if (feed->control->is_stopping)
        return;
    if (feed->visit.pulse_created != 0)
        feed->contact_unix = (int64_t)control_unix_now();
    take_report(feed);
    control_trust_poke(feed->control); /* contact and root may be others now */
    finish(feed);
}

static void begin(struct control_feed *feed)
{
    feed->is_busy = true;
    (void)uv_timer_stop(&feed->timer);
    (void)uv_queue_work(&feed->control->loop, &feed->work, on_visit,
                        on_visited); /* with a callback it cannot fail */
}

static void on_timer(uv_timer_t *timer)
{
    struct control_feed *feed =
        (struct control_feed *)((char *)timer - offsetof(struct control_feed, timer));
    if (feed->is_busy || feed->control->is_draining)
        return;
    if (!feed->is_waiting) {
        begin(feed);
        return;
    }
    feed->is_waiting = false;
    finish(feed);
}

void control_feed_fetch(void *ctx, admin_reload_cb done, void *done_ctx)
{
    struct control *control = ctx;
    struct control_feed *feed = control->feed;
    if (feed == NULL) {
        done(done_ctx, false, "no feed is configured: feed.urls is empty");
        return;
    }
    if (control->is_draining || feed->n_done == LIMIT_ADMIN_CONNECTIONS) {
        done(done_ctx, false, "the program ends, or too many wait already");
        return;
    }
    feed->done[feed->n_done] = done;
    feed->done_ctx[feed->n_done++] = done_ctx;
    if (!feed->is_busy && !feed->is_waiting)
        begin(feed);
}

/* ---- life */

bool control_feed_init(struct control *control, struct err *err)
{
    const struct config *config = control->config;
    if (config->feed.urls.n == 0)
        return true;
    if (!fetch_init(err))
        return false;
    struct control_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    feed->control = control;
    atomic_init(&feed->cancel, false);
    feed->visit = (struct own_feed_visit){.config = &config->feed,
                                          .trust = config_trust(config),
                                          .writes = true,
                                          .cancel = &feed->cancel};
    (void)uv_timer_init(&control->loop, &feed->timer);
    control->feed = feed;
    return true;
}

/* Who has nothing yet asks at once. */
static bool has_all_names(const struct control *control)
{
    struct trust_paths paths = {0};
    size_t n = control->config->feed.names.n;
    if (control->trust == NULL || !trust_find_paths(control->trust, TRUST_NEWEST, &paths, NULL))
        return false;
    bool has_all = paths.n >= n;
    trust_paths_done(&paths);
    return has_all;
}

void control_feed_start(struct control *control)
{
    struct control_feed *feed = control->feed;
    if (feed == NULL)
        return;
    uint64_t most = control->config->feed.every_ms;
    most = most < FIRST_SPREAD_MS ? most : FIRST_SPREAD_MS;
    schedule(feed, has_all_names(control) ? arc4random_uniform((uint32_t)most) : 0);
}

void control_feed_stop(struct control *control)
{
    struct control_feed *feed = control->feed;
    if (feed == NULL)
        return;
    atomic_store(&feed->cancel, true);
    answer(feed, false, "the program ends");
    if (!uv_is_closing((uv_handle_t *)&feed->timer))
        uv_close((uv_handle_t *)&feed->timer, NULL);
}

void control_feed_done(struct control *control)
{
    if (control->feed == NULL)
        return;
    own_feed_done(&control->feed->visit);
    free(control->feed);
}

/* ---- status */

static void collect_names(const struct control_feed *feed, struct own_feed_status *status)
{
    status->n_bundles = feed->report.n_names;
    for (size_t i = 0; i < feed->report.n_names; i++) {
        const struct own_feed_name *name = &feed->report.names[i];
        status->bundles[i] = (struct feed_bundle_status){.name = name->name,
                                                         .state = own_feed_state_word(name->state),
                                                         .epoch = name->entry.epoch,
                                                         .serial = name->entry.serial,
                                                         .lane = name->entry.lane,
                                                         .due_unix = name->due_unix,
                                                         .error_code = name->err.code,
                                                         .error = name->err.text};
    }
}

void control_collect_feed(const struct control *control, struct status *status)
{
    const struct control_feed *feed = control->feed;
    struct own_feed_status *own = &status->own_feed;
    if (feed == NULL)
        return;
    *own = (struct own_feed_status){.is_configured = true,
                                    .ring = control->config->feed.ring == FEED_EARLY ? "early"
                                                                                     : "stable",
                                    .is_degraded = feed->report.is_degraded,
                                    .contact_unix = feed->contact_unix,
                                    .pulse_unix = feed->report.pulse_created,
                                    .root_version = feed->report.root_version,
                                    .n_good = feed->n_good,
                                    .n_failed = feed->n_failed,
                                    .error_code = feed->err.code,
                                    .error = feed->err.text,
                                    .error_unix = feed->err_unix,
                                    .n_mirrors = feed->report.n_mirrors};
    collect_names(feed, own);
    for (size_t i = 0; i < feed->report.n_mirrors; i++) {
        const struct feed_mirror_report *mirror = &feed->report.mirrors[i];
        own->mirrors[i] = (struct feed_mirror_status){.url = mirror->url,
                                                      .asked_unix = mirror->asked_unix,
                                                      .pulse_unix = mirror->pulse_created,
                                                      .is_frozen = mirror->is_frozen,
                                                      .error_code = mirror->err.code,
                                                      .error = mirror->err.text};
    }
}
