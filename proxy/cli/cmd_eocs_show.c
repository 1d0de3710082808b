/* `stopgap eocs show`: what a verified document says. */
#include "cli/cmd_eocs.h"

#include <jansson.h>

#include "trust/utc.h"

#include "stopgap/banned.h"

static void print_field(const char *name, const char *text)
{
    if (*text == '\0')
        return;
    (void)printf("%s", name);
    cli_put_clean(stdout, text);
    (void)putchar('\n');
}

static void print_action(const struct eocs_action *action)
{
    (void)printf("  %s, type ", eocs_kind_name(action->kind));
    cli_put_clean(stdout, action->type);
    (void)fputs(", scope ", stdout);
    cli_put_clean(stdout, action->scope);
    (void)putchar('\n');
    print_field("    says    ", action->desc);
    print_field("    value   ", action->value);
    if (action->n_rules != 0)
        (void)printf("    holds   %zu URL Rewrite rules\n", action->n_rules);
}

static void print_mitigation(const struct eocs_mitigation *mitigation)
{
    struct err err = {0};
    struct eocs_files files;
    const char *known = eocs_known_rule(mitigation->id);
    cli_put_clean(stdout, mitigation->id);
    (void)fputs("  ", stdout);
    cli_put_clean(stdout, mitigation->desc);
    (void)putchar('\n');
    print_field("  applies   ", mitigation->applicability);
    for (size_t i = 0; i < mitigation->n_actions; i++)
        print_action(&mitigation->actions[i]);
    if (!eocs_convert(mitigation, false, &files, &err)) {
        (void)printf("  ALARM     %s: ", err.code);
        cli_put_clean(stdout, err.text);
        (void)putchar('\n');
        if (known != NULL)
            (void)printf("  shipped rules do its work: %s\n", known);
        return;
    }
    for (size_t i = 0; i < files.n; i++)
        (void)printf("  imports as %s\n", files.items[i].name);
    eocs_files_free(&files);
}

int eocs_print_text(const struct eocs_document *document)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(document->signed_at, when);
    print_field("version   ", document->version);
    (void)printf("stamped   %s\n", document->signed_at != 0 ? when : "no");
    print_field("signer    ", document->signer);
    (void)printf("          sha256 %s\n", document->signer_sha256);
    print_field("issuer    ", document->issuer);
    print_field("stamper   ", document->stamper);
    (void)printf("content   sha256 %s\n\n", document->sha256);
    for (size_t i = 0; i < document->n_mitigations; i++)
        print_mitigation(&document->mitigations[i]);
    return EXIT_FINE;
}

static json_t *make_actions(const struct eocs_mitigation *mitigation)
{
    json_t *list = json_array();
    for (size_t i = 0; i < mitigation->n_actions; i++) {
        const struct eocs_action *action = &mitigation->actions[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s*}", "kind",
                            eocs_kind_name(action->kind), "type", action->type, "scope",
                            action->scope, "desc", action->desc, "value", action->value, "rules",
                            (json_int_t)action->n_rules, "problem", action->problem));
    }
    return list;
}

static json_t *make_mitigation(const struct eocs_mitigation *mitigation)
{
    struct err err = {0};
    struct eocs_files files;
    bool is_converted = eocs_convert(mitigation, false, &files, &err);
    json_t *names = json_array();
    for (size_t i = 0; i < files.n; i++)
        (void)json_array_append_new(names, json_string(files.items[i].name));
    eocs_files_free(&files);
    return json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:s*, s:s*, s:s*}", "id", mitigation->id,
                     "desc", mitigation->desc, "applicability", mitigation->applicability,
                     "actions", make_actions(mitigation), "converted", (int)is_converted, "files",
                     names, "code", is_converted ? NULL : err.code, "reason",
                     is_converted ? NULL : err.text, "shipped_rules",
                     eocs_known_rule(mitigation->id));
}

int eocs_print_json(const struct eocs_document *document)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(document->signed_at, when);
    json_t *list = json_array();
    for (size_t i = 0; i < document->n_mitigations; i++)
        (void)json_array_append_new(list, make_mitigation(&document->mitigations[i]));
    json_t *all =
        json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s, s:s, s:o}", "version", document->version,
                  "stamped", document->signed_at != 0 ? when : NULL, "signer", document->signer,
                  "signer_sha256", document->signer_sha256, "issuer", document->issuer, "stamper",
                  document->stamper, "sha256", document->sha256, "mitigations", list);
    bool done = all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(all);
    return done ? EXIT_FINE : EXIT_FAILED;
}
