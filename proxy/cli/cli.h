/* The verbs of the command line. Each file cmd_*.c holds one; main.c holds the table.
 *
 * argv[0] is the verb. Results go to standard output, errors and usage errors to standard error.
 * Exit codes: 0 fine, 1 the check failed or the work could not be done, 2 usage, 3 not reachable.
 */
#pragma once

#include <stdio.h>

#include "stopgap/err.h"

enum exit_code {
    EXIT_FINE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
};

/* probes through a live listener */
int cmd_verify(int argc, char **argv);
int cmd_run(int argc, char **argv);    /* run the proxy */
int cmd_check(int argc, char **argv);  /* check a config file, or print the effective config */
int cmd_status(int argc, char **argv); /* what the running proxy does */
int cmd_reload(int argc, char **argv); /* ask the running proxy to load its rules again */
int cmd_drain(int argc, char **argv);  /* ask the running proxy to end gracefully */
/* replace the running proxy by its new program file */
int cmd_upgrade(int argc, char **argv);
int cmd_cert(int argc, char **argv);   /* parity */
int cmd_bundle(int argc, char **argv); /* keygen, build, sign, verify, show */
int cmd_root(int argc, char **argv);   /* init, add-key, retire-key, rotate, revoke, sign, show */
int cmd_trust(int argc, char **argv);  /* show, bootstrap, export */
int cmd_rules(int argc, char **argv);  /* test, list, lint, ... */
/* `rules import-iis`; argv[0] is "import-iis" */
int cmd_rules_import_iis(int argc, char **argv);
int cmd_explain(int argc, char **argv); /* why the rules say what they say of a request */
int cmd_bench(int argc, char **argv);   /* rules: the same as rules cost */
int cmd_eocs(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_feed(int argc, char **argv);        /* test, fetch, import, export */
int cmd_publish(int argc, char **argv);     /* write the folder of a feed */
int cmd_mitigations(int argc, char **argv); /* list, block, unblock, enable, disable, export */

/* "stopgap: file:line: CODE: text" to standard error; returns EXIT_FAILED. */
int cli_error(const struct err *err);
/* Usage error: text, then "Try 'stopgap VERB --help'."; returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int cli_usage_error(const char *verb, const char *format,
                                                          ...);

/* What getopt_long has answered to a wrong option (opterr 0, ":" first); returns EXIT_USAGE. */
int cli_option_error(const char *verb, int option, char **argv);
/* "2026-11-24T02:00:00Z" or "2026-11-24"; a usage error is printed on false. */
MUST_USE bool cli_option_time(const char *verb, const char *option, const char *text,
                              int64_t *ret_seconds);
/* 1..max; a usage error is printed on false. */
MUST_USE bool cli_option_number(const char *verb, const char *option, const char *text,
                                uint64_t max, uint64_t *ret_number);
/* The end of a getopt loop that has printed what is wrong: --help ('h'), or the usage error. */
int cli_option_end(int option, const char *verb, const char *help);
/* Files in the state folder must be those of the user that runs the proxy: root becomes its owner.
 * False with err. */
MUST_USE bool cli_become_owner(const char *state_dir, struct err *err);
/* Text of a stranger to a terminal: control characters become question marks. */
void cli_put_clean(FILE *to, const char *text);
void cli_put_bytes(FILE *to, struct slice text);

/* What the verbs that talk to a running proxy share: --admin URL, --help and, where flag is not
 * NULL, --FLAG. Returns -1 to go on, else the exit code (help was printed, or a usage error). */
int cli_admin_options(int argc, char **argv, void (*print_help)(void), const char **ret_url,
                      const char *flag, bool *ret_flag);
/* Ask a running proxy to do something, print what it says, and return the exit code. */
int cli_admin_post(const char *url, const char *path, unsigned timeout_ms);
