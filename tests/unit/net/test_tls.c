/* Handshakes, data and endings of TLS above a connection that delays and splits. */
#include "net/tls_pair.h"

#include <uv.h>

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
static const struct tls_peer good_peer = {.name = "exchange.example.test"};

static void open_pair(struct tls_pair *pair, struct tls_world *world, enum fake_split split,
                      uint64_t seed)
{
    pair_init(pair, world->client, world->server, &good_peer, split, seed);
    fake_link_run(&pair->link);
    if (pair->client.n_open != 1 || pair->server.n_open != 1)
        fail_msg("no handshake: client \"%s\", server \"%s\"", pair->client.text,
                 pair->server.text);
}

static void test_a_handshake_ends_in_http11_in_both_versions(void **state)
{
    struct tls_world *world = *state;
    for (size_t v = 0; v < 2; v++)
        for (unsigned split = SPLIT_NOT; split <= SPLIT_RANDOM; split++) {
            struct tls_pair pair;
            const unsigned char *protocol;
            unsigned len;
            world_set_version(world, versions[v]);
            open_pair(&pair, world, (enum fake_split)split, 7);
            assert_int_equal(SSL_version(pair.client.tls.ssl), versions[v]);
            SSL_get0_alpn_selected(pair.client.tls.ssl, &protocol, &len);
            assert_true(slice_equal(slice_make((const char *)protocol, len), SLICE("http/1.1")));
            assert_false(tls_stream_was_resumed(&pair.server.tls));
            pair_done(&pair);
        }
    world_set_version(world, 0);
}

static void check_alpn(struct tls_world *world, struct slice offered, struct slice expected)
{
    struct tls_pair pair;
    const unsigned char *protocol = NULL;
    unsigned len = 0;
    assert_int_equal(SSL_CTX_set_alpn_protos(world->client, (const unsigned char *)offered.ptr,
                                             (unsigned)offered.len),
                     0);
    open_pair(&pair, world, SPLIT_NOT, 0);
    SSL_get0_alpn_selected(pair.server.tls.ssl, &protocol, &len);
    assert_true(slice_equal(slice_make((const char *)protocol, len), expected));
    pair_done(&pair);
}

static void test_no_other_protocol_is_ever_agreed_on(void **state)
{
    struct tls_world *world = *state;
    check_alpn(world, SLICE("\x02h2\x08http/1.1"), SLICE("http/1.1"));
    check_alpn(world, SLICE("\x02h2"), SLICE(""));
    check_alpn(world, SLICE("\x08http/1.0\x08spdy/3.1"), SLICE(""));
    check_alpn(world, SLICE("\x08http/1.1"), SLICE("http/1.1"));
}

static void fill_random(char *bytes, size_t len, uint64_t *seed)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)test_random(seed);
}

/* Sends random amounts both ways while the network runs. */
static void exchange_random(struct tls_pair *pair, uint64_t seed, struct buf sent[2])
{
    static char bytes[60000];
    struct tls_end *ends[2] = {&pair->client, &pair->server};
    for (unsigned round = 0; round < 24; round++) {
        uint64_t draw = test_random(&seed);
        size_t len = 1 + (size_t)((draw >> 8) % ((draw & 2) != 0 ? sizeof(bytes) : 300));
        fill_random(bytes, len, &seed);
        end_send(ends[draw & 1], slice_make(bytes, len));
        assert_true(buf_append(&sent[draw & 1], slice_make(bytes, len)));
        for (unsigned i = (unsigned)(draw >> 60); i != 0; i--) {
            stream_hub_flush(&pair->hub);
            (void)fake_link_step(&pair->link);
        }
    }
}

