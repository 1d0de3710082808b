"""Clients that mean no good: too many of them, too slow, and those that take what others need."""

import os
import re
import resource
import signal
import socket
import threading

import pytest

from harness.client import Client
from harness.exchange import serve
from harness.http import Closed, request
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"
POST = "/Microsoft-Server-ActiveSync?Cmd=Sync"
MANY = 300


def is_refused(connect):
    """The reset may be there before connect() returns, or show at the first request."""
    try:
        with connect() as one:
            one.send(request(GET))
            one.read()
    except (Closed, OSError):
        return True
    return False


# ---- connections of one address


def per_address(number, more=""):
    return "limits:\n  connections_per_address: %d\n%s" % (number, more)


def test_an_address_gets_no_more_connections_than_it_may(proxy, exchange, client):
    one = proxy(exchange(), config=per_address(2))
    held = [client(one, source="127.0.0.2") for _ in range(2)]
    assert [c.ask(GET).status for c in held] == [200, 200]
    assert is_refused(lambda: Client(one.port, source="127.0.0.2"))
    assert client(one, source="127.0.0.3").ask(GET).status == 200
    one.wait_metric("stopgap_connections_refused_total", 1)
    assert one.metrics()['stopgap_ended_total{reason="address_limit"}'] == 1
    one.wait_event(r"event=address_limit .*127\.0\.0\.2")


def test_a_connection_that_ended_makes_room_for_its_address(proxy, exchange, client):
    one = proxy(exchange(), config=per_address(1))
    for _ in range(3):
        with client(one, source="127.0.0.2") as first:
            assert first.ask(GET).status == 200
            assert is_refused(lambda: Client(one.port, source="127.0.0.2"))
        one.wait_metric("stopgap_connections_open", 0)


def test_all_workers_count_an_address_together(proxy, exchange, client):
    one = proxy(exchange(), "--workers", "3", config=per_address(4))
    held, refused = [], 0
    for _ in range(20):
        try:
            connection = client(one, source="127.0.0.2")
            assert connection.ask(GET).status == 200
            held.append(connection)
        except (Closed, OSError):
            refused += 1
    assert (len(held), refused) == (4, 16)


def test_the_log_tells_of_refused_addresses_once_in_a_while(proxy, exchange, client):
    one = proxy(exchange(), config=per_address(1))
    assert client(one, source="127.0.0.2").ask(GET).status == 200
    for _ in range(30):
        assert is_refused(lambda: Client(one.port, source="127.0.0.2"))
    one.wait_metric("stopgap_connections_refused_total", 30)
    assert len([line for line in one.err.lines if "event=address_limit" in line]) == 1


def test_the_address_that_a_balancer_names_is_counted(proxy, exchange, client):
    one = proxy(exchange(), config=per_address(1, "proxy_protocol: true\ntrusted_proxies: [127.0.0.1/32]\n"))

    def connect(source):
        connection = client(one)
        connection.send(b"PROXY %s 443\r\n" % source)
        return connection

    assert connect(b"TCP4 192.0.2.1 192.0.2.200 1111").ask(GET).status == 200
    assert is_refused(lambda: connect(b"TCP4 192.0.2.1 192.0.2.200 1112"))
    assert connect(b"TCP4 192.0.2.2 192.0.2.200 1113").ask(GET).status == 200
    assert connect(b"TCP6 2001:db8::1 2001:db8::2 1114").ask(GET).status == 200
    assert is_refused(lambda: connect(b"TCP6 2001:db8::1:2 2001:db8::2 1115"))
    assert connect(b"TCP6 2001:db8:0:1::1 2001:db8::2 1116").ask(GET).status == 200


def test_a_trusted_balancer_has_no_limit_of_its_own(proxy, exchange, client):
    """Its address stands for many clients."""
    one = proxy(exchange(), config=per_address(1, "trusted_proxies: [127.0.0.1/32]\n"))
    held = [client(one) for _ in range(5)]
    assert [c.ask(GET).status for c in held] == [200] * 5


# ---- file descriptors


HOLD = ["Authorization: Negotiate YII="]  # so that the upstream connection is kept, too


def fill(one, client, number):
    """So many clients that each hold two descriptors where they are let in; those that are."""
    held = []
    for _ in range(number):
        try:
            connection = client(one)
            assert connection.ask(GET, fields=HOLD).status == 200
            held.append(connection)
        except (Closed, OSError):
            pass
    return held


def test_clients_do_not_take_the_descriptors_of_everything_else(proxy, exchange, client, tmp_path):
    one = proxy(exchange(), descriptors=256)
    one.wait_event(r"event=fd_limit .*raise LimitNOFILE")
    held = fill(one, client, MANY)
    assert 50 < len(held) < 128
    one.wait_event(r"event=connection_limit .*%d are open" % len(held))
    assert one.metrics()["stopgap_connections_open"] == len(held)
    assert one.command("status").returncode == 0
    assert one.admin("/healthz")[0] == 200
    assert one.command("reload").returncode == 0 and one.reloads() == (1, 0)
    log = os.path.join(one.folder, "access.log")
    os.rename(log, log + ".1")
    one.signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(log), "the new log")
    assert held[-1].ask(GET + "?still").status == 200
    one.wait_access(target=GET + "?still")
    for connection in held:
        connection.close()
    one.wait_metric("stopgap_connections_open", 0)
    assert len(fill(one, client, 20)) == 20


