/* The command gets one event at a time; what comes meanwhile waits in a short queue. The webhook
 * has its own, so that neither waits for the other. */
#include "events.h"

#include "event_queue.h"
#include "log/log.h"
#include "proxy_limits.h"
#include "webhook.h"

#include <signal.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "stopgap/banned.h"

struct events {
    const struct config *config;
    char **argv; /* of the command, its texts belong to config */
    uv_loop_t *loop;
    struct webhook *webhook; /* NULL: none */
    char host[256];          /* who tells */
    struct event_queue queue;
    uint64_t n_lost;
    bool is_stopping;

    uv_timer_t timer; /* kills a command that hangs */
    uv_process_t process;
    uv_pipe_t input;
    uv_write_t write;
    struct queued_event *current; /* what the running command is told */
    unsigned n_open;              /* handles of the running command */
};

static const struct {
    unsigned number;
    const char *level;
    const char *word;
} kinds[EVENT_COUNT] = {
    [EVENT_MITIGATION_APPLIED] = {1005, "info", "mitigation_applied"},
    [EVENT_MITIGATION_BLOCKED] = {1006, "warn", "mitigation_blocked"},
    [EVENT_MITIGATION_UNBLOCKED] = {1007, "info", "mitigation_unblocked"},
    [EVENT_MITIGATION_DISABLED] = {1009, "warn", "mitigation_disabled"},
    [EVENT_MITIGATION_NOT_APPLICABLE] = {1010, "info", "mitigation_not_applicable"},
    [EVENT_MITIGATION_REMOVED] = {1011, "warn", "mitigation_removed"},
    [EVENT_MITIGATIONS_SWITCHED] = {1012, "warn", "mitigations_switched"},
    [EVENT_MITIGATIONS_LOST] = {1013, "error", "mitigations_lost"},
    [EVENT_SET_LOADED] = {1020, "info", "rules_loaded"},
    [EVENT_SET_REFUSED] = {1021, "error", "rules_refused"},
    [EVENT_EXCLUSION_EXPIRED] = {1022, "warn", "exclusion_expired"},
    [EVENT_RULES_ON_TRIAL] = {1025, "info", "rules_on_trial"},
    [EVENT_RULES_PROMOTED] = {1026, "info", "rules_promoted"},
    [EVENT_TRIAL_FAILED] = {1027, "error", "rules_trial_failed"},
    [EVENT_RULES_RETURNED] = {1028, "error", "rules_returned"},
    [EVENT_STALE_RULES_ON] = {1023, "warn", "stale_rules_on"},
    [EVENT_STALE_RULES_OFF] = {1024, "info", "stale_rules_off"},
    [EVENT_BUILD_LEARNED] = {1030, "info", "build_learned"},
    [EVENT_FEED_FAILED] = {1008, "error", "feed_failed"},
    [EVENT_FEED_DOCUMENT] = {1050, "info", "feed_document"},
    [EVENT_FEED_LEFT_OUT] = {1051, "warn", "feed_left_out"},
    [EVENT_FEED_BUNDLE] = {1052, "info", "feed_bundle"},
    [EVENT_FEED_WAITS] = {1053, "info", "feed_waits"},
    [EVENT_FEED_TLS_DEGRADED] = {1054, "error", "feed_tls_degraded"},
    [EVENT_FEED_TLS_REGAINED] = {1055, "info", "feed_tls_regained"},
    [EVENT_FEED_MIRROR] = {1056, "warn", "feed_mirror"},
    [EVENT_PARITY_LOST] = {1040, "warn", "certificate_parity_lost"},
    [EVENT_PARITY_REGAINED] = {1041, "info", "certificate_parity_regained"},
    [EVENT_CERTIFICATE_EXPIRES] = {1042, "warn", "certificate_expires"},
    [EVENT_STAPLE_EXPIRES] = {1043, "warn", "staple_expires"},
    [EVENT_SERVER_DOWN] = {1060, "warn", "server_down"},
    [EVENT_SERVER_UP] = {1061, "info", "server_up"},
    [EVENT_TRUST_FRESH] = {1070, "info", "trust_fresh"},
    [EVENT_TRUST_AGING] = {1071, "warn", "trust_aging"},
    [EVENT_TRUST_STALE] = {1072, "error", "trust_stale"},
    [EVENT_TRUST_ABANDONED] = {1073, "error", "trust_abandoned"},
    [EVENT_NO_RULES] = {1074, "error", "no_rules"},
    [EVENT_STATE_LOST] = {1075, "error", "state_lost"},
    [EVENT_TRUST_ENDED] = {1076, "error", "trust_ended"},
    [EVENT_STRANDED_SOON] = {1077, "error", "stranded_soon"},
    [EVENT_ROOT_EXPIRED] = {1078, "error", "root_expired"},
    [EVENT_CLOCK_SUSPECT] = {1079, "warn", "clock_suspect"},
    [EVENT_RULES_BEHIND] = {1080, "warn", "rules_behind"},
    [EVENT_RULES_PINNED] = {1081, "warn", "rules_pinned"},
    [EVENT_TRUST_CLEARED] = {1082, "info", "trust_cleared"},
    [EVENT_STATE_WRITE] = {1083, "error", "state_write"},
    [EVENT_CRASH_LOOP] = {1084, "error", "crash_loop"},
    [EVENT_FLOOR_RESET] = {1085, "warn", "floor_reset"},
    [EVENT_TRUST_DAMAGED] = {1086, "error", "trust_damaged"},
};

