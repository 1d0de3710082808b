/* Which builds of Exchange are behind: from the field that servers put into their answers, and from
 * asking those that do not.
 *
 * What else stands in an answer to a client is not believed: paths, pages and redirects repeat what
 * a client sent, and rules would be left out at an attacker's word. */
#include "control_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

/* All servers are asked in turn, on one thread of the pool. */
struct build_job {
    uv_work_t work;
    struct control *control;
    atomic_bool cancel;
    size_t n;
    struct {
        size_t server;
        char url[400], connect_to[400];
        struct build_answer answer;
    } items[LIMIT_SERVERS];
};

static uint64_t now_s(const struct control *control)
{
    return uv_now(&control->loop) / 1000;
}

static bool is_recent(const struct control *control, uint64_t seen_s)
{
    return seen_s != 0 && now_s(control) <= seen_s + control->config->mitigations.forget_ms / 1000;
}

/* ---- from the traffic */

static void begin_to_know(struct control *control)
{
    struct mitigations *mitigations = &control->mitigations;
    bool knows = mitigations->n_known != 0;
    for (size_t i = 0; i < LIMIT_SERVERS && !knows; i++)
        knows = is_recent(control, mitigations->asked[i].seen_s);
    if (!knows)
        mitigations->known_since_s = now_s(control);
}

static void learn(struct control *control, const struct build *build, uint64_t seen_s)
{
    struct mitigations *mitigations = &control->mitigations;
    for (size_t i = 0; i < mitigations->n_known; i++) {
        struct known_build *known = &mitigations->known[i];
        if (build_compare(&known->build, build) != 0)
            continue;
        if (seen_s > known->seen_s)
            known->seen_s = seen_s;
        return;
    }
    if (mitigations->n_known == LIMIT_KNOWN_BUILDS) {
        /* Too many to know them all: from here on nothing is known, and everything stays on. */
        mitigations->known[LIMIT_KNOWN_BUILDS - 1] = (struct known_build){.seen_s = seen_s};
        return;
    }
    begin_to_know(control);
    mitigations->known[mitigations->n_known++] =
        (struct known_build){.build = *build, .seen_s = seen_s};
    char text[256];
    build_describe(build, text, sizeof(text));
    events_emit(control->events, EVENT_BUILD_LEARNED, "", "a server behind runs %s",
                build_is_known(build) ? text : "a build that cannot be read");
}

static void forget(struct control *control)
{
    struct mitigations *mitigations = &control->mitigations;
    for (size_t i = mitigations->n_known; i-- > 0;)
        if (!is_recent(control, mitigations->known[i].seen_s))
            mitigations->known[i] = mitigations->known[--mitigations->n_known];
}

static void look_at_traffic(struct control *control)
{
    struct mitigations *mitigations = &control->mitigations;
    /* Who has shown something is noted before what: else it could count without its build. */
    for (size_t server = 0; server < config_n_servers(control->config); server++) {
        bool is_shown = false;
        for (unsigned i = 0; i < control->n_workers && !is_shown; i++)
            is_shown = is_recent(control, build_watch_server(&control->workers[i].builds, server));
        mitigations->has_shown[server] = is_shown;
    }
    for (unsigned i = 0; i < control->n_workers; i++)
        for (size_t k = 0; k < LIMIT_SEEN_BUILDS; k++) {
            struct build build;
            uint64_t seen_s;
            if (build_watch_read(&control->workers[i].builds, k, &build, &seen_s) &&
                is_recent(control, seen_s))
                learn(control, &build, seen_s);
        }
    forget(control);
}

/* ---- asking */

static bool needs_asking(const struct control *control, size_t server)
{
    return config_server_build(control->config, server) == NULL &&
           !control->mitigations.has_shown[server];
}

static void take_answer(struct control *control, size_t server, const struct build_answer *answer)
{
    struct asked_build *asked = &control->mitigations.asked[server];
    const struct build_span *old = &asked->answer.span;
    char text[256];
    if (answer->source ==
        BUILD_NOT_TOLD) /* away, or silent: what it said before holds for a while */
        return;
    bool is_news =
        !is_recent(control, asked->seen_s) || memcmp(old, &answer->span, sizeof(*old)) != 0;
    begin_to_know(control);
    *asked = (struct asked_build){.answer = *answer, .seen_s = now_s(control)};
    if (!is_news)
        return;
    build_span_describe(&answer->span, text, sizeof(text));
    const char *url = config_server(control->config, server)->url;
    events_emit(control->events, EVENT_BUILD_LEARNED, url, "%s runs %s, by %s", url, text,
                build_source_word(answer->source));
}

static void on_ask(uv_work_t *work)
{
    struct build_job *job = work->data;
    const struct upstream_config *upstream = &job->control->config->upstream;
    for (size_t i = 0; i < job->n && !atomic_load(&job->cancel); i++) {
        const struct build_question question = {
            .url = job->items[i].url,
            .connect_to = job->items[i].connect_to,
            .ca_path = upstream->ca_path,
            .skips_verify = !upstream->verify,
            .speaks_proxy = upstream->proxy_protocol != PROXY_PROTOCOL_NONE,
            .timeout_ms = TIMEOUT_BUILD_ASK_MS,
            .cancel = &job->cancel,
        };
        build_ask(&question, &job->items[i].answer);
    }
}

