/* Error output shared by the verbs. */
#include "cli/cli.h"

#include "admin/admin.h"

#include <getopt.h>
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

int cli_admin_options(int argc, char **argv, void (*print_help)(void), const char **ret_url,
                      bool *ret_as_json)
{
    static const struct option options[] = {{"admin", required_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    int option;
    opterr = 0;
    *ret_url = ADMIN_DEFAULT_URL;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'a') {
            *ret_url = optarg;
        } else if (option == 'j' && ret_as_json != NULL) {
            *ret_as_json = true;
        } else if (option == 'h') {
            print_help();
            return EXIT_FINE;
        } else if (option == ':') {
            return cli_usage_error(argv[0], "%s needs a value", argv[optind - 1]);
        } else {
            return cli_usage_error(argv[0], "unknown option %s", argv[optind - 1]);
        }
    }
    return optind == argc ? -1 : cli_usage_error(argv[0], "unexpected argument '%s'", argv[optind]);
}
