/* Which builds of Exchange a worker's upstream shows in its X-OWA-Version response field.
 *
 * Only this field is believed: paths and Location can carry what a client sent. The worker writes,
 * control reads; single words, no lock. */
#pragma once

#include "http/parse.h"
#include "proxy_limits.h"

#include "stopgap/builds.h"

struct build_sighting {
    uint64_t packed; /* 0: the slot is free */
    uint64_t seen_s; /* of the loops' clock */
};

struct build_watch {
    struct build_sighting items[LIMIT_SEEN_BUILDS];
    uint64_t server_seen_s[LIMIT_SERVERS]; /* when each showed the field; 0: never */
    char last[BUILD_TEXT_BYTES];           /* the worker's: the text that came last, and when */
    size_t last_len;
    uint64_t last_s;
};

/* A response head of a server. Cheap when it says what the one before said. */
void build_watch_note(struct build_watch *watch, size_t server, const struct http_head *head,
                      uint64_t now_s);

/* What slot `index` holds, for another thread. An all-zero build: a text that is no build, or more
 * builds than slots. False: the slot is free. */
bool build_watch_read(const struct build_watch *watch, size_t index, struct build *ret_build,
                      uint64_t *ret_seen_s);
/* When a server showed its build last, for another thread; 0: never. */
uint64_t build_watch_server(const struct build_watch *watch, size_t server);
