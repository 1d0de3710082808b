"""A graceful end: a balancer sees it first, nothing that has begun or is on its way is lost, and it has a bound."""

import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from harness.http import Closed, request
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"


def held(go):
    """Answers each request when `go` is set."""

    def script(conn):
        while True:
            conn.request()
            assert go.wait(PATIENCE_SECONDS)
            conn.answer(body=b"held")

    return script


def takes_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def test_readiness_turns_while_connections_are_still_taken(proxy, exchange, client):
    one = proxy(exchange(), "--timeout", "drain_delay=1h")
    done = one.command("drain")
    assert (done.returncode, done.stdout) == (0, "draining\n")
    assert one.admin("/readyz") == (503, "draining\n")
    assert client(one).ask(GET).status == 200
    assert "not ready, still takes connections" in one.command("status").stdout
    assert one.status()["listening"] is True


def test_the_listeners_close_after_the_delay(proxy, exchange, client):
    go = threading.Event()
    one = proxy(exchange(held(go)), "--timeout", "drain_delay=300ms")
    running = client(one)
    running.send(request(GET))
    one.command("drain")
    wait_for(lambda: not takes_connections(one.port), "the listener to close")
    assert "ends when its connections have ended" in one.command("status").stdout
    go.set()
    assert running.read().body == b"held"
    assert one.wait_end() == 0


def test_drain_wait_comes_back_when_the_program_has_ended(proxy, exchange, client):
    go = threading.Event()
    one = proxy(exchange(held(go)))
    running = client(one)
    running.send(request(GET))
    argv = [one.binary, "drain", "--wait", "--admin", "unix:" + one.admin_path]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as waiting:
        wait_for(lambda: one.admin("/readyz")[0] == 503, "the drain to begin")
        assert waiting.poll() is None
        go.set()
        assert running.read().body == b"held"
        assert one.wait_end() == 0
        assert waiting.wait(PATIENCE_SECONDS) == 0


def test_drain_without_a_program_says_so(stopgap, tmp_path):
    done = stopgap("drain", "--wait", "--admin", "unix:%s/nobody.sock" % tmp_path)
    assert done.returncode == 3
    assert "is stopgap running" in done.stderr


def test_a_request_that_comes_on_an_idle_connection_is_answered_and_the_last_one(proxy, exchange, client):
    one = proxy(exchange())
    connection = client(one)
    assert connection.ask(GET).status == 200
    one.signal(signal.SIGQUIT)
    wait_for(lambda: not takes_connections(one.port), "the listener to close")
    answer = connection.ask(GET + "?late")
    assert answer.status == 200
    assert answer.get(b"connection") == [b"close"]
    assert connection.is_closed()
    assert one.wait_end() == 0


def test_a_connection_that_spoke_no_word_yet_may_still_ask(proxy, exchange, client):
    one = proxy(exchange())
    connection = client(one)
    wait_for(lambda: one.status()["connections_open"] == 1, "the connection to be taken")
    one.signal(signal.SIGQUIT)
    wait_for(lambda: not takes_connections(one.port), "the listener to close")
    assert connection.ask(GET).status == 200
    assert one.wait_end() == 0


def handshake(go):
    """An Exchange with NTLM: the second leg counts on the connection of the first one; the first answer waits for `go`."""

    def script(conn):
        first = conn.request()
        assert first.one(b"Authorization") == b"NTLM one" and go.wait(PATIENCE_SECONDS)
        conn.answer("401 Unauthorized", ["WWW-Authenticate: NTLM TlRMTVNTUAAC"], b"leg")
        second = conn.request()
        assert second.one(b"Authorization") == b"NTLM three"
        conn.answer(body=b"alice")

    return script


def test_a_handshake_that_has_begun_is_brought_to_its_end(proxy, exchange, client):
    """A client whose connection goes between two legs has been refused, and asks its user for a password."""
    go = threading.Event()
    upstream = exchange(handshake(go))
    one = proxy(upstream)
    connection = client(one)
    connection.send(request(GET, fields=["Authorization: NTLM one"]))
    upstream.last()
    one.signal(signal.SIGQUIT)
    wait_for(lambda: not takes_connections(one.port), "the listener to close")
    go.set()
    leg = connection.read()
    assert leg.status == 401 and leg.get(b"Connection") == []
    answer = connection.ask(GET, fields=["Authorization: NTLM three"])
    assert answer.body == b"alice" and answer.get(b"Connection") == [b"close"]
    assert connection.is_closed() and len(upstream.connections) == 1
    assert one.wait_end() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_connections_that_wait_in_the_queue_are_served(proxy, exchange, client, workers):
    one = proxy(exchange(), "--workers", workers)
    one.signal(signal.SIGSTOP)
    waiting = [client(one) for _ in range(20)]
    for connection in waiting:
        connection.send(request(GET))
    one.signal(signal.SIGQUIT)
    one.signal(signal.SIGCONT)
    for connection in waiting:
        answer = connection.read()
        assert answer.status == 200
    assert one.wait_end() == 0


def test_a_long_poll_is_closed_at_the_bound(proxy, exchange, client):
    go = threading.Event()
    upstream = exchange(held(go))
    one = proxy(upstream, "--timeout", "drain=1500ms")
    poll = client(one)
    poll.send(request("/Microsoft-Server-ActiveSync?Cmd=Ping", "POST", body=b"x"))
    upstream.last()
    begin = time.monotonic()
    one.signal(signal.SIGQUIT)
    with pytest.raises((Closed, ConnectionResetError)):
        poll.read()
    assert time.monotonic() - begin > 1
    assert one.wait_end() == 0
    assert re.search("event=drain_timeout .*1 connections are cut", one.err.text())
    go.set()
