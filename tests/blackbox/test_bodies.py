"""Bodies: framing, streaming both ways at once, bounded memory."""

import threading

import pytest

from harness.exchange import answer_all, serve
from harness.http import request, response
from harness.wait import PATIENCE_SECONDS, wait_for

POST = "/Microsoft-Server-ActiveSync?Cmd=Sync"
MIB = 1024 * 1024


def test_a_body_with_a_length_arrives_unchanged(pair, client):
    body = bytes(range(256)) * 300
    assert client(pair.proxy).ask(POST, "POST", body=body).status == 200
    assert pair.exchange.last().body == body
    assert pair.exchange.last().framing() == len(body)


def test_a_chunked_body_arrives_unchanged(pair, client):
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n")
    assert one.read().status == 200
    assert pair.exchange.last().body == b"hello 0123456789"
    assert pair.exchange.last().framing() == "chunked"


def test_a_chunked_body_in_one_byte_pieces_arrives_unchanged(pair, client):
    one = client(pair.proxy)
    one.send_pieces(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nhello\r\n3\r\n\r\n!\r\n0\r\n\r\n")
    assert one.read().status == 200
    assert pair.exchange.last().body == b"hello\r\n!"


def test_an_empty_chunked_body_arrives_as_one(pair, client):
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"0\r\n\r\n")
    assert one.read().status == 200
    assert pair.exchange.last().body == b""


def test_chunk_extensions_and_trailers_do_not_reach_the_upstream(pair, client):
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5;a=b\r\nhello\r\n0\r\nX-Trailer: evil\r\nHost: b\r\n\r\n")
    one.read()
    assert b"evil" not in pair.exchange.raw and b";a=b" not in pair.exchange.raw


def test_a_chunk_is_passed_on_before_the_next_one_comes(pair, client):
    came = threading.Event()

    def script(conn):
        conn.head()
        conn.reader.until(b"hello")
        came.set()
        conn.reader.until(b"0\r\n\r\n")
        conn.answer()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nhello\r\n")
    assert came.wait(PATIENCE_SECONDS), "the first chunk waits for the second one"
    one.send(b"0\r\n\r\n")
    assert one.read().status == 200


def test_a_chunked_response_is_passed_on_chunk_by_chunk(pair, client):
    go = threading.Event()

    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/mapi-http\r\nTransfer-Encoding: chunked\r\n\r\nC\r\nPROCESSING\r\n\r\n")
        assert go.wait(PATIENCE_SECONDS)
        conn.send(b"6\r\nDONE\r\n\r\n0\r\n\r\n")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request("/mapi/emsmdb/?MailboxId=1", "POST", body=b"x"))
    one.reader.until(b"PROCESSING\r\n")
    go.set()
    one.reader.until(b"DONE\r\n")
    one.reader.until(b"0\r\n\r\n")


def test_a_response_without_framing_ends_with_the_connection(pair, client):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")

    pair.exchange.script = script
    answer = client(pair.proxy).ask("/owa/auth/logon.aspx")
    assert answer.body == b"until the end"


def test_a_response_cut_off_inside_its_length_is_not_completed(pair, client):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request())
    head = one.reader.head()
    assert head.status == 502 or (head.framing() == 100 and len(one.reader.rest()) < 100)


def test_a_chunked_response_cut_off_gets_no_last_chunk(pair, client):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request())
    head = one.reader.head()
    try:
        rest = one.reader.rest()
    except ConnectionResetError:
        return
    assert head.status == 502 or not rest.endswith(b"0\r\n\r\n")


def test_a_response_to_head_has_no_body_and_the_connection_goes_on(pair, client):
    pair.exchange.script = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", response(body=b"next"))
    one = client(pair.proxy)
    first = one.ask("/owa/auth/logon.aspx", "HEAD")
    assert first.get(b"Content-Length") == [b"1234"]
    assert one.ask("/owa/auth/logon.aspx").body == b"next"


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
                                  b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n"])
def test_a_status_without_body_does_not_swallow_the_next_response(pair, client, head):
    pair.exchange.script = serve(head, response(body=b"next"))
    one = client(pair.proxy)
    assert one.ask("/owa/auth/logon.aspx").status == int(head[9:12])
    assert one.ask("/owa/auth/logon.aspx").body == b"next"


def test_continue_comes_from_the_upstream(pair, client):
    def script(conn):
        message = conn.head()
        assert message.get(b"Expect") == [b"100-continue"]
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert conn.reader.exactly(4) == b"body"
        conn.answer(body=b"done")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Expect: 100-continue", "Content-Length: 4"]))
    assert one.reader.head().status == 100
    one.send(b"body")
    assert one.read().body == b"done"


def test_a_refusal_instead_of_continue_reaches_the_client(pair, client):
    def script(conn):
        conn.head()
        conn.answer("401 Unauthorized", ["WWW-Authenticate: NTLM"], b"no")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Expect: 100-continue", "Content-Length: 4"]))
    assert one.read().status == 401


