/* One event is under way at a time: an attempt on the pool, or a pause before the next one. */
#include "webhook.h"

#include "event_queue.h"
#include "feed/fetch.h"
#include "log/log.h"
#include "proxy_limits.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

/* Before the second attempt and before the third: a restart of the receiver takes some seconds, and
 * what takes longer is worth no more than a line in the log. */
static const unsigned pauses_ms[] = {2000, 8000};
enum { MAX_ATTEMPTS = sizeof(pauses_ms) / sizeof(pauses_ms[0]) + 1 };

struct webhook {
    const struct events_config *config;
    struct masked_url label; /* the URL, for people */
    uv_loop_t *loop;
    struct event_queue queue;
    struct queued_event *current;
    unsigned n_attempts; /* of the current one */
    bool is_stopping;
    uint64_t n_sent, n_lost;
    struct err err; /* of the last attempt */
    uint64_t err_unix;

    uv_timer_t timer; /* the pause */
    uv_work_t work;
    atomic_bool cancel;
    /* the attempt's own: only the pool's thread touches them while it runs */
    struct fetch_response response;
    struct err attempt_err;
    bool is_delivered;
};

static void attempt(struct webhook *webhook);

static void next_event(struct webhook *webhook)
{
    if (webhook->current != NULL || webhook->is_stopping)
        return;
    webhook->current = event_queue_pop(&webhook->queue);
    webhook->n_attempts = 0;
    if (webhook->current != NULL)
        attempt(webhook);
}

/* Who says no says no again; who is busy or away may be back soon. */
static bool may_help_to_try_again(const struct webhook *webhook)
{
    long status = webhook->response.status;
    bool is_final = status / 100 == 3 || (status / 100 == 4 && status != 408 && status != 429);
    return !is_final && webhook->n_attempts < MAX_ATTEMPTS;
}

static void on_pause_over(uv_timer_t *timer)
{
    attempt(timer->data);
}

static void note_failure(struct webhook *webhook)
{
    webhook->err = webhook->attempt_err;
    webhook->err_unix = (uint64_t)time(NULL);
    if (may_help_to_try_again(webhook)) {
        (void)uv_timer_start(&webhook->timer, on_pause_over, pauses_ms[webhook->n_attempts - 1], 0);
        return;
    }
    webhook->n_lost++;
    log_event("warn", "events_webhook", "lost=%s attempts=%u code=%s reason=%s",
              webhook->label.text, webhook->n_attempts, webhook->err.code, webhook->err.text);
    queued_event_free(webhook->current);
    webhook->current = NULL;
    next_event(webhook);
}

static void on_attempt(uv_work_t *work)
{
    struct webhook *webhook = work->data;
    const struct fetch_request request = {.url = webhook->config->webhook,
                                          .ca_path = webhook->config->webhook_ca,
                                          .total_ms = (unsigned)webhook->config->webhook_timeout_ms,
                                          .cancel = &webhook->cancel};
    webhook->attempt_err = (struct err){0};
    webhook->is_delivered =
        fetch_post(&request, slice_str(webhook->current->json), "application/json",
                   &webhook->response, &webhook->attempt_err);
}

static void on_attempted(uv_work_t *work, int status)
{
    struct webhook *webhook = work->data;
    if (status != 0 || webhook->is_stopping) /* taken back before it began, or too late */
        return;
    webhook->n_attempts++;
    if (!webhook->is_delivered) {
        note_failure(webhook);
        return;
    }
    webhook->n_sent++;
    webhook->err = (struct err){0};
    queued_event_free(webhook->current);
    webhook->current = NULL;
    next_event(webhook);
}

static void attempt(struct webhook *webhook)
{
    webhook->work.data = webhook;
    (void)uv_queue_work(webhook->loop, &webhook->work, on_attempt,
                        on_attempted); /* with a callback it cannot fail */
}

struct webhook *webhook_start(uv_loop_t *loop, const struct events_config *config)
{
    struct err err = {0};
    struct webhook *webhook = calloc(1, sizeof(*webhook));
    if (webhook == NULL || !fetch_init(&err)) {
        free(webhook);
        return NULL;
    }
    webhook->config = config;
    webhook->label = config_mask_url(config->webhook);
    webhook->loop = loop;
    event_queue_init(&webhook->queue);
    atomic_init(&webhook->cancel, false);
    (void)uv_timer_init(loop, &webhook->timer);
    webhook->timer.data = webhook;
    if (strncmp(config->webhook, "http://", 7) == 0)
        log_event("warn", "webhook_plain",
                  "events.webhook is not https: anybody on the way can read the events, and the "
                  "secret in the URL");
    return webhook;
}

void webhook_send(struct webhook *webhook, const char *json)
{
    if (webhook->is_stopping)
        return;
    if (!event_queue_push(&webhook->queue, json))
        webhook->n_lost++;
    next_event(webhook);
}

void webhook_count(const struct webhook *webhook, struct webhook_counts *ret_counts)
{
    *ret_counts =
        (struct webhook_counts){.url = webhook->label.text,
                                .n_sent = webhook->n_sent,
                                .n_lost = webhook->n_lost,
                                .n_waiting = webhook->queue.n + (webhook->current != NULL),
                                .error = webhook->err.text,
                                .error_unix = webhook->err_unix};
}

void webhook_stop(struct webhook *webhook)
{
    if (webhook == NULL || webhook->is_stopping)
        return;
    webhook->is_stopping = true;
    atomic_store(&webhook->cancel, true);
    if (webhook->current != NULL)
        (void)uv_cancel((uv_req_t *)&webhook->work); /* fails where it runs or is over */
    uv_close((uv_handle_t *)&webhook->timer, NULL);
}

void webhook_free(struct webhook *webhook)
{
    if (webhook == NULL)
        return;
    queued_event_free(webhook->current);
    event_queue_done(&webhook->queue);
    free(webhook);
}
