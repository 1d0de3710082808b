"""Connections: one upstream connection for one client connection, kept, pipelined, re-opened."""

import threading

import pytest

from harness.exchange import answer_all, serve
from harness.http import request, response
from harness.wait import wait_for

GET = "/owa/auth/logon.aspx"
POST = "/Microsoft-Server-ActiveSync?Cmd=Sync"


def test_requests_of_one_client_connection_use_one_upstream_connection(pair, client):
    one = client(pair.proxy)
    for number in range(5):
        assert one.ask("%s?n=%d" % (GET, number)).status == 200
    assert len(pair.exchange.connections) == 1


def test_two_clients_never_share_an_upstream_connection(pair, client):
    first, second = client(pair.proxy), client(pair.proxy)
    for one in (first, second, first, second):
        assert one.ask(GET).status == 200
    assert [len(c.requests) for c in pair.exchange.connections] == [2, 2]


def test_a_later_client_does_not_inherit_the_upstream_connection(pair, client):
    """A server that authenticates connections would take it for the one before."""
    first = client(pair.proxy)
    first.ask(GET, fields=["Authorization: Negotiate YII="])
    first.close()
    wait_for(lambda: pair.exchange.connections[0].is_over, "the upstream connection to close with its client")
    client(pair.proxy).ask(GET)
    assert len(pair.exchange.connections) == 2


IDLE = "timeouts:\n  upstream_idle: 300ms\n"


@pytest.mark.parametrize("credentials", [[], ["Authorization: Basic dTpw"], ["authorization: bearer ey.J"]])
def test_an_idle_upstream_connection_that_nobody_authenticated_is_let_go(proxy, exchange, client, credentials):
    """Its client stays, and its next request gets a new one."""
    upstream = exchange()
    one = client(proxy(upstream, config=IDLE))
    assert one.ask(GET, fields=credentials).status == 200
    wait_for(lambda: upstream.connections[0].is_over, "the idle upstream connection to close")
    assert one.ask(POST, "POST", body=b"x").status == 200
    assert len(upstream.connections) == 2


@pytest.mark.parametrize("credentials", ["Negotiate YII=", "NTLM TlRM", "negotiate", "Unheard-Of x"])
def test_an_idle_upstream_connection_that_may_be_authenticated_is_kept(proxy, exchange, client, credentials):
    """One that is not is let go meanwhile, so the time has passed for both."""
    upstream = exchange()
    one = proxy(upstream, config=IDLE)
    user, passer_by = client(one), client(one)
    assert user.ask(GET, fields=["Authorization: " + credentials]).status == 200
    assert user.ask(GET).status == 200
    assert passer_by.ask(GET).status == 200
    wait_for(lambda: upstream.connections[1].is_over, "the other one to close")
    assert user.ask(GET).status == 200
    assert [len(c.requests) for c in upstream.connections] == [3, 1]


def test_a_request_that_takes_its_time_keeps_its_upstream_connection(proxy, exchange, client):
    over = threading.Event()

    def script(conn):
        conn.request()
        over.wait(1.2)
        conn.answer(body=b"at last")

    assert client(proxy(exchange(script), config=IDLE)).ask(GET).body == b"at last"


def test_a_client_that_sends_nothing_opens_no_upstream_connection(pair, client):
    one = client(pair.proxy)
    other = client(pair.proxy)
    assert other.ask(GET).status == 200
    assert len(pair.exchange.connections) == 1
    one.close()


def test_pipelined_requests_are_answered_in_order(pair, client):
    pair.exchange.script = serve(lambda conn, message: conn.answer(body=message.target))
    one = client(pair.proxy)
    targets = ["%s?n=%d" % (GET, n) for n in range(20)]
    one.send(b"".join(request(t) for t in targets))
    assert [one.read().body.decode() for _ in targets] == targets
    assert len(pair.exchange.connections) == 1


