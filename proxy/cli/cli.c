/* Error output shared by the verbs. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "stopgap/banned.h"

int cli_error(const struct err *err)
{
    char line[1400];
    err_format(err, line, sizeof(line));
    (void)fprintf(stderr, "stopgap: %s\n", line);
    return EXIT_FAILED;
}

int cli_usage_error(const char *verb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "stopgap %s: ", verb);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, "\nTry 'stopgap %s --help'.\n", verb);
    va_end(args);
    return EXIT_USAGE;
}