static void next_command(struct events *events);

/* ---- the running command */

static void on_closed(uv_handle_t *handle)
{
    struct events *events = handle->data;
    if (--events->n_open != 0)
        return;
    queued_event_free(events->current);
    events->current = NULL;
    if (!events->is_stopping)
        next_command(events);
}

static void close_input(struct events *events)
{
    if (!uv_is_closing((uv_handle_t *)&events->input))
        uv_close((uv_handle_t *)&events->input, on_closed);
}

static void on_exit_command(uv_process_t *process, int64_t status, int signal_number)
{
    struct events *events = process->data;
    (void)uv_timer_stop(&events->timer);
    if (status != 0 || signal_number != 0) {
        events->n_lost++;
        log_event("warn", "events_command", "%s ended with status %lld, signal %d",
                  events->config->events.command.items[0], (long long)status, signal_number);
    }
    close_input(events);
    if (!uv_is_closing((uv_handle_t *)process))
        uv_close((uv_handle_t *)process, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* a command that does not read is not our business */
    close_input(write->data);
}

/* With all that it started, for a script waits for its children. Once the process has been reaped
 * its number is somebody else's. */
static void kill_command(const struct events *events)
{
    if (uv_is_active((const uv_handle_t *)&events->process))
        (void)kill(-uv_process_get_pid(&events->process), SIGKILL);
}

static void on_hang(uv_timer_t *timer)
{
    kill_command(timer->data);
}

/* Without a shell, an environment without our own settings, nothing open but three files, and in a
 * process group of its own. */
static int spawn(struct events *events)
{
    static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    static char locale[] = "LANG=C.UTF-8";
    char *environment[] = {path, locale, NULL};
    uv_stdio_container_t files[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&events->input},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {.file = events->argv[0],
                                    .args = events->argv,
                                    .env = environment,
                                    .exit_cb = on_exit_command,
                                    .stdio = files,
                                    .stdio_count = 3,
                                    .cwd = "/",
                                    .flags = UV_PROCESS_DETACHED};
    return uv_spawn(events->loop, &events->process, &options);
}

static void next_command(struct events *events)
{
    struct queued_event *event = events->current == NULL ? event_queue_pop(&events->queue) : NULL;
    if (event == NULL)
        return;
    events->current = event;
    (void)uv_pipe_init(events->loop, &events->input, 0);
    events->input.data = events->process.data = events->write.data = events;
    int status = spawn(events);
    events->n_open = 2;
    if (status != 0) {
        events->n_lost++;
        log_event("warn", "events_command", "cannot run %s: %s",
                  events->config->events.command.items[0], uv_strerror(status));
        close_input(events);
        uv_close((uv_handle_t *)&events->process, on_closed);
        return;
    }
    (void)uv_timer_start(&events->timer, on_hang, TIMEOUT_EVENT_MS, 0);
    uv_buf_t text = uv_buf_init(event->json, (unsigned)strlen(event->json));
    if (uv_write(&events->write, (uv_stream_t *)&events->input, &text, 1, on_written) != 0)
        close_input(events);
}

/* ---- emitting */

static char *event_json(const struct events *events, enum event_id id, const char *subject,
                        const char *text)
{
    char when[32];
    struct tm tm;
    time_t now = time(NULL);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    json_t *root =
        json_pack("{s:i, s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "v", 1, "time", when, "host",
                  events->host, "id", (int)kinds[id].number, "event", kinds[id].word, "level",
                  kinds[id].level, "subject", subject, "text", text);
    char *json = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    return json;
}

static void tell(struct events *events, enum event_id id, const char *subject, const char *text)
{
    bool has_command = events->config->events.command.n != 0;
    char *json = event_json(events, id, subject, text);
    if (json == NULL) {
        events->n_lost += has_command;
        return;
    }
    if (has_command && !event_queue_push(&events->queue, json))
        events->n_lost++;
    if (events->webhook != NULL)
        webhook_send(events->webhook, json);
    free(json);
    if (has_command)
        next_command(events);
}

/* File names and titles are in there: syslog wants one line, and JSON nothing but
 * UTF-8, which a cut may have broken. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
}

void events_emit(struct events *events, enum event_id id, const char *subject, const char *format,
                 ...)
{
    char text[LIMIT_EVENT_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *level = kinds[id].level;
    log_event(level, kinds[id].word, "id=%u %s", kinds[id].number, text);
    make_plain(text);
    if (events->config->log_syslog)
        syslog(LOG_DAEMON | (level[0] == 'e'   ? LOG_ERR
                             : level[0] == 'w' ? LOG_WARNING
                                               : LOG_INFO),
               "%u %s: %s", kinds[id].number, kinds[id].word, text);
    if (!events->is_stopping)
        tell(events, id, subject, text);
}

uint64_t events_lost(const struct events *events)
{
    return events->n_lost;
}

const struct webhook *events_webhook(const struct events *events)
{
    return events->webhook;
}

/* ---- life */

struct events *events_start(uv_loop_t *loop, const struct config *config)
{
    const struct string_list *command = &config->events.command;
    struct events *events = calloc(1, sizeof(*events));
    if (events == NULL)
        return NULL;
    events->argv = calloc(command->n + 1, sizeof(*events->argv));
    if (config->events.webhook != NULL)
        events->webhook = webhook_start(loop, &config->events);
    if (events->argv == NULL || (config->events.webhook != NULL && events->webhook == NULL)) {
        free(events->argv);
        free(events);
        return NULL;
    }
    if (gethostname(events->host, sizeof(events->host) - 1) != 0)
        (void)snprintf(events->host, sizeof(events->host), "?");
    make_plain(events->host);
    for (size_t i = 0; i < command->n; i++)
        events->argv[i] = command->items[i];
    events->config = config;
    events->loop = loop;
    event_queue_init(&events->queue);
    (void)uv_timer_init(loop, &events->timer);
    events->timer.data = events;
    if (config->log_syslog)
        openlog("stopgap", LOG_PID, LOG_DAEMON);
    return events;
}

void events_stop(struct events *events)
{
    if (events == NULL || events->is_stopping)
        return;
    events->is_stopping = true;
    webhook_stop(events->webhook);
    uv_close((uv_handle_t *)&events->timer, NULL);
    if (events->current == NULL)
        return;
    kill_command(events);
    close_input(events);
    if (!uv_is_closing((uv_handle_t *)&events->process))
        uv_close((uv_handle_t *)&events->process, on_closed);
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    webhook_free(events->webhook);
    event_queue_done(&events->queue);
    if (events->config->log_syslog)
        closelog();
    free(events->argv);
    free(events);
}
