/* The feed's timer, and the way of a new document into force. */
#include "control_internal.h"
#include "refused.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    WAIT_MS = 200,                  /* for a load under way; they take about a second */
    RETRY_MS = 60 * 1000,           /* after the first failure; doubled each time */
    MAX_RETRY_MS = 6 * 3600 * 1000, /* who is out for a day is asked four times */
    FIRST_SPREAD_MS = 600 * 1000,   /* a fleet that starts together does not ask together */
    JITTER_PERCENT = 20,
};

static void on_timer(uv_timer_t *timer);

static void schedule(struct control_eocs *eocs, uint64_t ms)
{
    (void)uv_timer_start(&eocs->timer, on_timer, ms, 0);
}

/* every, 20 % less or more. */
static uint64_t with_jitter(uint64_t ms)
{
    uint64_t spread = ms * JITTER_PERCENT / 100;
    return ms - spread + arc4random_uniform((uint32_t)(2 * spread) + 1);
}

static uint64_t retry_delay(const struct control_eocs *eocs)
{
    uint64_t most = MAX_RETRY_MS;
    uint64_t delay = eocs->control->config->eocs.every_ms;
    delay = delay < RETRY_MS ? delay : RETRY_MS;
    for (unsigned i = 1; i < eocs->n_failed_in_a_row && delay < most; i++)
        delay *= 2;
    delay = delay < most ? delay : most;
    uint64_t asked = (uint64_t)eocs->visit.response.retry_after_s * 1000;
    return with_jitter(delay > asked ? delay : asked);
}

static void note_failure(struct control_eocs *eocs, const struct err *err)
{
    eocs->n_failed++;
    eocs->n_failed_in_a_row++;
    eocs->err = *err;
    eocs->err_unix = control_unix_now();
    uint64_t delay = retry_delay(eocs);
    events_emit(eocs->control->events, EVENT_FEED_FAILED, err->code,
                "source=eocs url=%s code=%s again_in_s=%llu rules_from_feed=%zu reason=%s",
                eocs->control->config->eocs.url, err->code, (unsigned long long)(delay / 1000),
                eocs->current.n_files, err->text);
    schedule(eocs, delay);
}

static void note_contact(struct control_eocs *eocs)
{
    eocs->n_good++;
    eocs->n_failed_in_a_row = 0;
    eocs->err = (struct err){0};
    eocs->contact_unix = control_unix_now();
    eocs_contact_save(eocs->control->config->state_dir);
    schedule(eocs, with_jitter(eocs->control->config->eocs.every_ms));
}

static void tell_new_set(const struct control_eocs *eocs)
{
    const struct eocs_set *set = &eocs->current;
    events_emit(eocs->control->events, EVENT_FEED_DOCUMENT, set->sha256,
                "mitigations=%zu rule_files=%zu left_out=%zu", set->n_mitigations, set->n_files,
                set->n_left_out);
    for (size_t i = 0; i < set->n_left_out && i < EOCS_MAX_LEFT_OUT; i++)
        events_emit(eocs->control->events, EVENT_FEED_LEFT_OUT, set->left_out[i].id,
                    "code=%s reason=%s", set->left_out[i].why.code, set->left_out[i].why.text);
}

/* ---- what a restart has */

static bool is_same(const struct eocs_set *one, const struct eocs_set *other)
{
    return strcmp(one->path, other->path) == 0;
}

static void fall_back(struct control_eocs *eocs)
{
    eocs->kept = eocs->current = eocs->former;
    eocs->former = (struct eocs_set){0};
    eocs->is_unkept = true;
}

/* From what the canary says of current. */
static void judge(struct control_eocs *eocs)
{
    const struct control *control = eocs->control;
    enum canary_watch watch = control->canary.watch;
    bool is_new = !is_same(&eocs->current, &eocs->kept);
    bool has_failed = control_canary_has_refused(control, eocs->current.sha256);
    if (has_failed && is_new) { /* on trial; its folder is to go */
        eocs->current = eocs->kept;
        eocs->is_unkept = eocs->kept.path[0] != '\0';
    } else if (has_failed && eocs->former.path[0] != '\0') {
        fall_back(eocs);
    } else if (!has_failed && is_new && watch != CANARY_TRIAL) {
        eocs->former = eocs->kept;
        eocs->kept = eocs->current;
        eocs->is_unkept = true;
    }
    if (watch == CANARY_IDLE && eocs->former.path[0] != '\0') {
        eocs->former = (struct eocs_set){0};
        eocs->is_unkept = true;
    }
}

