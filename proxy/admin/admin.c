/* The listeners of the admin server, their start and their end. */
#include "admin/server.h"
#include "admin/socket.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum { BACKLOG = 16 };

void status_done(struct status *status)
{
    free(status->servers);
    status->servers = NULL;
    status->n_servers = 0;
    free(status->certificates);
    status->certificates = NULL;
    status->n_certificates = 0;
    free(status->rules);
    free(status->exclusions);
    free(status->warnings);
    status->exclusions = NULL;
    status->warnings = NULL;
    status->n_exclusions = status->n_warnings = 0;
    free(status->mitigations);
    status->mitigations = NULL;
    status->n_mitigations = 0;
    status->rules = NULL;
    status->n_rules = 0;
}

static void admin_free(struct admin *admin)
{
    for (size_t i = 0; i < admin->n_listeners; i++)
        free(admin->listeners[i].unix_path);
    free(admin);
}

void admin_release(struct admin *admin)
{
    assert(admin->n_handles != 0);
    if (--admin->n_handles == 0 && admin->is_closing)
        admin_free(admin);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct admin_listener *listener = handle->data;
    admin_release(listener->admin);
}

static void on_timer_closed(uv_handle_t *handle)
{
    admin_release(handle->data);
}

static void on_connection(uv_stream_t *stream, int error)
{
    if (error == 0)
        admin_conn_accept(stream->data);
}

/* A successor may have bound the path already; its socket is not ours to remove. */
static void listener_unlink(const struct admin_listener *listener)
{
    struct stat st;
    if (listener->unix_path != NULL && lstat(listener->unix_path, &st) == 0 &&
        st.st_dev == listener->device && st.st_ino == listener->inode)
        (void)unlink(listener->unix_path);
}

static void listener_forget_path(struct admin_listener *listener)
{
    free(listener->unix_path);
    listener->unix_path = NULL;
}

static bool listen_unix(struct admin_listener *listener, const char *path, struct inherited *pool,
                        struct err *err)
{
    struct sockaddr_un address;
    if (!admin_socket_address(path, &address, err))
        return false;
    int fd = inherited_take(pool, (const struct sockaddr *)&address);
    listener->is_inherited = fd >= 0;
    if (fd < 0)
        fd = admin_socket_bind(path, err);
    if (fd < 0)
        return false;
    struct stat st;
    listener->unix_path = strdup(path);
    if (listener->unix_path != NULL && lstat(path, &st) == 0) {
        listener->device = st.st_dev;
        listener->inode = st.st_ino;
    }
    int error = listener->unix_path != NULL ? uv_pipe_open(&listener->uv.pipe, fd) : UV_ENOMEM;
    if (error == 0)
        return true;
    (void)close(fd);
    return err_set(err, ERR_IO, "", "admin socket %s: %s", path, uv_strerror(error));
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static bool listen_tcp(struct admin_listener *listener, const struct admin_config *config,
                       struct inherited *pool, struct err *err)
{
    struct sockaddr_storage address = {0};
    int error = uv_ip4_addr(config->host, config->port, (struct sockaddr_in *)&address);
    if (error != 0)
        error = uv_ip6_addr(config->host, config->port, (struct sockaddr_in6 *)&address);
    /* Nobody is asked for a password here, so nobody else may come. */
    if (error != 0 || !is_loopback(&address))
        return err_set(err, ERR_USAGE, "",
                       "admin address %s: only a loopback address such as 127.0.0.1 or ::1 is "
                       "allowed; reach it from elsewhere through ssh or a proxy with a login",
                       config->url);
    int fd = inherited_take(pool, (const struct sockaddr *)&address);
    error = fd >= 0 ? uv_tcp_open(&listener->uv.tcp, fd)
                    : uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)&address, 0);
    return error == 0 || err_set(err, ERR_IO, "", "admin address %s: cannot bind: %s", config->url,
                                 uv_strerror(error));
}

static bool listener_start(struct admin *admin, const struct admin_config *config,
                           struct inherited *pool, struct err *err)
{
    struct admin_listener *listener = &admin->listeners[admin->n_listeners];
    listener->admin = admin;
    listener->is_unix = config->unix_path != NULL;
    int error = listener->is_unix ? uv_pipe_init(admin->loop, &listener->uv.pipe, 0)
                                  : uv_tcp_init(admin->loop, &listener->uv.tcp);
    if (error != 0)
        return err_set(err, ERR_IO, "", "admin address %s: %s", config->url, uv_strerror(error));
    listener->uv.handle.data = listener;
    admin->n_listeners++;
    admin->n_handles++;
    bool is_bound = config->unix_path != NULL ? listen_unix(listener, config->unix_path, pool, err)
                                              : listen_tcp(listener, config, pool, err);
    if (!is_bound)
        return false;
    error = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    return error == 0 || err_set(err, ERR_IO, "", "admin address %s: cannot listen: %s",
                                 config->url, uv_strerror(error));
}

struct admin *admin_start(uv_loop_t *loop, const struct config *config, struct inherited *pool,
                          const struct admin_backend *backend, struct err *err)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    if (admin == NULL || uv_timer_init(loop, &admin->timer) != 0) {
        free(admin);
        (void)err_set(err, ERR_MEMORY, "", "no memory for the admin server");
        return NULL;
    }
    admin->loop = loop;
    admin->backend = *backend;
    admin->timer.data = admin;
    admin->n_handles = 1;
    LIST_INIT(&admin->conns);
    bool ok = config->n_admin <= LIMIT_ADMIN_LISTENERS ||
              err_set(err, ERR_LIMIT, "", "more than %d admin addresses", LIMIT_ADMIN_LISTENERS);
    for (size_t i = 0; ok && i < config->n_admin; i++)
        ok = listener_start(admin, &config->admin[i], pool, err);
    if (ok)
        return admin;
    for (size_t i = 0; i < admin->n_listeners; i++)
        if (admin->listeners[i].is_inherited)
            listener_forget_path(&admin->listeners[i]);
    admin_stop(admin);
    return NULL;
}

void admin_leave(struct admin *admin)
{
    for (size_t i = 0; i < admin->n_listeners; i++) {
        listener_forget_path(&admin->listeners[i]);
        if (!uv_is_closing(&admin->listeners[i].uv.handle))
            uv_close(&admin->listeners[i].uv.handle, on_listener_closed);
    }
}

void admin_stop(struct admin *admin)
{
    if (admin == NULL)
        return;
    admin->is_closing = true;
    struct admin_conn *conn = LIST_FIRST(&admin->conns);
    while (conn != NULL) {
        struct admin_conn *next = LIST_NEXT(conn, link);
        admin_conn_close(conn);
        conn = next;
    }
    for (size_t i = 0; i < admin->n_listeners; i++) {
        listener_unlink(&admin->listeners[i]);
        if (!uv_is_closing(&admin->listeners[i].uv.handle))
            uv_close(&admin->listeners[i].uv.handle, on_listener_closed);
    }
    uv_close((uv_handle_t *)&admin->timer, on_timer_closed);
}
