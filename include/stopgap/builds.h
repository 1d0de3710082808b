/* Builds of Exchange: reading them, comparing them, and what is publicly known of each.
 *
 * The table is data in rules/builds/exchange-builds.tsv. Pure functions, any thread. */
#pragma once

#include "stopgap/slice.h"

enum {
    BUILD_PARTS = 4,      /* 15.1.2507.6: version, release, cumulative update, security update */
    BUILD_TEXT_BYTES = 24 /* four parts of five digits at most, and the end */
};

/* Ordered as its parts are. All zero: not known. */
struct build {
    uint16_t part[BUILD_PARTS];
};

/* Builds from `from` on and before `before`; all zero stands for no border. Of a server: one of
 * these it is, and with both all zero nothing is known. */
struct build_span {
    struct build from;
    struct build before;
};

/* Whether Microsoft's own feed of mitigations still serves a build. */
enum build_feed {
    FEED_NEVER = 0, /* the service never was part of it */
    FEED_WORKS,
    FEED_STOPPED,
};

struct build_info {
    struct build build;
    const char *product;       /* "Exchange Server 2016" */
    const char *label;         /* "Exchange 2016 CU23 Jun26SU" */
    const char *date;          /* of its release, "2026-06-09" */
    const char *support;       /* "yes", "no", "esu-period2-only" */
    const char *kb;            /* article, may be empty */
    enum build_feed feed;      /* since January 2025: needs March 2023 or newer */
    enum build_feed feed_2026; /* for what is published since July 2026: needs June 2026 or newer */
};

/* Four decimal parts, nothing else; "15.02.2562.045" is read, too. False on anything else. */
MUST_USE bool build_parse(struct slice text, struct build *ret_build);
void build_format(const struct build *build, char out[BUILD_TEXT_BYTES]);
/* <0, 0, >0 as strcmp. */
int build_compare(const struct build *a, const struct build *b);
bool build_is_known(const struct build *build);
bool build_is_in(const struct build *build, const struct build_span *span);

/* This build and no other; one that is not known may be any. */
struct build_span build_span_exact(const struct build *build);
/* This one or one behind it in the same cumulative update: as much as a part of an update tells. */
struct build_span build_span_from(const struct build *build);
bool build_span_is_exact(const struct build_span *span);
/* Is there a build in both? */
bool build_spans_meet(const struct build_span *a, const struct build_span *b);

/* The cumulative update whose folder a page of Exchange names, as in /owa/auth/15.1.2507/x.css, the
 * last part 0. False: it names none, or several. Whose words the page repeats is the caller's care.
 */
MUST_USE bool build_find_update(struct slice page, struct build *ret_update);
/* The version in the deployment manifest of the export tool, which comes with an update. False:
 * this is none. Bytes of a stranger. */
MUST_USE bool build_from_manifest(struct slice xml, struct build *ret_build);

/* The row of exactly this build, or NULL. */
const struct build_info *build_find(const struct build *build);
/* The newest row of the same product and update that is not newer than build, or NULL. So a
 * security update that is younger than the table is still known by its cumulative update. */
const struct build_info *build_nearest(const struct build *build);
/* One line for people: "Exchange 2016 CU23 Jun26SU (2026-06-09), support: ..., ...". */
void build_describe(const struct build *build, char *out, size_t size);
/* The same for what is known of a server; "not known" for a build that is not. */
void build_span_describe(const struct build_span *span, char *out, size_t size);