/* False with err: it is tried again. */
static bool settle(struct control_eocs *eocs, struct err *err)
{
    if (eocs->current.path[0] == '\0') /* left out of the first set, or there is none */
        return true;
    judge(eocs);
    if (!eocs->is_unkept || !is_same(&eocs->current, &eocs->kept))
        return true; /* what is on trial would be removed */
    eocs->is_unkept =
        !eocs_set_keep(eocs->control->config->state_dir, &eocs->kept, &eocs->former, err);
    return !eocs->is_unkept;
}

void control_eocs_settle(struct control *control)
{
    struct control_eocs *eocs = control->eocs;
    struct err err = {0};
    /* A visit writes a set that is neither of these two yet. */
    if (eocs == NULL || control->job != NULL || eocs->is_busy || eocs->is_waiting ||
        control->is_draining || control->is_stopping)
        return;
    bool was_unkept = eocs->is_unkept;
    if (settle(eocs, &err))
        return;
    if (was_unkept)
        eocs->err = err;
    else
        note_failure(eocs, &err);
}

static bool has_hash(const struct eocs_set *set, const char *hash)
{
    return set->path[0] != '\0' && strncmp(set->sha256, hash, EOCS_HASH_BYTES - 1) == 0;
}

bool control_eocs_keeps(const struct control *control, const char *hash)
{
    const struct control_eocs *eocs = control->eocs;
    if (eocs == NULL)
        return false;
    const char *slash = strrchr(eocs->kept.path, '/');
    bool is_kept = slash != NULL && strcmp(slash + 1, hash) == 0;
    bool is_left_out = eocs->current.path[0] == '\0'; /* kept itself is tried again */
    return has_hash(&eocs->former, hash) ||
           (!is_kept && !is_left_out && has_hash(&eocs->kept, hash));
}

const char *control_eocs_former(const struct control *control)
{
    const struct control_eocs *eocs = control->eocs;
    return eocs != NULL && eocs->former.path[0] != '\0' ? eocs->former.path : NULL;
}

void control_eocs_fall_back(struct control *control)
{
    if (control_eocs_former(control) != NULL)
        fall_back(control->eocs);
}

/* ---- visits */

/* The candidate is in force, or was refused and the set before goes on. */
static void on_reloaded(void *ctx, bool ok, const char *text)
{
    struct control_eocs *eocs = ctx;
    struct err err = {0};
    if (eocs->control->is_stopping)
        return;
    if (!ok)
        (void)err_set(&err, ERR_TRUST, "E_EOCS_LOAD", "%s", text);
    else if (eocs_set_accept(eocs->control->config->state_dir, &eocs->candidate, &err))
        eocs->current = eocs->candidate;
    eocs->candidate.path[0] = '\0';
    bool is_in = err.kind == ERR_NONE;
    if (is_in)
        tell_new_set(eocs);
    if (is_in && settle(eocs, &err)) {
        note_contact(eocs);
        return;
    }
    eocs->visit.etag[0] = '\0'; /* the next visit tries the whole way again */
    note_failure(eocs, &err);
}

/* Told when it failed; from then on it is shown, and the feed itself is well. */
static void note_refused(struct control_eocs *eocs)
{
    note_contact(eocs);
    (void)err_set(&eocs->err, ERR_TRUST, "E_EOCS_REFUSED",
                  "the rules of document %.12s failed here before; Microsoft's next one is tried",
                  eocs->visit.set.sha256);
    eocs->err_unix = control_unix_now();
    eocs->visit.etag[0] = '\0'; /* "not modified" would not say of which */
}

static void finish(struct control_eocs *eocs)
{
    const struct eocs_feed_visit *visit = &eocs->visit;
    if (!visit->is_good) {
        note_failure(eocs, &visit->err);
    } else if (!visit->is_unchanged &&
               control_canary_has_refused(eocs->control, visit->set.sha256)) {
        note_refused(eocs);
    } else if (visit->is_unchanged || strcmp(visit->set.path, eocs->current.path) == 0) {
        if (!visit->is_unchanged)
            eocs->current = visit->set; /* what was left out is not kept over a restart */
        note_contact(eocs);
    } else if (eocs->control->job != NULL) {
        /* In one load with a reload that somebody asked for, one would be refused for the other. */
        eocs->is_waiting = true;
        schedule(eocs, WAIT_MS);
    } else {
        eocs->candidate = visit->set;
        control_reload_rules(eocs->control, on_reloaded, eocs);
    }
}

