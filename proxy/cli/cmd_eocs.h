/* Shared by the cmd_eocs*.c files: the verbs below `stopgap eocs`. */
#pragma once

#include "cli/cli.h"

#include "stopgap/eocs.h"

/* What the command line asked for. */
struct eocs_call {
    const char *file;
    struct eocs_trust_options trust;
    int64_t at;
    const char *state; /* folder; NULL: none */
    const char *out;   /* folder of import */
    bool json, enforce;
};

/* Opens, reads and verifies call->file; NULL with err. With a state folder an older document than
 * the one remembered there is refused. */
struct eocs_document *eocs_call_open(const struct eocs_call *call, struct err *err);

int eocs_print_text(const struct eocs_document *document);
int eocs_print_json(const struct eocs_document *document);
int eocs_import(const struct eocs_call *call);
