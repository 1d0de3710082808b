/* Errors about one rule file: where, which rule, why and what to do. Private to this folder. */
#pragma once

#include "stopgap/err.h"

struct places;

struct report {
    const char *file;
    const struct places *places; /* knows lines and the rule's id; may still be empty */
    struct err *err;
};

/* Fill err with code E_LINT, file, position and "rule ID: text". Bytes that could harm a terminal
 * or a log line become "?". Returns false. */
__attribute__((format(printf, 5, 6))) bool report_at(const struct report *report,
                                                     enum err_kind kind, unsigned line,
                                                     unsigned column, const char *format, ...);

/* As report_at, at the place of a value (places_scan knows its line). */
__attribute__((format(printf, 4, 5))) bool report_value(const struct report *report,
                                                        enum err_kind kind, uint64_t path,
                                                        const char *format, ...);

bool report_no_memory(const struct report *report);
