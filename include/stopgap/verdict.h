/* What the rules say of a request. What is done about it is the proxy's decision. */
#pragma once

#include "stopgap/changes.h"
#include "stopgap/limits.h"
#include "stopgap/slice.h"

enum verdict_action {
    VERDICT_PASS = 0,
    VERDICT_NEED_BODY, /* no answer before rules_check_body has seen the body */
    VERDICT_BLOCK,     /* answer with verdict.status */
    VERDICT_ABORT,     /* close without an answer */
};

/* The form of the request in which a rule matched. */
enum view_id {
    VIEW_RAW = 0, /* as sent */
    VIEW_ONCE,    /* decoded once, as http.sys and ASP.NET do */
    VIEW_STABLE,  /* decoded until nothing changes, as a second decoder behind them would see it */
    VIEW_COUNT,
};

/* One rule that matched. The slices live in the transaction's arena. */
struct rule_hit {
    struct slice rule_id;
    struct slice cve; /* the first one of the rule; may be empty */
    struct slice title;
    struct slice action;  /* "block", "abort", "detect", ... as the rule says */
    struct slice field;   /* where, such as "cookie X-BEResource"; may be empty */
    struct slice excerpt; /* at most LIMIT_EXCERPT_BYTES around the match; secrets are not masked */
    struct slice excluded_by; /* label of the exclusion that holds; empty without one */
    enum view_id view;
    bool is_enforced; /* false: the rule only detects, or is excluded */
    bool is_secret;   /* the excerpt comes from a field whose value must not be logged */
};

struct verdict {
    enum verdict_action action;
    unsigned status;             /* for VERDICT_BLOCK: 400..599 */
    enum rules_mode mode;        /* of the virtual directory: may a broken matcher refuse? */
    bool scan_failed;            /* the matcher broke; the proxy's fail_mode decides */
    bool would_stop;             /* a rule on trial would, if it were in force */
    bool edits_response;         /* call rules_edit_response with the response head */
    unsigned n_hits;             /* entries of hits[] */
    bool is_excluded;            /* rules matched, and exclusions hold for all of them */
    bool hits_truncated;         /* more rules matched than hits[] can hold */
    struct slice vdir;           /* first segment of the canonical path; arena of the transaction */
    const struct rule_hit *hits; /* the deciding rule first; arena of the transaction */
};

/* "raw", "once", "stable". */
static inline const char *view_name(enum view_id view)
{
    static const char *const names[VIEW_COUNT] = {"raw", "once", "stable"};
    return view < VIEW_COUNT ? names[view] : "?";
}
