"""The shapes of Exchange's protocols on the wire: what streams, what waits, what ends early. Times are scaled down."""

import signal
import socket
import statistics
import threading
import time

import pytest

from harness.exchange import serve
from harness.http import request, response
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"
EMSMDB = "/mapi/emsmdb/?MailboxId=1"
EWS = "/ews/exchange.asmx"
PING = "/Microsoft-Server-ActiveSync?Cmd=Ping&User=a&DeviceId=b&DeviceType=c"
SYNC = "/Microsoft-Server-ActiveSync?Cmd=Sync"
TUNNEL = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
LAG_SECONDS = 0.5
ACKNOWLEDGED_LATE_SECONDS = 0.04  # what Linux waits before it does
ROUNDS = 20


def median_lag(send, receive, rounds=ROUNDS):
    """Of `rounds` pairs of sending and receiving, the typical time between them."""
    lags = []
    for number in range(rounds):
        before = time.monotonic()
        send(number)
        receive(number)
        lags.append(time.monotonic() - before)
    return statistics.median(lags)


def check_waits_for_nothing(one, two):
    """Two writes take twice the time of one on this machine, and no acknowledgement more."""
    assert two < 2 * one + 0.6 * ACKNOWLEDGED_LATE_SECONDS, "%.1f ms, and %.1f ms for two" % (one * 1000, two * 1000)


def acknowledge_late(sock):
    """The kernel goes back to acknowledging at once by itself, so this is said before each round."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


class Stepped:
    """A script whose upstream connection the test drives itself once the request is there."""

    def __init__(self, head):
        self.head = head
        self.conn = None
        self.over = threading.Event()

    def __call__(self, conn):
        conn.head()
        conn.send(self.head)
        self.conn = conn
        self.over.wait(PATIENCE_SECONDS)

    def wait(self):
        return wait_for(lambda: self.conn, "the request at the upstream")


def test_each_pending_of_mapi_arrives_at_once(pair, client):
    script = Stepped(b"HTTP/1.1 200 OK\r\nContent-Type: application/mapi-http\r\nTransfer-Encoding: chunked\r\n\r\nC\r\nPROCESSING\r\n\r\n")
    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(EMSMDB, "POST", body=b"x"))
    one.reader.until(b"PROCESSING\r\n")
    upstream = script.wait()
    lag = median_lag(lambda n: upstream.send(b"9\r\nPENDING\r\n\r\n"), lambda n: one.reader.until(b"PENDING\r\n"))
    script.over.set()
    assert lag < LAG_SECONDS, "%.1f ms" % (lag * 1000)


def test_two_small_writes_of_the_upstream_do_not_wait_for_an_acknowledgement(pair, client):
    """With Nagle's algorithm the second one would come 40 ms later, as long as the client's kernel delays its own."""
    script = Stepped(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(GET))
    one.reader.until(b"\r\n\r\n")
    upstream = script.wait()

    def send(_):
        acknowledge_late(one.sock)
        upstream.send(b"1\r\na\r\n")

    def receive(_):
        one.reader.until(b"a\r\n")

    def receive_two(_):
        receive(_)
        upstream.send(b"1\r\nb\r\n")
        one.reader.until(b"b\r\n")

    check_waits_for_nothing(median_lag(send, receive), median_lag(send, receive_two))
    script.over.set()


def test_two_small_writes_of_the_client_do_not_wait_for_an_acknowledgement(pair, client):
    script = Stepped(b"")
    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request("/rpc/rpcproxy.dll?a:6001", "RPC_IN_DATA", ["Content-Length: 1073741824"]))
    upstream = script.wait()

    def send(_):
        acknowledge_late(upstream.sock)
        one.send(b"a")

    def receive(_):
        upstream.reader.until(b"a")

    def receive_two(_):
        receive(_)
        one.send(b"b")
        upstream.reader.until(b"b")

    check_waits_for_nothing(median_lag(send, receive), median_lag(send, receive_two))
    script.over.set()


SHORT_TIMES = "timeouts:\n  header: 3s\n  body: 300ms\n  write: 300ms\n  keepalive: 3s\n  handshake: 3s\n  connect: 3s\n"


@pytest.mark.parametrize("target, head, end", [
    (PING, b"", response(body=b"ping")),
    ("/owa/ev.owa2?ns=PendingRequest", b"", response(body=b"ping")),
    (EWS, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nping\r\n0\r\n\r\n"),
    (EMSMDB, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nPEND\r\n", b"4\r\nping\r\n0\r\n\r\n")])
def test_a_silence_longer_than_every_other_time_out_is_no_end(proxy, exchange, client, target, head, end):
    """Ping, Sync and streaming notifications are silent for up to an hour."""
    script = Stepped(head)
    one = client(proxy(exchange(script), config=SHORT_TIMES))
    one.send(request(target, "POST", body=b"x"))
    upstream = script.wait()
    one.sock.settimeout(4)
    if head:
        one.reader.until(b"\r\n\r\n")
    with pytest.raises(socket.timeout):  # longer than the longest of them
        while True:
            one.reader.more()
    one.sock.settimeout(PATIENCE_SECONDS)
    upstream.send(end)
    one.reader.until(b"ping")
    script.over.set()


def test_the_default_times_allow_an_hour_of_silence(stopgap, tmp_path):
    """MS-ASCMD: Sync waits for up to 59 minutes."""
    config = tmp_path / "stopgap.yaml"
    config.write_text("listen:\n  - url: http://127.0.0.1:1\nupstream:\n  url: http://127.0.0.1:2\n")
    done = stopgap("check", "-c", str(config), "--print")
    assert done.returncode == 0, done.stderr
    assert "\n  relay: 65m\n" in done.stdout and "\n  upstream: 65m\n" in done.stdout


def test_a_get_with_a_body_arrives_with_its_framing(pair, client):
    """Android's ActiveSync does that."""
    one = client(pair.proxy)
    for fields, sent, framing in ((["Content-Length: 4"], b"body", 4), (["Transfer-Encoding: chunked"], b"4\r\nbody\r\n0\r\n\r\n", "chunked")):
        one.send(request(SYNC, fields=fields) + sent)
        assert one.read().status == 200
        message = pair.exchange.last()
        assert (message.method, message.body, message.framing()) == (b"GET", b"body", framing)


