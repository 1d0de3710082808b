/* Asks servers for the certificate that they show to us. Beside the workers, on any loop. */
#pragma once

#include "config/config.h"
#include "servers.h"

#include <openssl/x509.h>
#include <uv.h>

struct leaf_check;

/* leaf   borrowed for the call; NULL: error says why, for people */
typedef void (*leaf_check_cb)(void *ctx, size_t server, X509 *leaf, const char *error);

/* config, table  kept; addresses are read from the table. NULL with err. */
struct leaf_check *leaf_check_new(uv_loop_t *loop, const struct config *config,
                                  const struct server_table *table, struct err *err);
/* Ask one server that speaks TLS. on_answer comes once, later or at once; it does not come when
 * the server is being asked already. */
void leaf_check_ask(struct leaf_check *check, size_t server, leaf_check_cb on_answer, void *ctx);
/* Close everything; on_answer is not called any more. The loop must run the close callbacks. NULL
 * is fine, and so is a second time. */
void leaf_check_stop(struct leaf_check *check);
/* After the loop has ended. NULL is fine. */
void leaf_check_free(struct leaf_check *check);
