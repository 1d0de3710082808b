"""Responses that two readers could take differently: 502, or a message that stays cut; never a complete wrong one, and never
anything left over for the next request. Legal ones arrive with one framing."""

import threading

import pytest

from harness.exchange import answer_all
from harness.http import Closed, request
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"
OK = "HTTP/1.1 200 OK\r\n"
FIVE = "Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = "5\r\nhello\r\n0\r\n\r\n"
POISON = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


def first_answers(raw, ends):
    """The first connection gets these bytes for an answer, the others are served."""

    def script(conn):
        if conn.number != 0:
            return answer_all(conn)
        conn.request()
        conn.send(raw.encode("latin-1"))
        return None if ends else answer_all(conn)

    return script


def ask(pair, client, raw, method="GET", ends=False, interim=None):
    """(the first answer or None when it stays cut, the answer to a second request or None when the connection was closed)"""
    pair.exchange.script = first_answers(raw, ends)
    one = client(pair.proxy)
    one.send(request(GET, method))
    try:
        first = one.read(method.encode(), interim)
    except (Closed, ConnectionResetError):
        return None, None
    try:
        return first, one.ask(GET + "?second")
    except (Closed, OSError):
        return first, None


def assert_broken(pair, client, raw, **kwargs):
    first, second = ask(pair, client, raw, **kwargs)
    assert first is None or first.status == 502, first.head + first.body
    assert second is None or second.body == b"OK"
    assert client(pair.proxy).ask(GET).body == b"OK"


def assert_whole(pair, client, raw, status=200, body=b"hello", **kwargs):
    first, second = ask(pair, client, raw, **kwargs)
    assert first is not None and (first.status, first.body) == (status, body)
    assert second is None or second.body == b"OK"


BAD_STATUS_LINES = [
    "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 200OK", "HTTP/1.1 -200 OK",
    "HTTP/1.1 +20 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 OK 200", "HTTP/1.1", "HTTP/1 200 OK",
    "HTTP/1.2 200 OK", "HTTP/2 200 OK", "HTTP/1.10 200 OK", "http/1.1 200 OK", "ICY 200 OK", "RTSP/1.0 200 OK", "200 OK",
    " HTTP/1.1 200 OK", "\r\nHTTP/1.1 200 OK", "x\r\nHTTP/1.1 200 OK", "GET / HTTP/1.1", "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\rK",
    "HTTP/1.1 200 O\x7fK", "HTTP/1.1 200 OK\r", "\0HTTP/1.1 200 OK", "HTTP/1.1 600 X"]


@pytest.mark.parametrize("line", BAD_STATUS_LINES)
def test_a_malformed_status_line_is_a_502(pair, client, line):
    assert_broken(pair, client, line + "\r\n" + FIVE)


BAD_HEADS = [
    "Content-Length: +5", "Content-Length: 5x", "Content-Length: 5 5", "Content-Length: 5,6", "Content-Length: 5, 5", "Content-Length:",
    "Content-Length: 0x5", "Content-Length: 5\0", "Content-Length: \x0b5", "Content-Length: 9223372036854775808",
    "Content-Length: 18446744073709551621", "Content-Length: 5\r\n ", "Content-Length: \r\n 5", "Content-Length : 5",
    "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding:",
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: identity\r\nContent-Length: 5", "Transfer-Encoding:",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked,",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: \r\n chunked",
    "Transfer-Encoding : chunked", "Transfer-Encoding\0: chunked", "X: y\nTransfer-Encoding: chunked", "X: a\rb\r\nContent-Length: 5",
    "X: \0\r\nContent-Length: 5", "X: \x01\r\nContent-Length: 5", "X y: z\r\nContent-Length: 5", ": y\r\nContent-Length: 5",
    "X\r\nContent-Length: 5", "\xe9: z\r\nContent-Length: 5", "X: y\r\n\tz\r\nContent-Length: 5", " X: y\r\nContent-Length: 5"]


@pytest.mark.parametrize("lines", BAD_HEADS)
def test_a_head_that_may_be_framed_in_two_ways_is_a_502(pair, client, lines):
    assert_broken(pair, client, OK + lines + "\r\n\r\n" + (CHUNKS if "ncoding" in lines else "hello"), ends=True)


BAD_CHUNKS = [
    "5\rXhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhelloXX0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5x\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "5\0\r\nhello\r\n0\r\n\r\n", "5;\0\r\nhello\r\n0\r\n\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n",
    "6\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nX : y\r\n\r\n", "5\r\nhello\r\n0\r\nno colon\r\n\r\n", "5\r\nhello\r\n0\r\n y\r\n\r\n",
    "5\r\nhello\r\n0\r\n: y\r\n\r\n", "5\r\nhello\r\n0\r\nX: \0\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\nZ: z\r\n\r\n", "5\r\nhello\r\n0\r\n\n"]


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_a_malformed_chunk_leaves_the_message_cut(pair, client, chunks):
    assert_broken(pair, client, CHUNKED + chunks)


