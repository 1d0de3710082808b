/* Why a transaction or a connection ended: one enum for log, counters and tests. */
#pragma once

#include "stopgap/slice.h"

/* X(enumerator, word in the log, who ended it) */
#define END_REASONS(X)                                                                             \
    X(END_OK, "ok", "complete")                                                                    \
    X(END_RULE_BLOCK, "rule_block", "a rule blocked the request")                                  \
    X(END_RULE_ABORT, "rule_abort", "a rule closed the connection without an answer")              \
    X(END_MATCHER_FAULT, "matcher_fault", "the matcher failed and fail_mode says closed")          \
    X(END_BAD_REQUEST, "bad_request", "the request can be read in more than one way")              \
    X(END_TARGET_TOO_LONG, "target_too_long", "request target over its limit")                     \
    X(END_HEAD_TOO_LARGE, "head_too_large", "header section over a limit")                         \
    X(END_BODY_TOO_LARGE, "body_too_large", "request body over its limit")                         \
    X(END_UNKNOWN_METHOD, "unknown_method", "method not known")                                    \
    X(END_BAD_VERSION, "bad_version", "not HTTP/1.0 or HTTP/1.1")                                  \
    X(END_UPGRADE_REFUSED, "upgrade_refused", "upgrade is not configured")                         \
    X(END_CLIENT_CLOSED, "client_closed", "the client closed")                                     \
    X(END_CLIENT_RESET, "client_reset", "the client reset the connection")                         \
    X(END_CLIENT_ABORT, "client_abort", "the client left in the middle of a message")              \
    X(END_HEAD_TIMEOUT, "head_timeout", "the client did not complete its head in time")            \
    X(END_BODY_TIMEOUT, "body_timeout", "the client did not go on with its body in time")          \
    X(END_KEEPALIVE_TIMEOUT, "keepalive_timeout", "no further request in time")                    \
    X(END_WRITE_TIMEOUT, "write_timeout", "a peer did not take data in time")                      \
    X(END_RELAY_TIMEOUT, "relay_timeout", "silence of both sides")                                 \
    X(END_TLS_FAILED, "tls_failed", "TLS handshake or record failed on the client side")           \
    X(END_TLS_TIMEOUT, "tls_timeout", "TLS handshake not complete in time")                        \
    X(END_PROXY_PROTOCOL, "proxy_protocol", "bad PROXY protocol header")                           \
    X(END_CONNECTION_LIMIT, "connection_limit", "too many connections")                            \
    X(END_ADDRESS_LIMIT, "address_limit", "too many connections of one address")                   \
    X(END_UPSTREAM_CONNECT, "upstream_connect", "the upstream refuses or cannot be reached")       \
    X(END_UPSTREAM_CONNECT_TIMEOUT, "upstream_connect_timeout", "no connection in time")           \
    X(END_UPSTREAM_TLS, "upstream_tls", "TLS to the upstream failed")                              \
    X(END_UPSTREAM_CERTIFICATE, "upstream_certificate", "the upstream's certificate is not valid") \
    X(END_UPSTREAM_CLOSED, "upstream_closed", "the upstream closed before its response was whole") \
    X(END_UPSTREAM_RESET, "upstream_reset", "the upstream reset the connection")                   \
    X(END_UPSTREAM_TIMEOUT, "upstream_timeout", "the upstream did not answer in time")             \
    X(END_UPSTREAM_BAD_RESPONSE, "upstream_bad_response", "the upstream's response is malformed")  \
    X(END_UPSTREAM_DOWN, "upstream_down", "every server is down by its health checks")             \
    X(END_NO_MEMORY, "no_memory", "out of memory or over a memory limit")                          \
    X(END_SHUTDOWN, "shutdown", "the program stops")

enum end_reason {
#define X(id, word, text) id,
    END_REASONS(X)
#undef X
        END_REASON_COUNT
};

const char *end_reason_word(enum end_reason reason); /* "rule_block" */
const char *end_reason_text(enum end_reason reason); /* a sentence for people */