static void test_data_arrives_whole_and_in_order_both_ways(void **state)
{
    struct tls_world *world = *state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct tls_pair pair;
        struct buf sent[2];
        buf_init(&sent[0], 64 * 1024 * 1024);
        buf_init(&sent[1], 64 * 1024 * 1024);
        world_set_version(world, versions[seed % 2]);
        pair_init(&pair, world->client, world->server, &good_peer, SPLIT_RANDOM, seed);
        exchange_random(&pair, seed, sent); /* before the handshake is over, too */
        fake_link_run(&pair.link);
        assert_true(slice_equal(buf_slice(&pair.server.got), buf_slice(&sent[0])));
        assert_true(slice_equal(buf_slice(&pair.client.got), buf_slice(&sent[1])));
        assert_int_equal(stream_queued(pair.client.stream), 0);
        assert_int_equal(stream_queued(pair.server.stream), 0);
        buf_done(&sent[0]);
        buf_done(&sent[1]);
        pair_done(&pair);
    }
    world_set_version(world, 0);
}

static void test_an_end_arrives_behind_the_data_and_the_other_way_goes_on(void **state)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct tls_pair pair;
        open_pair(&pair, *state, seed == 0 ? SPLIT_NOT : SPLIT_RANDOM, seed);
        end_send(&pair.client, SLICE("question"));
        stream_end(pair.client.stream);
        fake_link_run(&pair.link);
        assert_int_equal(pair.server.n_end, 1);
        assert_true(slice_equal(buf_slice(&pair.server.got), SLICE("question")));
        end_send(&pair.server, SLICE("answer"));
        fake_link_run(&pair.link);
        assert_true(slice_equal(buf_slice(&pair.client.got), SLICE("answer")));
        stream_close(pair.server.stream, false);
        fake_link_run(&pair.link);
        assert_int_equal(pair.client.n_end, 1);
        assert_int_equal(pair.client.n_failed + pair.server.n_failed, 0);
        pair_done(&pair);
    }
}

/* How the proxy ends a response: each way must leave a close_notify, or the client takes it for
 * a truncation attack. */