@pytest.mark.parametrize("raw", [
    OK + FIVE, "HTTP/1.1 200\r\n" + FIVE, "HTTP/1.1 200 \r\n" + FIVE, "HTTP/1.1 200 Gr\xfc\xdfe\tan alle\r\n" + FIVE,
    OK + "content-length:5\r\n\r\nhello", OK + "Content-Length: \t5 \r\n\r\nhello", OK + "Content-Length: 0005\r\n\r\nhello",
    CHUNKED + CHUNKS, OK + "transfer-encoding:\tChunked \r\n\r\n" + CHUNKS, CHUNKED + "005\r\nhello\r\n000\r\n\r\n",
    CHUNKED + "5;a=b;c=d\r\nhello\r\n0;x;y=\"z\"\r\n\r\n", CHUNKED + "5\r\nhello\r\n0\r\nX: y\r\nContent-Length: 3\r\n\r\n",
    OK + "X:\r\nY: \xe9\xff\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n" + FIVE])
def test_a_legal_response_arrives_whole_and_the_next_one_behind_it(pair, client, raw):
    assert_whole(pair, client, raw)


@pytest.mark.parametrize("raw", [
    OK + "\r\nhello", "HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", OK + "Connection: close\r\n" + FIVE])
def test_a_response_that_ends_its_connection_arrives_whole(pair, client, raw):
    assert_whole(pair, client, raw, ends=True)


@pytest.mark.parametrize("raw", [OK + FIVE, CHUNKED + CHUNKS, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n",
                                 "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"])
@pytest.mark.parametrize("rest", [POISON, "\r\n" + POISON, "x", "HTTP/1.1 100 Continue\r\n\r\n", "hello", CHUNKS])
def test_bytes_behind_a_response_belong_to_nobody(pair, client, raw, rest):
    first, second = ask(pair, client, raw + rest)
    assert first.body in (b"", b"hello")
    assert second is None or second.body == b"OK"


@pytest.mark.parametrize("lines", ["Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n", "\r\n", "Content-Length: 5000000000\r\n\r\n"])
def test_an_answer_to_head_has_no_body_whatever_its_fields_say(pair, client, lines):
    assert_whole(pair, client, OK + lines, body=b"", method="HEAD")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("lines", ["", "Content-Length: 0\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_status_without_a_body_has_none_whatever_its_fields_say(pair, client, status, lines):
    assert_whole(pair, client, "HTTP/1.1 %s\r\n%s\r\n" % (status, lines), status=int(status[:3]), body=b"")


@pytest.mark.parametrize("interim", ["100 Continue\r\n", "103 Early Hints\r\nLink: </a>\r\n", "102 Processing\r\n",
                                     "103 Early Hints\r\nContent-Length: 50\r\n", "100 Continue\r\nTransfer-Encoding: chunked\r\n"])
def test_an_interim_response_has_no_body_and_is_passed_on_without_framing(pair, client, interim):
    seen = []
    assert_whole(pair, client, "HTTP/1.1 %s\r\n" % interim * 2 + OK + FIVE, interim=seen)
    assert [m.status for m in seen] == [int(interim[:3])] * 2
    assert all(m.framing() is None for m in seen)


@pytest.mark.parametrize("raw", [
    "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"])
def test_a_switch_that_nobody_asked_for_is_a_502(pair, client, raw):
    assert_broken(pair, client, raw + POISON, interim=[])


def test_a_hundred_interim_responses_are_a_502(pair, client):
    assert_broken(pair, client, "HTTP/1.1 100 Continue\r\n\r\n" * 100 + OK + FIVE, interim=[])


def test_a_response_that_comes_before_its_request_is_nobodys(pair, client):
    """Bytes on an idle upstream connection: the next request goes elsewhere."""
    came = threading.Event()

    def script(conn):
        if conn.number == 0:
            conn.request()
            conn.answer(body=b"mine")
            assert came.wait(PATIENCE_SECONDS)
            conn.send(POISON.encode())
        answer_all(conn)

    pair.exchange.script = script
    one = client(pair.proxy)
    assert one.ask(GET).body == b"mine"
    came.set()
    wait_for(lambda: pair.exchange.connections[0].is_over, "the end of the poisoned connection")
    assert one.ask(GET).body == b"OK"
