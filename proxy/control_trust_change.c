/* What an operator forces: pins, sets that are approved, the end of a trial, floors that are
 * forgotten. */
#include "audit.h"
#include "control_internal.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "stopgap/banned.h"

/* Who, when, what and why; a line of JSON that nothing overwrites. */
static void audit(const struct control *control, const struct admin_trust *asked)
{
    log_event("warn", "trust_change", "uid=%lu what=%s name=%s serial=%llu days=%u reason=%s",
              (unsigned long)asked->uid, asked->what, asked->name,
              (unsigned long long)asked->serial, asked->days, asked->reason);
    json_t *root = json_pack("{s:I, s:I, s:s, s:s, s:I, s:I, s:s}", "time_unix",
                             (json_int_t)control_unix_now(), "uid", (json_int_t)asked->uid, "what",
                             asked->what, "name", asked->name, "serial", (json_int_t)asked->serial,
                             "days", (json_int_t)asked->days, "reason", asked->reason);
    char *line = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    if (line == NULL || !audit_append(control->config->state_dir, AUDIT_TRUST, slice_str(line)))
        log_event("error", "audit", "the change could not be written to %s/" AUDIT_TRUST ": %s",
                  control->config->state_dir, line == NULL ? "no memory" : strerror(errno));
    free(line);
    json_decref(root);
}

static bool pin(struct trust_store *store, const struct admin_trust *asked, struct err *err)
{
    struct trust_pin wanted = {.serial = asked->serial,
                               .until = (int64_t)control_unix_now() + (int64_t)asked->days * 86400,
                               .uid = asked->uid};
    (void)snprintf(wanted.name, sizeof(wanted.name), "%s", asked->name);
    (void)snprintf(wanted.reason, sizeof(wanted.reason), "%s", asked->reason);
    return trust_pin(store, &wanted, err);
}

static bool change(struct trust_store *store, const struct admin_trust *asked, struct err *err)
{
    if (strcmp(asked->what, "pin") == 0)
        return pin(store, asked, err);
    if (strcmp(asked->what, "unpin") == 0)
        return trust_unpin(store, asked->name, err);
    if (strcmp(asked->what, "approve") == 0)
        return trust_approve(store, asked->name, asked->serial, err);
    return trust_reset_floor(store, asked->name, err);
}

/* With a store of its own, for the others belong to the pool. The lock is held for as long as a
 * file takes to be written. */
static bool change_store(const struct control *control, const struct admin_trust *asked,
                         struct err *err)
{
    const struct config *config = control->config;
    const struct trust_options options = config_trust(config);
    if (control->trust == NULL || config->state_dir == NULL)
        return err_set(err, ERR_USAGE, "E_STATE_NONE",
                       "no rule set is signed here, or there is no state_dir to remember it in");
    struct trust_store *store = trust_open(&options, err);
    bool done = store != NULL && change(store, asked, err);
    trust_close(store);
    return done;
}

void control_change_trust(void *ctx, const struct admin_trust *asked, admin_reload_cb done,
                          void *done_ctx)
{
    struct control *control = ctx;
    struct err err = {0};
    bool is_good = strcmp(asked->what, "promote") == 0;
    if (is_good || strcmp(asked->what, "abandon") == 0) {
        const char *refusal = control_canary_end(control, asked, is_good, done, done_ctx);
        if (refusal == NULL)
            audit(control, asked);
        else
            done(done_ctx, false, refusal);
        return;
    }
    if (change_store(control, asked, &err)) {
        audit(control, asked);
        if (strcmp(asked->what, "reset-floor") == 0)
            events_emit(control->events, EVENT_FLOOR_RESET, asked->name,
                        "uid=%lu any serial of %s is accepted once: %s", (unsigned long)asked->uid,
                        asked->name, asked->reason);
        control_trust_poke(control);
        control_reload_rules(control, done, done_ctx);
        return;
    }
    char line[1100];
    err_format(&err, line, sizeof(line));
    done(done_ctx, false, line);
}
