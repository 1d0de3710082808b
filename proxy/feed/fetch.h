/* One request as a client: a GET or a POST with a cap on everything. It blocks, so it is for
 * threads of the pool and for the tools, never for an event loop. What comes back is not to be
 * believed before its signature was checked; who the server is only protects privacy. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"

#include <stdatomic.h>

enum {
    FETCH_ETAG_SIZE = 128,                  /* longer ones are not sent back */
    FETCH_CONNECT_MS = 20 * 1000,           /* three SYN retransmissions, then TLS */
    FETCH_MAX_HEAD_BYTES = 64 * 1024,       /* all header lines; servers send under 2 KiB */
    FETCH_MAX_RETRY_AFTER_S = 24 * 60 * 60, /* an asked-for pause beyond that is not honoured */
};

struct fetch_request {
    const char *url;        /* https://, or http:// for what authenticates itself */
    const char *ca_path;    /* PEM; NULL: the system's store */
    const char *proxy;      /* URL; NULL: the environment's (https_proxy, no_proxy) */
    const char *etag;       /* of the copy that is there; NULL or "": none */
    const char *connect_to; /* HOST:PORT to connect to in place of the URL's; NULL: the URL's */
    bool skips_verify;      /* of the server's certificate: for what only looks */
    bool takes_any_status;  /* 404 is an answer, too */
    bool speaks_proxy;      /* PROXY protocol v1 goes before all else */
    unsigned total_ms;
    const atomic_bool *cancel; /* set by any thread to give up soon; NULL: never */
};

struct fetch_response {
    long status;
    bool is_unchanged; /* 304: the body is empty */
    char etag[FETCH_ETAG_SIZE];
    unsigned retry_after_s; /* 0: not asked for */
    char address[64];       /* of the server, or of the proxy */
    unsigned total_ms;
    char exchange_build[64];    /* X-OWA-Version; "": not told */
    char date[64];              /* as the server has it; "": not told */
    char certificate_until[64]; /* of the server's certificate, as OpenSSL prints it; "": no TLS */
};

/* Once, before the first other thread; again does no harm: sets up libcurl. */
MUST_USE bool fetch_init(struct err *err);

/* Get the URL. ret_body.max is the cap, enforced while bytes come. No redirect is followed: the
 * answer names the place, and a person decides. ret_response is filled as far as it went.
 *
 * Unless takes_any_status, all but 200 and 304 are failures.
 * False with err: E_FETCH_CONNECT, E_FETCH_TLS, E_FETCH_TIMEOUT, E_FETCH_SIZE, E_FETCH_HTTP (also
 * redirects), E_FETCH_CANCELLED. */
MUST_USE bool fetch_get(const struct fetch_request *request, struct buf *ret_body,
                        struct fetch_response *ret_response, struct err *err);

/* POST the body to the URL; etag and takes_any_status are not looked at. What comes back but for
 * the status is thrown away, and no message holds a part of it or of the URL's path.
 *
 * type  of the body, for Content-Type
 *
 * All but 2xx are failures, with the status in ret_response; err as above. */
MUST_USE bool fetch_post(const struct fetch_request *request, struct slice body, const char *type,
                         struct fetch_response *ret_response, struct err *err);
