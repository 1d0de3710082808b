/* Flush before the loop sleeps and after it woke, as a worker does. */
#include "net/hub_loop.h"

#include <stddef.h>

#include "stopgap/banned.h"

static void on_prepare(uv_prepare_t *prepare)
{
    stream_hub_flush(
        &((struct hub_loop *)((char *)prepare - offsetof(struct hub_loop, prepare)))->hub);
}

static void on_after(uv_check_t *after)
{
    stream_hub_flush(&((struct hub_loop *)((char *)after - offsetof(struct hub_loop, after)))->hub);
}

void hub_loop_start(struct hub_loop *hub_loop, uv_loop_t *loop)
{
    stream_hub_init(&hub_loop->hub);
    (void)uv_prepare_init(loop, &hub_loop->prepare); /* these cannot fail */
    (void)uv_check_init(loop, &hub_loop->after);
    (void)uv_prepare_start(&hub_loop->prepare, on_prepare);
    (void)uv_check_start(&hub_loop->after, on_after);
}

void hub_loop_stop(struct hub_loop *hub_loop)
{
    if (uv_is_closing((uv_handle_t *)&hub_loop->prepare))
        return;
    uv_close((uv_handle_t *)&hub_loop->prepare, NULL);
    uv_close((uv_handle_t *)&hub_loop->after, NULL);
}