def test_a_range_and_its_part_pass_untouched(pair, client):
    part = response("206 Partial Content", ["Content-Range: bytes 2-4/10", "Accept-Ranges: bytes"], b"cde")
    pair.exchange.script = serve(part, response("416 Range Not Satisfiable", ["Content-Range: bytes */10"], b""))
    one = client(pair.proxy)
    answer = one.ask("/oab/1.lzx", fields=["Range: bytes=2-4", "If-Range: \"x\""])
    assert (answer.status, answer.body, answer.one(b"Content-Range")) == (206, b"cde", b"bytes 2-4/10")
    seen = pair.exchange.last()
    assert seen.one(b"Range") == b"bytes=2-4" and seen.one(b"If-Range") == b"\"x\""
    assert one.ask("/oab/1.lzx", fields=["Range: bytes=20-"]).status == 416


def test_early_hints_arrive_before_the_answer_is_made(pair, client):
    script = Stepped(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(GET))
    hint = one.reader.head()
    assert hint.status == 103 and hint.one(b"Link") == b"</a.css>; rel=preload"
    script.wait().answer()
    assert one.read().status == 200
    script.over.set()


def test_a_client_of_http_1_0_gets_no_interim_response(pair, client):
    pair.exchange.script = serve(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + response())
    assert client(pair.proxy).ask(GET, version="1.0").status == 200


