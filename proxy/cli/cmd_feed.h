/* Shared by the cmd_feed*.c files: the verbs below `stopgap feed`. argv[0] is the verb. */
#pragma once

#include "cli/cli.h"
#include "feed/own_feed.h"

int feed_test(int argc, char **argv);
int feed_fetch(int argc, char **argv);
int feed_import(int argc, char **argv);
int feed_export(int argc, char **argv);

/* A feed_step_cb: one line to standard output at once. */
void feed_print_step(void *ctx, const char *step, const char *text);
/* The exit code for a visit that ended with err; ERR_NONE is EXIT_FINE. */
int feed_exit_code(const struct err *err);

/* The visit that the configuration asks for. False: a usage error was printed. */
MUST_USE bool feed_visit_init(struct own_feed_visit *visit, const struct config *config,
                              const char *verb);
/* Ask a running proxy to load its rules again, or say who will. url NULL: where the configuration
 * has its admin socket. */
int feed_ask_reload(const char *url, const struct config *config);
