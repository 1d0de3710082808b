/* Events with stable numbers: to the log, to syslog, and to a program and a URL of the operator's.
 *
 * On the control thread only. Numbers of the mitigation service keep their meaning (1005 applied,
 * 1006 blocked); rules/MITIGATIONS.md has the table. */
#pragma once

#include "config/config.h"

#include <uv.h>

enum event_id {
    EVENT_MITIGATION_APPLIED = 0,
    EVENT_MITIGATION_BLOCKED,
    EVENT_MITIGATION_UNBLOCKED,
    EVENT_MITIGATION_DISABLED,
    EVENT_MITIGATION_NOT_APPLICABLE,
    EVENT_MITIGATION_REMOVED,
    EVENT_MITIGATIONS_SWITCHED,
    EVENT_SET_LOADED,
    EVENT_SET_REFUSED,
    EVENT_RULES_ON_TRIAL,
    EVENT_RULES_PROMOTED,
    EVENT_TRIAL_FAILED,
    EVENT_RULES_RETURNED,
    EVENT_EXCLUSION_EXPIRED,
    EVENT_STALE_RULES_ON,
    EVENT_STALE_RULES_OFF,
    EVENT_BUILD_LEARNED,
    EVENT_PARITY_LOST,
    EVENT_PARITY_REGAINED,
    EVENT_CERTIFICATE_EXPIRES,
    EVENT_STAPLE_EXPIRES,
    EVENT_FEED_FAILED,
    EVENT_FEED_DOCUMENT,
    EVENT_FEED_LEFT_OUT,
    EVENT_FEED_BUNDLE,
    EVENT_FEED_WAITS,
    EVENT_FEED_TLS_DEGRADED,
    EVENT_FEED_TLS_REGAINED,
    EVENT_FEED_MIRROR,
    EVENT_MITIGATIONS_LOST,
    EVENT_SERVER_DOWN,
    EVENT_SERVER_UP,
    EVENT_TRUST_FRESH,
    EVENT_TRUST_AGING,
    EVENT_TRUST_STALE,
    EVENT_TRUST_ABANDONED,
    EVENT_NO_RULES,
    EVENT_STATE_LOST,
    EVENT_TRUST_DAMAGED,
    EVENT_TRUST_ENDED,
    EVENT_STRANDED_SOON,
    EVENT_ROOT_EXPIRED,
    EVENT_CLOCK_SUSPECT,
    EVENT_RULES_BEHIND,
    EVENT_RULES_PINNED,
    EVENT_TRUST_CLEARED,
    EVENT_STATE_WRITE,
    EVENT_CRASH_LOOP,
    EVENT_FLOOR_RESET,
    EVENT_COUNT,
};

struct events;

/* NULL: no memory. config is borrowed. */
struct events *events_start(uv_loop_t *loop, const struct config *config);
/* subject  the id of a mitigation or rule, the name of a set, a server or the file of a
 * certificate; may be
 *          "" */
__attribute__((format(printf, 4, 5))) void
events_emit(struct events *events, enum event_id id, const char *subject, const char *format, ...);
/* Events that the command did not get: it was too slow, or failed. */
uint64_t events_lost(const struct events *events);
/* NULL: none is configured. */
const struct webhook *events_webhook(const struct events *events);
/* Kill what runs and close all handles; the loop must run their callbacks, then events_free. */
void events_stop(struct events *events);
void events_free(struct events *events);
