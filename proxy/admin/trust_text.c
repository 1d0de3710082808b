/* How far the trust in rule sets reaches, as lines of the status page. */
#include "admin/page.h"
#include "admin/trust.h"

#include "stopgap/banned.h"

/* "core 1.12 in force, last good 1.11" */
static void print_name(const json_t *name, FILE *out)
{
    static const char *const places[][2] = {{"in_force", " in force"},
                                            {"last_good", " is the last known good one"},
                                            {"candidate", " is the next one"},
                                            {"newest", " is the newest seen"}};
    const char *in_force = get_text(name, "in_force");
    bool is_first = true;
    (void)fputs("  set         ", out);
    put_text(out, get_text(name, "name"));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *place = get_text(name, places[i][0]);
        if (place[0] == '\0' || (i == 3 && strcmp(place, in_force) == 0))
            continue;
        (void)fputs(is_first ? " " : ", ", out);
        put_text(out, place);
        (void)fputs(places[i][1], out);
        is_first = false;
    }
    if (get_text(name, "failed")[0] != '\0') {
        bool is_held = strcmp(get_text(name, "failed_code"), TRUST_HELD_CODE) == 0;
        (void)fputs(is_held ? "; held back until it is approved: " : "; refused here: ", out);
        put_text(out, get_text(name, "failed"));
        (void)fputs(" with ", out);
        put_text(out, get_text(name, "failed_code"));
    }
    (void)fputc('\n', out);
}

static void print_pin(const json_t *name, FILE *out)
{
    const json_t *pin = json_object_get(name, "pin");
    if (!json_is_object(pin))
        return;
    (void)fputs("  PINNED      to ", out);
    put_text(out, get_text(pin, "set"));
    (void)fputs(" until ", out);
    put_time(out, get_number(pin, "until_unix"));
    (void)fprintf(out, " by uid %lld: ", get_number(pin, "uid"));
    put_text(out, get_text(pin, "reason"));
    (void)fputc('\n', out);
}

void trust_render_text(const json_t *root, FILE *out)
{
    const json_t *trust = json_object_get(root, "trust");
    const json_t *marks = json_object_get(trust, "marks");
    const json_t *names = json_object_get(trust, "names");
    const json_t *error = json_object_get(trust, "error");
    (void)fprintf(out, "%-14s", "trust");
    put_text(out, get_text(trust, "state"));
    (void)fputs(": ", out);
    put_text(out, get_text(trust, "text"));
    (void)fputc('\n', out);
    for (size_t i = 0; i < json_array_size(marks); i++) {
        (void)fputs("  ", out);
        put_text(out, get_text(json_array_get(marks, i), "mark"));
        (void)fputs(": ", out);
        put_text(out, get_text(json_array_get(marks, i), "text"));
        (void)fputc('\n', out);
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        print_name(json_array_get(names, i), out);
        print_pin(json_array_get(names, i), out);
    }
    if (!json_is_object(error))
        return;
    put_time_row(out, "  NOT WRITTEN", get_number(error, "time_unix"));
    put_row(out, "  code", get_text(error, "code"));
    put_row(out, "  cause", get_text(error, "text"));
}
