"""Sockets that systemd made: they are used, and what waits in their queues outlives the program."""

import re
import signal
import socket

import pytest
from harness.http import request

GET = "/owa/auth/logon.aspx"


@pytest.fixture
def listener(ports):
    """listener(): a listening socket on a port of its own, as systemd makes one."""
    made = []

    def make():
        made.append(socket.socket())
        made[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made[-1].bind(("127.0.0.1", ports.take()))
        made[-1].listen(64)
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_socket_of_systemd_is_served_by_every_number_of_workers(proxy, exchange, client, listener, workers):
    one = proxy(exchange(), "--workers", workers, sockets=[listener()])
    for _ in range(8):
        assert client(one).ask(GET).status == 200
    assert not re.search("socket_unused", one.err.text())


def test_a_client_that_came_before_the_program_is_served(proxy, exchange, client, listener):
    door = listener()
    early = client(door.getsockname()[1])
    early.send(request(GET))
    proxy(exchange(), sockets=[door])
    assert early.read().status == 200


def test_a_client_that_comes_between_two_programs_is_served_by_the_next(proxy, exchange, client, listener):
    door = listener()
    upstream = exchange()
    first = proxy(upstream, sockets=[door])
    assert client(first).ask(GET).status == 200
    first.signal(signal.SIGQUIT)
    assert first.wait_end() == 0
    between = client(first)
    between.send(request(GET))
    proxy(upstream, sockets=[door])
    assert between.read().status == 200


def test_several_sockets_find_their_listeners_and_one_that_fits_none_is_reported(proxy, exchange, client, listener):
    doors = [listener(), listener(), listener()]
    one = proxy(exchange(), schemes=("http", "http"), sockets=doors)
    for port in one.ports:
        assert client(port).ask(GET).status == 200
    name = "127.0.0.1:%d" % doors[2].getsockname()[1]
    one.wait_event("socket_unused.*systemd listens on %s, but nothing here has that address" % re.escape(name))


def test_what_is_no_listening_socket_is_reported(proxy, exchange, client, listener):
    with socket.socket() as closed, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        one = proxy(exchange(), sockets=[listener(), closed, datagrams])
    assert client(one).ask(GET).status == 200
    one.wait_event("socket_unused.*2 descriptors of systemd are no listening TCP sockets")


def test_a_socket_of_another_address_on_the_same_port_is_named_when_the_start_fails(run_to_end, exchange, ports):
    with socket.socket() as every:
        port = ports.take()
        every.bind(("0.0.0.0", port))
        every.listen(8)
        one = run_to_end(exchange(), sockets=[every])
    assert one.process.returncode == 1
    assert "E_PORT_IN_USE" in one.err.text()
    assert "systemd listens on 0.0.0.0:%d" % port in one.err.text()


def test_sockets_that_are_meant_for_another_process_are_left_alone(proxy, exchange, client):
    one = proxy(exchange(), env={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    assert client(one).ask(GET).status == 200
    assert not re.search("socket_unused", one.err.text())
