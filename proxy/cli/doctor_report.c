/* Findings for people and for programs. */
#include "cli/cli.h"
#include "cli/doctor.h"

#include <jansson.h>
#include <stdarg.h>

#include "stopgap/banned.h"

void doctor_add(struct doctor *doctor, enum doctor_verdict verdict, const char *area,
                const char *where, const char *remedy, const char *format, ...)
{
    if (doctor->n == DOCTOR_MAX_FINDINGS)
        return; /* a set with more side effects than that; the worst came first */
    struct doctor_finding *finding = &doctor->findings[doctor->n++];
    va_list args;
    va_start(args, format);
    finding->verdict = verdict;
    finding->remedy = remedy;
    (void)snprintf(finding->area, sizeof(finding->area), "%s", area);
    (void)snprintf(finding->where, sizeof(finding->where), "%s", where);
    (void)vsnprintf(finding->text, sizeof(finding->text), format, args);
    va_end(args);
    /* Words of strangers: half a character at the cut would be no JSON. */
    for (char *at = finding->text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
            *at = '?';
}

const char *doctor_word(enum doctor_verdict verdict)
{
    static const char *const words[] = {
        [DOCTOR_FINE] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_WARN] = "warn", [DOCTOR_BAD] = "BAD"};
    return words[verdict];
}

void doctor_print_text(const struct doctor *doctor, FILE *out)
{
    const char *where = "";
    size_t counts[DOCTOR_BAD + 1] = {0};
    for (size_t i = 0; i < doctor->n; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        counts[finding->verdict]++;
        if (strcmp(finding->where, where) != 0 && finding->where[0] != '\0')
            (void)fprintf(out, "%s\n", finding->where);
        where = finding->where;
        (void)fprintf(out, "  %-4s  %-12s  ", doctor_word(finding->verdict), finding->area);
        cli_put_clean(out, finding->text);
        (void)fputc('\n', out);
        if (finding->remedy != NULL)
            (void)fprintf(out, "%22s-> %s\n", "", finding->remedy);
    }
    (void)fprintf(out, "%zu bad, %zu to be looked at, %zu good\n", counts[DOCTOR_BAD],
                  counts[DOCTOR_WARN], counts[DOCTOR_FINE]);
}

bool doctor_print_json(const struct doctor *doctor, FILE *out)
{
    json_t *root = json_object();
    json_t *list = json_array();
    bool ok = json_object_set_new(root, "findings", list) == 0;
    for (size_t i = 0; ok && i < doctor->n; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        ok = json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s?}", "verdict",
                                                   doctor_word(finding->verdict), "area",
                                                   finding->area, "where", finding->where, "text",
                                                   finding->text, "remedy", finding->remedy)) == 0;
    }
    ok = ok && json_dumpf(root, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;
    json_decref(root);
    return ok;
}
