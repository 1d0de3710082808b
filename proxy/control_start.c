/* Everything that can fail happens here, before the first thread starts. */
#include "control_start.h"

#include "net/listener.h"
#include "request_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { MAX_LISTENERS = LIMIT_LISTENERS };

/* One listener of the config: its sockets, one a worker. */
struct start_listener {
    struct listener_sockets sockets;
};

bool control_inherit(struct control *control, struct err *err)
{
    size_t n_useless = inherited_from_systemd(&control->inherited);
    if (n_useless != 0)
        log_event("warn", "socket_unused",
                  "%zu descriptors of systemd are no listening TCP sockets", n_useless);
    return control_take_sockets(control, err);
}

void control_inherit_end(struct control *control)
{
    for (size_t i = 0; i < control->inherited.n && control->take_over_url == NULL; i++) {
        char name[INHERITED_NAME_BYTES];
        inherited_name(control->inherited.fds[i], name);
        log_event("warn", "socket_unused",
                  "systemd listens on %s, but nothing here has that address: write the same in "
                  "ListenStream of the socket unit and in listen or admin",
                  name);
    }
    inherited_close(&control->inherited);
}

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

static bool start_worker(struct control *control, const struct start_listener *starts,
                         struct worker_tls *tls, unsigned n_workers, struct err *err)
{
    const struct config *config = control->config;
    struct worker *worker = &control->workers[control->n_workers];
    struct worker_parts parts = {
        .log = log_buffer_new(control->log),
        .upstream_context = tls->upstream,
        .lease = control_new_lease(control, err),
        .table = control_new_table(control),
    };
    tls->upstream = NULL;
    unsigned index = control->n_workers++;
    if (!worker_init(worker, index, &control->shared, &parts, err) || parts.lease == NULL)
        return false;
    if (parts.table == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "cannot set up a worker");
    for (size_t i = 0; i < config->n_listen; i++) {
        SSL_CTX *context = tls->listeners[i];
        const struct listener_sockets *sockets = &starts[i].sockets;
        tls->listeners[i] = NULL;
        if (!worker_add_listener(worker, sockets->fds[index], &config->listen[i], context, err))
            return false;
        for (unsigned j = index + n_workers; j < sockets->n; j += n_workers)
            if (!worker_add_socket(worker, sockets->fds[j], err))
                return false;
    }
    return true;
}

static void set_limits(struct control *control)
{
    control->shared.http_limits = request_limits(control->config);
    /* Responses come from our own side; their heads are bounded all the same. */
    control->shared.response_limits = (struct http_limits){
        .target_bytes = LIMIT_TARGET_BYTES,
        .field_bytes = LIMIT_FIELD_BYTES,
        .head_bytes = LIMIT_HEAD_BYTES,
        .fields = LIMIT_FIELDS,
    };
}

static bool start_all(struct control *control, struct start_listener *starts, struct tls_load *tls,
                      struct err *err)
{
    const struct config *config = control->config;
    unsigned n_workers = worker_count(config);
    control_resolve_now(control);
    for (size_t i = 0; i < config->n_listen; i++) {
        const struct listen_config *listen = &config->listen[i];
        const struct listener_place place = {listen->host, listen->port, listen->url};
        if (!listener_bind(&place, &control->inherited, n_workers, &starts[i].sockets, err))
            return false;
    }
    if (!control_tls_load(control, tls, n_workers)) {
        *err = tls->err;
        return false;
    }
    control_tls_use(control, tls);
    control->workers = calloc(n_workers, sizeof(*control->workers));
    if (control->workers == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the workers");
    for (size_t i = 0; i < config->n_listen; i++)
        for (unsigned j = 0; j < starts[i].sockets.n; j++)
            control->listening.fds[control->listening.n++] = starts[i].sockets.fds[j];
    while (control->n_workers < n_workers)
        if (!start_worker(control, starts, tls->workers[control->n_workers], n_workers, err))
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
    servers_share(&control->shared);
    struct start_listener *starts = calloc(config->n_listen, sizeof(*starts));
    if (starts == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the listeners");
    struct tls_load tls = {0};
    bool ok = start_all(control, starts, &tls, err);
    control_tls_load_free(control, &tls);
    free(starts); /* on failure the program ends, and its sockets with it */
    return ok;
}
