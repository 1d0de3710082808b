/* The XML signature itself, checked by xmlsec1 with everything switched off that is not needed. */
#pragma once

#include "xml.h"

#include <openssl/x509.h>

#include "stopgap/buf.h"

/* Once for the process, from any thread. E_EOCS_INIT. */
MUST_USE bool dsig_init(struct err *err);

/* Check signature with the key of leaf.
 *
 * ret_covered  the bytes that were hashed; nothing else of the document may be believed
 * False: E_EOCS_DSIG. */
MUST_USE bool dsig_verify(xmlNode *signature, X509 *leaf, struct buf *ret_covered, struct err *err);
