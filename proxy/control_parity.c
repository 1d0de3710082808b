/* Certificates while the program runs: are ours still those of Exchange, and until when are they
 * good? Asked at the start, after each change and once a day; nothing waits for the answer. */
#include "control_internal.h"

#include "expiry.h"
#include "leaf_check.h"
#include "parity.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

/* What is known of one server's certificate. */
struct watched_server {
    enum parity_verdict verdict; /* of the last answer */
    char names[PARITY_NAMES_BYTES];
    struct certificate_print ours, theirs;
    uint64_t checked_unix; /* 0: it never answered */
    char error[128];       /* of the last question; "" after an answer */
    uint64_t asked_ms;     /* 0: not yet */
};

struct parity_watch {
    struct control *control;
    uv_timer_t timer;
    struct leaf_check *leaf_check; /* NULL: nothing to compare */
    struct parity_faces faces;
    struct watched_server servers[LIMIT_SERVERS];
    struct expiry_list expiries;
    bool is_stopped;
};

/* ---- parity */

static bool is_watched(const struct parity_watch *watch, size_t server)
{
    /* Without a face no client sees a certificate of ours: all names are passed through. */
    return watch->leaf_check != NULL && watch->faces.n != 0 &&
           config_server(watch->control->config, server)->tls;
}

static void tell_change(const struct parity_watch *watch, size_t server, bool was_known,
                        bool was_equal)
{
    const struct watched_server *known = &watch->servers[server];
    const char *url = config_server(watch->control->config, server)->url;
    bool is_equal = known->verdict == PARITY_EQUAL;
    if (is_equal && !was_known)
        log_event("info", "certificate_parity", "%s has the certificate that clients see here",
                  url);
    else if (is_equal && !was_equal)
        events_emit(watch->control->events, EVENT_PARITY_REGAINED, url,
                    "%s has the certificate again that clients see here", url);
    else if (!is_equal && (!was_known || was_equal))
        events_emit(watch->control->events, EVENT_PARITY_LOST, url,
                    "%s has %s than clients see here for %s (SHA-256 %.16s... there, %.16s... "
                    "here): with Extended Protection they cannot log on; 'stopgap cert parity' "
                    "says what to do",
                    url,
                    known->verdict == PARITY_SAME_KEY ? "another certificate, with the same key,"
                                                      : "another certificate",
                    known->names, known->theirs.sha256, known->ours.sha256);
}

/* ---- what expires */

static void note_certificate(struct parity_watch *watch, const char *what, const char *subject,
                             const struct certificate_print *print)
{
    char key[160];
    (void)snprintf(key, sizeof(key), "%s %.60s", print->sha256, what);
    struct expiry_item item = {
        .key = key, .until_unix = print->until_unix, .soon_s = CERTIFICATE_SOON_S};
    int64_t now = (int64_t)control_unix_now();
    enum expiry_stage stage = expiry_note(&watch->expiries, &item, now);
    if (stage == EXPIRY_SOON)
        events_emit(watch->control->events, EVENT_CERTIFICATE_EXPIRES, subject,
                    "%s %s expires in %lld days; renew it, at Exchange too", what, subject,
                    (long long)(print->until_unix - now) / 86400);
    else if (stage == EXPIRY_OVER)
        events_emit(watch->control->events, EVENT_CERTIFICATE_EXPIRES, subject,
                    "%s %s HAS EXPIRED; clients refuse it: renew it, at Exchange too", what,
                    subject);
}

