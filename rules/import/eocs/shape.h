/* The outer form of a signed document, taken apart by hand before any signature code runs. */
#pragma once

#include "xml.h"

#define EOCS_DSIG_SPACE "http://www.w3.org/2000/09/xmldsig#"
#define EOCS_STAMP_SPACE "http://schemas.microsoft.com/xmldsig/timestamp/2003"

struct shape {
    xmlNode *signature; /* dsig:Signature */
    xmlNode *key_info;
    xmlNode *object;        /* holder of the stamp; NULL: none */
    struct slice sig_bytes; /* decoded SignatureValue */
    struct slice token;     /* decoded CMS of the stamp; empty: none */
};

/* Steps 2 and 3 behind the walk: where the signature stands and what it says it covers. Texts go
 * to arena. E_EOCS_ROOT, _NSIG, _SIGPOS, _CHILD, _SIGNATURE, _KEYINFO, _OBJECT, _C14N, _SIGALG,
 * _NREF, _REFURI, _NTRANS, _DIGALG. */
MUST_USE bool shape_read(xmlDoc *doc, struct arena *arena, struct shape *ret_shape,
                         struct err *err);

/* base64 with blanks between, as XML writes it. False: not base64, empty or above max. */
MUST_USE bool shape_decode(struct arena *arena, const xmlNode *node, size_t max,
                           struct slice *ret_bytes);
