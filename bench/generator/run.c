/* The run: who asks when, what is counted, and the result. */
#include "load.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    MAX_EVENTS = 256,
    MAX_FAILURES = 100, /* then the server is no longer there */
    LATE_MS = 5000,     /* in open loop: what was asked in the measured time may be answered */
    OPENING = 64,       /* of the connections to hold, how many are opened at once */
    STUCK_MS = 60000,   /* without any answer */
    NS_PER_MS = 1000 * 1000,
};

enum phase { PHASE_WARM = 0, PHASE_MEASURE, PHASE_LATE, PHASE_OVER };

/* The clocks and counters at one moment. */
struct sample {
    uint64_t now_ns;
    uint64_t proxy_ns;
    uint64_t others_ns;
    uint64_t load_ns;
    uint64_t machine_ns;
    struct load_counts counts;
};

struct run {
    struct load load;
    enum phase phase;
    uint64_t now_ns; /* of this turn of the loop */
    uint64_t phase_ends_ns;
    uint64_t last_answer_ns;
    uint64_t begun_ns; /* request i of open loop is due i intervals later */
    double interval_ns;
    uint64_t n_asked; /* in open loop */
    size_t n_opened;  /* clients that were started */
    size_t n_held;
    struct sample before;
    struct sample after;
    struct histogram latency;
};

static struct run *run_of(struct client *client)
{
    return (struct run *)(void *)((char *)client->load - offsetof(struct run, load));
}

static struct sample take_sample(const struct run *run)
{
    const struct usage_pids self = {.pids = {getpid()}, .n = 1};
    return (struct sample){.now_ns = usage_now_ns(),
                           .proxy_ns = usage_cpu_ns(&run->load.options->proxy),
                           .others_ns = usage_cpu_ns(&run->load.options->others),
                           .load_ns = usage_cpu_ns(&self),
                           .machine_ns = usage_machine_ns(),
                           .counts = run->load.counts};
}

/* ---- open loop: requests are due at fixed times, whatever became of those before */

static uint64_t due_ns(const struct run *run, uint64_t number)
{
    return run->begun_ns + (uint64_t)((double)number * run->interval_ns);
}

static bool is_in_window(const struct run *run, uint64_t due)
{
    return run->phase != PHASE_WARM && due >= run->before.now_ns &&
           (run->phase == PHASE_MEASURE || due < run->after.now_ns);
}

/* When the next request is due; UINT64_MAX: no more. */
static uint64_t next_due_ns(const struct run *run)
{
    uint64_t due = due_ns(run, run->n_asked);
    bool is_over = run->phase == PHASE_LATE && due >= run->after.now_ns;
    return is_over ? UINT64_MAX : due;
}

static bool is_due(const struct run *run)
{
    return next_due_ns(run) <= run->now_ns;
}

static void ask_due(struct run *run)
{
    struct load *load = &run->load;
    struct client *client;
    while (is_due(run) && (client = STAILQ_FIRST(&load->idle)) != NULL) {
        STAILQ_REMOVE_HEAD(&load->idle, next);
        client_ask(client, due_ns(run, run->n_asked++));
    }
    if (!is_due(run))
        return;
    uint64_t n_due = (uint64_t)((double)(run->now_ns - run->begun_ns) / run->interval_ns);
    if (n_due - run->n_asked > load->counts.n_overdue_max)
        load->counts.n_overdue_max = n_due - run->n_asked;
}

/* What was due and is not answered counts with the time that it took until now: to leave it out
 * would be the omission that open loop is there to avoid. */
static void count_unanswered(struct run *run)
{
    const struct load *load = &run->load;
    for (size_t i = 0; i < load->options->connections; i++) {
        const struct client *client = &load->clients[i];
        bool is_asking = client->state != CLIENT_IDLE && client->state != CLIENT_CLOSED;
        if (is_asking && is_in_window(run, client->due_ns))
            histogram_add(&run->latency, run->now_ns - client->due_ns);
    }
    while (is_due(run))
        histogram_add(&run->latency, run->now_ns - due_ns(run, run->n_asked++));
}

static bool all_is_answered(const struct run *run)
{
    const struct load *load = &run->load;
    size_t n_idle = 0;
    const struct client *client;
    STAILQ_FOREACH (client, &load->idle, next)
        n_idle++;
    return n_idle == load->options->connections && !is_due(run);
}

