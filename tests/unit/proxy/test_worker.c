/* A worker between a client and an upstream that misbehave: what belongs to whom, and for how
 * long. Nothing sleeps; the test turns the loop until a fact holds. */
#include "rig.h"

#define GET "GET /a HTTP/1.1\r\nHost: mail.example.test\r\n"

static void test_a_request_and_its_response_pass(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    rig_exchange(&rig, SLICE(GET "\r\n"));
    rig_exchange(&rig, SLICE(GET "X: y\r\n\r\n"));
    assert_int_equal(rig.worker.stats.requests, 2);
    assert_int_equal(rig.worker.stats.upstream_connections, 1);
    rig_stop(&rig);
    assert_int_equal(rig.worker.stats.connections_open, 0);
}

/* The start of a head lies in a buffer that moves when it grows. With a sanitizer this shows who
 * still looks at the old place when the head is refused later. */
static void test_a_head_in_parts_is_refused_without_a_look_at_old_memory(void **state)
{
    static const char filler[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                 "aaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct rig rig;
    (void)state;
    rig_start(&rig);
    rig_send(&rig, SLICE("PO"));
    rig_send(&rig, SLICE("ST / HTTP/1.1\r\nHost: a\r\nX: "));
    for (unsigned i = 0; i < 8; i++)
        rig_send(&rig, slice_str(filler));
    rig_send(&rig, SLICE("\x01\r\n\r\n"));
    rig_until(&rig, rig_has_response, "an answer");
    assert_memory_equal(rig.got, "HTTP/1.1 400 ", 13);
    rig_stop(&rig);
}

static bool upstream_has_failed(struct rig *rig)
{
    const struct upstream *upstream = rig_conn(rig)->upstream;
    return upstream == NULL || upstream->failure != STREAM_OK || upstream->has_ended;
}

static bool upstream_has_spoken(struct rig *rig)
{
    const struct upstream *upstream = rig_conn(rig)->upstream;
    return upstream == NULL || !piece_queue_is_empty(&upstream->in);
}

/* Half a head is there when the idle upstream connection goes: the request takes a new one. */
static void test_an_upstream_that_resets_between_requests_costs_nobody_a_request(void **state)
{
    struct rig rig;
    struct linger at_once = {.l_onoff = 1};
    (void)state;
    rig_start(&rig);
    rig_exchange(&rig, SLICE(GET "\r\n"));
    rig_send(&rig, SLICE(GET));
    assert_int_equal(setsockopt(rig.upstream, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)close(rig.upstream);
    rig.upstream = -1;
    rig_until(&rig, upstream_has_failed, "the proxy sees the reset");
    rig_exchange(&rig, SLICE("\r\n"));
    assert_int_equal(rig.worker.stats.requests, 2);
    assert_int_equal(rig.worker.stats.ended[END_OK], 2);
    rig_stop(&rig);
}

/* Response poisoning: bytes that came before the request are no answer to it. */
static void test_what_an_idle_upstream_says_unasked_answers_no_request(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    rig_exchange(&rig, SLICE(GET "\r\n"));
    rig_send(&rig, SLICE(GET));
    rig_upstream_sends(&rig, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    rig_until(&rig, upstream_has_spoken, "the proxy reads it");
    int first = rig.upstream; /* stays open */
    rig.upstream = -1;
    rig_exchange(&rig, SLICE("\r\n")); /* over a new connection, answered by us */
    assert_int_equal(rig.worker.stats.upstream_connections, 2);
    rig_stop(&rig);
    (void)close(first);
}

static bool upstream_is_stuck(struct rig *rig)
{
    static char chunk[65536 + 9];
    const struct upstream *upstream = rig_conn(rig)->upstream;
    if (upstream != NULL && stream_queued(upstream->stream) != 0)
        return true;
    int len = snprintf(chunk, sizeof(chunk), "10000\r\n");
    memset(chunk + len, 'a', 65536);
    memcpy(chunk + len + 65536, "\r\n", 2);
    rig_send(rig, slice_make(chunk, sizeof(chunk)));
    return false;
}

/* The upstream answers early, reads no more and stays: nobody may wait for it for ever. */
static void test_a_worker_stops_though_an_upstream_takes_nothing(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    rig_send(&rig, SLICE("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n"));
    rig_until(&rig, rig_has_upstream, "a connection to the upstream");
    rig_until(&rig, upstream_is_stuck, "the upstream's window is full");
    rig_send(&rig, SLICE("0\r\n\r\n"));
    rig_upstream_sends(&rig, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    rig_until(&rig, rig_has_response, "the response");
    rig_stop(&rig);
}

static bool client_is_let_go(struct rig *rig)
{
    const struct conn *conn = rig_conn(rig);
    static char part[65536];
    (void)send(rig->upstream, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);
    return conn == NULL || (conn->txn == NULL && conn->state != CONN_OPEN) ||
           (conn->txn != NULL && stream_queued(conn->client) != 0);
}

static bool conn_lingers(struct rig *rig)
{
    const struct conn *conn = rig_conn(rig);
    return conn == NULL || conn->state != CONN_OPEN;
}

/* A client on a slow line has as long for the rest of its last response as for any other. */
static void test_a_slow_client_gets_the_end_of_a_response_that_closes(void **state)
{
    struct rig rig;
    (void)state;
    rig_start(&rig);
    rig_send(&rig, SLICE("GET /a HTTP/1.0\r\nHost: a\r\n\r\n"));
    rig_until(&rig, rig_has_request, "the request");
    rig_upstream_sends(&rig, SLICE("HTTP/1.1 200 OK\r\n\r\n"));
    rig_until(&rig, client_is_let_go, "more than the client's kernel takes");
    (void)shutdown(rig.upstream, SHUT_WR);
    rig_until(&rig, conn_lingers, "the response is complete");
    struct conn *conn = rig_conn(&rig);
    assert_non_null(conn);
    assert_true(stream_queued(conn->client) != 0);
    conn_expire(conn); /* what the sweep calls after LIMIT_DRAIN_MS */
    assert_int_equal(conn->state, CONN_LINGER);
    uint64_t left = conn->deadline.at_ms - worker_now_ms(&rig.worker);
    if (left < rig.config.timeouts.write_ms / 2)
        fail_msg("cut off after %llu ms with %zu bytes unsent", (unsigned long long)left,
                 stream_queued(conn->client));
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_and_its_response_pass),
        cmocka_unit_test(test_an_upstream_that_resets_between_requests_costs_nobody_a_request),
        cmocka_unit_test(test_what_an_idle_upstream_says_unasked_answers_no_request),
        cmocka_unit_test(test_a_worker_stops_though_an_upstream_takes_nothing),
        cmocka_unit_test(test_a_slow_client_gets_the_end_of_a_response_that_closes),
        cmocka_unit_test(test_a_head_in_parts_is_refused_without_a_look_at_old_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