def test_pipelined_requests_with_bodies_keep_their_borders(pair, client):
    pair.exchange.script = serve(lambda conn, message: conn.answer(body=message.target + b"=" + message.body))
    one = client(pair.proxy)
    one.send(request(POST, "POST", body=b"GET / HTTP/1.1\r\n\r\n") + request(POST, "POST", ["Transfer-Encoding: chunked"]) +
             b"3\r\nabc\r\n0\r\n\r\n" + request(GET))
    assert one.read().body == POST.encode() + b"=GET / HTTP/1.1\r\n\r\n"
    assert one.read().body == POST.encode() + b"=abc"
    assert one.read().body == GET.encode() + b"="


def test_a_pipelined_request_does_not_wait_for_more_bytes(pair, client):
    one = client(pair.proxy)
    one.send(request(GET) + request(GET)[:20])
    assert one.read().status == 200
    one.send(request(GET)[20:])
    assert one.read().status == 200


def test_a_blocked_request_in_a_pipeline_is_answered_in_its_turn(pair, client):
    one = client(pair.proxy)
    one.send(request(GET) + request("/ecp/y.js", fields=["Cookie: X-BEResource=a]@x:444/ecp/z#~1"]) + request(GET))
    assert one.read().status == 200
    assert one.read().status == 403
    assert one.read().status == 200


def test_connection_close_of_the_client_closes_after_the_answer(pair, client):
    one = client(pair.proxy)
    answer = one.ask(GET, fields=["Connection: close"])
    assert answer.status == 200 and [v.lower() for v in answer.get(b"Connection")] == [b"close"]
    assert one.is_closed()


def test_an_upstream_that_closes_after_each_answer_does_not_close_the_client(pair, client):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")

    pair.exchange.script = script
    one = client(pair.proxy)
    for _ in range(3):
        assert one.ask(GET).body == b"OK"
    assert len(pair.exchange.connections) == 3


def test_http_1_0_is_closed_after_the_answer(pair, client):
    one = client(pair.proxy)
    assert one.ask(GET, version="1.0").body == b"OK"
    assert one.is_closed()


def test_http_1_0_with_keep_alive_is_kept(pair, client):
    one = client(pair.proxy)
    for _ in range(3):
        answer = one.ask(GET, version="1.0", fields=["Connection: Keep-Alive"])
        assert [v.lower() for v in answer.get(b"Connection")] == [b"keep-alive"]


def test_an_answer_of_our_own_to_http_1_0_says_that_the_connection_is_kept(pair, client):
    one = client(pair.proxy)
    for _ in range(2):
        answer = one.ask("/no-such-path", version="1.0", fields=["Connection: Keep-Alive"])
        assert answer.status == 404 and [v.lower() for v in answer.get(b"Connection")] == [b"keep-alive"]


def test_http_1_0_clients_get_no_chunks(pair, client):
    pair.exchange.script = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    one = client(pair.proxy)
    answer = one.ask(GET, version="1.0", fields=["Connection: Keep-Alive"])
    assert answer.body == b"abc" and answer.framing() is None


def test_http_1_0_without_host_is_forwarded(pair, client):
    assert client(pair.proxy).ask(GET, version="1.0", host=None).status == 200


def stale_then(then, count):
    """Answers one request, closes while idle; the later connections run `then`."""

    def script(conn):
        if conn.number < count:
            conn.request()
            conn.answer()
        else:
            then(conn)

    return script


def test_a_stale_upstream_connection_is_replaced_for_a_request_without_body(pair, client):
    pair.exchange.script = stale_then(answer_all, 1)
    one = client(pair.proxy)
    one.ask(GET)
    wait_for(lambda: pair.exchange.connections[0].is_over, "the upstream to close")
    assert one.ask(GET).status == 200
    assert len(pair.exchange.connections) == 2


def reset_at_second_request(conn):
    """Takes the second request of its connection and resets, as a server that just gave up."""
    conn.request()
    conn.answer()
    conn.head()
    conn.reset()


