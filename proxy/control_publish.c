/* A new rule set: asked for, loaded on the pool, given to the workers as leases. */
#include "control_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "stopgap/banned.h"

static void publish(struct control *control, struct load_job *job)
{
    struct lease_list *list = &control->leases;
    struct ruleset *old = control->set;
    for (unsigned i = 0; i < control->n_workers; i++) {
        struct worker_mail mail = {.lease = job->leases[i]};
        list->items[list->n++] = job->leases[i]; /* room was made before */
        struct lease *overtaken = worker_post(&control->workers[i], &mail);
        if (overtaken != NULL) { /* published twice before the worker looked */
            for (size_t k = 0; k < list->n; k++)
                if (list->items[k] == overtaken)
                    list->items[k] = list->items[--list->n];
            lease_free(overtaken);
        }
    }
    control->set = job->set;
    control->set_since = control_unix_now();
    control_tell_mitigations(control, old, control->set);
    control_canary_loaded(control, job, old);
    ruleset_unref(old);
}

/* Everything that can fail stands before this, so that a publication cannot. */
static bool publish_prepare(struct control *control)
{
    struct lease_list *list = &control->leases;
    struct lease **items =
        realloc(list->items, (list->n + control->n_workers + 1) * sizeof(*items));
    if (items != NULL)
        list->items = items;
    return items != NULL;
}

static void tell_waiting(struct control *control, size_t n, bool ok, const char *text)
{
    for (size_t i = 0; i < n; i++)
        control->reload_done[i](control->reload_ctx[i], ok, text);
    control->n_waiting -= n;
    memmove(control->reload_done, control->reload_done + n,
            control->n_waiting * sizeof(control->reload_done[0]));
    memmove(control->reload_ctx, control->reload_ctx + n,
            control->n_waiting * sizeof(control->reload_ctx[0]));
}

static void job_free(struct load_job *job)
{
    control_rule_files_done(&job->files);
    load_order_done(&job->order);
    control_tls_load_free(job->control, &job->tls);
    free(job->leases);
    free(job->policy);
    free(job);
}

static void job_drop_result(struct load_job *job)
{
    for (unsigned i = 0; job->leases != NULL && i < job->control->n_workers; i++)
        lease_free(job->leases[i]);
    ruleset_unref(job->set);
}

/* The rest is in force; whoever asked hears what is not. */
static void note_given_up(struct control *control, const struct load_job *job, char *text,
                          size_t size)
{
    const struct rules_news *news = &job->given_up;
    struct err err = job->err;
    char names[160] = "";
    size_t len = 0;
    for (size_t i = 0; i < news->n_bundles && len < sizeof(names) - 110; i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s@%llu.%llu",
                                len != 0 ? ", " : "", news->bundles[i].name,
                                (unsigned long long)news->bundles[i].epoch,
                                (unsigned long long)news->bundles[i].serial);
    for (size_t i = 0; i < news->n_hashes; i++)
        control_canary_refuse(control, news->hashes[i]);
    for (size_t i = 0; i < news->n_hashes && len < sizeof(names) - 110; i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%seocs@%.12s",
                                len != 0 ? ", " : "", news->hashes[i]);
    (void)snprintf(err.text, sizeof(err.text), "%s is given up, %.150s is in force: %.300s", names,
                   ruleset_name(control->set), job->err.text);
    char line[1100];
    err_format(&err, line, sizeof(line));
    (void)snprintf(text, size, "%s", line);
    control->reloads_failed++;
    control_note_refusal(control, &err);
}

static void job_finish(struct control *control, struct load_job *job)
{
    char text[2400];
    const char *old = ruleset_name(control->set);
    bool ok = !job->had_error && job->set != NULL;
    bool is_new = false;
    if (ok && strcmp(ruleset_hash(job->set), ruleset_hash(control->set)) == 0 &&
        strcmp(ruleset_name(job->set), old) == 0) {
        (void)snprintf(text, sizeof(text), "rules unchanged: %s", old);
        job_drop_result(job);
        control_canary_loaded(control, job, NULL);
    } else if (ok && publish_prepare(control)) {
        (void)snprintf(text, sizeof(text), "rules %s -> %s", old, ruleset_name(job->set));
        control_note_judgement(control, &job->judgement);
        publish(control, job);
        is_new = true;
    } else {
        if (ok)
            (void)err_set(&job->err, ERR_MEMORY, "E_MEMORY", "no memory to publish the rules");
        ok = false;
        char line[1100];
        err_format(&job->err, line, sizeof(line));
        (void)snprintf(text, sizeof(text), "rules refused, %s stays active: %s", old, line);
        job_drop_result(job);
        control_canary_loaded(control, job, NULL);
    }
    if (ok) {
        control_trust_loaded(control, is_new);
        control_policy_warn(control);
        control->reloads_ok++;
        control->reload_err = (struct err){0};
        events_emit(control->events, EVENT_SET_LOADED, ruleset_name(control->set), "%s", text);
        control_note_left_out(control, &job->order);
    } else {
        control_trust_poke(control);
        control->reloads_failed++;
        control_note_refusal(control, &job->err);
    }
    control_policy_done(control, job->policy, ok);
    if (ok && job->given_up.n_bundles + job->given_up.n_hashes != 0) {
        note_given_up(control, job, text, sizeof(text));
        ok = false;
    }
    if (job->reads_tls)
        ok = control_tls_finish(control, &job->tls, text, sizeof(text)) && ok;
    tell_waiting(control, job->n_waiting, ok, text);
}

/* ---- the load under way */

