/* The options of `stopgap run`, which `stopgap check` takes, too. */
#pragma once

#include "config/config.h"

enum options_result {
    OPTIONS_OK = 0,
    OPTIONS_HELP,  /* help was printed; nothing else is to be done */
    OPTIONS_ERROR, /* every error was printed; leave with *ret_exit */
};

/* Build the config of a verb: defaults, then the file of -c, then the other options.
 *
 * argv       argv[0] is the verb; reordered, as getopt does
 * config     after config_init; not yet validated
 * ret_text   of `check`: the file of -c; of `run`: the URL of --take-over; or NULL
 * ret_print  set by --print of `check`; NULL for `run`
 * ret_exit   exit code for the results but OK */
enum options_result options_parse_run(int argc, char **argv, struct config *config,
                                      const char **ret_text, bool *ret_print, int *ret_exit);

/* A config_error_cb: "file:line:column: text" to standard error. */
void options_print_error(void *ctx, const struct err *err);
