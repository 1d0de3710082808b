/* The path of a rule set on the control thread: ask, load on the pool, publish, retire. */
#include "control_internal.h"

#include <dirent.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    WATCH_SETTLE_MS = 200, /* a publisher that renames several files makes one load */
    WATCH_MAX_FILES = 256, /* bundles looked at in the watched directory */
};

/* A node of the tree control->totals. */
struct rule_total {
    const char *id; /* the key: text below, or somebody else's in a look-up */
    uint64_t hits;
    char text[];
};

/* ---- loading */

struct ruleset *control_load(struct control *control, const struct rule_files *files,
                             const struct policy_copy *policy, struct err *err)
{
    const struct config *config = control->config;
    struct rules_source source = {
        .use_builtin = config->use_builtin,
        .bundle_paths = (const char *const *)files->bundles.items,
        .n_bundles = files->bundles.n,
        .eocs_directory = files->eocs_directory,
        .trust = control->trust,
        .disabled_rules = (const char *const *)config->rules_disabled.items,
        .n_disabled = config->rules_disabled.n,
        .detect_rules = (const char *const *)config->rules_detect.items,
        .n_detect = config->rules_detect.n,
        .policy = &policy->policy,
    };
    return rules_load(&source, err);
}

/* "NAME-EPOCH-SERIAL.sgb" in three parts. */
struct bundle_name {
    struct slice name;
    uint64_t epoch, serial;
};

static bool bundle_name_parse(const char *file, struct bundle_name *ret_name)
{
    struct slice stem = slice_str(file);
    if (!slice_ends_with_nocase(stem, SLICE(".sgb")) || file[0] == '.')
        return false;
    stem.len -= 4;
    *ret_name = (struct bundle_name){.name = stem};
    for (int part = 0; part < 2; part++) {
        size_t dash = stem.len;
        while (dash != 0 && stem.ptr[dash - 1] != '-')
            dash--;
        uint64_t number;
        if (dash < 2 || !slice_to_u64(slice_from(stem, dash), &number))
            return true; /* any other name stands for itself */
        *(part == 0 ? &ret_name->serial : &ret_name->epoch) = number;
        stem.len = dash - 1;
    }
    ret_name->name = stem;
    return true;
}

/* Of the bundles of one name only the newest counts. */
static bool bundle_is_newest(struct dirent **entries, int n, const struct bundle_name *one)
{
    for (int i = 0; i < n; i++) {
        struct bundle_name other;
        if (bundle_name_parse(entries[i]->d_name, &other) && slice_equal(other.name, one->name) &&
            (other.epoch > one->epoch || (other.epoch == one->epoch && other.serial > one->serial)))
            return false;
    }
    return true;
}

static int bundle_filter(const struct dirent *entry)
{
    struct bundle_name name;
    return bundle_name_parse(entry->d_name, &name);
}

static bool watched_bundles(const char *directory, struct string_list *list, struct err *err)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, bundle_filter, alphasort);
    if (n < 0)
        return err_set(err, ERR_IO, "E_RULES_DIR", "cannot read rule directory %s", directory);
    bool ok = true;
    for (int i = 0; i < n; i++) {
        struct bundle_name name;
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        if (ok && i < WATCH_MAX_FILES && bundle_name_parse(entries[i]->d_name, &name) &&
            bundle_is_newest(entries, n, &name))
            ok = config_add_string(list, path, err);
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    return ok;
}

static void string_list_free(struct string_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}

static void rule_files_done(struct rule_files *files)
{
    string_list_free(&files->bundles);
    free(files->eocs_directory);
    files->eocs_directory = NULL;
}

static bool find_files(const struct control *control, struct rule_files *ret_files, struct err *err)
{
    const struct config *config = control->config;
    const char *eocs = control_eocs_directory(control);
    *ret_files = (struct rule_files){0};
    bool ok = true;
    for (size_t i = 0; ok && i < config->rules.n; i++)
        ok = config_add_string(&ret_files->bundles, config->rules.items[i], err);
    if (ok && config->rules_watch != NULL)
        ok = watched_bundles(config->rules_watch, &ret_files->bundles, err);
    if (ok && eocs != NULL) {
        ret_files->eocs_directory = strdup(eocs);
        ok = ret_files->eocs_directory != NULL ||
             err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
    }
    if (!ok)
        rule_files_done(ret_files);
    return ok;
}

static void note_refusal(struct control *control, const struct err *err)
{
    char line[1200];
    control->reload_err = *err;
    control->reload_err_unix = control_unix_now();
    err_format(err, line, sizeof(line));
    events_emit(control->events, EVENT_SET_REFUSED, err->code, "code=%s active=%s reason=%s",
                err->code[0] != '\0' ? err->code : "E_RULES",
                control->set != NULL ? ruleset_name(control->set) : "none", line);
}