def test_an_early_response_reaches_the_client_while_it_still_sends(pair, client):
    def script(conn):
        conn.head()
        conn.answer("413 Too Large", body=b"early")
        conn.reader.rest()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (8 * MIB)]) + b"x" * 1000)
    answer = one.read()
    assert answer.status == 413 and answer.body == b"early"


def test_after_an_early_response_the_rest_of_the_body_is_never_a_request(pair, client):
    smuggled = request("/owa/smuggled")

    def script(conn):
        conn.head()
        conn.answer("401 Unauthorized", body=b"early")
        conn.reader.exactly(len(smuggled))
        answer_all(conn)

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % len(smuggled)]))
    assert one.read().status == 401
    try:
        one.send(smuggled + request("/owa/auth/logon.aspx"))
        one.finish()
        one.reader.rest()
    except OSError:
        pass  # to close is a good answer, too
    assert {m.target for m in pair.exchange.requests} <= {POST.encode(), b"/owa/auth/logon.aspx"}


def test_a_large_response_arrives_unchanged(pair, client):
    block = bytes(range(256)) * 256
    pair.exchange.script = serve(response(body=block * 128))
    assert client(pair.proxy).ask("/owa/auth/logon.aspx").body == block * 128


def upload(one, total):
    """Send a body of total bytes; returns the bytes sent, fewer when the other side went away."""
    block, sent = b"x" * (256 * 1024), 0
    try:
        while sent < total:
            one.send(block[:total - sent])
            sent += min(len(block), total - sent)
    except OSError:
        pass
    return sent


def test_a_large_upload_arrives_unchanged(pair, client):
    counts = []

    def script(conn):
        message = conn.head()
        left = message.framing()
        while left:
            taken = len(conn.reader.exactly(min(left, MIB)))
            conn.reader.seen = b""
            left -= taken
        counts.append(message.framing())
        conn.answer(body=b"stored")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (64 * MIB)]))
    assert upload(one, 64 * MIB) == 64 * MIB
    assert one.read().body == b"stored" and counts == [64 * MIB]


def test_an_upload_to_a_slow_upstream_does_not_fill_the_memory(proxy, exchange, client):
    go = threading.Event()

    def script(conn):
        conn.head()
        assert go.wait(PATIENCE_SECONDS)
        conn.reset()

    upstream = exchange(script, receive_buffer=4096)
    one = proxy(upstream)
    before = one.rss_kib()
    sender = client(one)
    sender.send(request(POST, "POST", ["Content-Length: %d" % (256 * MIB)]))
    sender.sock.settimeout(1)
    sent = upload(sender, 256 * MIB)
    grown = one.rss_kib() - before
    go.set()
    assert sent < 64 * MIB, "%d MiB went into a proxy whose upstream takes nothing" % (sent // MIB)
    assert grown < 16 * 1024, "grew by %d KiB" % grown


def test_a_download_by_a_slow_client_does_not_fill_the_memory(proxy, exchange, client):
    counts = []

    def script(conn):
        conn.request()
        conn.sock.settimeout(1)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (256 * MIB))
        sent = 0
        try:
            while True:
                sent += conn.sock.send(b"y" * 65536)
        except OSError:
            counts.append(sent)

    one = proxy(exchange(script))
    before = one.rss_kib()
    slow = client(one, receive_buffer=4096)
    slow.send(request())
    slow.reader.until(b"\r\n\r\n")
    wait_for(lambda: counts, "the upstream to be held up")
    grown = one.rss_kib() - before
    assert counts[0] < 64 * MIB, "%d MiB went into a proxy whose client takes nothing" % (counts[0] // MIB)
    assert grown < 16 * 1024, "grew by %d KiB" % grown


def test_both_directions_flow_at_the_same_time(pair, client):
    """The upstream answers byte by byte what it gets, without waiting for the end."""

    def script(conn):
        conn.head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            conn.send(b"1\r\n" + conn.reader.exactly(1) + b"\r\n")
        conn.send(b"0\r\n\r\n")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: 5"]))
    one.reader.until(b"\r\n\r\n")
    for letter in (b"a", b"b", b"c", b"d", b"e"):
        one.send(letter)
        assert letter in one.reader.until(b"1\r\n" + letter + b"\r\n")


def test_a_client_that_leaves_in_its_body_takes_the_upstream_along(pair, client):
    def script(conn):
        conn.head()
        conn.reader.rest()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: 1000"]) + b"half")
    wait_for(lambda: b"half" in pair.exchange.raw, "the body at the upstream")
    one.close()
    wait_for(lambda: pair.exchange.connections[-1].is_over, "the upstream connection to close")
    assert pair.exchange.connections[-1].reader.seen.endswith(b"half")
