/* One health check: connect, ask for /VDIR/healthcheck.htm, take the status. On the control loop,
 * with the same verification of certificates as traffic. Or only connect, to see the server's
 * certificate. */
#pragma once

#include "config/config.h"
#include "net/tls.h"
#include "servers.h"

#include <uv.h>

struct health_check;

/* status is 0, with an error for people, when there is no answer. Called once, from the loop and
 * never within health_check_start; the check is gone after it. */
typedef void (*health_check_cb)(void *ctx, unsigned status, const char *error);

struct health_question {
    uv_loop_t *loop;
    struct stream_hub *hub;
    SSL_CTX *context; /* NULL: no TLS */
    const char *name; /* Host, SNI, and what the certificate must have */
    struct slice vdir;
    enum proxy_protocol_version proxy_protocol;
    const struct upstream_addresses *addresses; /* each is tried; looked at during the check */
    /* Set: nothing is asked. Called with the certificate the server shows, borrowed and perhaps
     * NULL; done follows, with status 0 and no error. Needs a context. */
    void (*on_leaf)(void *ctx, X509 *leaf);
    health_check_cb done;
    void *ctx;
};

/* NULL: no memory. Everything in question is borrowed until the loop has run. */
struct health_check *health_check_start(const struct health_question *question);
/* Do not call done any more; the check ends in its own time. */
void health_check_cancel(struct health_check *check);
