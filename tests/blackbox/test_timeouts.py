"""Time-outs, set short. Each ends with its own reason in the log."""

import socket
import threading

import pytest

from harness.client import tls_context
from harness.exchange import serve
from harness.http import request, response
from harness.wait import PATIENCE_SECONDS

GET = "/owa/auth/logon.aspx"
POST = "/Microsoft-Server-ActiveSync?Cmd=Sync"


def config(**times):
    return "timeouts:\n" + "".join("  %s: %s\n" % item for item in times.items())


def ended(connection):
    """The status before the close, or None."""
    try:
        data = connection.reader.rest()
    except ConnectionResetError:
        return None
    return int(data[9:12]) if data else None


def test_a_head_that_does_not_end_in_time_is_cut_off(proxy, exchange, client):
    one = proxy(exchange(), config=config(header="300ms"))
    connection = client(one)
    connection.send(request(GET)[:-2])
    assert ended(connection) in (408, None)
    one.wait_access(end="head_timeout")


def test_a_head_that_trickles_is_cut_off_too(proxy, exchange, client):
    """Each byte must not start the clock again."""
    one = proxy(exchange(), config=config(header="500ms"))
    connection = client(one)
    connection.send(b"GET %s HTTP/1.1\r\nX-Slow: " % GET.encode())
    over = threading.Event()

    def trickle():
        try:
            while not over.wait(0.05):
                connection.send(b"a")
        except OSError:
            pass

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        one.wait_access(end="head_timeout")
    finally:
        over.set()
        thread.join()


def test_an_idle_connection_is_closed_after_its_time(proxy, exchange, client):
    one = proxy(exchange(), config=config(keepalive="3s"))
    connection = client(one)
    assert connection.ask(GET).status == 200
    assert ended(connection) is None


def test_a_connection_that_never_sends_a_byte_is_closed(proxy, exchange, client):
    one = proxy(exchange(), config=config(keepalive="300ms", header="300ms"))
    assert ended(client(one)) in (408, None)


def test_a_tls_handshake_that_does_not_end_is_cut_off(proxy, exchange, client):
    one = proxy(exchange(), config=config(handshake="300ms"), schemes=("https",))
    connection = client(one)
    connection.send(b"\x16\x03\x01")
    assert connection.is_closed()


def test_an_upstream_that_accepts_no_connection_is_a_504(proxy, client):
    """A listener whose queue is full drops the SYN."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    holders = []
    try:
        for _ in range(4):
            holder = socket.socket()
            holder.setblocking(False)
            holder.connect_ex(full.getsockname())
            holders.append(holder)
        one = proxy("http://127.0.0.1:%d" % full.getsockname()[1], config=config(connect="400ms"))
        assert client(one).ask(GET).status == 504
        assert one.wait_access(status=504)["end"] == "upstream_connect_timeout"
    finally:
        for holder in holders:
            holder.close()
        full.close()


def test_a_silent_relay_ends_after_its_time(proxy, exchange, client):
    over = threading.Event()

    def script(conn):
        conn.head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        over.wait(PATIENCE_SECONDS)

    one = proxy(exchange(script), config=config(relay="400ms"))
    connection = client(one)
    connection.send(request(GET))
    connection.reader.until(b"half")
    assert connection.is_closed()
    over.set()
    one.wait_access(end="relay_timeout")


def test_a_long_poll_that_stays_within_the_relay_time_lives(proxy, exchange, client):
    beat = threading.Event()

    def script(conn):
        conn.head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(6):
            beat.wait(1.5)
            conn.send(b"4\r\nbeat\r\n")
        conn.send(b"0\r\n\r\n")

    one = proxy(exchange(script), config=config(relay="8s", header="5s", keepalive="5s", upstream="8s"))
    assert client(one).ask(GET).body == b"beat" * 6


def test_a_long_poll_outlives_the_write_time(proxy, exchange, client):
    """What was sent a moment ago is not stuck: only bytes that nobody takes count for that time."""
    over = threading.Event()

    def script(conn):
        conn.head()
        over.wait(1.5)
        conn.answer(body=b"at last")

    one = proxy(exchange(script), config=config(write="300ms"))
    assert client(one).ask(GET).body == b"at last"


def test_a_silence_between_two_chunks_outlives_the_write_time(proxy, exchange, client):
    over = threading.Event()

    def script(conn):
        conn.head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nPEND\r\n")
        over.wait(1.5)
        conn.send(b"4\r\nDONE\r\n0\r\n\r\n")

    one = proxy(exchange(script), config=config(write="300ms"))
    assert client(one).ask(GET).body == b"PENDDONE"


def test_an_rpc_channel_outlives_the_body_and_the_write_time(proxy, exchange, client):
    over = threading.Event()

    def script(conn):
        conn.head()
        conn.reader.until(b"second")
        conn.answer()

    one = proxy(exchange(script), config=config(write="300ms", body="300ms"))
    connection = client(one)
    connection.send(request("/rpc/rpcproxy.dll?a:6001", "RPC_IN_DATA", ["Content-Length: 12"]) + b"first ")
    over.wait(1.5)
    connection.send(b"second")
    assert connection.read().status == 200


def test_a_client_that_takes_nothing_is_dropped(proxy, exchange, client):
    def script(conn):
        conn.request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            conn.send(b"x" * 65536)

    one = proxy(exchange(script), config=config(write="400ms"))
    connection = client(one, receive_buffer=4096)
    connection.send(request(GET))
    one.wait_access(end="write_timeout")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_short_times_do_not_hurt_a_quick_client(proxy, exchange, client, scheme):
    one = proxy(exchange(), config=config(header="4s", keepalive="4s", handshake="20s"), schemes=(scheme,))
    connection = client(one, tls=tls_context() if scheme == "https" else None)
    beat = threading.Event()
    for _ in range(10):
        beat.wait(0.5)  # longer than one of the times, all together
        assert connection.ask(POST, "POST", body=b"x").status == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_takes_little_is_not_stuck(proxy, exchange, client, scheme):
    """At its pace the queue does not get short within the write time; each byte counts all the same."""
    body = b"0123456789abcdef" * (256 * 1024)
    beat = threading.Event()
    one = proxy(exchange(serve(response(body=body))), config=config(write="5s"), schemes=(scheme,))
    connection = client(one, receive_buffer=4096, tls=tls_context() if scheme == "https" else None)
    connection.send(request(GET))
    message = connection.reader.head()
    for _ in range(60):
        beat.wait(0.1)
        connection.reader.buffer += connection.sock.recv(2048)
    assert connection.reader.exactly(len(body)) == body and message.status == 200


def test_a_last_answer_waits_for_a_slow_client(proxy, exchange, client):
    """It lies in the kernel's buffers while nobody reads; to reset the connection would discard it."""
    body = b"0123456789abcdef" * (96 * 1024)
    one = proxy(exchange(serve(response(body=body))))
    connection = client(one, receive_buffer=4096)
    connection.send(request(GET, fields=["Connection: close"]))
    threading.Event().wait(3)
    assert connection.read().body == body
