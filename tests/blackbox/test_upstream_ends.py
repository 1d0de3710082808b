"""The upstream ends its connection, orderly or by reset, at each point of an exchange: what the client sees, and how often
the request was sent. All of it over plain TCP and over TLS on both sides, on new and on used connections."""

import ssl
import threading

import pytest

from harness.client import tls_context
from harness.exchange import answer_all
from harness.http import Closed, request
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"
POST = "/Microsoft-Server-ActiveSync?Cmd=Sync"

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
SENT = {  # what the upstream sends before it ends
    "before any byte": b"",
    "in the status line": b"HTTP/1.1 20",
    "in the head": HEAD,
    "behind the head": HEAD + b"Content-Length: 10\r\n\r\n",
    "in a body with a length": HEAD + b"Content-Length: 10\r\n\r\npart",
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\npa",
    "between two chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    "before the last CRLF": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n",
    "in a body without a length": HEAD + b"\r\npart",
    "behind an interim response": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
}
WHOLE = {
    "a length": HEAD + b"Content-Length: 4\r\n\r\npart",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n\r\n",
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
}


class Side:
    """A pair, and whether TLS is spoken on both sides of its proxy."""

    def __init__(self, pair, is_tls):
        self.pair = pair
        self.tls = tls_context() if is_tls else None


@pytest.fixture(params=["plain", "tls"])
def side(request):
    return Side(request.getfixturevalue("tls_pair" if request.param == "tls" else "pair"), request.param == "tls")


def end_orderly(conn):
    """FIN, with close_notify in front of it over TLS."""
    if isinstance(conn.sock, ssl.SSLSocket):
        conn.sock.unwrap()
    conn.sock.close()


def end_by_reset(conn):
    conn.reset()


def end_without_notice(conn):
    """FIN alone; over TLS that is what somebody in between could do, too."""
    conn.sock.close()


ENDS = {"orderly": end_orderly, "by reset": end_by_reset, "without notice": end_without_notice}


def script_of(sent, end, is_used, may_end):
    """The first connection ends in the middle of the last request, all others answer."""

    def script(conn):
        if conn.number != 0:
            return answer_all(conn)
        if is_used:
            conn.request()
            conn.answer(body=b"first")
        conn.request()
        conn.send(sent)
        assert may_end.wait(PATIENCE_SECONDS), "the client did not see what was sent"
        return end(conn)

    return script


def ask(side, client, sent, end, is_used, message, seen=b""):
    """Send the message, end the upstream's connection when `seen` arrived; the client's connection."""
    may_end = threading.Event()
    side.pair.exchange.script = script_of(sent, ENDS[end], is_used, may_end)
    one = client(side.pair.proxy, tls=side.tls)
    if is_used:
        assert one.ask(GET).body == b"first"
    one.send(message)
    if seen:
        wait_for(lambda: seen in one.reader.seen or one.reader.more(), "%r at the client" % seen)
    may_end.set()
    return one


def times_sent(side, target):
    return [m.target.decode() for m in side.pair.exchange.requests].count(target)


def assert_is_cut(one, head_is_there):
    """The client reads a response that does not become whole."""
    with pytest.raises((Closed, ConnectionResetError, ssl.SSLError)):
        answer = one.read()
        raise AssertionError("complete: %r" % (answer.head + answer.body))
    assert head_is_there in one.reader.seen