/* The set of before is published again, and what came since then is marked. */
static void take_back(struct load_job *job)
{
    const struct load_order *order = &job->order;
    struct trust_store *trust = job->control->trust;
    struct err err = {.kind = ERR_NONE};
    for (size_t i = 0; trust != NULL && i < order->n_given_up; i++)
        if (!trust_fail(trust, &order->given_up[i], order->code, &err))
            break; /* it is remembered in memory; a full disk must not keep bad rules in force */
    job->set = ruleset_ref(order->returns_to);
}

/* This thread, and whom it starts to judge, leave the processor to those who serve requests. What
 * else the pool does can wait as well. */
static void yield_to_traffic(void)
{
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LOAD_NICENESS);
}

/* Nothing says which source is to blame. When the rest loads without what is new, that is given up,
 * or it would be in the way of every load until there is something newer. */
static void load_without_news(struct load_job *job)
{
    struct control *control = job->control;
    struct rules_news news = {.n_hashes = 0};
    struct err ignored;
    if (!trust_is_about_content(&job->err))
        return;
    job->order.news = &news;
    struct ruleset *set =
        control_load(control, &job->files, job->policy, &job->order, &job->judgement, &ignored);
    job->order.news = NULL;
    if (set == NULL || news.n_bundles + news.n_hashes == 0) {
        ruleset_unref(set);
        return;
    }
    job->set = set;
    job->given_up = news;
    for (size_t i = 0; i < news.n_bundles; i++)
        if (!trust_fail(control->trust, &news.bundles[i], job->err.code, &ignored))
            break; /* without a disk it is refused again the next time */
}

static void on_load(uv_work_t *work)
{
    struct load_job *job = (struct load_job *)((char *)work - offsetof(struct load_job, work));
    struct control *control = job->control;
    yield_to_traffic();
    if (job->reads_tls)
        (void)control_tls_load(control, &job->tls, control->n_workers);
    if (job->order.returns_to != NULL) {
        take_back(job);
    } else if (!job->had_error) {
        job->set = control_load(control, &job->files, job->policy, &job->order, &job->judgement,
                                &job->err);
        if (job->set == NULL && !control_trust_refused(control, &job->err))
            load_without_news(job);
    }
    job->had_error = job->had_error || job->set == NULL;
    for (unsigned i = 0; !job->had_error && i < control->n_workers; i++) {
        job->leases[i] = lease_new(job->set, &job->err);
        job->had_error = job->leases[i] == NULL;
    }
    /* A set that kills the program must be known as its cause before it is used. */
    if (!job->had_error)
        job->had_error = !control_trust_begin(control, job->set, &job->err);
}

static void on_loaded(uv_work_t *work, int status)
{
    struct load_job *job = (struct load_job *)((char *)work - offsetof(struct load_job, work));
    struct control *control = job->control;
    (void)status; /* jobs are not cancelled */
    control->job = NULL;
    if (control->is_stopping)
        job_drop_result(job);
    else
        job_finish(control, job);
    job_free(job);
    notify_state("READY=1");
    if (control->wants_another && !control->is_stopping) {
        control->wants_another = false;
        control_reload_rules(control, NULL, NULL); /* wants_tls remembers the rest */
    }
}

static void notify_reloading(void)
{
    char state[80];
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)clock_now_us());
    notify_state(state);
}

/* order is moved from. */
static void start_job(struct control *control, struct load_order *order)
{
    struct load_job *job = calloc(1, sizeof(*job));
    struct err err = {0};
    if (job != NULL) {
        job->control = control;
        job->leases = calloc(control->n_workers, sizeof(struct lease *));
        job->policy = control_policy(control);
        job->order = *order;
        *order = (struct load_order){.tries = false};
    }
    if (job != NULL && job->leases != NULL && job->policy != NULL) {
        control_trust_mend(control);
        control_watch_start(control);
        /* A directory that cannot be read refuses the rules, not the certificates. */
        job->had_error = job->order.returns_to == NULL &&
                         !control_find_rule_files(control, &job->files, &job->err);
        notify_reloading();
        control->job = job;
        job->n_waiting = control->n_waiting;
        job->reads_tls = control->wants_tls;
        control->wants_tls = false;
        (void)uv_queue_work(&control->loop, &job->work, on_load,
                            on_loaded); /* with a callback it cannot fail */
        return;
    }
    (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "no memory for a reload");
    if (job != NULL) {
        control_canary_loaded(control, job, NULL);
        job_free(job);
    }
    load_order_done(order);
    control->wants_tls = false; /* who asked is told no */
    control->reloads_failed++;
    control_note_refusal(control, &err);
    tell_waiting(control, control->n_waiting, false, err.text);
}

void control_reload(struct control *control, admin_reload_cb done, void *done_ctx)
{
    control->wants_tls = true;
    control_resolve_again(control);
    control_reload_rules(control, done, done_ctx);
}

bool control_wait_load(struct control *control, admin_reload_cb done, void *done_ctx)
{
    if (control->n_waiting == LIMIT_ADMIN_CONNECTIONS)
        return false;
    control->reload_done[control->n_waiting] = done;
    control->reload_ctx[control->n_waiting++] = done_ctx;
    return true;
}

void control_reload_rules(struct control *control, admin_reload_cb done, void *done_ctx)
{
    if (done != NULL && !control_wait_load(control, done, done_ctx))
        done(done_ctx, false, "too many reloads wait for their end; ask again later");
    if (control->job != NULL) { /* its files may have been read already: once more, then */
        control->wants_another = true;
        return;
    }
    struct load_order order;
    control_canary_order(control, &order);
    start_job(control, &order);
}

void control_load_ordered(struct control *control, struct load_order *order)
{
    if (control->job == NULL)
        start_job(control, order);
    load_order_done(order);
}