/* ---- what happens on a connection */

static void start_next(struct run *run)
{
    if (run->n_opened < run->load.options->connections)
        client_ask(&run->load.clients[run->n_opened++], usage_now_ns());
}

void run_on_answer(struct client *client)
{
    struct run *run = run_of(client);
    struct load *load = &run->load;
    uint64_t now = usage_now_ns();
    bool is_open_loop = load->options->rate > 0;
    load->counts.n_answers++;
    run->last_answer_ns = now;
    if (is_open_loop ? is_in_window(run, client->due_ns) : run->phase == PHASE_MEASURE)
        histogram_add(&run->latency, now - client->due_ns);
    if (load->options->holds) {
        if (++run->n_held == load->options->connections) {
            (void)puts("held");
            (void)fflush(stdout);
        }
        start_next(run);
    } else if (is_open_loop) {
        STAILQ_INSERT_TAIL(&load->idle, client, next);
    } else {
        client_ask(client, now);
    }
}

/* In closed loop the connection is missed from now on: whoever reads n_lost drops the figures. */
void run_on_failure(struct client *client, bool was_idle)
{
    struct run *run = run_of(client);
    struct load *load = &run->load;
    bool is_open_loop = load->options->rate > 0;
    if (is_open_loop && !was_idle) /* else it is there */
        STAILQ_INSERT_TAIL(&load->idle, client, next);
    if (load->options->holds ||
        load->counts.n_lost >= (is_open_loop ? MAX_FAILURES : load->options->connections))
        run->phase = PHASE_OVER;
}

/* ---- phases */

static void enter_phase(struct run *run)
{
    const struct load_options *options = run->load.options;
    bool is_open_loop = options->rate > 0;
    switch (run->phase) {
    case PHASE_WARM:
        run->phase = PHASE_MEASURE;
        run->phase_ends_ns = run->now_ns + (uint64_t)options->run_ms * NS_PER_MS;
        (void)puts("warm");
        (void)fflush(stdout);
        run->before = take_sample(run);
        break;
    case PHASE_MEASURE:
        run->after = take_sample(run);
        run->phase = is_open_loop ? PHASE_LATE : PHASE_OVER;
        run->phase_ends_ns = run->now_ns + (uint64_t)LATE_MS * NS_PER_MS;
        break;
    case PHASE_LATE:
        count_unanswered(run);
        run->phase = PHASE_OVER;
        break;
    case PHASE_OVER:
        break;
    }
}

static bool has_enough(const struct run *run)
{
    uint64_t n = run->load.counts.n_answers - run->before.counts.n_answers;
    return run->phase != PHASE_MEASURE || run->load.options->rate > 0 ||
           n >= run->load.options->least;
}

static void check_time(struct run *run)
{
    const struct load_options *options = run->load.options;
    if (run->now_ns - run->last_answer_ns > (uint64_t)STUCK_MS * NS_PER_MS &&
        run->n_held < options->connections) {
        (void)fprintf(stderr, "load-generator: no answer for %d s\n", STUCK_MS / 1000);
        run->load.counts.n_lost++;
        run->phase = PHASE_OVER;
    }
    if (options->holds || !has_enough(run))
        return;
    if (run->now_ns >= run->phase_ends_ns || (run->phase == PHASE_LATE && all_is_answered(run)))
        enter_phase(run);
}

/* ---- the loop */

static struct timespec next_wake(const struct run *run)
{
    uint64_t at = run->phase_ends_ns;
    if (run->load.options->holds || !has_enough(run))
        at = run->now_ns + (uint64_t)STUCK_MS * NS_PER_MS;
    if (run->load.options->rate > 0 && !STAILQ_EMPTY(&run->load.idle)) {
        uint64_t due = next_due_ns(run);
        at = due < at ? due : at;
    }
    uint64_t left = at > run->now_ns ? at - run->now_ns : 0;
    uint64_t second = (uint64_t)1000 * NS_PER_MS;
    left = left < second ? left : second;
    return (struct timespec){.tv_sec = (time_t)(left / second), .tv_nsec = (long)(left % second)};
}

