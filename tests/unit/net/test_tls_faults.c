/* TLS when something goes wrong, when the owner is slow, and when it closes at any moment. */
#include "net/tls_pair.h"

static const struct tls_peer peer = {.name = "exchange.example.test"};

static void open_pair(struct tls_pair *pair, struct tls_world *world, enum fake_split split,
                      uint64_t seed)
{
    pair_init(pair, world->client, world->server, &peer, split, seed);
    fake_link_run(&pair->link);
    assert_int_equal(pair->client.n_open, 1);
    assert_int_equal(pair->server.n_open, 1);
}

static void test_what_is_no_tls_fails_with_an_alert(void **state)
{
    struct tls_world *world = *state;
    struct tls_pair pair;
    pair_init(&pair, world->client, world->server, &peer, SPLIT_NOT, 0);
    fake_stream_inject(&pair.link.ends[0], SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    fake_link_run(&pair.link);
    assert_int_equal(pair.server.n_open, 0);
    assert_int_equal(pair.server.failure, STREAM_TLS);
    stream_close(pair.server.stream, false);
    fake_link_run(&pair.link);
    assert_int_equal(pair.server.n_closed, 1);
    pair_done(&pair);
}

static void test_a_broken_record_is_a_failure_of_tls_not_of_the_certificate(void **state)
{
    struct tls_world *world = *state;
    SSL_CTX *clients[] = {world->client, world->client_unverified};
    for (size_t i = 0; i < 2; i++) {
        struct tls_pair pair;
        pair_init(&pair, clients[i], world->server, &peer, SPLIT_NOT, 0);
        fake_link_run(&pair.link);
        assert_int_equal(pair.client.n_open, 1);
        fake_stream_inject(&pair.link.ends[1], SLICE("\x17\x03\x03\x00\x05hello"));
        fake_link_run(&pair.link);
        assert_int_equal(pair.client.n_failed, 1);
        assert_int_equal(pair.client.failure, STREAM_TLS);
        pair_done(&pair);
    }
}

static void test_a_peer_that_leaves_during_the_handshake_is_reported(void **state)
{
    struct tls_world *world = *state;
    struct tls_pair pair;
    pair_init(&pair, world->client, world->server, &peer, SPLIT_BYTES, 0);
    for (unsigned i = 0; i < 20; i++) {
        stream_hub_flush(&pair.hub);
        assert_true(fake_link_step(&pair.link));
    }
    fake_stream_cut(&pair.link.ends[0]);
    fake_link_run(&pair.link);
    assert_int_equal(pair.server.n_open, 0);
    assert_int_equal(pair.server.failure, STREAM_TLS);
    pair_done(&pair);
}

static void test_a_stopped_reader_gets_nothing_and_later_everything(void **state)
{
    static char bytes[200000];
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct tls_pair pair;
        open_pair(&pair, *state, seed == 0 ? SPLIT_NOT : SPLIT_RANDOM, seed);
        pair.client.stops_on_data = true;
        end_send(&pair.server, slice_make(bytes, sizeof(bytes)));
        stream_end(pair.server.stream);
        size_t before = SIZE_MAX;
        unsigned n_rounds = 0;
        while (pair.client.n_end == 0) {
            fake_link_run(&pair.link);
            size_t got = pair.client.got.len;
            assert_true(got != before || pair.client.n_end == 1);
            assert_true(before == SIZE_MAX || got - before <= 16384); /* one record at a time */
            fake_link_run(&pair.link);
            assert_int_equal(pair.client.got.len, got);
            before = got;
            n_rounds++;
            stream_read(pair.client.stream, true);
        }
        assert_int_equal(pair.client.got.len, sizeof(bytes));
        assert_in_range(n_rounds, sizeof(bytes) / 16384, 1000);
        pair_done(&pair);
    }
}

static void test_what_a_slow_peer_has_not_taken_is_counted(void **state)
{
    static char bytes[LIMIT_QUEUE_HIGH_BYTES];
    struct tls_pair pair;
    open_pair(&pair, *state, SPLIT_RANDOM, 3);
    pair.link.ends[1].is_clogged = true;
    end_send(&pair.server, slice_make(bytes, sizeof(bytes)));
    assert_in_range(stream_queued(pair.server.stream), sizeof(bytes), sizeof(bytes) + 1000);
    fake_link_run(&pair.link);
    /* the records' own bytes may add something, but not much */
    assert_in_range(stream_queued(pair.server.stream), sizeof(bytes), sizeof(bytes) + 1000);
    assert_int_equal(pair.server.n_sent, 0);
    pair.link.ends[1].is_clogged = false;
    fake_link_run(&pair.link);
    assert_int_equal(stream_queued(pair.server.stream), 0);
    assert_in_range(pair.server.n_sent, 1, 2);
    assert_int_equal(pair.client.got.len, sizeof(bytes));
    pair_done(&pair);
}

