/* Certificates on the control thread: load, publish to the workers, say what was refused. */
#include "control_internal.h"

#include "listener_tls.h"
#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static bool uses_tls(const struct config *config)
{
    bool uses = config_has_upstream_tls(config);
    for (size_t i = 0; i < config->n_listen; i++)
        uses |= config->listen[i].tls;
    return uses;
}

/* ---- loading */

static bool load_listener(const struct control *control, struct tls_load *load, size_t i)
{
    const struct listen_config *listen = &control->config->listen[i];
    struct tls_material *material = &load->materials[i];
    const struct tls_material *before = control->materials != NULL ? &control->materials[i] : NULL;
    if (!listen->tls)
        return true;
    if (before != NULL && listener_tls_is_self_signed(control->config, listen))
        return true; /* it stays */
    if (!listener_tls_load(control->config, listen, material, &load->err))
        return false;
    if (before != NULL)
        tls_material_keep_tickets(material, before);
    return true;
}

/* The new certificates of a listener, or the self-signed one that stays. */
static const struct tls_material *material_of(const struct control *control,
                                              const struct tls_load *load, size_t i)
{
    return load->materials[i].n != 0 ? &load->materials[i] : &control->materials[i];
}

static struct worker_tls *make_worker_tls(const struct control *control, struct tls_load *load)
{
    const struct config *config = control->config;
    struct worker_tls *tls = calloc(1, sizeof(*tls) + config->n_listen * sizeof(SSL_CTX *));
    if (tls == NULL) {
        (void)err_set(&load->err, ERR_MEMORY, "E_MEMORY", "no memory for TLS");
        return NULL;
    }
    bool ok = true;
    if (config_has_upstream_tls(config)) {
        tls->upstream =
            tls_client_context(config->upstream.ca_path, config->upstream.verify, &load->err);
        ok = tls->upstream != NULL;
    }
    for (; ok && tls->n < config->n_listen; tls->n++) {
        if (!config->listen[tls->n].tls)
            continue;
        tls->listeners[tls->n] = tls_server_context(material_of(control, load, tls->n), &load->err);
        ok = tls->listeners[tls->n] != NULL;
    }
    if (ok)
        return tls;
    worker_tls_free(tls);
    return NULL;
}

bool control_tls_load(const struct control *control, struct tls_load *load, unsigned n_workers)
{
    const struct config *config = control->config;
    *load = (struct tls_load){.n_workers = n_workers, .had_error = true};
    load->materials = calloc(config->n_listen, sizeof(*load->materials));
    load->workers = calloc(n_workers, sizeof(struct worker_tls *));
    if (load->materials == NULL || load->workers == NULL)
        return err_set(&load->err, ERR_MEMORY, "E_MEMORY", "no memory for certificates");
    for (size_t i = 0; i < config->n_listen; i++)
        if (!load_listener(control, load, i))
            return false;
    for (unsigned i = 0; i < n_workers; i++) {
        load->workers[i] = make_worker_tls(control, load);
        if (load->workers[i] == NULL)
            return false;
    }
    if (config_has_upstream_tls(config) && config_checks_health(config))
        load->checks =
            tls_client_context(config->upstream.ca_path, config->upstream.verify, &load->err);
    load->had_error = load->err.kind != ERR_NONE;
    return !load->had_error;
}

void control_tls_load_free(const struct control *control, struct tls_load *load)
{
    for (unsigned i = 0; load->workers != NULL && i < load->n_workers; i++)
        worker_tls_free(load->workers[i]);
    for (size_t i = 0; load->materials != NULL && i < control->config->n_listen; i++)
        tls_material_done(&load->materials[i]);
    SSL_CTX_free(load->checks);
    free(load->workers);
    free(load->materials);
    *load = (struct tls_load){0};
}

/* ---- in use */

static void warn_of(const struct config *config, size_t i, const struct tls_material *material)
{
    if (listener_tls_is_self_signed(config, &config->listen[i]))
        log_event("warn", "self_signed",
                  "%s uses a self-signed certificate made in memory: browsers and Outlook will "
                  "refuse it; give --cert and --key",
                  config->listen[i].url);
    for (size_t k = 0; k < material->n; k++)
        if (material->items[k].staple_problem[0] != '\0')
            log_event("warn", "ocsp_not_stapled", "%s", material->items[k].staple_problem);
}

static void materials_done(struct control *control)
{
    for (size_t i = 0; control->materials != NULL && i < control->config->n_listen; i++)
        tls_material_done(&control->materials[i]);
    free(control->materials);
    control->materials = NULL;
}

void control_tls_use(struct control *control, struct tls_load *load)
{
    const struct config *config = control->config;
    SSL_CTX_free(control->check_context); /* checks under way hold it themselves */
    control->check_context = load->checks;
    load->checks = NULL;
    for (size_t i = 0; i < config->n_listen; i++) {
        if (load->materials[i].n == 0 && control->materials != NULL) { /* self-signed: it stays */
            load->materials[i] = control->materials[i];
            control->materials[i] = (struct tls_material){0};
        } else {
            warn_of(config, i, &load->materials[i]);
        }
    }
    materials_done(control);
    control->materials = load->materials;
    load->materials = NULL;
}

void control_tls_renew_tickets(struct control *control)
{
    for (size_t i = 0; i < control->config->n_listen; i++) {
        struct tls_tickets *tickets = control->materials[i].tickets;
        if (tickets != NULL && !tls_tickets_renew(tickets, uv_now(&control->loop) / 1000))
            log_event("error", "ticket_keys", "no random numbers: session tickets keep their key");
    }
}

void control_tls_done(struct control *control)
{
    SSL_CTX_free(control->check_context);
    control->check_context = NULL;
    materials_done(control);
}

static void note_refusal(struct control *control, const struct err *err)
{
    control->tls_failed++;
    control->tls_err = *err;
    control->tls_err_unix = control_unix_now();
    log_event("error", "certificates_refused", "code=%s the ones before stay: %s", err->code,
              err->text);
}

bool control_tls_finish(struct control *control, struct tls_load *load, char *text, size_t size)
{
    size_t used = strlen(text);
    if (load->had_error) {
        note_refusal(control, &load->err);
        (void)snprintf(text + used, size - used, "; certificates refused, the ones before stay: %s",
                       load->err.text);
        return false;
    }
    control_tls_use(control, load);
    for (unsigned i = 0; i < load->n_workers; i++) {
        struct worker_mail mail = {.tls = load->workers[i]};
        load->workers[i] = NULL;
        (void)worker_post(&control->workers[i], &mail);
    }
    control->tls_err = (struct err){0};
    control_parity_renew(control);
    if (!uses_tls(control->config))
        return true;
    control->tls_ok++;
    log_event("info", "certificates_loaded", "for connections from now on");
    (void)snprintf(text + used, size - used, "; certificates loaded");
    return true;
}
