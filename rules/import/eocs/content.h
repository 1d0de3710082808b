/* Step 8: the mitigations, read from the bytes that the signature covers and from nothing else. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/eocs.h"

/* The document with what belongs to its memory. */
struct document {
    struct eocs_document public; /* first, so that one can be had from the other */
    struct arena arena;
    _Alignas(16) char first[4096];
};

/* E_EOCS_XML, E_EOCS_CONTENT: the form of the whole is unknown. What is unknown in one
 * mitigation is noted there. */
MUST_USE bool content_read(struct slice covered, struct document *document, struct err *err);
