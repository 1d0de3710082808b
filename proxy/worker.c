/* The worker's thread: loop, mail, sweep, accept. */
#include "worker.h"

#include "accept.h"
#include "conn.h"
#include "proxy_limits.h"
#include "txn.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "stopgap/banned.h"

uint64_t clock_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void worker_incident_id(struct worker *worker, char out[static 13])
{
    static const char digits[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* none looks like another */
    /* splitmix64 over a random seed: unique for one worker, and no secret. */
    worker->random += 0x9e3779b97f4a7c15u;
    uint64_t z = worker->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    for (int i = 0; i < 12; i++, z >>= 5)
        out[i] = digits[z & 31];
    out[12] = '\0';
}

/* ---- leases */

static bool lease_list_add(struct lease_list *list, struct lease *lease)
{
    if (list->n == list->room) {
        size_t room = list->room != 0 ? list->room * 2 : 8;
        struct lease **items = realloc(list->items, room * sizeof(*items));
        if (items == NULL)
            return false;
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = lease;
    return true;
}

static bool worker_return_lease(struct worker *worker, struct lease *lease)
{
    uv_mutex_lock(&worker->mail_lock);
    bool ok = lease_list_add(&worker->outbox, lease);
    uv_mutex_unlock(&worker->mail_lock);
    if (ok && worker->shared->on_outbox != NULL)
        worker->shared->on_outbox(worker->shared->on_outbox_ctx);
    return ok;
}

void worker_release_lease(struct worker *worker, struct lease *lease)
{
    if (!lease_release(lease) || lease == worker->lease)
        return;
    for (size_t i = 0; i < worker->leaving.n; i++) {
        if (worker->leaving.items[i] != lease)
            continue;
        if (worker_return_lease(worker, lease)) /* else it stays here until the end */
            worker->leaving.items[i] = worker->leaving.items[--worker->leaving.n];
        return;
    }
}

/* Between two requests of this worker: the next one is judged by the new set. */
static void worker_switch_lease(struct worker *worker, struct lease *lease)
{
    struct lease *old = worker->lease;
    bool is_stored = true;
    if (old != NULL)
        is_stored = lease_is_held(old) ? lease_list_add(&worker->leaving, old)
                                       : worker_return_lease(worker, old);
    if (is_stored)
        worker->lease = lease;
    else
        (void)worker_return_lease(worker, lease); /* no memory: the old set goes on */
}

void worker_take_leases(struct worker *worker, struct lease_list *ret_leases)
{
    uv_mutex_lock(&worker->mail_lock);
    *ret_leases = worker->outbox;
    worker->outbox = (struct lease_list){0};
    uv_mutex_unlock(&worker->mail_lock);
}

/* ---- the loop */

static void worker_end_turn(struct worker *worker)
{
    stream_hub_flush(&worker->hub);
    if (worker->log != NULL)
        log_buffer_flush(worker->log);
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&worker->dead)) != NULL) {
        TAILQ_REMOVE(&worker->dead, conn, entry);
        conn_free(conn);
    }
}

static struct worker *worker_of_prepare(uv_prepare_t *prepare)
{
    return (struct worker *)((char *)prepare - offsetof(struct worker, prepare));
}

static struct worker *worker_of_check(uv_check_t *check)
{
    return (struct worker *)((char *)check - offsetof(struct worker, check));
}

static struct worker *worker_of_sweep(uv_timer_t *timer)
{
    return (struct worker *)((char *)timer - offsetof(struct worker, sweep));
}

static struct worker *worker_of_wake(uv_async_t *async)
{
    return (struct worker *)((char *)async - offsetof(struct worker, wake));
}

static void on_prepare(uv_prepare_t *prepare)
{
    worker_end_turn(worker_of_prepare(prepare));
}

static void on_check(uv_check_t *check)
{
    worker_end_turn(worker_of_check(check));
}

static void worker_close_listeners(struct worker *worker)
{
    for (struct worker_socket *socket = LIST_FIRST(&worker->sockets); socket != NULL;
         socket = LIST_NEXT(socket, entry))
        accept_stop(socket);
}

/* The loop ends when the last handle has closed. */
static void worker_close_handles(struct worker *worker)
{
    if (uv_is_closing((uv_handle_t *)&worker->wake))
        return;
    worker_close_listeners(worker);
    uv_close((uv_handle_t *)&worker->sweep, NULL);
    uv_close((uv_handle_t *)&worker->wake, NULL);
    /* prepare and check hold no reference and stay until the loop is left. */
}

static void on_sweep(uv_timer_t *timer)
{
    struct worker *worker = worker_of_sweep(timer);
    struct deadline *deadline;
    atomic_store_explicit(&worker->beat_us, clock_now_us(), memory_order_relaxed);
    while ((deadline = deadline_sweep(&worker->wheel, worker_now_ms(worker))) != NULL)
        conn_expire((struct conn *)((char *)deadline - offsetof(struct conn, deadline)));
    accept_resume(worker);
    if (worker->log != NULL)
        counter_add(&worker->stats.log_lines_dropped,
                    log_buffer_dropped(worker->log) - worker->stats.log_lines_dropped);
    if (worker->is_draining && worker->turns_to_close == 0 && TAILQ_EMPTY(&worker->conns))
        worker_close_handles(worker);
}

