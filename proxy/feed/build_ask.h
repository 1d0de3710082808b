/* Ask a server of Exchange which build it is, by requests of our own: nothing that a client could
 * have put there comes back. Blocking: off the event loops. */
#pragma once

#include "stopgap/builds.h"

#include <stdatomic.h>

struct build_question {
    const char *url;        /* https://NAME:PORT */
    const char *connect_to; /* as in fetch_request, as all of these */
    const char *ca_path;
    bool skips_verify;
    bool speaks_proxy;
    unsigned timeout_ms; /* of each of the two requests */
    const atomic_bool *cancel;
};

enum build_source {
    BUILD_NOT_TOLD = 0,
    BUILD_BY_FIELD,    /* X-OWA-Version: exactly */
    BUILD_BY_MANIFEST, /* that of the export tool: at least, in its update */
    BUILD_BY_PAGE,     /* folders that the logon page names: the update */
};

struct build_answer {
    enum build_source source;
    struct build_span span; /* unless BUILD_NOT_TOLD */
};

void build_ask(const struct build_question *question, struct build_answer *ret_answer);
/* "the manifest of the export tool" */
const char *build_source_word(enum build_source source);
