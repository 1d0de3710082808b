"""Refusals by size and by name: 414, 431, 501, 505; the connection closes where framing is in doubt."""

import pytest

from harness.http import request
from harness.wait import wait_for

GET = "/owa/auth/logon.aspx"
KIB = 1024


def refused(pair, client, data, status, end):
    one = client(pair.proxy)
    before = len(pair.proxy.access())
    one.send(data)
    answer = one.read()
    assert answer.status == status
    assert pair.exchange.raw == b""
    wait_for(lambda: [r for r in pair.proxy.access()[before:] if r["end"] == end], "a record that ends with " + end)
    return one


def test_a_target_at_the_limit_arrives(detect_pair, client):
    target = "/owa/?q=" + "a" * (16 * KIB - 8)
    assert client(detect_pair.proxy).ask(target).status == 200
    assert detect_pair.exchange.last().target == target.encode()


def test_a_target_over_the_limit_is_a_414(pair, client):
    one = refused(pair, client, request("/owa/?q=" + "a" * 16 * KIB), 414, "target_too_long")
    assert one.is_closed()


def test_a_target_without_end_is_a_414_before_it_ends(pair, client):
    refused(pair, client, b"GET /" + b"a" * 20 * KIB, 414, "target_too_long")


def test_a_kerberos_token_of_48_kib_arrives(pair, client):
    token = "YII" + "A" * 48 * KIB
    assert client(pair.proxy).ask(GET, fields=["Authorization: Negotiate " + token]).status == 200
    assert pair.exchange.last().one(b"Authorization") == b"Negotiate " + token.encode()


def test_a_field_over_the_limit_is_a_431(pair, client):
    one = refused(pair, client, request(GET, fields=["X-Big: " + "a" * 65 * KIB]), 431, "head_too_large")
    assert one.is_closed()


def test_a_head_over_the_limit_is_a_431(pair, client):
    refused(pair, client, request(GET, fields=["X-%d: %s" % (i, "a" * 40 * KIB) for i in range(4)]), 431, "head_too_large")


def test_a_field_name_without_end_is_a_431(pair, client):
    refused(pair, client, b"GET %s HTTP/1.1\r\nHost: a\r\n" % GET.encode() + b"X" * 140 * KIB, 431, "head_too_large")


def test_a_hundred_fields_arrive(pair, client):
    fields = ["X-%d: 1" % i for i in range(99)]
    assert client(pair.proxy).ask(GET, fields=fields).status == 200
    assert pair.exchange.last().get(b"X-98") == [b"1"]


def test_more_than_a_hundred_fields_are_a_431(pair, client):
    refused(pair, client, request(GET, fields=["X-%d: 1" % i for i in range(101)]), 431, "head_too_large")


@pytest.mark.parametrize("method", ["BREW", "GETT", "get", "RPC_XX_DATA", "RPC_OUT_DATAX", "CONNECT", "TRACE", "PRI"])
def test_an_unknown_method_is_refused(pair, client, method):
    one = client(pair.proxy)
    one.send(request(GET, method))
    assert one.read().status in (400, 405, 501)
    assert pair.exchange.raw == b""


def test_an_unknown_method_is_a_501(pair, client):
    refused(pair, client, request(GET, "BREW"), 501, "unknown_method")


def test_a_method_without_end_is_refused(pair, client):
    one = client(pair.proxy)
    one.send(b"A" * KIB)
    assert one.read().status in (400, 501)
    assert one.is_closed()


@pytest.mark.parametrize("version", ["2.0", "0.9", "1.2", "3.0"])
def test_another_version_is_refused(pair, client, version):
    one = client(pair.proxy)
    one.send(request(GET, version=version))
    assert one.read().status in (400, 505)
    assert one.is_closed() and pair.exchange.raw == b""


def test_a_body_over_the_configured_limit_is_a_413(proxy, exchange, client):
    upstream = exchange()
    one = proxy(upstream, config="limits:\n  body: 64KiB\n")
    connection = client(one)
    connection.send(request("/Microsoft-Server-ActiveSync?Cmd=Sync", "POST", ["Content-Length: 100000"]))
    assert connection.read().status == 413
    assert upstream.requests == []
    assert one.wait_access(status=413)["end"] == "body_too_large"


def test_the_largest_legal_length_is_accepted(pair, client):
    """Nobody sends it whole, but Outlook Anywhere announces a GiB and some tools more."""
    one = client(pair.proxy)
    one.send(request("/Microsoft-Server-ActiveSync?Cmd=Sync", "POST", ["Content-Length: %d" % (2 ** 63 - 1)]) + b"abc")
    wait_for(lambda: b"abc" in pair.exchange.raw, "the first bytes at the upstream")


def test_a_length_beyond_63_bits_is_a_400(pair, client):
    one = client(pair.proxy)
    one.send(request("/Microsoft-Server-ActiveSync?Cmd=Sync", "POST", ["Content-Length: %d" % 2 ** 63]))
    assert one.read().status in (400, 413)
    assert one.is_closed() and pair.exchange.raw == b""


def test_an_upgrade_is_not_offered_to_the_upstream(pair, client):
    one = client(pair.proxy)
    one.send(request(GET, fields=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA=="]))
    answer = one.read()
    assert answer.status in (200, 400, 403, 426, 501)
    if answer.status == 200:
        assert pair.exchange.last().get(b"Upgrade") == []
    else:
        assert pair.exchange.raw == b""


def test_a_configured_upgrade_becomes_a_tunnel(proxy, exchange, client):
    def script(conn):
        message = conn.head()
        assert message.get(b"Upgrade") == [b"websocket"]
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        conn.send(conn.reader.exactly(4)[::-1])

    one = client(proxy(exchange(script), config="allow_upgrade: true\n"))
    one.send(request(GET, fields=["Connection: Upgrade", "Upgrade: websocket"]))
    assert one.read().status == 101
    one.send(b"\x01\x02\x03\x04")
    assert one.reader.exactly(4) == b"\x04\x03\x02\x01"
