/* `stopgap rules import-iis`: rules of IIS URL Rewrite become rule files. */
#include "cli/cli.h"

#include "stopgap/iis.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#include "trust/file.h"

#include "stopgap/banned.h"

static const char help[] =
    "usage: stopgap rules import-iis FILE --out DIR [--site NAME | --at PATH] [--allow-partial]\n"
    "\n"
    "FILE is a web.config or applicationHost.config. Each rule of IIS URL Rewrite that Stopgap "
    "can\n"
    "say in the same meaning becomes a rule file in DIR. One that it cannot say is refused with "
    "its\n"
    "line and the reason, and then nothing is written.\n"
    "\n"
    "  --out DIR        where the rule files go; made when it is missing\n"
    "  --site NAME      of applicationHost.config: the site, such as 'Default Web Site'\n"
    "  --at PATH        of a web.config: the path it is for, such as /owa (default: the site's "
    "root)\n"
    "  --allow-partial  write the others where some are refused\n"
    "\n"
    "Exit status: 0 fine, 1 a rule was refused or the file cannot be read, 2 usage.\n"
    "\n"
    "Example: stopgap rules import-iis web.config --out imported && stopgap rules test imported\n";

enum { MAX_FILE_BYTES = 4 * 1024 * 1024 /* the import says more exactly what is too large */ };

struct iis_call {
    struct iis_options options;
    const char *out;
    bool is_partial_allowed;
    char base[256];
};

/* "/owa/" and "owa" to "/owa", "/" to "". */
static int set_base(struct iis_call *call, const char *text)
{
    size_t len = strlen(text);
    while (len != 0 && text[len - 1] == '/')
        len--;
    if (len + 2 > sizeof(call->base))
        return cli_usage_error("rules import-iis", "the path of --at is too long");
    (void)snprintf(call->base, sizeof(call->base), "%s%.*s", len != 0 && text[0] != '/' ? "/" : "",
                   (int)len, text);
    call->options.base = call->base;
    return EXIT_FINE;
}

/* Returns EXIT_FINE, or what the verb shall end with; *ret_help: help was asked for. */
static int call_parse(int argc, char **argv, struct iis_call *call, bool *ret_help)
{
    static const struct option options[] = {
        {"out", required_argument, NULL, 'o'}, {"site", required_argument, NULL, 's'},
        {"at", required_argument, NULL, 'a'},  {"allow-partial", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},      {0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'o')
            call->out = optarg;
        else if (option == 's')
            call->options.site = optarg;
        else if (option == 'p')
            call->is_partial_allowed = true;
        else if (option == 'h')
            *ret_help = true;
        else if (option != 'a')
            return cli_option_error("rules import-iis", option, argv);
        else if (set_base(call, optarg) != EXIT_FINE)
            return EXIT_USAGE;
    }
    if (*ret_help)
        return EXIT_FINE;
    if (argc - optind != 1)
        return cli_usage_error("rules import-iis", "name one FILE");
    if (call->out == NULL)
        return cli_usage_error("rules import-iis", "say with --out DIR where the rules go");
    if (call->options.site != NULL && call->options.base != NULL)
        return cli_usage_error("rules import-iis", "--site is for applicationHost.config, --at "
                                                   "for a web.config; give one of them");
    call->options.file = argv[optind];
    return EXIT_FINE;
}

static void print_outcomes(const struct iis_call *call, const struct iis_import *import)
{
    for (size_t i = 0; i < iis_import_n_outcomes(import); i++) {
        const struct iis_outcome *outcome = iis_import_outcome(import, i);
        static const char *const words[] = {[IIS_TRANSLATED] = "ok",
                                            [IIS_UNPROVEN] = "unproven",
                                            [IIS_IDLE] = "left out",
                                            [IIS_REFUSED] = "refused"};
        FILE *to = outcome->fate == IIS_REFUSED ? stderr : stdout;
        (void)fprintf(to, "%s:%u: %s: %s%s%s%s", call->options.file, outcome->line,
                      words[outcome->fate], outcome->name, outcome->file != NULL ? " -> " : "",
                      outcome->file != NULL ? outcome->file : "",
                      outcome->text[0] != '\0' ? ": " : "");
        cli_put_clean(to, outcome->text);
        (void)fputc('\n', to);
    }
}

static int finish(const struct iis_call *call, const struct iis_import *import)
{
    struct err err = {0};
    size_t n_refused = iis_import_count(import, IIS_REFUSED);
    size_t n_files =
        iis_import_count(import, IIS_TRANSLATED) + iis_import_count(import, IIS_UNPROVEN);
    print_outcomes(call, import);
    if (n_refused != 0 && !call->is_partial_allowed) {
        (void)fprintf(stderr,
                      "stopgap: %zu of %zu rules are refused, so nothing was written; "
                      "--allow-partial writes the others\n",
                      n_refused, iis_import_n_outcomes(import));
        return EXIT_FAILED;
    }
    if (n_files != 0 && !iis_import_write(import, call->out, &err))
        return cli_error(&err);
    (void)printf("%zu rule files written to %s, %zu of them unproven; %zu rules left out, %zu "
                 "refused\n",
                 n_files, call->out, iis_import_count(import, IIS_UNPROVEN),
                 iis_import_count(import, IIS_IDLE), n_refused);
    return EXIT_FINE;
}

int cmd_rules_import_iis(int argc, char **argv)
{
    static const struct file_codes codes = {.read = "E_IO", .size = "E_IO"};
    struct iis_call call = {.out = NULL};
    struct err err = {0};
    bool wants_help = false;
    int exit_code = call_parse(argc, argv, &call, &wants_help);
    if (exit_code != EXIT_FINE)
        return exit_code;
    if (wants_help) {
        (void)fputs(help, stdout);
        return EXIT_FINE;
    }
    struct buf text;
    buf_init(&text, MAX_FILE_BYTES);
    struct iis_import *import = NULL;
    if (file_read(AT_FDCWD, call.options.file, &codes, &text, &err))
        import = iis_import_read(buf_slice(&text), &call.options, &err);
    buf_done(&text);
    exit_code = import != NULL ? finish(&call, import) : cli_error(&err);
    iis_import_free(import);
    return exit_code;
}