/* The first set. What is refused is left out step by step, first what Microsoft's feed gave: it
 * must not keep mail down after a reboot. What is compiled in still protects, and log, metric and
 * status say that it is not what was asked for. */
static void load_first(struct control *control, const struct policy_copy *policy, struct err *err)
{
    struct rule_files files;
    struct rule_files less = {0};
    if (find_files(control, &files, err)) {
        control->set = control_load(control, &files, policy, err);
        less.bundles = files.bundles;
    }
    struct err refused = *err;
    bool is_refused = control->set == NULL;
    if (control->set == NULL && files.eocs_directory != NULL)
        control->set = control_load(control, &less, policy, err);
    less = (struct rule_files){0};
    if (control->set == NULL && control->config->use_builtin)
        control->set = control_load(control, &less, policy, err);
    if (control->set != NULL && is_refused) {
        control->reloads_failed++;
        note_refusal(control, &refused);
    }
    rule_files_done(&files);
}

bool control_rules_start(struct control *control, struct err *err)
{
    struct policy_copy *policy = control_policy(control);
    if (policy == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
    load_first(control, policy, err);
    control->set_since = control_unix_now();
    control_policy_done(control, policy, control->set != NULL);
    free(policy);
    if (control->set != NULL)
        control_tell_mitigations(control, NULL, control->set);
    return control->set != NULL;
}

struct lease *control_new_lease(struct control *control, struct err *err)
{
    struct lease *lease = lease_new(control->set, err);
    struct lease_list *list = &control->leases;
    if (lease == NULL)
        return NULL;
    struct lease **items = realloc(list->items, (list->n + 1) * sizeof(*items));
    if (items == NULL) {
        lease_free(lease);
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for a lease");
        return NULL;
    }
    list->items = items;
    list->items[list->n++] = lease;
    return lease;
}

/* ---- publishing */

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
    rule_files_done(&job->files);
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

static void job_finish(struct control *control, struct load_job *job)
{
    char text[2400];
    const char *old = ruleset_name(control->set);
    bool ok = !job->had_error && job->set != NULL;
    if (ok && strcmp(ruleset_hash(job->set), ruleset_hash(control->set)) == 0 &&
        strcmp(ruleset_name(job->set), old) == 0) {
        (void)snprintf(text, sizeof(text), "rules unchanged: %s", old);
        job_drop_result(job);
    } else if (ok && publish_prepare(control)) {
        (void)snprintf(text, sizeof(text), "rules %s -> %s", old, ruleset_name(job->set));
        publish(control, job);
    } else {
        if (ok)
            (void)err_set(&job->err, ERR_MEMORY, "E_MEMORY", "no memory to publish the rules");
        ok = false;
        char line[1100];
        err_format(&job->err, line, sizeof(line));
        (void)snprintf(text, sizeof(text), "rules refused, %s stays active: %s", old, line);
        job_drop_result(job);
    }
    if (ok) {
        control->reloads_ok++;
        control->reload_err = (struct err){0};
        events_emit(control->events, EVENT_SET_LOADED, ruleset_name(control->set), "%s", text);
    } else {
        control->reloads_failed++;
        note_refusal(control, &job->err);
    }
    control_policy_done(control, job->policy, ok);
    if (job->reads_tls)
        ok = control_tls_finish(control, &job->tls, text, sizeof(text)) && ok;
    tell_waiting(control, job->n_waiting, ok, text);
}

/* ---- the load under way */

static void on_load(uv_work_t *work)
{
    struct load_job *job = (struct load_job *)((char *)work - offsetof(struct load_job, work));
    struct control *control = job->control;
    if (job->reads_tls)
        (void)control_tls_load(control, &job->tls, control->n_workers);
    if (!job->had_error) {
        job->set = control_load(control, &job->files, job->policy, &job->err);
        job->had_error = job->set == NULL;
    }
    for (unsigned i = 0; !job->had_error && i < control->n_workers; i++) {
        job->leases[i] = lease_new(job->set, &job->err);
        job->had_error = job->leases[i] == NULL;
    }
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

void control_reload(struct control *control, admin_reload_cb done, void *done_ctx)
{
    control->wants_tls = true;
    control_reload_rules(control, done, done_ctx);
}

void control_reload_rules(struct control *control, admin_reload_cb done, void *done_ctx)
{
    if (done != NULL && control->n_waiting < LIMIT_ADMIN_CONNECTIONS) {
        control->reload_done[control->n_waiting] = done;
        control->reload_ctx[control->n_waiting++] = done_ctx;
    } else if (done != NULL)
        done(done_ctx, false, "too many reloads wait for their end; ask again later");
    if (control->job != NULL) { /* its files may have been read already: once more, then */
        control->wants_another = true;
        return;
    }
    struct load_job *job = calloc(1, sizeof(*job));
    struct err err = {0};
    if (job != NULL) {
        job->control = control;
        job->leases = calloc(control->n_workers, sizeof(struct lease *));
        job->policy = control_policy(control);
    }
    if (job == NULL || job->leases == NULL || job->policy == NULL) {
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "no memory for a reload");
    } else {
        /* A directory that cannot be read refuses the rules, not the certificates. */
        job->had_error = !find_files(control, &job->files, &job->err);
        notify_reloading();
        control->job = job;
        job->n_waiting = control->n_waiting;
        job->reads_tls = control->wants_tls;
        control->wants_tls = false;
        (void)uv_queue_work(&control->loop, &job->work, on_load,
                            on_loaded); /* with a callback it cannot fail */
        return;
    }
    if (job != NULL)
        job_free(job);
    control->wants_tls = false; /* who asked is told no */
    control->reloads_failed++;
    note_refusal(control, &err);
    tell_waiting(control, control->n_waiting, false, err.text);
}

/* ---- the watched directory */

static void on_watch_settled(uv_timer_t *timer)
{
    struct control *control =
        (struct control *)((char *)timer - offsetof(struct control, watch_timer));
    control_reload_rules(control, NULL, NULL);
}

static void on_watch(uv_fs_event_t *watch, const char *file, int events, int status)
{
    struct control *control = (struct control *)((char *)watch - offsetof(struct control, watch));
    (void)events;
    struct bundle_name name;
    if (status == 0 && (file == NULL || bundle_name_parse(file, &name)))
        (void)uv_timer_start(&control->watch_timer, on_watch_settled, WATCH_SETTLE_MS, 0);
}

void control_watch_start(struct control *control)
{
    const char *directory = control->config->rules_watch;
    if (directory == NULL)
        return;
    int status = uv_fs_event_start(&control->watch, on_watch, directory, 0);
    if (status != 0)
        log_event("error", "rules_watch", "cannot watch %s: %s; use 'stopgap reload' instead",
                  directory, uv_strerror(status));
}

/* ---- retiring */

static int total_compare(const void *a, const void *b)
{
    return strcmp(((const struct rule_total *)a)->id, ((const struct rule_total *)b)->id);
}

static struct rule_total *total_find(const struct control *control, const char *id)
{
    struct rule_total key = {.id = id};
    struct rule_total *const *node = tfind(&key, &control->totals, total_compare);
    return node != NULL ? *node : NULL;
}

/* A new total without hits. NULL: no memory. */
static struct rule_total *total_new(struct control *control, const char *id)
{
    size_t len = strlen(id) + 1;
    struct rule_total *total = calloc(1, sizeof(*total) + len);
    if (total == NULL)
        return NULL;
    memcpy(total->text, id, len);
    total->id = total->text;
    if (tsearch(total, &control->totals, total_compare) != NULL)
        return total;
    free(total);
    return NULL;
}

static void total_add(struct control *control, const char *id, uint64_t hits)
{
    struct rule_total *total = total_find(control, id);
    if (total == NULL && hits != 0)
        total = total_new(control, id);
    if (total != NULL) /* a counter less is no reason to stop */
        total->hits += hits;
}

static void retire(struct control *control, struct lease *lease)
{
    struct lease_list *list = &control->leases;
    const struct ruleset *set = lease_ruleset(lease);
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        total_add(control, ruleset_rule(set, i)->id, lease_rule_hits(lease, i));
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i] == lease)
            list->items[i] = list->items[--list->n];
    lease_free(lease);
}

void control_retire_leases(struct control *control)
{
    for (unsigned i = 0; i < control->n_workers; i++) {
        struct lease_list back;
        worker_take_leases(&control->workers[i], &back);
        for (size_t k = 0; k < back.n; k++)
            retire(control, back.items[k]);
        free(back.items);
    }
}

uint64_t control_rule_hits(const struct control *control, const char *id)
{
    const struct rule_total *total = total_find(control, id);
    uint64_t hits = total != NULL ? total->hits : 0;
    for (size_t i = 0; i < control->leases.n; i++) {
        const struct lease *lease = control->leases.items[i];
        size_t index = ruleset_find(lease_ruleset(lease), id);
        hits += index != SIZE_MAX ? lease_rule_hits(lease, index) : 0;
    }
    return hits;
}

void control_rules_done(struct control *control)
{
    tdestroy(control->totals, free);
    free(control->leases.items);
    ruleset_unref(control->set);
    trust_close(control->trust);
}
