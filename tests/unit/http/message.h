/* Feeds one HTTP message to the parser the way the proxy does, cut where a test wants, and puts
 * what came out into text that tests compare. Used by unit tests and fuzz targets. */
#pragma once

#include "http/parse.h"

#include "stopgap/buf.h"

enum message_cut {
    CUT_NOWHERE = 0,
    CUT_ONCE,   /* in front of byte cut_arg */
    CUT_BYTES,  /* one byte at a time */
    CUT_RANDOM, /* with seed cut_arg */
};

struct message_spec {
    struct slice raw;
    const struct http_limits *limits; /* NULL: message_limits */
    bool is_response;
    bool is_head;  /* response to HEAD */
    bool is_ended; /* the connection ends behind raw */
    enum message_cut cut;
    uint64_t cut_arg;
};

struct message {
    struct http_parser parser;
    struct arena arena;
    char *memory;    /* of the arena */
    char *head_copy; /* keeps a response's head alive */
    struct buf body;
    struct buf brief; /* one line for tables; see message_read */
    struct buf full;  /* everything the parser says; "refused" when it refuses */
    bool is_head_parsed;
    bool is_refused;
    bool is_done;
    size_t used; /* bytes of raw up to the end of the message */
};

extern const struct http_limits message_limits;

/* Parse raw. message->brief becomes
 *   "more"                             the head is not complete
 *   "400"                              the head is refused with this status
 *   "POST /x length:5 body=hello +3"   complete, 3 bytes left over
 *   "200 chunked body=hel ..."         the body is not complete
 *   "POST /x chunked body=hel; 413"    refused inside the body
 * A body of more than 64 bytes shows as its length. Free with message_done. */
void message_read(struct message *message, const struct message_spec *spec);
void message_done(struct message *message);

/* splitmix64 */
uint64_t test_random(uint64_t *state);
