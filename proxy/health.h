/* Health of the Exchange servers, per virtual directory, as Managed Availability reports it.
 *
 * Runs on the control loop: each server and directory has its own timer and its own state, so a
 * sick protocol takes only itself out. What is found goes into the server table. */
#pragma once

#include "admin/admin.h"
#include "config/config.h"
#include "events.h"
#include "servers.h"

#include <openssl/ssl.h>
#include <uv.h>

enum health_word {
    HEALTH_UNKNOWN = 0, /* not asked yet; counts as up */
    HEALTH_UP,
    HEALTH_DOWN,
};

struct health_state {
    enum health_word word;
    uint64_t streak; /* results in a row that speak against the word */
};

/* Take one result; pure. The first decides at once, later ones after `rise` or `fall` in a row.
 * True: the word has changed. */
bool health_judge(struct health_state *state, bool is_good, uint64_t rise, uint64_t fall);

struct health;

/* All pointers are kept. */
struct health_setup {
    uv_loop_t *loop;
    const struct config *config;
    struct server_table *table;   /* addresses are read from it, health is written into it */
    SSL_CTX *const *context;      /* the next check uses what is there; NULL there: no TLS */
    struct events *events;        /* are told of each change */
    void (*on_change)(void *ctx); /* called after each change of the table */
    void *ctx;
};

/* Begin to check. NULL: no memory, or the configuration wants no checks. */
struct health *health_start(const struct health_setup *setup);
/* Close everything; the loop must then run the close callbacks. NULL is fine. */
void health_stop(struct health *health);
/* After the loop has ended. NULL is fine. */
void health_free(struct health *health);
/* What is known of one server; nothing without checks. */
void health_collect(const struct health *health, size_t server, struct server_status *ret_status);
