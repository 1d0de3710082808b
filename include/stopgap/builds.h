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

/* Builds from `from` on and before `before`; all zero stands for no border. */
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

/* The row of exactly this build, or NULL. */
const struct build_info *build_find(const struct build *build);
/* The newest row of the same product and update that is not newer than build, or NULL. So a
 * security update that is younger than the table is still known by its cumulative update. */
const struct build_info *build_nearest(const struct build *build);
/* One line for people: "Exchange 2016 CU23 Jun26SU (2026-06-09), support: ..., ...". */
void build_describe(const struct build *build, char *out, size_t size);
