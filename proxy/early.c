/* What an early response promises. */
#include "early.h"

#include "proxy_limits.h"
#include "txn.h"

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

/* More may come than is read for nothing. How much a chunked body still has, nobody knows. */
static bool request_is_long(const struct http_parser *request)
{
    if (request->is_done)
        return false;
    return request->head.framing == FRAMING_CHUNKED ||
           request->head.content_length - request->body_bytes > LIMIT_DRAIN_BYTES;
}

void early_decide(struct txn *txn)
{
    const struct http_head *response = &txn->response.head;
    /* A 2xx while the body still comes is no refusal: both go on, side by side, unless the server
     * says that it will not read to the end. */
    bool is_unwanted =
        response->status >= 300 || (response->status >= 200 && response->wants_close);
    bool is_leg = response_is_leg(response);
    txn->is_leg = is_leg && !response->wants_close;
    /* When the server closes under a handshake, the client's next leg would reach a stranger. */
    txn->ends_early =
        is_leg ? response->wants_close : is_unwanted && request_is_long(&txn->request);
}
