/* Final responses that come before their request is complete.
 *
 * RFC 9110 10.1.1: tell whether the connection goes on, and keep to it. Up to 1 MiB the rest is
 * read and the connection kept; above, and where nobody can tell (chunked), the response says
 * "Connection: close" and the rest gets LIMIT_DRAIN_MS. A 401 that carries a token is a leg of NTLM
 * or Kerberos, which live on this very connection: it goes on unless the server ends it. What was
 * promised to be read has the time of any body. */
#pragma once

struct txn;

/* The response head is parsed and not yet sent: sets txn->ends_early and is_leg. */
void early_decide(struct txn *txn);
