"""A final response that comes before its request is complete: what it promises, and that it is kept."""

import threading

import pytest

from harness.exchange import serve
from harness.http import request, response
from harness.wait import wait_for

POST = "/Microsoft-Server-ActiveSync?Cmd=SendMail"
MIB = 1024 * 1024


def refuse(*fields, status="401 Unauthorized"):
    """A script: refuses the first request at its head and answers the next one on the connection."""

    def script(conn):
        message = conn.head()
        conn.answer(status, ["Content-Type: text/plain", *fields], b"early")
        left = message.framing()
        while left:
            left -= len(conn.reader.exactly(min(left, MIB)))
            conn.reader.seen = b""
        conn.request()
        conn.answer(body=b"second")

    return script


def says_close(answer):
    return [v.lower() for v in answer.get(b"Connection")] == [b"close"]


@pytest.mark.parametrize("status", ["302 Found", "401 Unauthorized", "413 Too Large", "503 Service Unavailable"])
def test_a_refused_large_upload_is_told_that_the_connection_ends(pair, client, status):
    pair.exchange.script = refuse(status=status)
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (50 * MIB)]) + b"x" * 1000)
    answer = one.read()
    assert answer.body == b"early" and says_close(answer)
    assert one.is_closed()


def test_the_rest_of_a_refused_large_upload_does_not_reset_the_answer(pair, client):
    pair.exchange.script = refuse()
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (50 * MIB)]))
    wait_for(lambda: pair.exchange.requests, "the head at the upstream")
    one.send(b"x" * (MIB // 2))
    assert one.read().body == b"early"


def test_a_refused_small_upload_keeps_its_connection(pair, client):
    pair.exchange.script = refuse()
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (MIB // 2)]))
    answer = one.read()
    assert answer.status == 401 and answer.get(b"Connection") == []
    one.send(b"x" * 1000)
    threading.Event().wait(2.5)  # a slow line: what was promised holds longer than a farewell
    one.send(b"x" * (MIB // 2 - 1000))
    assert one.ask("/owa/").body == b"second"
    assert len(pair.exchange.connections) == 1


def test_a_refused_upload_of_unknown_length_is_told_that_the_connection_ends(pair, client):
    """How much a chunked body still has, nobody knows, so nothing can be promised."""

    def script(conn):
        conn.head()
        conn.answer("401 Unauthorized", [], b"early")
        conn.reader.more()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nhello\r\n")
    answer = one.read()
    assert answer.body == b"early" and says_close(answer)
    assert one.is_closed()


def test_a_chunked_upload_that_was_whole_keeps_its_connection(pair, client):
    pair.exchange.script = serve(response("401 Unauthorized", [], b"no"))
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nhello\r\n0\r\n\r\n")
    answer = one.read()
    assert answer.status == 401 and answer.get(b"Connection") == []
    assert one.ask("/owa/").status == 401


def test_an_upload_goes_on_behind_a_complete_answer_that_took_it(pair, client):
    """Nothing was refused, so nothing is cut, however long the rest takes."""
    got = []

    def script(conn):
        message = conn.head()
        conn.answer("202 Accepted", [], b"early")
        left = message.framing()
        while left:
            piece = conn.reader.exactly(min(left, MIB))
            left -= len(piece)
            got.append(len(piece))
            conn.reader.seen = b""

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (4 * MIB)]))
    answer = one.read()
    assert answer.status == 202 and answer.get(b"Connection") == []
    threading.Event().wait(2.5)
    one.send(b"x" * (4 * MIB))
    wait_for(lambda: sum(got) == 4 * MIB, "the whole upload")


def test_a_server_that_closes_behind_its_answer_wants_no_more(pair, client):
    def script(conn):
        conn.head()
        conn.answer("200 OK", ["Connection: close"], b"early")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (50 * MIB)]))
    answer = one.read()
    assert answer.body == b"early" and says_close(answer)
    assert one.is_closed()


@pytest.mark.parametrize("challenge", ["NTLM TlRMTVNTUAAC", "Negotiate oYIBCA=="])
def test_a_leg_of_a_handshake_keeps_its_connection_at_any_length(pair, client, challenge):
    """The next leg has to come on this connection, however long the body before it is."""
    pair.exchange.script = refuse("WWW-Authenticate: " + challenge)
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (8 * MIB)]))
    answer = one.read()
    assert answer.status == 401 and answer.get(b"Connection") == []
    threading.Event().wait(2.5)  # longer than any other early response waits
    one.send(b"x" * (8 * MIB))
    assert one.ask("/owa/").body == b"second"
    assert len(pair.exchange.connections) == 1


def test_a_leg_whose_server_closes_ends_the_clients_connection_too(pair, client):
    """What the handshake had reached is gone with the server's connection: a new one must begin."""

    def script(conn):
        conn.request()
        conn.answer("401 Unauthorized", ["WWW-Authenticate: NTLM TlRMTVNTUAAC", "Connection: close"], b"early")

    pair.exchange.script = script
    one = client(pair.proxy)
    assert says_close(one.ask("/owa/"))
    assert one.is_closed()


def test_an_offer_without_a_token_is_no_leg(pair, client):
    pair.exchange.script = refuse("WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM")
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (8 * MIB)]))
    assert says_close(one.read())


def test_a_2xx_beside_a_running_upload_is_no_refusal(pair, client):
    def script(conn):
        message = conn.head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n")
        left = message.framing()
        while left:
            left -= len(conn.reader.exactly(min(left, MIB)))
            conn.reader.seen = b""
        conn.send(b"0\r\n\r\n")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(POST, "POST", ["Content-Length: %d" % (4 * MIB)]))
    head = one.reader.head()
    assert head.get(b"Connection") == []
    one.send(b"x" * (4 * MIB))
    one.reader.chunked_body(head)
    assert head.body == b"early"


def test_an_upload_that_stops_after_an_early_response_is_cut_in_time(proxy, exchange, client):
    one = client(proxy(exchange(refuse()), "--timeout", "body=1s"))
    one.send(request(POST, "POST", ["Content-Length: %d" % (MIB // 2)]) + b"x")
    assert one.read().status == 401
    assert one.is_closed()
