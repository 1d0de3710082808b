/* The keys of session tickets (RFC 5077, RFC 8446 4.6.1): one set for all workers, so that any of
 * them resumes, renewed in time, so that a key that leaks opens no more than a day of recorded
 * TLS 1.2. */
#pragma once

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>

/* Tickets live for two hours (OpenSSL's default), so with the key before they all stay good. */
enum { TLS_TICKET_KEY_S = 12 * 60 * 60 };

struct tls_tickets;

/* With one reference. NULL: no memory, or no random numbers. */
struct tls_tickets *tls_tickets_new(uint64_t now_s);
/* Both from any thread; NULL is fine. */
struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets);
void tls_tickets_unref(struct tls_tickets *tickets);

/* When the key is TLS_TICKET_KEY_S old, make a new one and keep it as the one before; the one
 * before that is wiped. now_s is of the monotonic clock. False: no random numbers; the old one
 * goes on. */
bool tls_tickets_renew(struct tls_tickets *tickets, uint64_t now_s);

/* Part of tls_prepare. */
bool tls_tickets_prepare(void);
/* context issues and takes tickets of these keys; it has its own reference. */
bool tls_tickets_use(SSL_CTX *context, struct tls_tickets *tickets);
