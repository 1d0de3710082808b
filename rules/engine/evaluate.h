/* The truth of a condition tree for one view of a request. */
#pragma once

#include "engine/fields.h"

/* Before the body is there, some conditions cannot be decided; nor can one whose regex ran into
 * a limit. */
enum truth {
    TRUTH_NO = 0,
    TRUTH_YES,
    TRUTH_UNKNOWN,
};

/* The bytes of a value that made an operator true. */
struct match {
    size_t offset;
    size_t len;
};

/* Where a condition was found to be true. */
struct witness {
    const struct cond *cond; /* NULL: nothing to show */
    enum view_id view;
    struct named_value value;
    struct match match;
};

/* What a regex said of a value. Views share the bytes of values they do not change, so the same
 * question comes back for each view. */
struct regex_memo {
    const struct cond *cond;
    struct slice value;
    enum truth truth;
    struct match match;
};

enum { REGEX_MEMOS = 4 }; /* tests of one rule that reach their regex; rarely more than two */

struct evaluation {
    struct lease *lease;
    const struct fields *fields;
    const uint64_t *bits; /* what the scan found; NULL: do not rely on it */
    struct regex_memo memos[REGEX_MEMOS];
    unsigned next_memo;
};

/* The truth of cond, or of any node below one, in one view. ret_witness is meaningful after
 * TRUTH_YES only. */
enum truth evaluate_view(struct evaluation *evaluation, const struct cond *cond, enum view_id view,
                         struct witness *ret_witness);

/* True when cond holds in any view. */
enum truth evaluate_request(struct evaluation *evaluation, const struct cond *cond,
                            struct witness *ret_witness);

/* The same for conditions over the response; response fields have no views. */
enum truth evaluate_response(struct evaluation *evaluation, const struct cond *cond);
