/* A list with a bound: a storm of events is not worth more memory. */
#include "event_queue.h"

#include "proxy_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

void event_queue_init(struct event_queue *queue)
{
    STAILQ_INIT(&queue->list);
    queue->n = 0;
}

bool event_queue_push(struct event_queue *queue, const char *json)
{
    if (queue->n >= LIMIT_EVENTS_QUEUED)
        return false;
    struct queued_event *event = calloc(1, sizeof(*event));
    if (event == NULL)
        return false;
    event->json = strdup(json);
    if (event->json == NULL) {
        free(event);
        return false;
    }
    STAILQ_INSERT_TAIL(&queue->list, event, link);
    queue->n++;
    return true;
}

struct queued_event *event_queue_pop(struct event_queue *queue)
{
    struct queued_event *event = STAILQ_FIRST(&queue->list);
    if (event == NULL)
        return NULL;
    STAILQ_REMOVE_HEAD(&queue->list, link);
    queue->n--;
    return event;
}

void queued_event_free(struct queued_event *event)
{
    if (event == NULL)
        return;
    free(event->json);
    free(event);
}

void event_queue_done(struct event_queue *queue)
{
    struct queued_event *event;
    while ((event = event_queue_pop(queue)) != NULL)
        queued_event_free(event);
}