BODY_POINTS = ["behind the head", "in a body with a length", "in a chunk", "between two chunks", "before the last CRLF"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_used", [False, True], ids=["new", "used"])
@pytest.mark.parametrize("point", BODY_POINTS)
def test_a_response_cut_in_its_body_stays_cut_and_is_not_asked_for_again(side, client, point, is_used, end):
    target = GET + "?cut"
    seen = b"Length: 10\r\n\r\n" if point == "behind the head" else b"pa"
    one = ask(side, client, SENT[point], end, is_used, request(target), seen)
    assert_is_cut(one, b"HTTP/1.1 200 OK")
    assert not one.reader.seen.endswith(b"\r\n0\r\n\r\n")
    assert times_sent(side, target) == 1


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_used", [False, True], ids=["new", "used"])
@pytest.mark.parametrize("point", ["in the status line", "in the head"])
def test_an_end_in_the_head_is_a_502_and_nothing_is_repeated(side, client, point, is_used, end):
    target = GET + "?head"
    one = ask(side, client, SENT[point], end, is_used, request(target))
    assert one.read().status == 502
    assert times_sent(side, target) == 1 or end != "orderly"


@pytest.mark.parametrize("end", ENDS)
def test_an_end_behind_an_interim_response_is_a_502_and_nothing_is_repeated(side, client, end):
    target = GET + "?interim"
    one = ask(side, client, SENT["behind an interim response"], end, True, request(target), b"103 Early")
    interim = []
    assert one.read(interim=interim).status == 502 and [m.status for m in interim] == [103]
    assert times_sent(side, target) == 1


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("method, is_used, status, times", [
    ("GET", False, 502, 1), ("GET", True, 200, 2), ("HEAD", True, 200, 2), ("OPTIONS", True, 200, 2),
    ("POST", False, 502, 1), ("POST", True, 502, 1), ("PUT", True, 502, 1), ("DELETE", True, 502, 1),
    ("RPC_IN_DATA", True, 502, 1), ("PROPFIND", True, 502, 1)])
def test_an_end_before_any_byte_repeats_only_what_cannot_have_been_done(side, client, method, is_used, status, times, end):
    target = GET + "?early"
    one = ask(side, client, SENT["before any byte"], end, is_used, request(target, method))
    assert one.read(method.encode()).status == status
    assert times_sent(side, target) == times


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("framing", ["Content-Length: 1", "Transfer-Encoding: chunked"])
def test_a_get_with_a_body_is_not_repeated(side, client, framing, end):
    body = b"x" if "Length" in framing else b"1\r\nx\r\n0\r\n\r\n"
    one = ask(side, client, b"", end, True, request(GET + "?body", fields=[framing]) + body)
    assert one.read().status == 502
    assert times_sent(side, GET + "?body") == 1


@pytest.mark.parametrize("end", ["orderly", "by reset"])
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_end_behind_a_whole_response_does_not_touch_the_client(side, client, method, kind, end):
    one = ask(side, client, WHOLE[kind], end, True, request(GET, method), b"\r\n\r\n")
    assert one.read().body == (b"" if kind == "no body" else b"part")
    wait_for(lambda: side.pair.exchange.connections[0].is_over, "the end of the first upstream connection")
    assert one.ask(POST, "POST", body=b"next").status == 200
    assert times_sent(side, POST) == 1


def test_a_body_without_a_length_that_ends_orderly_is_whole(side, client):
    one = ask(side, client, SENT["in a body without a length"], "orderly", False, request(GET), b"part")
    assert one.read().body == b"part"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_body_without_a_length_that_is_reset_is_cut(side, client, version):
    message = request(GET, version=version)
    one = ask(side, client, SENT["in a body without a length"], "by reset", False, message, b"part")
    with pytest.raises((Closed, ConnectionResetError, ssl.SSLError)):
        one.read()


def test_a_body_without_a_length_that_ends_without_close_notify_is_cut(tls_pair, client):
    """Somebody in between can send that FIN."""
    side = Side(tls_pair, True)
    one = ask(side, client, SENT["in a body without a length"], "without notice", False, request(GET), b"part")
    with pytest.raises((Closed, ConnectionResetError, ssl.SSLError)):
        one.read()


@pytest.mark.parametrize("point", ["in a chunk", "in a body with a length", "in a body without a length"])
def test_a_client_of_http_1_0_sees_the_cut_as_a_reset_or_a_short_body(side, client, point):
    """It knows no chunks, so only a reset can tell it; a length tells by itself."""
    one = ask(side, client, SENT[point], "by reset", False, request(GET, version="1.0"), b"pa")
    with pytest.raises((Closed, ConnectionResetError, ssl.SSLError)):
        one.read()


def test_an_end_in_the_middle_of_an_upload_is_a_502_and_the_upload_is_not_repeated(side, client):
    def script(conn):
        if conn.number == 0:
            conn.request()
            conn.answer(body=b"first")
            conn.head()
            conn.reader.until(b"half")
            conn.reset()
        else:
            answer_all(conn)

    side.pair.exchange.script = script
    one = client(side.pair.proxy, tls=side.tls)
    assert one.ask(GET).body == b"first"
    one.send(request(POST, "POST", ["Content-Length: 8"]) + b"half")
    assert one.read().status == 502
    assert one.is_closed()
    assert times_sent(side, POST) == 1


def test_nothing_listens_so_nothing_was_sent_and_the_client_may_try_again(proxy, ports, exchange, client):
    port = ports.take()
    one = client(proxy("http://127.0.0.1:%d" % port))
    assert one.ask(GET).status == 502
    upstream = exchange(port=port)
    assert one.ask(GET).status == 200
    assert len(upstream.requests) == 1
