/* Errors about one rule file, made safe to print: the file may come from anywhere. */
#include "report.h"

#include "scan.h"

#include "stopgap/banned.h"

static void replace_unprintable(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

__attribute__((format(printf, 4, 0))) static bool fill(const struct report *report,
                                                       enum err_kind kind,
                                                       const struct place *place,
                                                       const char *format, va_list args)
{
    struct err *err = report->err;
    if (err == NULL)
        return false;
    char text[sizeof(err->text)];
    (void)vsnprintf(text, sizeof(text), format, args);
    const char *id = report->places->rule_id;
    (void)err_set(err, kind, "E_LINT", "%s%s%s%s", id[0] != '\0' ? "rule " : "", id,
                  id[0] != '\0' ? ": " : "", text);
    replace_unprintable(err->text);
    (void)err_at(err, report->file, place->line, place->column);
    replace_unprintable(err->file);
    return false;
}

bool report_at(const struct report *report, enum err_kind kind, unsigned line, unsigned column,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct place place = {.line = line, .column = column};
    (void)fill(report, kind, &place, format, args);
    va_end(args);
    return false;
}

bool report_value(const struct report *report, enum err_kind kind, uint64_t path,
                  const char *format, ...)
{
    static const struct place unknown = {.line = 1, .column = 1};
    const struct place *place = places_find(report->places, path);
    va_list args;
    va_start(args, format);
    (void)fill(report, kind, place != NULL ? place : &unknown, format, args);
    va_end(args);
    return false;
}

bool report_no_memory(const struct report *report)
{
    return report_at(report, ERR_MEMORY, 0, 0, "out of memory");
}
