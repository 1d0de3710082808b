/* Which files the rules of a load come from, and the directory that is watched for new ones. */
#include "control_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopgap/trust.h"

#include "stopgap/banned.h"

enum {
    WATCH_SETTLE_MS = 200, /* a publisher that renames several files makes one load */
    WATCH_MAX_FILES = 256, /* bundles looked at in the watched directory */
};

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

void control_rule_files_done(struct rule_files *files)
{
    string_list_free(&files->bundles);
    free(files->eocs_directory);
    files->eocs_directory = NULL;
}

/* What came by feed or import, from the state folder. */
static bool kept_bundles(const struct control *control, struct string_list *list, struct err *err)
{
    struct trust_paths paths = {0};
    if (control->trust == NULL)
        return true;
    bool ok = trust_find_paths(control->trust, TRUST_NEWEST, &paths, err);
    for (size_t i = 0; ok && i < paths.n; i++)
        ok = config_add_string(list, paths.items[i], err);
    trust_paths_done(&paths);
    return ok;
}

/* The feed's rules. */
static bool add_eocs(const struct control *control, struct rule_files *files, struct err *err)
{
    const char *eocs = control_eocs_directory(control);
    if (eocs == NULL)
        return true;
    files->eocs_directory = strdup(eocs);
    return files->eocs_directory != NULL ||
           err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
}

static bool add_own(const struct control *control, struct rule_files *files, struct err *err)
{
    const struct string_list *own = &control->config->rules;
    bool ok = true;
    for (size_t i = 0; ok && i < own->n; i++)
        ok = config_add_string(&files->bundles, own->items[i], err);
    files->n_own = files->bundles.n;
    return ok;
}

bool control_find_kept_files(struct control *control, struct rule_files *ret_files)
{
    struct err err;
    struct string_list kept = {0};
    *ret_files = (struct rule_files){0};
    if (control->config->rules_watch == NULL && control->config->feed.names.n == 0)
        return false;
    control_trust_kept(control, TRUST_IN_FORCE, &kept);
    bool ok = kept.n != 0 && add_own(control, ret_files, &err);
    for (size_t i = 0; ok && i < kept.n; i++)
        ok = config_add_string(&ret_files->bundles, kept.items[i], &err);
    ok = ok && add_eocs(control, ret_files, &err);
    string_list_free(&kept);
    if (!ok)
        control_rule_files_done(ret_files);
    return ok;
}

bool control_find_rule_files(const struct control *control, struct rule_files *ret_files,
                             struct err *err)
{
    const struct config *config = control->config;
    *ret_files = (struct rule_files){0};
    bool ok = add_own(control, ret_files, err);
    if (ok && config->rules_watch != NULL)
        ok = watched_bundles(config->rules_watch, &ret_files->bundles, err);
    ok = ok && kept_bundles(control, &ret_files->bundles, err) && add_eocs(control, ret_files, err);
    if (!ok)
        control_rule_files_done(ret_files);
    return ok;
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
    if (directory == NULL || uv_is_active((uv_handle_t *)&control->watch))
        return;
    int status = uv_fs_event_start(&control->watch, on_watch, directory, 0);
    if (status != 0)
        log_event("error", "rules_watch", "cannot watch %s: %s; use 'stopgap reload' instead",
                  directory, uv_strerror(status));
}
