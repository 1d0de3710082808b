"""Names of servers are looked up again while the program runs."""

import signal

import pytest

from harness.exchange import serve
from harness.names import Names
from harness.wait import wait_for

GET = "/owa/auth/logon.aspx"
NAME = "exchange.test"


def named(name):
    return serve(lambda conn, message: conn.answer(body=name))


@pytest.fixture
def names(tmp_path):
    return Names(tmp_path)


@pytest.fixture
def moved(proxy, exchange, names):
    """A proxy for a name that leads to the first of two servers on one port."""
    first = exchange(named(b"first"))
    exchange(named(b"second"), port=first.port, address="127.0.0.2")
    names.set({NAME: "127.0.0.1"})
    return proxy("http://%s:%d" % (NAME, first.port), env=names.env())


def look_up_again(one):
    one.signal(signal.SIGHUP)


def server_of_a_new(client, one):
    return client(one).ask(GET).body


def test_new_connections_go_where_the_name_leads_now_and_open_ones_stay(moved, client, names):
    open_one = client(moved)
    assert open_one.ask(GET).body == b"first"
    names.set({NAME: "127.0.0.2"})
    look_up_again(moved)
    wait_for(lambda: server_of_a_new(client, moved) == b"second", "a connection to the new address")
    assert open_one.ask(GET).body == b"first"


def test_a_look_up_that_fails_leaves_the_addresses_in_use(moved, client, names):
    assert server_of_a_new(client, moved) == b"first"
    names.set({})
    look_up_again(moved)
    moved.wait_event("exchange.test does not resolve any more")
    assert server_of_a_new(client, moved) == b"first"
    names.set({NAME: "127.0.0.2"})
    look_up_again(moved)
    moved.wait_event("exchange.test resolves again")
    wait_for(lambda: server_of_a_new(client, moved) == b"second", "a connection to the new address")


def test_a_name_that_did_not_resolve_at_the_start_is_used_when_it_does(proxy, exchange, client, names):
    server = exchange(named(b"late"))
    one = proxy("http://%s:%d" % (NAME, server.port), env=names.env())
    assert client(one).ask(GET).status == 502
    names.set({NAME: "127.0.0.1"})
    look_up_again(one)
    wait_for(lambda: server_of_a_new(client, one) == b"late", "a connection to the new address")
