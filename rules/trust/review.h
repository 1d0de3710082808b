/* What a publisher should hear before a root is signed: whom it would strand, and what is unwise.
 * Pure. */
#pragma once

#include "margin.h"

enum {
    REVIEW_NOTICE_DAYS = 180, /* what installs are promised before a key goes */
    REVIEW_MAX_FINDINGS = 128 /* a few for each of 32 keys */
};

enum review_level {
    REVIEW_NOTE = 0,
    REVIEW_WARNING, /* may be meant; the publisher must say so */
    REVIEW_REFUSAL, /* nobody could follow, or not all that would have to sign have agreed */
};

struct review_finding {
    enum review_level level;
    char text[256]; /* one line */
};

struct review {
    struct review_finding findings[REVIEW_MAX_FINDINGS];
    size_t n;
};

struct review_request {
    const struct root *old; /* NULL: next is version 1 */
    const struct root *next;
    struct margin_conditions conditions; /* now is when next was created */
    bool both_sets;                      /* old and new holders will both sign */
};

void review_root(const struct review_request *request, struct review *ret_review);

/* The most serious level; REVIEW_NOTE when there is nothing. */
enum review_level review_worst(const struct review *review);
