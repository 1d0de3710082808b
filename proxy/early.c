/* What an early response promises, and for how long it is kept. */
#include "early.h"

#include "config/config.h"
#include "conn.h"
#include "proxy_limits.h"
#include "txn.h"
#include "worker.h"

#include "stopgap/banned.h"

/* "NTLM TlRM..." or "Negotiate oY...": the scheme alone is an offer, with a token it is a leg. */
static bool is_leg(struct slice challenge)
{
    size_t blank = slice_find(challenge, ' ');
    struct slice scheme = slice_head(challenge, blank);
    return blank != SIZE_MAX && (slice_equal_nocase(scheme, SLICE("NTLM")) ||
                                 slice_equal_nocase(scheme, SLICE("Negotiate")));
}

static bool response_is_leg(const struct http_head *head)
{
    for (size_t i = 0; head->status == 401 && i < head->n_fields; i++)
        if (slice_equal_nocase(head->fields[i].name, SLICE("WWW-Authenticate")) &&
            is_leg(head->fields[i].value))
            return true;
    return false;
}

void early_decide(struct txn *txn)
{
    const struct http_head *request = &txn->request.head;
    const struct http_head *response = &txn->response.head;
    bool leg = response_is_leg(response);
    txn->drain_ms = leg ? txn->conn->worker->config->timeouts.body_ms : LIMIT_DRAIN_MS;
    /* A 2xx while the body still comes is no refusal: both go on, side by side. */
    bool is_too_long = response->status >= 300 && request->framing == FRAMING_LENGTH &&
                       request->content_length - txn->request.body_bytes > LIMIT_DRAIN_BYTES;
    /* When the server closes under a handshake, the client's next leg would reach a stranger. */
    txn->ends_early = leg ? response->wants_close : is_too_long;
}
