/* New rules on trial, or under watch, as JSON and as lines. */
#include "admin/canary.h"

#include "admin/page.h"
#include "admin/remedy.h"

#include "stopgap/banned.h"

/* ---- JSON */

static bool add_number(json_t *object, const char *key, uint64_t value)
{
    return json_object_set_new(object, key, json_integer((json_int_t)value)) == 0;
}

static bool add_text(json_t *object, const char *key, const char *value)
{
    return json_object_set_new(object, key, json_string(value)) == 0;
}

static bool add_counts(json_t *object, const struct canary_status *status)
{
    return add_number(object, "trials", status->n_trials) &&
           add_number(object, "promoted", status->n_promoted) &&
           add_number(object, "failed", status->n_failed) &&
           add_number(object, "returned", status->n_returned);
}

static bool add_watch(json_t *object, const struct canary_status *status)
{
    if (!status->is_on_trial && !status->is_watched)
        return true;
    return add_text(object, "name", status->name) &&
           add_number(object, "since_unix", status->since_unix) &&
           add_number(object, "until_unix", status->until_unix) &&
           add_number(object, "requests", status->requests) &&
           add_number(object, "requests_wanted", status->requests_wanted) &&
           add_number(object, "authenticated", status->authenticated) &&
           add_number(object, "stopped", status->stopped);
}

static bool add_error(json_t *object, const struct canary_status *status)
{
    if (status->error[0] == '\0')
        return true;
    json_t *error = json_object();
    return json_object_set_new(object, "error", error) == 0 &&
           add_text(error, "code", status->error_code) && add_text(error, "text", status->error) &&
           add_text(error, "remedy", remedy_of_code(status->error_code)) &&
           add_number(error, "time_unix", status->error_unix);
}

json_t *canary_render_json(const struct canary_status *status)
{
    json_t *object = json_object();
    const char *state = status->is_on_trial ? "on_trial" : status->is_watched ? "watched" : "none";
    if (add_text(object, "state", state) && add_counts(object, status) &&
        add_watch(object, status) && add_error(object, status))
        return object;
    json_decref(object);
    return NULL;
}

/* ---- lines */

void canary_render_text(const json_t *root, FILE *out)
{
    const json_t *rules = json_object_get(root, "new_rules");
    const json_t *error = json_object_get(rules, "error");
    bool is_on_trial = strcmp(get_text(rules, "state"), "on_trial") == 0;
    if (is_on_trial || strcmp(get_text(rules, "state"), "watched") == 0) {
        put_row(out, is_on_trial ? "on trial" : "watched", get_text(rules, "name"));
        put_time_row(out, "  until", get_number(rules, "until_unix"));
        (void)fprintf(out, "  %-12s%lld seen, at least %lld wanted\n", "requests",
                      get_number(rules, "requests"), get_number(rules, "requests_wanted"));
        (void)fprintf(out, "  %-12s%lld of %lld that Exchange knows\n",
                      is_on_trial ? "would stop" : "stopped", get_number(rules, "stopped"),
                      get_number(rules, "authenticated"));
    }
    if (!json_is_object(error))
        return;
    (void)fputs("\nNEW RULES FAILED; the set before them is in force.\n", out);
    put_time_row(out, "  when", get_number(error, "time_unix"));
    put_row(out, "  code", get_text(error, "code"));
    put_row(out, "  cause", get_text(error, "text"));
    put_row(out, "  remedy", get_text(error, "remedy"));
}
