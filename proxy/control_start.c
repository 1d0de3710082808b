/* Everything that can fail happens here, before the first thread starts. */
#include "control_start.h"

#include "net/listener.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { MAX_LISTENERS = LIMIT_LISTENERS };

/* One listener of the config: its sockets, one a worker, and its certificate. */
struct start_listener {
    int fds[LIMIT_WORKERS];
    struct tls_material material;
    bool is_bound;
};

static unsigned worker_count(const struct config *config)
{
    unsigned n = config->workers;
    if (n == 0) {
        uv_cpu_info_t *cpus;
        int count = 0;
        if (uv_cpu_info(&cpus, &count) == 0)
            uv_free_cpu_info(cpus, count);
        n = count > 0 ? (unsigned)count : 1;
    }
    return n < LIMIT_WORKERS ? n : LIMIT_WORKERS;
}

static bool start_listener(struct start_listener *start, const struct listen_config *config,
                           unsigned n_workers, struct err *err)
{
    if (config->tls && config->cert_path != NULL &&
        !tls_material_load(&start->material, config->cert_path, config->key_path, err))
        return false;
    if (config->tls && config->cert_path == NULL) {
        if (!tls_material_self_signed(&start->material, config->host, err))
            return false;
        log_event("warn", "self_signed",
                  "%s uses a self-signed certificate made in memory: browsers and Outlook will "
                  "refuse it; give --cert and --key",
                  config->url);
    }
    start->is_bound =
        listener_bind(config->host, config->port, config->url, start->fds, n_workers, err);
    return start->is_bound;
}

static bool start_worker(struct control *control, struct start_listener *starts,
                         const struct upstream_addresses *addresses, struct err *err)
{
    const struct config *config = control->config;
    struct worker *worker = &control->workers[control->n_workers];
    SSL_CTX *upstream_context = NULL;
    if (config->upstream.tls) {
        upstream_context =
            tls_client_context(config->upstream.ca_path, config->upstream.verify, err);
        if (upstream_context == NULL)
            return false;
    }
    struct worker_parts parts = {
        .log = log_buffer_new(control->log),
        .upstream_context = upstream_context,
        .lease = control_new_lease(control, err),
    };
    unsigned index = control->n_workers++;
    if (!worker_init(worker, index, &control->shared, &parts, err) || parts.lease == NULL)
        return false;
    worker->addresses = *addresses;
    for (size_t i = 0; i < config->n_listen; i++) {
        SSL_CTX *context = NULL;
        if (config->listen[i].tls &&
            (context = tls_server_context(&starts[i].material, err)) == NULL)
            return false;
        int fd = starts[i].fds[index];
        starts[i].fds[index] = -1;
        if (!worker_add_listener(worker, fd, &config->listen[i], context, err))
            return false;
    }
    return true;
}

static void set_limits(struct control *control)
{
    const struct limits_config *limits = &control->config->limits;
    control->shared.http_limits = (struct http_limits){
        .target_bytes = limits->target_bytes,
        .field_bytes = limits->field_bytes,
        .head_bytes = limits->head_bytes,
        .fields = limits->fields,
        .body_bytes = limits->body_bytes,
    };
    /* Responses come from our own side; their heads are bounded all the same. */
    control->shared.response_limits = (struct http_limits){
        .target_bytes = LIMIT_TARGET_BYTES,
        .field_bytes = LIMIT_FIELD_BYTES,
        .head_bytes = LIMIT_HEAD_BYTES,
        .fields = LIMIT_FIELDS,
    };
}

static bool start_all(struct control *control, struct start_listener *starts, struct err *err)
{
    const struct config *config = control->config;
    unsigned n_workers = worker_count(config);
    struct upstream_addresses addresses;
    (void)control_resolve_now(control, &addresses); /* goes on: the name may come back */
    for (size_t i = 0; i < config->n_listen; i++)
        if (!start_listener(&starts[i], &config->listen[i], n_workers, err))
            return false;
    control->workers = calloc(n_workers, sizeof(*control->workers));
    if (control->workers == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the workers");
    while (control->n_workers < n_workers)
        if (!start_worker(control, starts, &addresses, err))
            return false;
    return true;
}

bool control_start_workers(struct control *control, struct err *err)
{
    for (unsigned i = 0; i < control->n_workers; i++)
        if (!worker_start(&control->workers[i], err))
            return false;
    return true;
}

bool control_make_workers(struct control *control, struct err *err)
{
    const struct config *config = control->config;
    if (config->n_listen > MAX_LISTENERS)
        return err_set(err, ERR_LIMIT, "E_LISTEN", "more than %d listeners", MAX_LISTENERS);
    if (!tls_prepare())
        return err_set(err, ERR_MEMORY, "E_TLS", "cannot set up TLS");
    set_limits(control);
    struct start_listener *starts = calloc(config->n_listen, sizeof(*starts));
    if (starts == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the listeners");
    bool ok = start_all(control, starts, err);
    for (size_t i = 0; i < config->n_listen; i++)
        tls_material_done(&starts[i].material);
    free(starts); /* on failure the program ends, and its sockets with it */
    return ok;
}
