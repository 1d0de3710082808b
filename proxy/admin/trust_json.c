/* How far the trust in rule sets reaches, as JSON. */
#include "admin/trust.h"

#include "stopgap/banned.h"

static bool add_marks(json_t *object, const struct trust_status *status)
{
    json_t *marks = json_array();
    bool ok = json_object_set_new(object, "marks", marks) == 0;
    for (unsigned i = 0; ok && i < TRUST_MARK_COUNT; i++) {
        char text[700];
        enum trust_mark mark = (enum trust_mark)i;
        if ((status->standing.marks >> i & 1) == 0)
            continue;
        trust_describe_mark(&status->facts, &status->standing, mark, text, sizeof(text));
        ok = json_array_append_new(
                 marks, json_pack("{s:s, s:s}", "mark", trust_mark_word(mark), "text", text)) == 0;
    }
    return ok;
}

/* What is 0 is not known, and left out. */
static bool add_number(json_t *object, const char *key, int64_t value)
{
    return value == 0 || json_object_set_new(object, key, json_integer(value)) == 0;
}

static bool add_times(json_t *object, const struct trust_facts *facts)
{
    return add_number(object, "released_unix", facts->released) &&
           add_number(object, "contact_unix", facts->contact) &&
           add_number(object, "pulse_unix", facts->pulse) &&
           add_number(object, "signed_unix", facts->signed_time) &&
           add_number(object, "expires_unix", facts->expires) &&
           add_number(object, "root_version", (int64_t)facts->root_version) &&
           add_number(object, "root_expires_unix", facts->root_expires) &&
           add_number(object, "stranded_unix", facts->stranded) &&
           add_number(object, "run_s", (int64_t)facts->run_s);
}

/* "1.2026112401" */
static bool add_place(json_t *object, const char *key, const uint64_t place[2])
{
    char text[48];
    (void)snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)place[0],
                   (unsigned long long)place[1]);
    return place[1] == 0 || json_object_set_new(object, key, json_string(text)) == 0;
}

static bool add_pin(json_t *object, const struct trust_pin *pin)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)pin->epoch,
                   (unsigned long long)pin->serial);
    return pin->serial == 0 ||
           json_object_set_new(object, "pin",
                               json_pack("{s:s, s:I, s:I, s:I, s:s}", "set", text, "since_unix",
                                         (json_int_t)pin->since, "until_unix",
                                         (json_int_t)pin->until, "uid", (json_int_t)pin->uid,
                                         "reason", pin->reason)) == 0;
}

static bool add_name(json_t *list, const struct trust_name *name)
{
    json_t *object = json_pack("{s:s, s:s, s:b}", "name", name->name, "channel",
                               name->is_lab ? "lab" : "production", "proved", (int)name->is_proved);
    return json_array_append_new(list, object) == 0 && add_place(object, "newest", name->floor) &&
           add_place(object, "in_force", name->active) &&
           add_place(object, "last_good", name->good) &&
           add_place(object, "candidate", name->candidate) &&
           add_place(object, "failed", name->failed) &&
           (name->failed_code[0] == '\0' ||
            json_object_set_new(object, "failed_code", json_string(name->failed_code)) == 0) &&
           add_pin(object, &name->pin);
}

static bool add_error(json_t *object, const struct trust_status *status)
{
    return status->error[0] == '\0' ||
           json_object_set_new(object, "error",
                               json_pack("{s:s, s:s, s:I}", "code", status->error_code, "text",
                                         status->error, "time_unix",
                                         (json_int_t)status->error_unix)) == 0;
}

json_t *trust_render_json(const struct trust_status *status)
{
    char text[700];
    trust_describe_freshness(&status->facts, &status->standing, text, sizeof(text));
    json_t *object =
        json_pack("{s:s, s:s, s:I}", "state", trust_freshness_word(status->standing.freshness),
                  "text", text, "days_left", (json_int_t)status->standing.days_left);
    json_t *names = json_array();
    bool ok = json_object_set_new(object, "names", names) == 0 && add_marks(object, status) &&
              add_times(object, &status->facts) && add_error(object, status);
    for (size_t i = 0; ok && i < status->n_names; i++)
        ok = add_name(names, &status->names[i]);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}