static void loop(struct run *run)
{
    struct epoll_event events[MAX_EVENTS];
    struct load *load = &run->load;
    while (run->phase != PHASE_OVER) {
        struct timespec wait = next_wake(run);
        int n = epoll_pwait2(load->epoll, events, MAX_EVENTS, &wait, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr != NULL)
                client_on_event(events[i].data.ptr, events[i].events);
            else
                run->phase = PHASE_OVER; /* standard input ended */
        }
        run->now_ns = usage_now_ns();
        if (load->options->rate > 0)
            ask_due(run);
        check_time(run);
    }
}

static void begin(struct run *run)
{
    const struct load_options *options = run->load.options;
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* 50 us late otherwise, in open loop */
    run->now_ns = run->last_answer_ns = run->begun_ns = usage_now_ns();
    run->phase_ends_ns = run->begun_ns + (uint64_t)options->warm_ms * NS_PER_MS;
    if (options->rate > 0)
        run->interval_ns = 1e9 / options->rate;
    unsigned n = options->holds && options->connections > OPENING ? OPENING : options->connections;
    for (unsigned i = 0; i < n; i++)
        start_next(run);
    if (options->holds) {
        struct epoll_event input = {.events = EPOLLIN, .data.ptr = NULL};
        (void)epoll_ctl(run->load.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    }
}

/* ---- result */

static void print_result(const struct run *run)
{
    static const double shares[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1};
    const struct load_counts *counts = &run->load.counts;
    const struct sample *a = &run->before;
    const struct sample *b = &run->after;
    (void)printf("{\"requests\": %llu, \"elapsed_ns\": %llu, \"proxy_ns\": %llu, \"others_ns\": "
                 "%llu, \"load_ns\": %llu, \"machine_ns\": %llu, \"bytes\": %llu, ",
                 (unsigned long long)(b->counts.n_answers - a->counts.n_answers),
                 (unsigned long long)(b->now_ns - a->now_ns),
                 (unsigned long long)(b->proxy_ns - a->proxy_ns),
                 (unsigned long long)(b->others_ns - a->others_ns),
                 (unsigned long long)(b->load_ns - a->load_ns),
                 (unsigned long long)(b->machine_ns - a->machine_ns),
                 (unsigned long long)(b->counts.n_bytes - a->counts.n_bytes));
    (void)printf("\"handshakes\": %llu, \"resumed\": %llu, \"held\": %zu, \"bad_status\": %llu, "
                 "\"lost\": %llu, \"overdue_max\": %llu, \"latency_n\": %llu, \"latency_us\": {",
                 (unsigned long long)counts->n_handshakes, (unsigned long long)counts->n_resumed,
                 run->n_held, (unsigned long long)counts->n_bad_status,
                 (unsigned long long)counts->n_lost, (unsigned long long)counts->n_overdue_max,
                 (unsigned long long)run->latency.n);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        (void)printf("%s\"%g\": %.1f", i == 0 ? "" : ", ", shares[i] * 100,
                     (double)histogram_percentile(&run->latency, shares[i]) / 1000);
    (void)printf("}}\n");
}

static bool make_clients(struct run *run)
{
    struct load *load = &run->load;
    unsigned n = load->options->connections;
    load->clients = calloc(n, sizeof(*load->clients));
    for (unsigned i = 0; load->clients != NULL && i < n; i++) {
        struct client *client = &load->clients[i];
        client->load = load;
        client->fd = -1;
        client->request = malloc(load->form.len);
        if (client->request == NULL)
            return false;
        memcpy(client->request, load->form.bytes, load->form.len);
    }
    return load->clients != NULL;
}

int run(const struct load_options *options)
{
    static struct run run; /* the histogram is large */
    struct load *load = &run.load;
    load->options = options;
    load->random = options->seed * 0x9e3779b97f4a7c15 + 1;
    STAILQ_INIT(&load->idle);
    client_settings_init(&load->parser_settings);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    bool is_ready = load->epoll >= 0 && form_read(&load->form, options->request) &&
                    (!options->has_tls || tls_init(load)) && make_clients(&run);
    if (is_ready) {
        begin(&run);
        loop(&run);
        print_result(&run);
    }
    for (unsigned i = 0; load->clients != NULL && i < options->connections; i++) {
        if (load->clients[i].fd >= 0)
            client_close(&load->clients[i]);
        free(load->clients[i].request);
    }
    free(load->clients);
    form_done(&load->form);
    tls_done(load);
    return is_ready ? 0 : 1;
}
