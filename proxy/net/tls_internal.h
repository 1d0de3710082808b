/* Shared by tls*.c only. */
#pragma once

#include "net/tls.h"

/* What the callbacks of one listener's contexts look things up in. It belongs to the default
 * context, which every connection of the listener keeps alive. */
struct tls_bank;

/* Part of tls_prepare. */
bool tls_sni_prepare(void);

/* A server context without a certificate. NULL with err. */
SSL_CTX *tls_context_serve(const struct tls_material *material, struct tls_bank *bank,
                           struct err *err);

/* The context for a name that a client sent; NULL: the default. */
SSL_CTX *tls_bank_find(const struct tls_bank *bank, struct slice name);
/* The response to show with leaf now, or NULL. */
const struct tls_staple *tls_bank_staple(const struct tls_bank *bank, const X509 *leaf);
