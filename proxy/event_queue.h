/* Events that wait for one of those who are told of them. Control thread only. */
#pragma once

#include "stopgap/err.h"

#include <sys/queue.h>

struct queued_event {
    STAILQ_ENTRY(queued_event) link;
    char *json;
};

struct event_queue {
    STAILQ_HEAD(event_list, queued_event) list;
    size_t n;
};

void event_queue_init(struct event_queue *queue);
/* A copy of json goes to the end. False: LIMIT_EVENTS_QUEUED are there, or no memory. */
MUST_USE bool event_queue_push(struct event_queue *queue, const char *json);
/* The first one, owned by the caller from now on; NULL: none. */
struct queued_event *event_queue_pop(struct event_queue *queue);
void queued_event_free(struct queued_event *event);
void event_queue_done(struct event_queue *queue);