static void on_visit(uv_work_t *work)
{
    struct control_eocs *eocs =
        (struct control_eocs *)((char *)work - offsetof(struct control_eocs, work));
    eocs_feed_run(&eocs->visit);
}

static void on_visited(uv_work_t *work, int status)
{
    struct control_eocs *eocs =
        (struct control_eocs *)((char *)work - offsetof(struct control_eocs, work));
    (void)status; /* visits are not cancelled in the queue */
    eocs->is_busy = false;
    if (!eocs->control->is_stopping)
        finish(eocs);
}

static void on_timer(uv_timer_t *timer)
{
    struct control_eocs *eocs =
        (struct control_eocs *)((char *)timer - offsetof(struct control_eocs, timer));
    if (eocs->is_busy || eocs->control->is_draining)
        return;
    if (eocs->is_waiting) {
        eocs->is_waiting = false;
        finish(eocs);
        return;
    }
    eocs->is_busy = true;
    (void)uv_queue_work(&eocs->control->loop, &eocs->work, on_visit,
                        on_visited); /* with a callback it cannot fail */
}

/* What failed may still be named: the program was killed, or the disk was full. */
static void read_kept(struct control_eocs *eocs)
{
    const char *state_dir = eocs->control->config->state_dir;
    char refused[REFUSED_MAX][TRUST_HASH_BYTES];
    size_t n = refused_read(state_dir, refused);
    eocs_set_read(state_dir, &eocs->kept, &eocs->former);
    eocs->current = eocs->kept;
    for (size_t i = 0; i < n && eocs->former.path[0] != '\0'; i++)
        if (strcmp(refused[i], eocs->current.sha256) == 0)
            fall_back(eocs);
}

bool control_eocs_init(struct control *control, struct err *err)
{
    const struct config *config = control->config;
    if (config->eocs.url == NULL)
        return true;
    if (!fetch_init(err))
        return false;
    struct control_eocs *eocs = calloc(1, sizeof(*eocs));
    if (eocs == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    eocs->control = control;
    atomic_init(&eocs->cancel, false);
    eocs->visit = (struct eocs_feed_visit){.config = &config->eocs,
                                           .state_dir = config->state_dir,
                                           .root_path = config->trust_path,
                                           .writes = true,
                                           .cancel = &eocs->cancel};
    read_kept(eocs);
    eocs->contact_unix = (uint64_t)eocs_contact_load(config->state_dir);
    (void)uv_timer_init(&control->loop, &eocs->timer);
    control->eocs = eocs;
    return true;
}

void control_eocs_start(struct control *control)
{
    struct control_eocs *eocs = control->eocs;
    if (eocs == NULL)
        return;
    if (strncmp(control->config->eocs.url, "http://", 7) == 0)
        log_event("warn", "feed_plain",
                  "eocs.url is not https: what comes is verified by its signature, but anybody on "
                  "the way can see or stop it");
    uint64_t most = control->config->eocs.every_ms;
    most = most < FIRST_SPREAD_MS ? most : FIRST_SPREAD_MS;
    /* Who has nothing yet asks at once. */
    schedule(eocs, eocs->current.path[0] == '\0' ? 0 : arc4random_uniform((uint32_t)most));
}

void control_eocs_stop(struct control *control)
{
    struct control_eocs *eocs = control->eocs;
    if (eocs == NULL)
        return;
    atomic_store(&eocs->cancel, true);
    if (!uv_is_closing((uv_handle_t *)&eocs->timer))
        uv_close((uv_handle_t *)&eocs->timer, NULL);
}

void control_eocs_done(struct control *control)
{
    free(control->eocs);
}

void control_eocs_drop(struct control *control)
{
    if (control->eocs != NULL)
        control->eocs->current = (struct eocs_set){0};
}

const char *control_eocs_directory(const struct control *control)
{
    const struct control_eocs *eocs = control->eocs;
    if (eocs == NULL)
        return NULL;
    if (eocs->candidate.path[0] != '\0')
        return eocs->candidate.path;
    return eocs->current.path[0] != '\0' ? eocs->current.path : NULL;
}