static void note_staple(struct parity_watch *watch, const struct tls_certificate *one,
                        const char *subject)
{
    char key[160];
    if (one->staple.der == NULL)
        return;
    (void)snprintf(key, sizeof(key), "%s staple %lld", certificate_print(one->leaf).sha256,
                   (long long)one->staple.until_unix);
    struct expiry_item item = {
        .key = key, .until_unix = one->staple.until_unix, .soon_s = STAPLE_SOON_S};
    enum expiry_stage stage = expiry_note(&watch->expiries, &item, (int64_t)control_unix_now());
    if (stage == EXPIRY_SOON)
        events_emit(watch->control->events, EVENT_STAPLE_EXPIRES, subject,
                    "the OCSP response stapled to %s expires within a day; fetch a new one and "
                    "'stopgap reload'",
                    subject);
    else if (stage == EXPIRY_OVER)
        events_emit(watch->control->events, EVENT_STAPLE_EXPIRES, subject,
                    "the OCSP response for %s has expired and is no longer stapled; fetch a new "
                    "one and 'stopgap reload'",
                    subject);
}

static const char *subject_of(const struct tls_certificate *one)
{
    return one->path != NULL ? one->path : "made in memory";
}

static void note_expiries(struct parity_watch *watch)
{
    const struct control *control = watch->control;
    expiry_round_begin(&watch->expiries);
    for (size_t i = 0; i < control->config->n_listen; i++) {
        const struct tls_material *material = &control->materials[i];
        for (size_t k = 0; k < material->n; k++) {
            const struct tls_certificate *one = &material->items[k];
            struct certificate_print print = certificate_print(one->leaf);
            note_certificate(watch, "the certificate", subject_of(one), &print);
            note_staple(watch, one, subject_of(one));
        }
    }
    for (size_t i = 0; i < config_n_servers(control->config); i++)
        if (watch->servers[i].checked_unix != 0)
            note_certificate(watch, "the certificate of", config_server(control->config, i)->url,
                             &watch->servers[i].theirs);
    expiry_round_end(&watch->expiries);
}

/* ---- asking */

static void on_leaf_answer(void *ctx, size_t server, X509 *leaf, const char *error)
{
    struct parity_watch *watch = ctx;
    struct watched_server *known = &watch->servers[server];
    bool was_known = known->checked_unix != 0;
    bool was_equal = known->verdict == PARITY_EQUAL;
    (void)snprintf(known->error, sizeof(known->error), "%s", error);
    if (leaf == NULL) /* what was known stays; health checks and traffic say that it is away */
        return;
    struct parity_row row = parity_judge_all(&watch->faces, leaf);
    known->verdict = row.verdict;
    known->ours = row.ours;
    known->theirs = row.theirs;
    known->checked_unix = control_unix_now();
    (void)snprintf(known->names, sizeof(known->names), "%s",
                   row.face != NULL ? row.face->names : "");
    tell_change(watch, server, was_known, was_equal);
    note_expiries(watch);
}

static void ask_those_due(struct parity_watch *watch)
{
    uint64_t now_ms = uv_now(&watch->control->loop);
    for (size_t i = 0; i < config_n_servers(watch->control->config); i++) {
        struct watched_server *known = &watch->servers[i];
        uint64_t wait_ms = known->error[0] != '\0' ? CERTIFICATE_TICK_MS : PARITY_EVERY_MS;
        if (!is_watched(watch, i) || (known->asked_ms != 0 && now_ms < known->asked_ms + wait_ms))
            continue;
        known->asked_ms = now_ms;
        leaf_check_ask(watch->leaf_check, i, on_leaf_answer, watch);
    }
}

/* ---- life */

static void on_tick(uv_timer_t *timer)
{
    struct parity_watch *watch =
        (struct parity_watch *)((char *)timer - offsetof(struct parity_watch, timer));
    control_tls_renew_tickets(watch->control);
    ask_those_due(watch);
    note_expiries(watch);
}

void control_parity_renew(struct control *control)
{
    struct parity_watch *watch = control->parity;
    if (watch == NULL || watch->is_stopped)
        return;
    parity_faces_done(&watch->faces); /* its certificates are gone */
    if (!parity_faces_make(&watch->faces, control->config, control->materials))
        log_event("error", "certificate_parity", "out of memory");
    for (size_t i = 0; i < LIMIT_SERVERS; i++)
        watch->servers[i].asked_ms = 0;
    (void)uv_timer_start(&watch->timer, on_tick, 0, CERTIFICATE_TICK_MS);
}

