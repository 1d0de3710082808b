/* One message from bytes: the lines of the head by our own strict scanner, the meaning of its
 * fields by strict.c, Transfer-Encoding and chunked bodies by llhttp in strict mode; bytes that
 * have a length are counted.
 *
 * llhttp sees a start line of ours ("POST / HTTP/1.1"), because it refuses RPC_IN_DATA and
 * RPC_OUT_DATA and because its reading of start lines is laxer than what may be forwarded, and of
 * the fields those that frame. */
#pragma once

#include "http/chunk_line.h"
#include "http/head.h"

#include "reason.h"

#include "stopgap/arena.h"

#include <llhttp.h>

struct http_limits {
    size_t target_bytes, field_bytes, head_bytes, fields;
    uint64_t body_bytes; /* 0: 2^63-1 */
};

enum parse_result {
    PARSE_MORE = 0, /* give more bytes */
    PARSE_HEAD,     /* head is complete */
    PARSE_DONE,     /* the message is complete */
    PARSE_REFUSED,  /* see refusal; nothing more can be read from this connection */
};

/* Why a message is refused. */
struct http_refusal {
    unsigned status; /* for requests: what to answer */
    enum end_reason reason;
    const char *text; /* for the log, with the section of the RFC that says so */
    size_t offset;    /* of what is refused, in the bytes of the call that refused it */
};

/* Offsets into the head while it is not complete (its memory may move until then). */
struct raw_field {
    unsigned name, name_len, value, value_len;
    unsigned char known; /* enum known_field */
};

struct http_parser {
    llhttp_t llhttp;
    const struct http_limits *limits;
    struct http_refusal refusal;
    struct http_head head;

    /* head */
    const char *base; /* where the current call's bytes start */
    size_t base_len;
    const char *suspect; /* what a check looks at, for a refusal; NULL: where llhttp is */
    size_t scanned;      /* bytes looked at for the end of the start line */
    size_t start;        /* leading CRLF skipped */
    size_t fed;          /* bytes of complete lines; 0: no start line yet */
    size_t head_len;
    struct raw_field *raw; /* arena; raw_room entries */
    unsigned n_raw;
    unsigned raw_room;
    struct arena *arena; /* of the current call */

    /* body */
    void (*on_body)(void *ctx, struct slice bytes);
    void *body_ctx;
    uint64_t body_bytes;  /* so far */
    size_t overhead;      /* framing bytes that no data has paid for */
    const char *mark;     /* of the current call: up to where bytes were counted */
    char last_byte;       /* of the call before */
    enum chunk_line line; /* where in the line before a chunk */
    bool is_last_chunk;
    bool is_new_chunk;       /* no data of it came yet */
    size_t trailer_name_len; /* of the trailer field that is being read */
    bool is_response;
    bool is_head_request; /* response: to HEAD */
    bool has_start_line;
    bool has_transfer; /* a Transfer-Encoding: llhttp judges it and reads the body */
    bool is_head_done;
    bool is_done;
    bool is_empty; /* the message ends with its head */
};

void http_parser_init_request(struct http_parser *parser, const struct http_limits *limits);
/* is_head: the request was HEAD, so no body follows whatever the fields say */
void http_parser_init_response(struct http_parser *parser, const struct http_limits *limits,
                               bool is_head);

/* Parse the head.
 *
 * bytes  everything from the first byte of the message on, contiguous; on PARSE_MORE call again
 *        with the same bytes, wherever they are then, and more behind them
 * arena  for the field table; borrowed by parser->head; the same in each call
 * keep   copy the head into the arena, so that it outlives bytes
 *
 * PARSE_HEAD: parser->head is filled, parser->head_len bytes were used. */
enum parse_result http_parse_head(struct http_parser *parser, struct slice bytes,
                                  struct arena *arena, bool keep);

/* Parse the next bytes of the body; on_body gets the data, without its framing.
 * ret_used  bytes taken: all of them, but for PARSE_DONE */
enum parse_result http_parse_body(struct http_parser *parser, struct slice bytes, size_t *ret_used);

/* The connection ended. True: the message is complete (FRAMING_CLOSE). */
bool http_parse_end(struct http_parser *parser);

/* For parse.c and strict.c: refuse. Returns PARSE_REFUSED. */
enum parse_result http_refuse(struct http_parser *parser, unsigned status, enum end_reason reason,
                              const char *text);