static void on_asked(uv_work_t *work, int status)
{
    struct build_job *job = work->data;
    struct control *control = job->control;
    (void)status; /* jobs are not taken back */
    control->mitigations.job = NULL;
    for (size_t i = 0; i < job->n && !control->is_stopping; i++)
        take_answer(control, job->items[i].server, &job->items[i].answer);
    free(job);
}

static void ask(struct control *control)
{
    const struct config *config = control->config;
    struct build_job *job = calloc(1, sizeof(*job));
    struct err err = {0};
    if (job == NULL || !fetch_init(&err)) {
        free(job);
        return; /* the next time, then */
    }
    job->control = control;
    job->work.data = job;
    atomic_init(&job->cancel, false);
    for (size_t i = 0; i < config_n_servers(config); i++) {
        const struct server_config *server = config_server(config, i);
        if (!needs_asking(control, i))
            continue;
        job->items[job->n].server = i;
        (void)snprintf(job->items[job->n].url, sizeof(job->items[0].url), "%s://%s:%u",
                       server->tls ? "https" : "http", config_server_name(config, i), server->port);
        (void)snprintf(job->items[job->n].connect_to, sizeof(job->items[0].connect_to),
                       strchr(server->host, ':') != NULL ? "[%s]:%u" : "%s:%u", server->host,
                       server->port);
        job->n++;
    }
    control->mitigations.job = job;
    (void)uv_queue_work(&control->loop, &job->work, on_ask,
                        on_asked); /* with a callback it cannot fail */
}

/* libcurl speaks version 1 of the PROXY protocol only. */
static bool may_ask(const struct control *control)
{
    const struct mitigations_config *config = &control->config->mitigations;
    return config->asks && config->applicability == APPLICABILITY_ON &&
           control->config->mode != RULES_OFF && !control->is_stopping && !control->is_draining &&
           control->config->upstream.proxy_protocol != PROXY_PROTOCOL_V2 &&
           control->mitigations.job == NULL;
}

void control_builds_tick(struct control *control)
{
    struct mitigations *mitigations = &control->mitigations;
    bool is_wanted = false;
    look_at_traffic(control);
    if (!may_ask(control) || uv_now(&control->loop) < mitigations->ask_at_ms)
        return;
    for (size_t i = 0; i < config_n_servers(control->config) && !is_wanted; i++)
        is_wanted = needs_asking(control, i);
    mitigations->ask_at_ms = uv_now(&control->loop) + control->config->mitigations.ask_every_ms;
    if (is_wanted)
        ask(control);
}

void control_builds_stop(struct control *control)
{
    if (control->mitigations.job != NULL)
        atomic_store(&control->mitigations.job->cancel, true);
}

/* ---- what follows */

size_t control_builds(const struct control *control,
                      struct build_span ret_builds[LIMIT_POLICY_BUILDS])
{
    const struct mitigations *mitigations = &control->mitigations;
    const struct config *config = control->config;
    size_t n = 0;
    bool is_any_learned = false;
    for (size_t i = 0; i < config_n_servers(config); i++) {
        const char *text = config_server_build(config, i);
        const struct asked_build *asked = &mitigations->asked[i];
        struct build build;
        if (text != NULL && build_parse(slice_str(text), &build)) { /* it was checked */
            ret_builds[n++] = build_span_exact(&build);
            continue;
        }
        is_any_learned = true;
        if (mitigations->has_shown[i])
            continue; /* what it showed is among the known ones below */
        if (!is_recent(control, asked->seen_s))
            return 0; /* one that is fixed says nothing about the others */
        ret_builds[n++] = asked->answer.span;
    }
    bool is_settled =
        now_s(control) >= mitigations->known_since_s + config->mitigations.settle_ms / 1000;
    if (is_any_learned && !is_settled)
        return 0;
    for (size_t i = 0; i < mitigations->n_known; i++)
        ret_builds[n++] = build_span_exact(&mitigations->known[i].build);
    return n;
}

void control_collect_builds(const struct control *control, struct status *status)
{
    const struct mitigations *mitigations = &control->mitigations;
    size_t n = 0;
    for (size_t i = 0; i < mitigations->n_known; i++, n++) {
        if (build_is_known(&mitigations->known[i].build))
            build_describe(&mitigations->known[i].build, status->builds[n],
                           sizeof(status->builds[n]));
        else
            (void)snprintf(status->builds[n], sizeof(status->builds[n]), "unreadable");
    }
    for (size_t i = 0; i < config_n_servers(control->config); i++) {
        const struct asked_build *asked = &mitigations->asked[i];
        char text[200];
        if (mitigations->has_shown[i] || !is_recent(control, asked->seen_s))
            continue;
        build_span_describe(&asked->answer.span, text, sizeof(text));
        (void)snprintf(status->builds[n++], sizeof(status->builds[0]), "%s, by %s", text,
                       build_source_word(asked->answer.source));
    }
    status->n_builds = n;
}
