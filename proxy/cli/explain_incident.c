/* What a log recorded of an incident. */
#include "cli/explain.h"

#include "cli/cli.h"
#include "proxy_limits.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "stopgap/banned.h"

/* A line is longer than a record only where the file is no log of ours. */
enum { MAX_LINE_BYTES = 2 * LIMIT_LOG_LINE_BYTES };

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void print_pair(const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    (void)printf("%-9s", name);
    cli_put_clean(stdout, text);
    (void)putchar('\n');
}

/* ---- the page */

static void print_rule(const json_t *rule, bool is_stopped)
{
    bool is_enforced = json_is_true(json_object_get(rule, "enforced"));
    (void)putchar('\n');
    print_pair("rule", text_of(rule, "id"));
    print_pair("  cve", text_of(rule, "cve"));
    print_pair("  what", text_of(rule, "title"));
    (void)printf("  action %s%s\n", is_enforced ? "" : "only reports: ", text_of(rule, "action"));
    print_pair("  field", text_of(rule, "field"));
    print_pair("  view", text_of(rule, "view"));
    print_pair("  bytes", text_of(rule, "excerpt"));
    if (is_stopped && is_enforced && mitigation_id_is_good(text_of(rule, "id")))
        explain_print_remedy(text_of(rule, "id"), stdout);
}

static void print_record(const json_t *record, bool is_stopped)
{
    char request[64];
    const json_t *rules = json_object_get(record, "rules");
    print_pair("incident", text_of(record, "incident"));
    print_pair("time", text_of(record, "time"));
    print_pair("decision", text_of(record, "decision"));
    (void)snprintf(request, sizeof(request), "%lld",
                   (long long)json_integer_value(json_object_get(record, "status")));
    print_pair("status", strcmp(request, "0") != 0 ? request : "");
    print_pair("end", text_of(record, "end"));
    print_pair("detail", text_of(record, "detail"));
    print_pair("client", text_of(record, "client"));
    print_pair("method", text_of(record, "method"));
    print_pair("host", text_of(record, "host"));
    print_pair("target", text_of(record, "target"));
    print_pair("rules of", text_of(record, "ruleset"));
    for (size_t i = 0; i < json_array_size(rules); i++)
        print_rule(json_array_get(rules, i), is_stopped);
    if (json_is_true(json_object_get(record, "rules_truncated")))
        (void)puts("\n(more rules matched than the record has room for)");
    (void)puts(
        "\nThe log keeps what is shown here and not the request itself. To see every rule and\n"
        "condition, get the request: in the browser's network tools 'Copy as cURL (bash)', then\n"
        "  stopgap explain --curl - < copied.txt\n"
        "or from a packet capture as a raw file, then\n"
        "  stopgap explain FILE");
}

/* ---- the log */

/* The best record of the incident: one of the decision log says more than one of the access log. */
static json_t *find_record(FILE *in, const char *id)
{
    json_t *found = NULL;
    char *line = malloc(MAX_LINE_BYTES);
    while (line != NULL && fgets(line, MAX_LINE_BYTES, in) != NULL) {
        if (strstr(line, id) == NULL)
            continue;
        json_t *record = json_loads(line, 0, NULL);
        bool is_it = strcmp(text_of(record, "incident"), id) == 0;
        bool is_better = found == NULL || json_object_get(record, "rules") != NULL;
        if (is_it && is_better) {
            json_decref(found);
            found = record;
        } else {
            json_decref(record);
        }
    }
    free(line);
    return found;
}

int explain_incident(const char *id, const char *log_path, bool as_json)
{
    bool is_stdin = strcmp(log_path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(log_path, "re");
    if (in == NULL) {
        (void)fprintf(stderr, "stopgap: cannot open %s: %s\n", log_path, strerror(errno));
        return EXIT_UNREACHABLE;
    }
    json_t *record = find_record(in, id);
    if (!is_stdin)
        (void)fclose(in);
    if (record == NULL) {
        (void)fprintf(stderr,
                      "stopgap: %s has no incident '%s'; rotated logs are files of their own "
                      "(zcat FILE | stopgap explain --incident ID --log -)\n",
                      log_path, id);
        return EXIT_UNREACHABLE;
    }
    const char *decision = text_of(record, "decision");
    bool is_stopped = strcmp(decision, "block") == 0 || strcmp(decision, "abort") == 0 ||
                      strcmp(decision, "fault") == 0 || strcmp(decision, "refuse") == 0;
    if (as_json) {
        (void)json_dumpf(record, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    } else {
        print_record(record, is_stopped);
    }
    json_decref(record);
    return is_stopped ? EXIT_FAILED : EXIT_FINE;
}