static void test_closing_at_any_moment_of_the_handshake_is_safe(void **state)
{
    struct tls_world *world = *state;
    for (unsigned at = 0; at < 120; at++)
        for (unsigned how = 0; how < 4; how++) {
            struct tls_pair pair;
            pair_init(&pair, world->client, world->server, &peer, SPLIT_RANDOM, at);
            end_send(&pair.client, SLICE("early data of the owner"));
            for (unsigned i = 0; i < at; i++) {
                stream_hub_flush(&pair.hub);
                (void)fake_link_step(&pair.link);
            }
            struct tls_end *end = (how & 1) != 0 ? &pair.client : &pair.server;
            stream_close(end->stream, (how & 2) != 0);
            fake_link_run(&pair.link);
            assert_int_equal(end->n_closed, 1);
            assert_int_equal(end->n_failed, 0);
            pair_done(&pair);
        }
}

static void test_an_owner_may_close_inside_an_event(void **state)
{
    struct tls_world *world = *state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct tls_pair pair;
        pair_init(&pair, world->client, world->server, &peer, SPLIT_RANDOM, seed);
        pair.server.closes_on_open = (seed & 1) != 0;
        pair.client.closes_on_data = true;
        end_send(&pair.server, SLICE("one"));
        end_send(&pair.server, SLICE("two"));
        end_send(&pair.client, SLICE("three"));
        fake_link_run(&pair.link);
        pair_done(&pair);
    }
}

/* Anything, at any time, in any order. */
static void random_act(struct tls_pair *pair, uint64_t draw)
{
    static const char bytes[70000];
    struct tls_end *end = (draw & 1) != 0 ? &pair->client : &pair->server;
    switch ((draw >> 1) % 40) {
    case 0:
        stream_close(end->stream, false);
        break;
    case 1:
        stream_close(end->stream, true);
        break;
    case 2:
        stream_end(end->stream);
        break;
    case 3:
        fake_stream_cut(&pair->link.ends[draw & 1]);
        break;
    case 4:
        fake_stream_inject(&pair->link.ends[draw & 1], slice_make(bytes, 1 + (draw >> 40) % 30));
        break;
    case 5:
    case 6:
        stream_read(end->stream, false);
        break;
    case 7:
    case 8:
        stream_read(end->stream, true);
        break;
    case 9:
    case 10:
        end_send(end, slice_make(bytes, 1 + (draw >> 40) % sizeof(bytes)));
        break;
    case 11:
        end_send(end, slice_make(bytes, 1 + (draw >> 40) % 100));
        break;
    case 12:
        stream_hub_flush(&pair->hub);
        break;
    default:
        (void)fake_link_step(&pair->link);
        break;
    }
}

static void test_any_order_of_acts_keeps_the_rules_of_streams(void **state)
{
    struct tls_world *world = *state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct tls_pair pair;
        uint64_t random = seed;
        SSL_CTX *client = seed % 5 == 0 ? world->client_without_ca : world->client;
        pair_init(&pair, client, world->server, &peer, SPLIT_RANDOM, seed);
        unsigned n_acts = (unsigned)(test_random(&random) % 400);
        for (unsigned i = 0; i < n_acts; i++) {
            bool is_over = pair.client.n_closed == 1 && pair.server.n_closed == 1;
            if (!is_over)
                random_act(&pair, test_random(&random));
        }
        pair_done(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_tls_fails_with_an_alert),
        cmocka_unit_test(test_a_broken_record_is_a_failure_of_tls_not_of_the_certificate),
        cmocka_unit_test(test_a_peer_that_leaves_during_the_handshake_is_reported),
        cmocka_unit_test(test_a_stopped_reader_gets_nothing_and_later_everything),
        cmocka_unit_test(test_what_a_slow_peer_has_not_taken_is_counted),
        cmocka_unit_test(test_closing_at_any_moment_of_the_handshake_is_safe),
        cmocka_unit_test(test_an_owner_may_close_inside_an_event),
        cmocka_unit_test(test_any_order_of_acts_keeps_the_rules_of_streams),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