static void worker_drain(struct worker *worker, bool is_replaced)
{
    struct conn *conn;
    struct conn *next;
    uint64_t half_ms = worker->config->timeouts.drain_ms / 2;
    worker->is_draining = true;
    worker->quiet_ms = half_ms < TIMEOUT_DRAIN_IDLE_MS ? half_ms : TIMEOUT_DRAIN_IDLE_MS;
    /* Nobody waits for this program to end when there is another: clients get time to speak. */
    worker->idle_until_ms = worker_now_ms(worker) + (is_replaced ? half_ms : worker->quiet_ms);
    /* What waits in the queues is reset with the last descriptor of a listener: two turns of the
     * loop take it in. */
    worker->turns_to_close = 2;
    (void)uv_async_send(&worker->wake);
    for (conn = TAILQ_FIRST(&worker->conns); conn != NULL; conn = next) {
        next = TAILQ_NEXT(conn, entry);
        conn_drain(conn);
    }
}

static void worker_stop(struct worker *worker)
{
    struct conn *conn;
    struct conn *next;
    worker->is_stopping = true;
    worker_close_handles(worker);
    for (conn = TAILQ_FIRST(&worker->conns); conn != NULL; conn = next) {
        next = TAILQ_NEXT(conn, entry);
        conn_close(conn, END_SHUTDOWN, true);
        stream_close(conn->client, true); /* even what already closes in peace */
    }
}

void worker_tls_free(struct worker_tls *tls)
{
    if (tls == NULL)
        return;
    for (size_t i = 0; i < tls->n; i++)
        SSL_CTX_free(tls->listeners[i]);
    SSL_CTX_free(tls->upstream);
    free(tls);
}

/* For connections from now on; those that are there keep the contexts they began with. */
static void worker_switch_tls(struct worker *worker, struct worker_tls *tls)
{
    for (size_t i = 0; i < worker->n_listeners && i < tls->n; i++) {
        SSL_CTX *old = worker->listeners[i].context;
        worker->listeners[i].context = tls->listeners[i];
        tls->listeners[i] = old;
    }
    SSL_CTX *old = worker->upstream_context;
    worker->upstream_context = tls->upstream;
    tls->upstream = old;
    /* A resumed session would keep the verdict of the CA certificates before. */
    for (size_t i = 0; i < LIMIT_SERVERS; i++)
        tls_session_cache_done(&worker->upstream_sessions[i]);
    worker_tls_free(tls);
}

static void on_wake(uv_async_t *async)
{
    struct worker *worker = worker_of_wake(async);
    uv_mutex_lock(&worker->mail_lock);
    struct worker_mail mail = worker->mail;
    worker->mail = (struct worker_mail){0};
    uv_mutex_unlock(&worker->mail_lock);
    if (mail.tls != NULL)
        worker_switch_tls(worker, mail.tls);
    if (mail.lease != NULL)
        worker_switch_lease(worker, mail.lease);
    if (mail.table != NULL) {
        free(worker->table);
        worker->table = mail.table;
    }
    if (worker->turns_to_close != 0) {
        if (--worker->turns_to_close == 0)
            worker_close_listeners(worker);
        else
            (void)uv_async_send(&worker->wake);
    }
    if (mail.drains && !worker->is_draining)
        worker_drain(worker, mail.is_replaced);
    if (mail.stops && !worker->is_stopping)
        worker_stop(worker);
}

struct lease *worker_post(struct worker *worker, const struct worker_mail *mail)
{
    struct lease *overtaken = NULL;
    uv_mutex_lock(&worker->mail_lock);
    if (mail->lease != NULL) {
        overtaken = worker->mail.lease;
        worker->mail.lease = mail->lease;
    }
    struct worker_tls *late = mail->tls != NULL ? worker->mail.tls : NULL;
    if (mail->tls != NULL)
        worker->mail.tls = mail->tls;
    if (mail->table != NULL) {
        free(worker->mail.table);
        worker->mail.table = mail->table;
    }
    worker->mail.drains |= mail->drains;
    worker->mail.is_replaced |= mail->is_replaced;
    worker->mail.stops |= mail->stops;
    uv_mutex_unlock(&worker->mail_lock);
    worker_tls_free(late);
    (void)uv_async_send(&worker->wake); /* fails only when the loop has closed it */
    return overtaken;
}

/* ---- life */

