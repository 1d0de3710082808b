/* Timers, states and the table; the checks themselves are health_check.c. */
#include "health.h"

#include "health_check.h"
#include "log/log.h"
#include "net/hub_loop.h"
#include "proxy_limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

enum {
    FIRST_CHECK_MS = 500, /* the first checks begin within this time, not all at once */
    JITTER_PERCENT = 10,  /* so that several proxies do not ask in step */
};

/* One directory of one server. */
struct health_target {
    struct health *health;
    size_t server, column;
    uv_timer_t timer;           /* the next check, or the end of the one under way */
    struct health_check *check; /* under way, or NULL */
    uint64_t started_ms;
    struct health_state state;
    uint64_t since_unix; /* of the word */
    uint64_t checks, failed;
    char error[128]; /* of the last bad check */
};

struct health {
    struct health_setup setup;
    struct hub_loop hub;
    struct slice vdirs[LIMIT_HEALTH_VDIRS];
    size_t n_vdirs;
    struct health_target *targets; /* server by server */
    size_t n_targets;
    uint64_t random;
};

bool health_judge(struct health_state *state, bool is_good, uint64_t rise, uint64_t fall)
{
    enum health_word found = is_good ? HEALTH_UP : HEALTH_DOWN;
    if (state->word == found) {
        state->streak = 0;
        return false;
    }
    state->streak++;
    if (state->word != HEALTH_UNKNOWN && state->streak < (is_good ? rise : fall))
        return false;
    *state = (struct health_state){.word = found};
    return true;
}

/* ---- what a change means */

static void set_column(struct health *health, size_t server, size_t column, bool is_down)
{
    struct server_state *state = &health->setup.table->states[server];
    if (state->is_down[column] && !is_down)
        state->recovered_at_ms[column] = uv_now(health->setup.loop);
    state->is_down[column] = is_down;
}

static void target_publish(const struct health_target *target)
{
    struct health *health = target->health;
    const struct health_target *first = &health->targets[target->server * health->n_vdirs];
    bool all_down = true;
    for (size_t i = 0; i < health->n_vdirs; i++)
        all_down &= first[i].state.word == HEALTH_DOWN;
    set_column(health, target->server, target->column, target->state.word == HEALTH_DOWN);
    set_column(health, target->server, SERVERS_OTHER, all_down);
    health->setup.on_change(health->setup.ctx);
}

static void target_tell(const struct health_target *target)
{
    const struct health *health = target->health;
    const char *url = config_server(health->setup.config, target->server)->url;
    struct slice vdir = health->vdirs[target->column];
    if (target->state.word == HEALTH_DOWN)
        events_emit(health->setup.events, EVENT_SERVER_DOWN, url, "server=%s vdir=" SLICE_FMT " %s",
                    url, SLICE_ARG(vdir), target->error);
    else
        events_emit(health->setup.events, EVENT_SERVER_UP, url, "server=%s vdir=" SLICE_FMT, url,
                    SLICE_ARG(vdir));
}

static void target_take(struct health_target *target, bool is_good)
{
    const struct health_config *config = &target->health->setup.config->health;
    bool was_unknown = target->state.word == HEALTH_UNKNOWN;
    target->checks++;
    target->failed += !is_good;
    if (!health_judge(&target->state, is_good, config->rise, config->fall))
        return;
    target->since_unix = (uint64_t)time(NULL);
    if (was_unknown && is_good) /* it counted as up before */
        return;
    target_tell(target);
    target_publish(target);
}

/* ---- one check after the other */

static void on_target_timer(uv_timer_t *timer);

static uint64_t next_random(struct health *health)
{
    uint64_t z = health->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 27);
}

/* interval, more or less, from the begin of the last check. */
static void target_wait(struct health_target *target)
{
    struct health *health = target->health;
    uint64_t interval_ms = health->setup.config->health.interval_ms;
    uint64_t range_ms = interval_ms * JITTER_PERCENT / 100;
    uint64_t wait_ms = interval_ms - range_ms + next_random(health) % (2 * range_ms + 1);
    uint64_t age_ms = uv_now(health->setup.loop) - target->started_ms;
    wait_ms = wait_ms > age_ms + 1 ? wait_ms - age_ms : 1;
    (void)uv_timer_start(&target->timer, on_target_timer, wait_ms, 0);
}

