/* The views that IIS and Exchange have of one request: pure functions over borrowed bytes.
 *
 * RAW is what was sent. ONCE is what http.sys hands to IIS and ASP.NET hands to Exchange: the
 * path decoded once and made canonical, query arguments decoded once. STABLE is what a second
 * decoder behind them would see: decoded until nothing changes, at most LIMIT_DECODE_ROUNDS.
 * A view that equals its predecessor shares its bytes. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/request.h"
#include "stopgap/verdict.h"

struct named_value {
    struct slice name;
    struct slice value;
};

/* What is odd about a target; each can be refused by a rule of its own. */
enum view_anomaly {
    ANOMALY_BAD_ESCAPE = 1u << 0,      /* "%" without two hex digits, in the path */
    ANOMALY_ENCODED_CONTROL = 1u << 1, /* %00..%1F, %7F, U+0080..U+009F in the path */
    ANOMALY_PERCENT_U = 1u << 2,       /* %uXXXX in the path */
    ANOMALY_BACKSLASH = 1u << 3,       /* "\" or %5C in the path */
    ANOMALY_ENCODED_SLASH = 1u << 4,   /* %2F in the path */
    ANOMALY_DOUBLE_ENCODED = 1u << 5,  /* decoding the path twice differs from once */
    ANOMALY_ABOVE_ROOT = 1u << 6,      /* ".." climbs above "/" */
    ANOMALY_DOT_SEGMENT = 1u << 7,     /* "." or ".." segments were resolved */
    ANOMALY_DOUBLE_SLASH = 1u << 8,    /* "//" was merged */
    ANOMALY_INVALID_UTF8 = 1u << 9,    /* path bytes that are no UTF-8: read as Windows-1252 */
    ANOMALY_OVERLONG_UTF8 = 1u << 10,  /* an overlong form or a surrogate */
    ANOMALY_TRAILING_DOT = 1u << 11,   /* a segment ends in dot or blank */
    ANOMALY_STREAM = 1u << 12,         /* "::" or ":$" as in NTFS stream names */
    ANOMALY_VDIR_MISMATCH = 1u << 13,  /* the first segment differs between the views */
    ANOMALY_BEST_FIT = 1u << 14,       /* full-width and look-alike characters fold to ASCII */
    ANOMALY_TOO_MANY_ARGS = 1u << 15,  /* over LIMIT_QUERY_ARGS; the rest is not shown by name */
    ANOMALY_TOO_MANY_COOKIES = 1u << 16,
    ANOMALY_ABSOLUTE_FORM = 1u << 17, /* scheme and authority were taken off the target */
    ANOMALY_COOKIELESS = 1u << 18,    /* an ASP.NET cookieless segment such as /(S(x))/ */
    ANOMALY_UNSTABLE = 1u << 19,      /* the path still changes after LIMIT_DECODE_ROUNDS */
};

/* "bad_escape", ... for one bit; NULL for an unknown one. */
const char *view_anomaly_name(uint32_t bit);
/* The bit of a name, 0 when there is none. */
uint32_t view_anomaly_bit(struct slice name);

struct request_view {
    struct slice target; /* path and query: RAW as sent, then decoded as a whole once / stable */
    struct slice path;   /* RAW: up to "?"; others: canonical, lower case, starts with "/" */
    struct slice query;  /* without "?"; RAW as sent, then decoded as a whole */
    const struct named_value *args; /* names and values decoded as the view says */
    size_t n_args;
    bool is_same; /* target, path, query and args equal those of the view before; lower-casing of
                   * the path does not count: the case of a path is seen in RAW */
};

struct request_views {
    struct request_view view[VIEW_COUNT];
    struct slice vdir;                 /* first segment of the ONCE path: "owa", "" at the root */
    struct slice stable_vdir;          /* of the STABLE path */
    const struct named_value *cookies; /* all Cookie fields, split, as sent */
    size_t n_cookies;
    uint32_t anomalies;
};

/* Build all views. head and arena are borrowed and must outlive them. False: no memory. */
MUST_USE bool views_build(const struct request_head *head, struct arena *arena,
                          struct request_views *ret_views);

/* value in the given view: RAW returns it, ONCE and STABLE resolve %XX and %uXXXX (not "+").
 * The result is value itself when nothing changes. False: no memory. */
MUST_USE bool view_decode_value(struct slice value, enum view_id view, struct arena *arena,
                                struct slice *ret_value);

/* The fields of an application/x-www-form-urlencoded body, decoded as a query is, and whether there
 * are more than LIMIT_FORM_FIELDS. */
MUST_USE bool view_form_fields(struct slice body, enum view_id view, struct arena *arena,
                               const struct named_value **ret_fields, size_t *ret_n,
                               bool *ret_is_truncated);