bool worker_init(struct worker *worker, unsigned index, struct worker_shared *shared,
                 const struct worker_parts *parts, struct err *err)
{
    *worker = (struct worker){.index = index,
                              .shared = shared,
                              .config = shared->config,
                              .log = parts->log,
                              .upstream_context = parts->upstream_context,
                              .lease = parts->lease,
                              .table = parts->table};
    TAILQ_INIT(&worker->conns);
    TAILQ_INIT(&worker->dead);
    LIST_INIT(&worker->sockets);
    stream_hub_init(&worker->hub);
    worker->listeners = calloc(shared->config->n_listen, sizeof(*worker->listeners));
    if (worker->listeners == NULL || uv_loop_init(&worker->loop) != 0 ||
        uv_mutex_init(&worker->mail_lock) != 0 ||
        RAND_bytes((unsigned char *)&worker->random, sizeof(worker->random)) != 1)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "cannot set up a worker");
    deadline_wheel_init(&worker->wheel, uv_now(&worker->loop));
    (void)uv_prepare_init(&worker->loop, &worker->prepare); /* these cannot fail */
    (void)uv_check_init(&worker->loop, &worker->check);
    (void)uv_timer_init(&worker->loop, &worker->sweep);
    int status = uv_async_init(&worker->loop, &worker->wake, on_wake);
    if (status != 0)
        return err_set(err, ERR_IO, "E_WORKER", "cannot set up a worker: %s", uv_strerror(status));
    (void)uv_prepare_start(&worker->prepare, on_prepare);
    (void)uv_check_start(&worker->check, on_check);
    uv_unref((uv_handle_t *)&worker->prepare);
    uv_unref((uv_handle_t *)&worker->check);
    (void)uv_timer_start(&worker->sweep, on_sweep, TIMEOUT_SWEEP_MS, TIMEOUT_SWEEP_MS);
    return true;
}

bool worker_add_listener(struct worker *worker, int fd, const struct listen_config *config,
                         SSL_CTX *context, struct err *err)
{
    struct worker_listener *listener = &worker->listeners[worker->n_listeners++];
    *listener = (struct worker_listener){.worker = worker, .config = config, .context = context};
    return worker_add_socket(worker, fd, err);
}

bool worker_add_socket(struct worker *worker, int fd, struct err *err)
{
    const struct worker_listener *listener = &worker->listeners[worker->n_listeners - 1];
    struct worker_socket *socket = calloc(1, sizeof(*socket));
    if (socket == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for a listener");
    socket->listener = listener;
    LIST_INSERT_HEAD(&worker->sockets, socket, entry);
    return accept_start(worker, socket, fd, err);
}

static void worker_main(void *arg)
{
    struct worker *worker = arg;
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    worker_end_turn(worker);
    uv_close((uv_handle_t *)&worker->prepare, NULL);
    uv_close((uv_handle_t *)&worker->check, NULL);
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    atomic_store_explicit(&worker->beat_us, UINT64_MAX, memory_order_relaxed);
    atomic_fetch_sub(&worker->shared->n_running, 1);
    if (worker->shared->on_outbox != NULL)
        worker->shared->on_outbox(worker->shared->on_outbox_ctx);
}

bool worker_start(struct worker *worker, struct err *err)
{
    atomic_fetch_add(&worker->shared->n_running, 1);
    atomic_store_explicit(&worker->beat_us, clock_now_us(), memory_order_relaxed);
    int status = uv_thread_create(&worker->thread, worker_main, worker);
    if (status == 0)
        return true;
    atomic_fetch_sub(&worker->shared->n_running, 1);
    return err_set(err, ERR_IO, "E_WORKER", "cannot start a thread: %s", uv_strerror(status));
}

void worker_join(struct worker *worker)
{
    (void)uv_thread_join(&worker->thread);
    if (worker->lease != NULL)
        (void)lease_list_add(&worker->outbox, worker->lease);
    if (worker->mail.lease != NULL)
        (void)lease_list_add(&worker->outbox, worker->mail.lease);
    for (size_t i = 0; i < worker->leaving.n; i++)
        (void)lease_list_add(&worker->outbox, worker->leaving.items[i]);
    worker->lease = worker->mail.lease = NULL;
    worker->leaving.n = 0;
}

void worker_done(struct worker *worker)
{
    free(worker->leaving.items);
    free(worker->outbox.items);
    txn_memory_free(worker);
    stream_hub_done(&worker->hub);
    for (size_t i = 0; i < LIMIT_SERVERS; i++)
        tls_session_cache_done(&worker->upstream_sessions[i]);
    free(worker->table);
    free(worker->mail.table);
    SSL_CTX_free(worker->upstream_context);
    worker_tls_free(worker->mail.tls);
    for (size_t i = 0; i < worker->n_listeners; i++)
        SSL_CTX_free(worker->listeners[i].context);
    struct worker_socket *socket;
    while ((socket = LIST_FIRST(&worker->sockets)) != NULL) {
        LIST_REMOVE(socket, entry);
        free(socket);
    }
    free(worker->listeners);
    (void)uv_loop_close(&worker->loop);
    uv_mutex_destroy(&worker->mail_lock);
    if (worker->log != NULL)
        log_buffer_free(worker->log);
    worker->log = NULL;
}
