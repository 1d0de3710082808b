/* A TLS client and a TLS server above a fake connection, and what they were told. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/message.h"
#include "net/fake_stream.h"
#include "net/piece_copy.h"
#include "net/tls.h"
#include "proxy_limits.h"

#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>

struct tls_end {
    struct tls_stream tls;
    struct stream *stream;
    struct buf got;
    unsigned n_open, n_end, n_sent, n_failed, n_closed;
    enum stream_failure failure;
    char text[128];
    bool closes_on_open, closes_on_data, stops_on_data;
};

struct tls_pair {
    struct stream_hub hub;
    struct fake_link link;
    struct tls_end client, server;
};

/* Certificates and contexts that all tests of a file share. */
struct tls_world {
    struct tls_material material; /* for exchange.example.test */
    char ca_path[64];
    SSL_CTX *server, *client, *client_without_ca, *client_unverified;
};

static inline struct tls_end *end_of(struct stream *stream)
{
    struct tls_end *end = stream->owner;
    assert_int_equal(end->n_closed, 0); /* on_closed is the last event */
    return end;
}

static inline void on_open(struct stream *stream)
{
    struct tls_end *end = end_of(stream);
    end->n_open++;
    stream_read(stream, true);
    if (end->closes_on_open)
        stream_close(stream, false);
}

static inline void on_data(struct stream *stream, struct piece piece)
{
    struct tls_end *end = end_of(stream);
    assert_int_equal(end->n_open, 1);
    assert_int_equal(end->n_end + end->n_failed, 0);
    assert_true(piece.bytes.len != 0);
    assert_true(buf_append(&end->got, piece.bytes));
    if (end->closes_on_data)
        stream_close(stream, false);
    if (end->stops_on_data)
        stream_read(stream, false);
}

static inline void on_end(struct stream *stream)
{
    end_of(stream)->n_end++;
}

static inline void on_sent(struct stream *stream)
{
    end_of(stream)->n_sent++;
}

static inline void on_failed(struct stream *stream, enum stream_failure failure, const char *text)
{
    struct tls_end *end = end_of(stream);
    end->n_failed++;
    end->failure = failure;
    (void)snprintf(end->text, sizeof(end->text), "%s", text);
    assert_true(text[0] != '\0');
}

static inline void on_closed(struct stream *stream)
{
    end_of(stream)->n_closed++;
}

static const struct stream_events end_events = {.on_open = on_open,
                                                .on_data = on_data,
                                                .on_end = on_end,
                                                .on_sent = on_sent,
                                                .on_failed = on_failed,
                                                .on_closed = on_closed};

static inline void pair_init(struct tls_pair *pair, SSL_CTX *client, SSL_CTX *server,
                             const struct tls_peer *peer, enum fake_split split, uint64_t seed)
{
    *pair = (struct tls_pair){0};
    stream_hub_init(&pair->hub);
    fake_link_init(&pair->link, &pair->hub, split, seed);
    buf_init(&pair->client.got, 64 * 1024 * 1024);
    buf_init(&pair->server.got, 64 * 1024 * 1024);
    assert_true(tls_stream_init(&pair->client.tls, &pair->link.ends[0].stream, client, peer,
                                &end_events, &pair->client));
    assert_true(tls_stream_init(&pair->server.tls, &pair->link.ends[1].stream, server, NULL,
                                &end_events, &pair->server));
    pair->client.stream = &pair->client.tls.stream;
    pair->server.stream = &pair->server.tls.stream;
    tls_stream_start(&pair->server.tls);
    fake_stream_connect(&pair->link.ends[0]);
}

/* Close what is open; both ends must hear on_closed once. */
static inline void pair_done(struct tls_pair *pair)
{
    stream_close(pair->client.stream, true);
    stream_close(pair->server.stream, true);
    fake_link_run(&pair->link);
    assert_int_equal(pair->client.n_closed, 1);
    assert_int_equal(pair->server.n_closed, 1);
    assert_in_range(pair->client.n_failed + pair->client.n_end, 0, 2);
    assert_in_range(pair->client.n_end, 0, 1);
    assert_in_range(pair->client.n_failed, 0, 1);
    assert_in_range(pair->server.n_end, 0, 1);
    assert_in_range(pair->server.n_failed, 0, 1);
    tls_stream_done(&pair->client.tls);
    tls_stream_done(&pair->server.tls);
    buf_done(&pair->client.got);
    buf_done(&pair->server.got);
    fake_link_done(&pair->link);
    stream_hub_done(&pair->hub);
}

static inline void end_send(struct tls_end *end, struct slice bytes)
{
    struct piece piece = piece_copy(&end->stream->hub->pool, bytes);
    assert_non_null(piece.chunk);
    stream_send(end->stream, piece);
    chunk_unref(piece.chunk);
}

static inline int world_setup(void **state)
{
    struct tls_world *world = calloc(1, sizeof(*world));
    struct err err;
    assert_non_null(world);
    assert_true(tls_prepare());
    assert_true(tls_material_self_signed(&world->material, "exchange.example.test", &err));
    (void)snprintf(world->ca_path, sizeof(world->ca_path), "/tmp/stopgap-ca-XXXXXX");
    int fd = mkstemp(world->ca_path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, world->material.items[0].leaf), 1);
    assert_int_equal(fclose(file), 0);
    world->server = tls_server_context(&world->material, &err);
    world->client = tls_client_context(world->ca_path, true, &err);
    world->client_without_ca = tls_client_context(NULL, true, &err);
    world->client_unverified = tls_client_context(NULL, false, &err);
    assert_true(world->server != NULL && world->client != NULL &&
                world->client_without_ca != NULL && world->client_unverified != NULL);
    *state = world;
    return 0;
}

static inline int world_teardown(void **state)
{
    struct tls_world *world = *state;
    (void)unlink(world->ca_path);
    SSL_CTX_free(world->server);
    SSL_CTX_free(world->client);
    SSL_CTX_free(world->client_without_ca);
    SSL_CTX_free(world->client_unverified);
    tls_material_done(&world->material);
    free(world);
    return 0;
}

static inline void world_set_version(struct tls_world *world, int version)
{
    SSL_CTX *contexts[] = {world->server, world->client, world->client_without_ca,
                           world->client_unverified};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(SSL_CTX_set_max_proto_version(contexts[i], version), 1);
}