def test_a_request_without_body_that_met_a_dying_connection_is_sent_once_more(pair, client):
    pair.exchange.script = lambda conn: reset_at_second_request(conn) if conn.number == 0 else answer_all(conn)
    one = client(pair.proxy)
    one.ask(GET)
    assert one.ask(GET + "?again").status == 200
    assert [m.target for m in pair.exchange.requests].count((GET + "?again").encode()) == 2


def test_a_request_is_sent_at_most_twice(pair, client):
    def script(conn):
        if conn.number == 0:
            reset_at_second_request(conn)
        else:
            conn.head()
            conn.reset()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.ask(GET)
    assert one.ask(GET + "?again").status == 502
    assert [m.target for m in pair.exchange.requests].count((GET + "?again").encode()) == 2


def test_a_post_that_met_a_dying_connection_is_not_repeated(pair, client):
    pair.exchange.script = lambda conn: reset_at_second_request(conn) if conn.number == 0 else answer_all(conn)
    one = client(pair.proxy)
    one.ask(GET)
    assert one.ask(POST, "POST", body=b"pay once").status == 502
    assert [m.method for m in pair.exchange.requests].count(b"POST") == 1


def test_the_first_request_of_a_connection_is_not_repeated(pair, client):
    def script(conn):
        conn.head()
        conn.reset()

    pair.exchange.script = script
    assert client(pair.proxy).ask(GET).status == 502
    assert len(pair.exchange.requests) == 1


def test_after_a_502_the_next_client_is_served(pair, client):
    def script(conn):
        if conn.number == 0:
            conn.head()
            conn.reset()
        answer_all(conn)

    pair.exchange.script = script
    assert client(pair.proxy).ask(GET).status == 502
    assert client(pair.proxy).ask(GET).status == 200


def test_bytes_after_a_response_are_not_taken_for_the_next_response(pair, client):
    def script(conn):
        conn.request()
        conn.send(response(body=b"mine") + response("200 OK", body=b"poison"))
        answer_all(conn)

    pair.exchange.script = script
    one = client(pair.proxy)
    assert one.ask(GET).body == b"mine"
    assert one.ask(GET).body != b"poison"


def test_a_client_that_half_closes_still_gets_its_answer(pair, client):
    one = client(pair.proxy)
    one.send(request(GET))
    one.finish()
    assert one.read().status == 200


def test_pipelined_requests_before_a_half_close_are_all_answered(pair, client):
    pair.exchange.script = serve(lambda conn, message: conn.answer(body=message.target))
    one = client(pair.proxy)
    one.send(b"".join(request("%s?n=%d" % (GET, n)) for n in range(3)))
    one.finish()
    assert [one.read().body.decode() for _ in range(3)] == ["%s?n=%d" % (GET, n) for n in range(3)]


@pytest.mark.parametrize("limit", [3])
def test_connections_over_the_limit_are_not_served(proxy, exchange, client, limit):
    one = proxy(exchange(), config="limits:\n  connections: %d\n" % limit)
    one.wait_metric("stopgap_connections_open", 0)
    held = [client(one) for _ in range(limit)]
    for connection in held:
        assert connection.ask(GET).status == 200
    try:
        extra = client(one)  # its reset may be there before connect() returns
        extra.send(request(GET))
        answered = not extra.is_closed() and b" 503 " not in extra.reader.seen[:20]
    except OSError:
        answered = False
    assert not answered
    wait_for(lambda: one.metrics().get("stopgap_connections_refused_total") == 1, "the refused one in the metrics")


def test_a_place_that_became_free_is_given_away_again(proxy, exchange, client):
    one = proxy(exchange(), config="limits:\n  connections: 1\n")
    one.wait_metric("stopgap_connections_open", 0)
    first = client(one)
    assert first.ask(GET).status == 200
    first.close()
    one.wait_metric("stopgap_connections_open", 0)
    assert client(one).ask(GET).status == 200
