/* The listeners of the admin server, their start and their end. */
#include "admin/server.h"
#include "admin/socket.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
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

static void listener_stop(struct admin_listener *listener)
{
    if (listener->is_started)
        acceptor_stop(&listener->acceptor, on_listener_closed);
}

static void on_timer_closed(uv_handle_t *handle)
{
    admin_release(handle->data);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct admin_listener *listener = poll->data;
    enum acceptor_result result = ACCEPTOR_MORE;
    (void)status; /* accept4 tells more */
    (void)events;
    for (unsigned n = 0; result == ACCEPTOR_MORE && n < LIMIT_ADMIN_CONNECTIONS; n++)
        result = admin_conn_accept(listener);
    if (result != ACCEPTOR_FAILED)
        return;
    int error = errno;
    acceptor_rest(&listener->acceptor);
    admin_sweep_start(listener->admin);
    uint64_t now_ms = uv_now(listener->admin->loop);
    if (listener->logged_ms != 0 && now_ms < listener->logged_ms + LIMIT_REFUSAL_LOG_MS)
        return;
    listener->logged_ms = now_ms;
    log_event("error", "accept_paused", "%s: cannot take a connection: %s%s", listener->url,
              strerror(error), acceptor_remedy(error));
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

static int bind_unix(struct admin_listener *listener, const char *path, struct inherited *pool,
                     struct err *err)
{
    struct sockaddr_un address;
    if (!admin_socket_address(path, &address, err))
        return -1;
    int fd = inherited_take(pool, (const struct sockaddr *)&address);
    listener->is_inherited = fd >= 0;
    if (fd < 0)
        fd = admin_socket_bind(path, err);
    if (fd < 0)
        return -1;
    struct stat st;
    listener->unix_path = strdup(path);
    if (listener->unix_path != NULL && lstat(path, &st) == 0) {
        listener->device = st.st_dev;
        listener->inode = st.st_ino;
    }
    if (listener->unix_path != NULL)
        return fd;
    (void)close(fd);
    (void)err_set(err, ERR_MEMORY, "", "admin socket %s: no memory", path);
    return -1;
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

static int bind_tcp(const struct admin_config *config, struct inherited *pool, struct err *err)
{
    struct sockaddr_storage address = {0};
    int error = uv_ip4_addr(config->host, config->port, (struct sockaddr_in *)&address);
    if (error != 0)
        error = uv_ip6_addr(config->host, config->port, (struct sockaddr_in6 *)&address);
    /* Nobody is asked for a password here, so nobody else may come. */
    if (error != 0 || !is_loopback(&address)) {
        (void)err_set(err, ERR_USAGE, "",
                      "admin address %s: only a loopback address such as 127.0.0.1 or ::1 is "
                      "allowed; reach it from elsewhere through ssh or a proxy with a login",
                      config->url);
        return -1;
    }
    int fd = inherited_take(pool, (const struct sockaddr *)&address);
    int on = 1;
    if (fd >= 0)
        return fd;
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (const struct sockaddr *)&address,
             address.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                          : sizeof(struct sockaddr_in6)) == 0)
        return fd;
    (void)err_set(err, ERR_IO, "", "admin address %s: cannot bind: %s", config->url,
                  uv_strerror(uv_translate_sys_error(errno)));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool listener_start(struct admin *admin, const struct admin_config *config,
                           struct inherited *pool, struct err *err)
{
    struct admin_listener *listener = &admin->listeners[admin->n_listeners];
    listener->admin = admin;
    listener->is_unix = config->unix_path != NULL;
    listener->url = config->url;
    listener->acceptor.handle.data = listener;
    admin->n_listeners++;
    int fd = listener->is_unix ? bind_unix(listener, config->unix_path, pool, err)
                               : bind_tcp(config, pool, err);
    if (fd < 0)
        return false;
    int error = acceptor_start(&listener->acceptor, admin->loop, fd, BACKLOG, on_acceptable);
    if (error != 0) {
        (void)close(fd);
        return err_set(err, ERR_IO, "", "admin address %s: cannot listen: %s", config->url,
                       uv_strerror(error));
    }
    listener->is_started = true;
    admin->n_handles++;
    return true;
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
        listener_stop(&admin->listeners[i]);
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
        listener_stop(&admin->listeners[i]);
    }
    uv_close((uv_handle_t *)&admin->timer, on_timer_closed);
}