static void test_every_orderly_close_says_close_notify(void **state)
{
    static const struct {
        const char *name;
        bool sends, ends, flushes;
    } rows[] = {
        {"close alone", false, false, false},    {"data, close", true, false, false},
        {"end, close", false, true, false},      {"end, flush, close", false, true, true},
        {"data, end, close", true, true, false}, {"data, end, flush, close", true, true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_pair pair;
        open_pair(&pair, *state, SPLIT_NOT, 0);
        if (rows[i].sends)
            end_send(&pair.server, SLICE("last words"));
        if (rows[i].ends)
            stream_end(pair.server.stream);
        if (rows[i].flushes)
            stream_hub_flush(&pair.hub);
        stream_close(pair.server.stream, false);
        fake_link_run(&pair.link);
        assert_int_equal(pair.client.got.len, rows[i].sends ? 10 : 0);
        if (pair.client.n_end != 1 || pair.client.n_failed != 0)
            fail_msg("%s: the client saw \"%s\"", rows[i].name, pair.client.text);
        assert_int_equal(pair.server.n_closed, 1);
        pair_done(&pair);
    }
}

static void test_a_cut_is_no_end(void **state)
{
    struct tls_pair pair;
    open_pair(&pair, *state, SPLIT_NOT, 0);
    end_send(&pair.server, SLICE("half"));
    fake_link_run(&pair.link);
    fake_stream_cut(&pair.link.ends[1]);
    fake_link_run(&pair.link);
    assert_int_equal(pair.client.n_end, 0);
    assert_int_equal(pair.client.failure, STREAM_RESET);
    assert_true(slice_equal(buf_slice(&pair.client.got), SLICE("half")));
    pair_done(&pair);
}

static void test_a_reset_is_passed_on(void **state)
{
    struct tls_pair pair;
    open_pair(&pair, *state, SPLIT_NOT, 0);
    stream_close(pair.server.stream, true);
    fake_link_run(&pair.link);
    assert_int_equal(pair.client.n_end, 0);
    assert_int_equal(pair.client.failure, STREAM_RESET);
    assert_int_equal(pair.server.n_failed, 0);
    pair_done(&pair);
}

static void test_a_session_is_resumed_in_both_versions(void **state)
{
    struct tls_world *world = *state;
    for (size_t v = 0; v < 2; v++) {
        struct tls_session_cache cache = {0};
        struct tls_peer peer = {.name = good_peer.name, .cache = &cache};
        world_set_version(world, versions[v]);
        for (unsigned i = 0; i < 3; i++) {
            struct tls_pair pair;
            pair_init(&pair, world->client, world->server, &peer, SPLIT_RANDOM, i);
            fake_link_run(&pair.link);
            assert_int_equal(pair.client.n_open, 1);
            assert_int_equal(tls_stream_was_resumed(&pair.client.tls), i != 0);
            assert_int_equal(tls_stream_was_resumed(&pair.server.tls), i != 0);
            end_send(&pair.server, SLICE("x")); /* TLS 1.3 tickets come with the data */
            fake_link_run(&pair.link);
            stream_close(pair.client.stream, false);
            fake_link_run(&pair.link);
            pair_done(&pair);
        }
        tls_session_cache_done(&cache);
    }
    world_set_version(world, 0);
}

/* Connect once with what the cache has, and take the ticket of this connection. */
static bool visit_resumes(struct tls_world *world, struct tls_session_cache *cache)
{
    struct tls_peer peer = {.name = good_peer.name, .cache = cache};
    struct tls_pair pair;
    pair_init(&pair, world->client, world->server, &peer, SPLIT_RANDOM, 1);
    fake_link_run(&pair.link);
    assert_int_equal(pair.client.n_open, 1);
    bool is_resumed = tls_stream_was_resumed(&pair.client.tls);
    end_send(&pair.server, SLICE("x"));
    fake_link_run(&pair.link);
    stream_close(pair.client.stream, false);
    fake_link_run(&pair.link);
    pair_done(&pair);
    return is_resumed;
}

static void test_ticket_keys_are_renewed_and_the_one_before_still_counts(void **state)
{
    struct tls_world *world = *state;
    uint64_t now_s = uv_hrtime() / 1000000000;
    for (size_t v = 0; v < 2; v++) {
        struct tls_session_cache cache = {0};
        world_set_version(world, versions[v]);
        assert_false(visit_resumes(world, &cache));
        SSL_SESSION *oldest = cache.session;
        assert_int_equal(SSL_SESSION_up_ref(oldest), 1);
        struct tls_session_cache late = {.session = oldest, .context = cache.context};

        assert_true(tls_tickets_renew(world->material.tickets, now_s + TLS_TICKET_KEY_S - 60));
        assert_true(visit_resumes(world, &cache)); /* not old yet */
        now_s += TLS_TICKET_KEY_S + 60;
        assert_true(tls_tickets_renew(world->material.tickets, now_s));
        assert_true(visit_resumes(world, &cache)); /* by the key before, and a new ticket came */
        now_s += TLS_TICKET_KEY_S + 60;
        assert_true(tls_tickets_renew(world->material.tickets, now_s));
        /* Of a ticket that a resumed session brings OpenSSL tells in TLS 1.3 only, so in 1.2 this
         * is the first one. */
        assert_int_equal(visit_resumes(world, &cache), versions[v] == TLS1_3_VERSION);
        assert_false(visit_resumes(world, &late)); /* its key is gone */
        tls_session_cache_done(&late);
        tls_session_cache_done(&cache);
    }
    world_set_version(world, 0);
}

static void test_contexts_of_one_listener_share_their_ticket_keys(void **state)
{
    struct tls_world *world = *state;
    struct err err;
    struct tls_session_cache cache = {0};
    SSL_CTX *first = world->server;
    assert_false(visit_resumes(world, &cache));
    world->server = tls_server_context(&world->material, &err); /* another worker's */
    assert_non_null(world->server);
    assert_true(visit_resumes(world, &cache));
    SSL_CTX_free(world->server);
    world->server = first;
    tls_session_cache_done(&cache);
}

/* The server may send a ticket at any time, so also after a reload that no longer trusts it. */
static void test_an_old_connection_adds_no_session_behind_a_reload(void **state)
{
    struct tls_world *world = *state;
    struct tls_session_cache cache = {0};
    struct tls_peer peer = {.name = good_peer.name, .cache = &cache};
    struct tls_pair pair;
    world_set_version(world, TLS1_3_VERSION);
    pair_init(&pair, world->client, world->server, &peer, SPLIT_RANDOM, 1);
    fake_link_run(&pair.link);
    end_send(&pair.server, SLICE("x"));
    fake_link_run(&pair.link);
    assert_non_null(cache.session);
    tls_session_cache_done(&cache);
    assert_int_equal(SSL_new_session_ticket(pair.server.tls.ssl), 1);
    end_send(&pair.server, SLICE("y"));
    fake_link_run(&pair.link);
    assert_int_equal(pair.client.got.len, 2);
    assert_null(cache.session);
    pair_done(&pair);
    world_set_version(world, 0);
}

static void test_certificates_are_judged(void **state)
{
    struct tls_world *world = *state;
    const struct {
        const char *name;
        SSL_CTX *client;
        const char *peer;
        const char *expected; /* part of the text; NULL: good */
    } rows[] = {
        {"right name", world->client, "exchange.example.test", NULL},
        {"other case", world->client, "EXCHANGE.example.test", NULL},
        {"right address", world->client, "127.0.0.1", NULL},
        {"wrong name", world->client, "other.example.test", "mismatch"},
        {"longer name", world->client, "a.exchange.example.test", "mismatch"},
        {"wrong address", world->client, "192.0.2.1", "mismatch"},
        {"unknown CA", world->client_without_ca, "exchange.example.test", "certificate"},
        {"not verified", world->client_unverified, "other.example.test", NULL},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        size_t row = i / 2;
        struct tls_peer peer = {.name = rows[row].peer};
        struct tls_pair pair;
        world_set_version(world, versions[i % 2]);
        pair_init(&pair, rows[row].client, world->server, &peer, SPLIT_RANDOM, i);
        fake_link_run(&pair.link);
        bool is_good = pair.client.n_open == 1 && pair.client.n_failed == 0;
        if (is_good != (rows[row].expected == NULL))
            fail_msg("%s: \"%s\"", rows[row].name, pair.client.text);
        if (!is_good) {
            assert_int_equal(pair.client.n_open, 0);
            assert_int_equal(pair.client.failure, STREAM_CERTIFICATE);
            if (strstr(pair.client.text, rows[row].expected) == NULL)
                fail_msg("%s: \"%s\"", rows[row].name, pair.client.text);
            stream_close(pair.client.stream, false); /* the alert must still get out */
            fake_link_run(&pair.link);
            assert_int_equal(pair.server.failure, STREAM_TLS);
        }
        pair_done(&pair);
    }
    world_set_version(world, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handshake_ends_in_http11_in_both_versions),
        cmocka_unit_test(test_data_arrives_whole_and_in_order_both_ways),
        cmocka_unit_test(test_an_end_arrives_behind_the_data_and_the_other_way_goes_on),
        cmocka_unit_test(test_every_orderly_close_says_close_notify),
        cmocka_unit_test(test_a_cut_is_no_end),
        cmocka_unit_test(test_a_reset_is_passed_on),
        cmocka_unit_test(test_a_session_is_resumed_in_both_versions),
        cmocka_unit_test(test_ticket_keys_are_renewed_and_the_one_before_still_counts),
        cmocka_unit_test(test_contexts_of_one_listener_share_their_ticket_keys),
        cmocka_unit_test(test_an_old_connection_adds_no_session_behind_a_reload),
        cmocka_unit_test(test_certificates_are_judged),
        cmocka_unit_test(test_no_other_protocol_is_ever_agreed_on),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
