/* Times of signed texts: UTC only, one way to write each. */
#pragma once

#include "stopgap/slice.h"

enum { UTC_TIME_CHARS = 20, UTC_DATE_CHARS = 10, UTC_DAY_SECONDS = 86400 };

/* "2026-11-24T02:00:00Z", years 1970..9999, to seconds since 1970. */
MUST_USE bool utc_parse_time(struct slice word, int64_t *ret_seconds);
/* "2026-11-24" to the seconds of its first instant. */
MUST_USE bool utc_parse_date(struct slice word, int64_t *ret_seconds);
/* NUL-terminated; a time outside the years 1970..9999 is clamped. */
void utc_format_time(int64_t seconds, char out[UTC_TIME_CHARS + 1]);
void utc_format_date(int64_t seconds, char out[UTC_DATE_CHARS + 1]);
