"""Signals: HUP loads again, USR1 reopens logs, QUIT drains, TERM stops."""

import os
import signal
import socket
import threading

from harness.http import request
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"


def slow_exchange(go):
    """Answers one request only after `go` is set."""

    def script(conn):
        while True:
            conn.request()
            assert go.wait(PATIENCE_SECONDS)
            conn.answer(body=b"slow")

    return script


def test_term_ends_the_program_with_status_0(proxy, exchange):
    one = proxy(exchange())
    one.signal(signal.SIGTERM)
    assert one.wait_end() == 0


def test_term_does_not_wait_for_an_open_request(proxy, exchange, client):
    go = threading.Event()
    upstream = exchange(slow_exchange(go))
    one = proxy(upstream)
    connection = client(one)
    connection.send(request(GET))
    upstream.last()
    one.signal(signal.SIGTERM)
    one.wait_end(5)
    go.set()


def test_int_ends_the_program(proxy, exchange):
    one = proxy(exchange())
    one.signal(signal.SIGINT)
    one.wait_end(5)


def test_quit_lets_an_open_request_end(proxy, exchange, client):
    go = threading.Event()
    upstream = exchange(slow_exchange(go))
    one = proxy(upstream)
    connection = client(one)
    connection.send(request(GET))
    upstream.last()
    one.signal(signal.SIGQUIT)
    wait_for(lambda: not accepts(one.port), "the listener to close")
    go.set()
    assert connection.read().body == b"slow"
    assert one.wait_end() == 0


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_quit_closes_idle_connections(proxy, exchange, client):
    one = proxy(exchange())
    connection = client(one)
    assert connection.ask(GET).status == 200
    one.signal(signal.SIGQUIT)
    assert connection.is_closed()
    assert one.wait_end() == 0


def test_quit_ends_after_the_drain_time_whatever_is_open(proxy, exchange, client):
    go = threading.Event()
    upstream = exchange(slow_exchange(go))
    one = proxy(upstream, config="timeouts:\n  drain: 500ms\n")
    connection = client(one)
    connection.send(request(GET))
    upstream.last()
    one.signal(signal.SIGQUIT)
    one.wait_end(10)
    go.set()


def test_a_draining_proxy_says_that_it_is_not_ready(proxy, exchange, client):
    go = threading.Event()
    upstream = exchange(slow_exchange(go))
    one = proxy(upstream)
    connection = client(one)
    connection.send(request(GET))
    upstream.last()
    assert one.admin("/readyz")[0] == 200
    one.signal(signal.SIGQUIT)
    wait_for(lambda: one.admin("/readyz")[0] == 503, "not ready")
    assert one.admin("/healthz")[0] == 200
    go.set()
    connection.read()
    one.wait_end()


def test_usr1_reopens_the_log_file(proxy, exchange, client):
    one = proxy(exchange())
    path = os.path.join(one.folder, "access.log")
    connection = client(one)
    connection.ask(GET + "?before")
    one.wait_access(target=GET + "?before")
    os.rename(path, path + ".1")
    one.signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(path), "a new log file")
    connection.ask(GET + "?after")
    one.wait_access(target=GET + "?after")
    with open(path + ".1") as old:
        assert "?after" not in old.read()


def test_hup_loads_the_rules_again_and_drops_no_connection(proxy, exchange, client):
    one = proxy(exchange())
    connection = client(one)
    assert connection.ask(GET).status == 200
    good, refused = one.reloads()
    one.signal(signal.SIGHUP)
    wait_for(lambda: one.reloads() == (good + 1, refused), "one more reload")
    assert connection.ask(GET).status == 200
