/* Final responses that come before their request is complete.
 *
 * RFC 9110 10.1.1: tell whether the connection goes on, and keep to it. Up to 1 MiB the rest is
 * read and the connection kept; above, hardly a client sends it in the time we would wait, so the
 * response says "Connection: close". A 401 that carries a token is a leg of NTLM or Kerberos,
 * which live on this very connection: it goes on unless the server ends it, and the rest of the
 * request has longer to come. */
#pragma once

struct txn;

/* The response head is parsed and not yet sent: sets txn->ends_early and txn->drain_ms. */
void early_decide(struct txn *txn);
