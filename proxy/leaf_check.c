/* The handshake of a health check, without its question. What is shown is only compared, so the
 * certificate is not verified here: traffic does that. */
#include "leaf_check.h"

#include "health_check.h"
#include "net/hub_loop.h"

#include <stdlib.h>

#include "stopgap/banned.h"

struct leaf_target {
    struct leaf_check *check;
    size_t server;
    uv_timer_t timer;            /* the end of our patience */
    struct health_check *asking; /* under way, or NULL */
    bool has_leaf;
    leaf_check_cb on_answer;
    void *ctx;
};

struct leaf_check {
    uv_loop_t *loop;
    const struct config *config;
    const struct server_table *table;
    SSL_CTX *context;
    struct hub_loop hub;
    bool is_stopped;
    struct leaf_target targets[LIMIT_SERVERS];
};

static void on_leaf(void *ctx, X509 *leaf)
{
    struct leaf_target *target = ctx;
    target->has_leaf = true;
    target->on_answer(target->ctx, target->server, leaf, leaf == NULL ? "no certificate" : "");
}

static void target_end(struct leaf_target *target, const char *error)
{
    target->asking = NULL;
    (void)uv_timer_stop(&target->timer);
    if (!target->has_leaf)
        target->on_answer(target->ctx, target->server, NULL, error);
}

static void on_done(void *ctx, unsigned status, const char *error)
{
    (void)status;
    target_end(ctx, error);
}

static void on_timer(uv_timer_t *timer)
{
    struct leaf_target *target =
        (struct leaf_target *)((char *)timer - offsetof(struct leaf_target, timer));
    health_check_cancel(target->asking);
    target_end(target, "no answer in time");
}

struct leaf_check *leaf_check_new(uv_loop_t *loop, const struct config *config,
                                  const struct server_table *table, struct err *err)
{
    SSL_CTX *context = tls_client_context(NULL, false, err);
    struct leaf_check *check = context != NULL ? calloc(1, sizeof(*check)) : NULL;
    if (check == NULL) {
        if (context != NULL)
            (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        SSL_CTX_free(context);
        return NULL;
    }
    *check =
        (struct leaf_check){.loop = loop, .config = config, .table = table, .context = context};
    hub_loop_start(&check->hub, loop);
    for (size_t i = 0; i < config_n_servers(config); i++) {
        check->targets[i].check = check;
        check->targets[i].server = i;
        (void)uv_timer_init(loop, &check->targets[i].timer); /* cannot fail */
    }
    return check;
}

void leaf_check_ask(struct leaf_check *check, size_t server, leaf_check_cb on_answer, void *ctx)
{
    const struct config *config = check->config;
    struct leaf_target *target = &check->targets[server];
    struct health_question question = {
        .loop = check->loop,
        .hub = &check->hub.hub,
        .context = check->context,
        .name = config_server_name(config, server),
        .proxy_protocol = config->upstream.proxy_protocol,
        .addresses = &check->table->states[server].addresses,
        .on_leaf = on_leaf,
        .done = on_done,
        .ctx = target,
    };
    if (check->is_stopped || target->asking != NULL)
        return;
    target->has_leaf = false;
    target->on_answer = on_answer;
    target->ctx = ctx;
    target->asking = health_check_start(&question);
    if (target->asking == NULL)
        target_end(target, "out of memory");
    else
        (void)uv_timer_start(&target->timer, on_timer,
                             config->timeouts.connect_ms + config->timeouts.handshake_ms, 0);
}

void leaf_check_stop(struct leaf_check *check)
{
    if (check == NULL || check->is_stopped)
        return;
    check->is_stopped = true;
    hub_loop_stop(&check->hub);
    for (size_t i = 0; i < config_n_servers(check->config); i++) {
        struct leaf_target *target = &check->targets[i];
        uv_close((uv_handle_t *)&target->timer, NULL);
        if (target->asking != NULL)
            health_check_cancel(target->asking);
        target->asking = NULL;
    }
}

void leaf_check_free(struct leaf_check *check)
{
    if (check == NULL)
        return;
    stream_hub_done(&check->hub.hub);
    SSL_CTX_free(check->context);
    free(check);
}
