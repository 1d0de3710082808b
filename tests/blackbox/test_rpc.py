"""Outlook Anywhere: RPC_IN_DATA and RPC_OUT_DATA, whose channels stay open both ways for hours."""

import threading

import pytest

from harness.http import request
from harness.wait import PATIENCE_SECONDS, wait_for

TARGET = "/rpc/rpcproxy.dll?mailbox.example.test:6001"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("method", ["RPC_IN_DATA", "RPC_OUT_DATA"])
def test_an_rpc_verb_arrives_as_sent(pair, client, method, version):
    one = client(pair.proxy)
    answer = one.ask(TARGET, method, ["Connection: Keep-Alive", "Accept: application/rpc"], b"x" * 76, version=version)
    assert answer.status == 200
    message = pair.exchange.last()
    assert message.method == method.encode() and message.target == TARGET.encode() and message.body == b"x" * 76


def test_an_rpc_verb_over_http_1_0_keeps_the_connection(pair, client):
    one = client(pair.proxy)
    for _ in range(2):
        answer = one.ask(TARGET, "RPC_IN_DATA", ["Connection: Keep-Alive"], b"x", version="1.0")
        assert answer.status == 200
    assert len(pair.exchange.connections) == 1


def test_an_rpc_verb_in_one_byte_pieces_arrives(pair, client):
    one = client(pair.proxy)
    one.send_pieces(request(TARGET, "RPC_OUT_DATA", body=b"0123456789"))
    assert one.read().status == 200
    assert pair.exchange.last().method == b"RPC_OUT_DATA"


def test_rpc_requests_may_be_pipelined_with_others(pair, client):
    one = client(pair.proxy)
    one.send(request("/owa/auth/logon.aspx") + request(TARGET, "RPC_IN_DATA", body=b"x") + request("/owa/auth/logon.aspx"))
    assert [one.read().status for _ in range(3)] == [200, 200, 200]
    assert [m.method for m in pair.exchange.requests] == [b"GET", b"RPC_IN_DATA", b"GET"]


def test_an_in_channel_of_a_gib_trickles(pair, client):
    def script(conn):
        conn.head()
        conn.reader.rest()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(TARGET, "RPC_IN_DATA", ["Content-Length: 1073741824"]))
    for piece in (b"CONN/B1", b"PING", b"RTS"):
        one.send(piece)
        wait_for(lambda: piece in pair.exchange.raw, "%r at the upstream" % piece)


def test_an_out_channel_of_a_gib_trickles(pair, client):
    over = threading.Event()

    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\n")
        for piece in (b"CONN/A3", b"CONN/C2"):
            conn.send(piece)
        over.wait(PATIENCE_SECONDS)

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(TARGET, "RPC_OUT_DATA", ["Connection: Keep-Alive"], b"x" * 76, version="1.0"))
    head = one.reader.head()
    assert head.status == 200 and head.framing() == 1073741824
    one.reader.until(b"CONN/C2")
    over.set()


def test_an_out_channel_that_ends_early_ends_at_the_client(pair, client):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 Success\r\nContent-Length: 1073741824\r\n\r\nabc")

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(TARGET, "RPC_OUT_DATA", body=b"x" * 76))
    one.reader.until(b"\r\n\r\n")
    assert one.reader.rest() == b"abc"


def test_a_401_to_an_in_channel_comes_before_its_body(pair, client):
    def script(conn):
        conn.head()
        conn.answer("401 Unauthorized", ["WWW-Authenticate: NTLM"], b"no")
        conn.reader.rest()

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(request(TARGET, "RPC_IN_DATA", ["Content-Length: 1073741824"]))
    assert one.read().status == 401


MIB = 1024 * 1024
MOVED = 48 * MIB


def trickle_in(one):
    for _ in range(MOVED // 65536):
        one.send(b"i" * 65536)


def read_away(reader, count):
    """Read and forget, so that only the proxy could hold the bytes."""
    while count > 0:
        reader.more()
        count -= len(reader.buffer)
        reader.buffer = reader.seen = b""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_both_channels_of_a_gib_stream_without_growing_the_proxy(proxy, exchange, client, version):
    """IN and OUT announce 1 GiB each and move at the same time; then the client leaves early, which is normal."""
    counts = {}
    moves = threading.Event()

    def script(conn):
        message = conn.head()
        if message.method == b"RPC_IN_DATA":
            read_away(conn.reader, MIB)
            counts["in"] = True
            read_away(conn.reader, MOVED - MIB)
            counts["in whole"] = True
            conn.reader.rest()
        else:
            conn.reader.exactly(76)
            conn.send(b"HTTP/1.1 200 Success\r\nContent-Type: application/rpc\r\nContent-Length: 1073741824\r\n\r\n")
            conn.send(b"o" * MIB)
            moves.wait(PATIENCE_SECONDS)
            for _ in range((MOVED - MIB) // 65536):
                conn.send(b"o" * 65536)
            conn.reader.rest()

    upstream = exchange(script)
    one = proxy(upstream)
    out, into = client(one), client(one)
    fields = ["Connection: Keep-Alive", "Accept: application/rpc"]
    out.send(request(TARGET, "RPC_OUT_DATA", fields, b"c" * 76, version=version))
    head = out.reader.head()
    assert head.status == 200 and head.framing() == 1073741824
    read_away(out.reader, MIB - len(out.reader.buffer))
    into.send(request(TARGET, "RPC_IN_DATA", [*fields, "Content-Length: 1073741824"], version=version) + b"i" * MIB)
    wait_for(lambda: counts.get("in"), "the first MiB at the upstream")
    before = one.rss_kib()
    moves.set()
    sender = threading.Thread(target=trickle_in, args=(into,))
    sender.start()
    read_away(out.reader, MOVED - MIB)
    sender.join(PATIENCE_SECONDS)
    wait_for(lambda: counts.get("in whole"), "the IN channel's bytes at the upstream")
    grown = one.rss_kib() - before
    assert grown < 4096, "grew by %d KiB" % grown
    out.close()
    into.close()
    wait_for(lambda: all(c.is_over for c in upstream.connections), "both ends at the upstream")