def test_a_start_with_too_few_descriptors_says_how_many_are_needed(run_to_end):
    one = run_to_end("http://127.0.0.1:9", descriptors=60)
    assert one.process.returncode == 1
    assert re.search(r"E_FD_LIMIT.*raise LimitNOFILE", one.err.text())


def test_who_comes_while_descriptors_have_run_out_waits(proxy, exchange, client):
    """The limit falls below what is open; nobody is thrown out of the queue, and nothing spins."""
    one = proxy(exchange())
    first = client(one)
    assert first.ask(GET).status == 200
    soft, hard = resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    waiting = [client(one) for _ in range(5)]
    for connection in waiting:
        connection.send(request(GET))
    one.wait_event(r"event=accept_paused .*LimitNOFILE")
    before = one.cpu_seconds()
    threading.Event().wait(1)
    assert one.cpu_seconds() - before < 0.5
    assert first.ask(GET).status == 200
    resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert [connection.read().status for connection in waiting] == [200] * 5
    assert 1 <= one.metrics()["stopgap_accept_pauses_total"] < 30


def test_who_asks_the_admin_socket_while_descriptors_have_run_out_waits(proxy, exchange):
    one = proxy(exchange())
    soft, hard = resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.settimeout(PATIENCE_SECONDS)
        waiting.connect(one.admin_path)
        waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        one.wait_event(r"event=accept_paused .*admin.*LimitNOFILE")
        before = one.cpu_seconds()
        threading.Event().wait(1)
        assert one.cpu_seconds() - before < 0.5
        resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert waiting.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_an_upstream_is_not_blamed_for_descriptors_that_ran_out_here(proxy, exchange, client):
    one = proxy(exchange())
    connection = client(one)
    soft, hard = resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE)
    assert connection.ask("/no-such-path").status == 404
    resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    assert connection.ask(GET).status == 503
    resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert one.wait_access(status=503)["end"] == "no_memory"
    assert client(one).ask(GET).status == 200
    assert not [v for k, v in one.metrics().items() if k.startswith("stopgap_server_connect_failures_total") and v]


# ---- many that are slow


def crowd(one, number, data, **kwargs):
    held = [Client(one.port, **kwargs) for _ in range(number)]
    for connection in held:
        connection.send(data)
    return held


def wait_gone(one, number, end):
    def ended():
        return one.metrics().get('stopgap_ended_total{reason="%s"}' % end) == number

    wait_for(ended, lambda: "%d ends by %s in %r" % (number, end, one.metrics()))


SLOW = "timeouts:\n  header: 5s\n  body: 5s\n  write: 5s\n"  # long for who asks at once, on any machine


@pytest.mark.parametrize("data, end", [
    (b"GET %s HTTP/1.1\r\nHost: a\r\nX-Slow: " % GET.encode(), "head_timeout"),
    (request(POST, "POST", ["Content-Length: 100000"]) + b"abc", "body_timeout"),
    (request(POST, "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nab", "body_timeout"),
], ids=["head", "body", "chunk"])
def test_many_that_do_not_go_on_are_ended_while_others_are_served(proxy, exchange, client, data, end):
    one = proxy(exchange(), config=SLOW)
    held = crowd(one, MANY, data)
    try:
        other = client(one)
        for _ in range(20):
            assert other.ask(GET).status == 200
        wait_gone(one, MANY, end)
        assert other.ask(GET).status == 200
    finally:
        for connection in held:
            connection.close()


def test_a_body_that_makes_progress_may_take_longer_than_its_time(proxy, exchange, client):
    """Each byte counts as progress: mail from a phone on a train comes like that."""
    upstream = exchange()
    one = proxy(upstream, config="timeouts:\n  body: 4s\n")
    connection = client(one)
    connection.send(request(POST, "POST", ["Content-Length: 16"]))
    beat = threading.Event()
    for _ in range(16):
        beat.wait(0.3)
        connection.send(b"x")
    assert connection.read().status == 200
    assert upstream.last().body == b"x" * 16


def test_many_that_do_not_read_are_ended_and_cost_little_memory(proxy, exchange, client):
    """Each asks for 4 MiB; what they do not take stays at the upstream."""
    number = 30  # more fill the memory that the kernel has for TCP
    one = proxy(exchange(serve(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 << 20) + b"y" * (4 << 20))), config=SLOW)
    before = one.rss_kib()
    held = crowd(one, number, request(GET), receive_buffer=4096)
    try:
        other = client(one)
        for _ in range(20):
            assert other.ask("/no-such-path").status == 404
        assert one.rss_kib() - before < number * 1024
        wait_gone(one, number, "write_timeout")
    finally:
        for connection in held:
            connection.close()