bool control_parity_start(struct control *control, struct err *err)
{
    const struct config *config = control->config;
    struct parity_watch *watch = calloc(1, sizeof(*watch));
    bool has_tls = false;
    if (watch == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    control->parity = watch;
    watch->control = control;
    (void)uv_timer_init(&control->loop, &watch->timer); /* cannot fail */
    for (size_t i = 0; i < config->n_listen; i++)
        has_tls |= config->listen[i].tls;
    if (has_tls && config->upstream.parity && config_has_upstream_tls(config)) {
        watch->leaf_check = leaf_check_new(&control->loop, config, &control->table, err);
        if (watch->leaf_check == NULL)
            return false;
    }
    control_parity_renew(control);
    return true;
}

void control_parity_stop(struct control *control)
{
    struct parity_watch *watch = control->parity;
    if (watch == NULL || watch->is_stopped)
        return;
    watch->is_stopped = true;
    uv_close((uv_handle_t *)&watch->timer, NULL);
    leaf_check_stop(watch->leaf_check);
}

void control_parity_done(struct control *control)
{
    struct parity_watch *watch = control->parity;
    if (watch == NULL)
        return;
    leaf_check_free(watch->leaf_check);
    parity_faces_done(&watch->faces);
    expiry_list_done(&watch->expiries);
    free(watch);
    control->parity = NULL;
}

/* ---- status */

void control_parity_server(const struct control *control, size_t server,
                           struct server_status *status)
{
    const struct parity_watch *watch = control->parity;
    const struct watched_server *known = &watch->servers[server];
    if (!is_watched(watch, server))
        return;
    status->parity = parity_word(known->verdict);
    status->is_parity_known = known->checked_unix != 0;
    status->has_parity = known->verdict == PARITY_EQUAL;
    status->parity_checked_unix = known->checked_unix;
    status->certificate_until_unix = known->theirs.until_unix;
    (void)snprintf(status->parity_names, sizeof(status->parity_names), "%s", known->names);
    (void)snprintf(status->parity_error, sizeof(status->parity_error), "%s", known->error);
    (void)snprintf(status->ours_sha256, sizeof(status->ours_sha256), "%s", known->ours.sha256);
    (void)snprintf(status->certificate_sha256, sizeof(status->certificate_sha256), "%s",
                   known->theirs.sha256);
}

static void add_certificate(struct status *status, const struct tls_certificate *one)
{
    struct certificate_print print = certificate_print(one->leaf);
    struct certificate_status *added = &status->certificates[status->n_certificates];
    for (size_t i = 0; i < status->n_certificates; i++)
        if (strcmp(status->certificates[i].sha256, print.sha256) == 0 &&
            strcmp(status->certificates[i].path, subject_of(one)) == 0)
            return;
    *added = (struct certificate_status){.path = subject_of(one),
                                         .until_unix = print.until_unix,
                                         .has_staple = one->staple.der != NULL,
                                         .staple_until_unix = one->staple.until_unix,
                                         .staple_problem = one->staple_problem};
    (void)snprintf(added->sha256, sizeof(added->sha256), "%s", print.sha256);
    status->n_certificates++;
}

void control_collect_certificates(const struct control *control, struct status *status)
{
    size_t n = 0;
    for (size_t i = 0; i < control->config->n_listen; i++)
        n += control->materials[i].n;
    status->n_certificates = 0;
    status->certificates = n != 0 ? calloc(n, sizeof(*status->certificates)) : NULL;
    for (size_t i = 0; status->certificates != NULL && i < control->config->n_listen; i++)
        for (size_t k = 0; k < control->materials[i].n; k++)
            add_certificate(status, &control->materials[i].items[k]);
}