def test_trailers_of_a_response_end_here(pair, client):
    pair.exchange.script = serve(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\nX-Sum: 1\r\n\r\n")
    answer = client(pair.proxy).ask(GET)
    assert answer.body == b"OK" and answer.trailers == [] and answer.get(b"Trailer") == []


# ---- half-closes


@pytest.fixture
def tunnel(proxy, exchange, client):
    """(the client's end, the upstream's end) of an open tunnel."""
    script = Stepped(SWITCHED)
    one = client(proxy(exchange(script), "--allow-upgrade"))
    one.send(request(GET, fields=TUNNEL))
    assert one.read().status == 101
    yield one, script.wait()
    script.over.set()


ATTACK = request("/autodiscover/autodiscover.json?@evil.test/owa/&Email=autodiscover/autodiscover.json%3f@evil.test")


def test_bytes_right_behind_an_upgrade_that_is_granted_belong_to_the_tunnel(proxy, exchange, client):
    got = []

    def script(conn):
        conn.head()
        conn.send(SWITCHED + b"first")  # in one segment with the head
        got.append(conn.reader.exactly(5))

    one = client(proxy(exchange(script), "--allow-upgrade"))
    one.send(request(GET, fields=TUNNEL) + b"early")
    assert one.read().status == 101
    assert one.reader.exactly(5) == b"first"
    wait_for(lambda: got == [b"early"], "the client's first bytes")


def test_bytes_right_behind_an_upgrade_that_is_refused_are_the_next_request(proxy, exchange, client):
    """A server that does not switch goes on with HTTP, so what follows is inspected."""
    upstream = exchange(serve(response("426 Upgrade Required")))
    one = client(proxy(upstream, "--allow-upgrade"))
    one.send(request(GET, fields=TUNNEL) + ATTACK + request(GET))
    assert [one.read().status for _ in range(3)] == [426, 403, 426]
    assert len(upstream.requests) == 2


def test_a_tunnel_is_cut_at_the_end_of_a_drain(proxy, exchange, client):
    script = Stepped(SWITCHED)
    running = proxy(exchange(script), "--allow-upgrade", "--timeout", "drain=2s")
    one = client(running)
    one.send(request(GET, fields=TUNNEL))
    assert one.read().status == 101
    upstream = script.wait()
    running.signal(signal.SIGQUIT)
    running.wait_event("event=draining")
    one.send(b"x")
    assert upstream.reader.exactly(1) == b"x"
    assert one.is_closed() and running.wait_end() == 0
    assert running.access()[-1]["end"] == "shutdown"
    script.over.set()


def test_a_tunnel_whose_client_ends_still_carries_what_the_upstream_says(tunnel):
    one, upstream = tunnel
    one.send(b"last words")
    one.finish()
    assert upstream.reader.rest() == b"last words"
    upstream.send(b"and an answer")
    upstream.sock.close()
    assert one.reader.rest() == b"and an answer"


def test_a_tunnel_whose_upstream_ends_still_carries_what_the_client_says(tunnel):
    one, upstream = tunnel
    upstream.send(b"last words")
    upstream.sock.shutdown(socket.SHUT_WR)
    assert one.reader.rest() == b"last words"
    one.send(b"and an answer")
    one.finish()
    assert upstream.reader.rest() == b"and an answer"


def test_a_tunnel_whose_upstream_is_reset_ends_at_once(tunnel):
    one, upstream = tunnel
    upstream.reset()
    assert one.is_closed()


def test_an_upstream_that_ends_behind_an_early_answer_does_not_take_it_back(pair, client):
    """The response is whole; what the client still uploads has nowhere to go."""
    script = Stepped(response(body=b"early"))
    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(SYNC, "POST", ["Content-Length: 10"]) + b"half")
    assert one.read().body == b"early"
    script.wait().sock.shutdown(socket.SHUT_WR)
    script.over.set()
    one.send(b"other1")
    assert one.ask(GET).status == 200
    assert pair.exchange.last().target == GET.encode()


def test_a_client_that_ends_behind_its_request_leaves_the_long_poll_alive(pair, client):
    script = Stepped(b"")
    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(PING, "POST", body=b"x"))
    one.finish()
    upstream = script.wait()
    upstream.send(response(body=b"at last"))
    assert one.read().body == b"at last"
    script.over.set()
