/* Error output shared by the verbs. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin.h"
#include "trust/text.h"
#include "trust/utc.h"

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

int cli_option_error(const char *verb, int option, char **argv)
{
    return cli_usage_error(verb, option == ':' ? "%s needs a value" : "unknown option %s",
                           argv[optind - 1]);
}

bool cli_option_time(const char *verb, const char *option, const char *text, int64_t *ret_seconds)
{
    if (utc_parse_time(slice_str(text), ret_seconds) ||
        utc_parse_date(slice_str(text), ret_seconds))
        return true;
    (void)cli_usage_error(verb, "%s wants a time like 2026-11-24T02:00:00Z or 2026-11-24, not '%s'",
                          option, text);
    return false;
}

bool cli_option_number(const char *verb, const char *option, const char *text, uint64_t max,
                       uint64_t *ret_number)
{
    if (text_number(slice_str(text), ret_number) && *ret_number <= max)
        return true;
    (void)cli_usage_error(verb, "%s wants a number from 1 to %llu without leading zeros, not '%s'",
                          option, (unsigned long long)max, text);
    return false;
}

int cli_option_end(int option, const char *verb, const char *help)
{
    if (option == 'h') {
        (void)fputs(help, stdout);
        return EXIT_FINE;
    }
    /* getopt has printed what is wrong. */
    (void)fprintf(stderr, "Try 'stopgap %s --help'.\n", verb);
    return EXIT_USAGE;
}

bool cli_become_owner(const char *state_dir, struct err *err)
{
    struct stat st;
    if (geteuid() != 0 || stat(state_dir, &st) != 0 || st.st_uid == 0)
        return true;
    if (setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0)
        return true;
    (void)err_set(err, ERR_IO, "E_STATE_OPEN", "cannot become the owner of this folder: %s",
                  strerror(errno));
    return err_at(err, state_dir, 0, 0);
}

void cli_put_bytes(FILE *to, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char next = i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;
        bool is_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
        (void)fputc(c < 0x20 || c == 0x7f || is_c1 ? '?' : c, to);
        i += is_c1;
    }
}

void cli_put_clean(FILE *to, const char *text)
{
    cli_put_bytes(to, slice_str(text));
}

int cli_admin_post(const char *url, const char *path, unsigned timeout_ms)
{
    struct err err = {0};
    struct admin_response response = {.body = {.max = LIMIT_ADMIN_RESPONSE_BYTES}};
    int code;
    if (!admin_request(url, "POST", path, timeout_ms, &response, &err)) {
        (void)cli_error(&err);
        code = err.kind == ERR_USAGE ? EXIT_USAGE : EXIT_UNREACHABLE;
    } else {
        /* A result goes to standard output; a refusal is an error. */
        bool ok = response.status / 100 == 2;
        struct slice text = buf_slice(&response.body);
        (void)fprintf(ok ? stdout : stderr, "%s" SLICE_FMT, ok ? "" : "stopgap: ", SLICE_ARG(text));
        code = ok ? EXIT_FINE : EXIT_FAILED;
    }
    buf_done(&response.body);
    return code;
}

int cli_admin_options(int argc, char **argv, void (*print_help)(void), const char **ret_url,
                      const char *flag, bool *ret_flag)
{
    const struct option options[] = {{"admin", required_argument, NULL, 'a'},
                                     {"help", no_argument, NULL, 'h'},
                                     {flag, no_argument, NULL, 'f'}, /* NULL ends the table */
                                     {0}};
    int option;
    opterr = 0;
    *ret_url = ADMIN_DEFAULT_URL;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'a') {
            *ret_url = optarg;
        } else if (option == 'f') {
            *ret_flag = true;
        } else if (option == 'h') {
            print_help();
            return EXIT_FINE;
        } else {
            return cli_option_error(argv[0], option, argv);
        }
    }
    return optind == argc ? -1 : cli_usage_error(argv[0], "unexpected argument '%s'", argv[optind]);
}
