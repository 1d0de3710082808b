/* The RFC 3161 time stamp over the signature value. */
#pragma once

#include "chain.h"

/* Step 5.
 *
 * token      decoded CMS; sig_bytes: decoded SignatureValue, which the stamp is about
 * certs      from the document, untrusted
 * False: E_TS_PARSE, _TYPE, _INFO, _IMPRINT, _SIGNER, _SIG, _EKU, _ESS, _CHAIN, E_EOCS_DENY. */
struct stamp_request {
    struct slice token, sig_bytes;
    STACK_OF(X509) * certs;
};

struct stamp {
    int64_t time;
    char signer[EOCS_NAME_BYTES];
};

MUST_USE bool stamp_verify(const struct eocs_trust *trust, const struct stamp_request *request,
                           struct stamp *ret_stamp, struct err *err);