static void on_answer(void *ctx, unsigned status, const char *error)
{
    struct health_target *target = ctx;
    unsigned wanted = (unsigned)target->health->setup.config->health.status;
    target->check = NULL;
    if (status == 0)
        (void)snprintf(target->error, sizeof(target->error), "%s", error);
    else if (status != wanted)
        (void)snprintf(target->error, sizeof(target->error), "status %u instead of %u", status,
                       wanted);
    target_take(target, status == wanted);
    target_wait(target);
}

static void target_ask(struct health_target *target)
{
    struct health *health = target->health;
    const struct config *config = health->setup.config;
    size_t server = target->server;
    struct health_question question = {
        .loop = health->setup.loop,
        .hub = &health->hub.hub,
        .context = config_server(config, server)->tls ? *health->setup.context : NULL,
        .name = config_server_name(config, server),
        .vdir = health->vdirs[target->column],
        .proxy_protocol = config->upstream.proxy_protocol,
        .addresses = &health->setup.table->states[server].addresses,
        .done = on_answer,
        .ctx = target,
    };
    target->started_ms = uv_now(health->setup.loop);
    (void)uv_timer_start(&target->timer, on_target_timer, config->health.timeout_ms, 0);
    target->check = health_check_start(&question);
}

static void on_target_timer(uv_timer_t *timer)
{
    struct health_target *target =
        (struct health_target *)((char *)timer - offsetof(struct health_target, timer));
    if (target->check == NULL) {
        target_ask(target);
        return;
    }
    health_check_cancel(target->check);
    on_answer(target, 0, "no answer in time");
}

/* ---- life */

static void start_timers(struct health *health)
{
    hub_loop_start(&health->hub, health->setup.loop);
    for (size_t i = 0; i < health->n_targets; i++) {
        struct health_target *target = &health->targets[i];
        target->health = health;
        target->server = i / health->n_vdirs;
        target->column = i % health->n_vdirs;
        (void)uv_timer_init(health->setup.loop, &target->timer);
        (void)uv_timer_start(&target->timer, on_target_timer, next_random(health) % FIRST_CHECK_MS,
                             0);
    }
}

struct health *health_start(const struct health_setup *setup)
{
    const struct config *config = setup->config;
    struct health *health = config_checks_health(config) ? calloc(1, sizeof(*health)) : NULL;
    if (health == NULL)
        return NULL;
    *health = (struct health){.setup = *setup, .random = uv_hrtime()};
    health->n_vdirs = config_health_vdirs(config, health->vdirs, LIMIT_HEALTH_VDIRS);
    health->n_targets = config_n_servers(config) * health->n_vdirs;
    health->targets = calloc(health->n_targets, sizeof(*health->targets));
    if (health->targets == NULL) {
        free(health);
        return NULL;
    }
    start_timers(health);
    return health;
}

void health_stop(struct health *health)
{
    if (health == NULL || uv_is_closing((uv_handle_t *)&health->hub.prepare))
        return;
    hub_loop_stop(&health->hub);
    for (size_t i = 0; i < health->n_targets; i++) {
        struct health_target *target = &health->targets[i];
        uv_close((uv_handle_t *)&target->timer, NULL);
        if (target->check != NULL)
            health_check_cancel(target->check);
        target->check = NULL;
    }
}

void health_free(struct health *health)
{
    if (health == NULL)
        return;
    stream_hub_done(&health->hub.hub);
    free(health->targets);
    free(health);
}

void health_collect(const struct health *health, size_t server, struct server_status *ret_status)
{
    static const char *const words[] = {
        [HEALTH_UNKNOWN] = "unknown", [HEALTH_UP] = "up", [HEALTH_DOWN] = "down"};
    ret_status->n_vdirs = health != NULL ? health->n_vdirs : 0;
    for (size_t i = 0; i < ret_status->n_vdirs; i++) {
        const struct health_target *target = &health->targets[server * health->n_vdirs + i];
        struct vdir_status *status = &ret_status->vdirs[i];
        (void)snprintf(status->name, sizeof(status->name), SLICE_FMT, SLICE_ARG(health->vdirs[i]));
        (void)snprintf(status->error, sizeof(status->error), "%s", target->error);
        status->state = words[target->state.word];
        status->is_down = target->state.word == HEALTH_DOWN;
        status->since_unix = target->since_unix;
        status->checks = target->checks;
        status->failed = target->failed;
    }
}
