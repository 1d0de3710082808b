"""Several Exchange servers behind one proxy: who gets a connection, who stays where, what happens
when one cannot be reached, and what the servers are told of the client."""

import socket
import ssl
import struct

import pytest

from harness.exchange import answer_all, serve
from harness.http import request, response
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"
MAPI = "/mapi/emsmdb"
V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def named(name):
    """A script that answers everything with its own name."""
    return serve(response(body=name.encode()))


def several(proxy, urls, *options, **kwargs):
    """A proxy with these servers, without health checks unless the options switch them on."""
    args = []
    for url in urls:
        args += ["--upstream", getattr(url, "url", url)]
    if not any("enabled=" in str(o) for o in options):
        args += ["--health", "enabled=false"]
    one = proxy(None, *args, *options, **kwargs)
    one.servers = [getattr(url, "url", url) for url in urls]
    return one


def names_of(connections):
    return sorted(one.ask(GET).body for one in connections)


def test_open_connections_are_spread_evenly(proxy, exchange, client):
    one = several(proxy, [exchange(named(n)) for n in ("a", "b", "c")])
    assert names_of([client(one) for _ in range(6)]) == [b"a", b"a", b"b", b"b", b"c", b"c"]


def test_the_next_connection_goes_where_the_fewest_are(proxy, exchange, client):
    one = several(proxy, [exchange(named(n)) for n in ("a", "b")], "--workers", "2")
    held = [client(one) for _ in range(4)]
    names = [c.ask(GET).body for c in held]
    assert sorted(names) == [b"a", b"a", b"b", b"b"]
    for connection, name in zip(held, names):
        if name == b"a":
            connection.close()
    one.wait_metric('stopgap_server_connections{server="%s"}' % one.servers[0], 0)
    assert [client(one).ask(GET).body for _ in range(2)] == [b"a", b"a"]


def test_weights_are_kept(proxy, exchange, client):
    a, b = exchange(named("a")), exchange(named("b"))
    one = proxy(None, config="upstream:\n  servers: [{url: '%s', weight: 30}, {url: '%s', weight: 10}]\n"
                             "health: {enabled: false}\n" % (a.url, b.url))
    assert names_of([client(one) for _ in range(8)]).count(b"a") == 6


def test_a_client_connection_never_changes_its_server(proxy, exchange, client):
    servers = [exchange(named(n)) for n in ("a", "b", "c")]
    one = several(proxy, servers, "--workers", "2")
    for connection in [client(one) for _ in range(4)]:
        assert len({connection.ask(GET).body for _ in range(10)}) == 1
    assert sum(len(s.connections) for s in servers) == 4


def test_a_client_comes_back_to_the_server_that_closed_its_connection(proxy, exchange, client):
    def once(name):
        return lambda conn: (conn.request(), conn.send(response(fields=["Connection: close"], body=name)))

    one = several(proxy, [exchange(once(n)) for n in (b"a", b"b", b"c")])
    connection = client(one)
    assert len({connection.ask(GET).body for _ in range(5)}) == 1


def test_the_source_hash_sends_a_client_to_one_server(proxy, exchange, client):
    one = several(proxy, [exchange(named(n)) for n in ("a", "b", "c")], "--balance", "source_hash")
    homes = {}
    for _ in range(3):
        for source in ("127.0.0.%d" % i for i in range(2, 22)):
            homes.setdefault(source, set()).add(client(one, source=source).ask(GET).body)
    assert all(len(found) == 1 for found in homes.values())
    assert set.union(*homes.values()) == {b"a", b"b", b"c"}


def test_a_server_that_refuses_is_passed_over_before_the_client_notices(proxy, exchange, client, ports):
    one = several(proxy, ["http://127.0.0.1:%d" % ports.take(), exchange(named("b"))])
    assert names_of([client(one) for _ in range(6)]) == [b"b"] * 6
    metrics = one.metrics()
    refused = metrics['stopgap_server_connect_failures_total{server="%s"}' % one.servers[0]]
    assert refused == 1  # who refused is left alone for a while


def test_a_body_is_not_lost_when_the_first_server_refuses(proxy, exchange, client, ports):
    live = exchange(named("b"))
    one = several(proxy, ["http://127.0.0.1:%d" % ports.take(), live])
    for _ in range(2):
        assert client(one).ask(MAPI, "POST", body=b"x" * 100000).status == 200
    assert [len(m.body) for m in live.requests] == [100000, 100000]


def test_a_server_that_does_not_take_the_connection_in_time_is_passed_over(proxy, exchange, client):
    full = socket.socket()  # its queue is full, so that the kernel drops what comes
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = []
    for _ in range(4):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(full.getsockname())
    one = several(proxy, ["http://127.0.0.1:%d" % full.getsockname()[1], exchange(named("b"))],
                  "--timeout", "connect=3s")
    assert names_of([client(one) for _ in range(3)]) == [b"b"] * 3
    for sock in waiting + [full]:
        sock.close()


def test_a_server_with_a_wrong_certificate_is_passed_over(proxy, exchange, client, authority):
    def context(leaf):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*leaf)
        return made

    wrong = exchange(named("wrong"), tls=context(authority.leaf("other.example.test", None)))
    good = exchange(named("good"), tls=context(authority.leaf()))
    one = several(proxy, [wrong, good], "--upstream-ca", authority.cert)
    assert names_of([client(one) for _ in range(3)]) == [b"good"] * 3
    assert wrong.requests == []


def test_each_server_has_the_name_it_was_given(proxy, exchange, client, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.leaf("exch02.example.test", None))
    server = exchange(tls=context)
    one = proxy(None, config="upstream:\n  ca: %s\n  servers: [{url: '%s', name: exch02.example.test}]\n"
                             % (authority.cert, server.url))
    assert client(one).ask(GET).status == 200


def test_all_refuse_is_a_502(proxy, client, ports):
    one = several(proxy, ["http://127.0.0.1:%d" % ports.take() for _ in range(3)])
    assert client(one).ask(GET).status == 502
    assert one.wait_access(status=502)["end"] == "upstream_connect"


def test_the_access_log_names_the_server(proxy, exchange, client):
    servers = [exchange(named(n)) for n in ("a", "b")]
    one = several(proxy, servers)
    for i in range(2):
        name = client(one).ask(GET + "?%d" % i).body
        assert one.wait_access(target=GET + "?%d" % i)["upstream"] == servers[name == b"b"].url


def test_each_address_of_a_name_is_tried(proxy, exchange, client):
    """localhost may lead to ::1 first, where nobody listens."""
    server = exchange(named("a"))
    one = several(proxy, ["http://localhost:%d" % server.port], "--health", "enabled=true", "--health", "interval=100ms")
    assert client(one).ask(GET).body == b"a"
    assert one.metrics()['stopgap_server_connect_failures_total{server="%s"}' % one.servers[0]] == 0
    wait_for(lambda: one.status()["servers"][0]["vdirs"]["owa"]["state"] == "up", "a good check")


def test_a_name_that_does_not_resolve_costs_its_server_only(proxy, exchange, client):
    one = several(proxy, ["http://nowhere.invalid", exchange(named("b"))])
    one.wait_event("nowhere.invalid does not resolve")
    assert names_of([client(one) for _ in range(4)]) == [b"b"] * 4


def test_a_server_that_breaks_in_the_middle_is_not_replaced(proxy, exchange, client):
    def breaks(conn):
        conn.head()
        conn.reset()

    one = several(proxy, [exchange(breaks), exchange(breaks)])
    assert client(one).ask(MAPI, "POST", body=b"x").status == 502


@pytest.mark.parametrize("method, status", [("GET", 200), ("POST", 502)])
def test_only_a_safe_request_that_met_the_end_of_an_idle_connection_goes_elsewhere(proxy, exchange, client, method, status):
    def dies(conn):
        conn.request()
        conn.answer(body=b"dies")
        conn.request()
        dying.close()
        conn.reset()

    dying, living = exchange(dies), exchange(named("lives"))
    one = several(proxy, [dying, living], "--balance", "source_hash")
    found = None
    for source in ("127.0.0.%d" % i for i in range(2, 40)):
        found = client(one, source=source)
        if found.ask(GET).body == b"dies":
            break
    seen = len(living.requests)
    answer = found.ask(MAPI, method)
    assert answer.status == status and len(living.requests) == seen + (status == 200)
    assert len(dying.requests) == 2


# ---- the PROXY protocol towards the servers

def read_v1(conn):
    line = conn.reader.until(b"\r\n")
    conn.proxy_header = line
    answer_all(conn)


def read_v2(conn):
    head = conn.reader.exactly(16)
    assert head[:12] == V2_SIGNATURE
    conn.proxy_header = head + conn.reader.exactly(struct.unpack("!H", head[14:])[0])
    answer_all(conn)


def test_version_1_stands_before_the_request(proxy, exchange, client):
    server = exchange(read_v1)
    one = proxy(server, "--upstream-proxy-protocol", "v1")
    connection = client(one, source="127.0.0.9")
    port = connection.sock.getsockname()[1]
    assert [connection.ask(GET).status for _ in range(2)] == [200, 200]
    assert [c.proxy_header for c in server.connections] == [b"PROXY TCP4 127.0.0.9 127.0.0.1 %d %d\r\n" % (port, one.port)]


def test_version_2_stands_before_the_request(proxy, exchange, client):
    server = exchange(read_v2)
    one = proxy(server, "--upstream-proxy-protocol", "v2")
    connection = client(one, source="127.0.0.9")
    port = connection.sock.getsockname()[1]
    assert connection.ask(GET).status == 200
    assert server.connections[0].proxy_header == (
        V2_SIGNATURE + b"\x21\x11\x00\x0c" + socket.inet_aton("127.0.0.9") + socket.inet_aton("127.0.0.1")
        + struct.pack("!HH", port, one.port))


def test_the_address_that_a_balancer_in_front_named_is_passed_on(proxy, exchange, client):
    server = exchange(read_v1)
    one = proxy(server, "--upstream-proxy-protocol", "v1", "--proxy-protocol", "--trusted-proxy", "127.0.0.0/8")
    connection = client(one)
    connection.send(b"PROXY TCP4 192.0.2.77 198.51.100.1 4711 443\r\n" + request(GET))
    assert connection.read().status == 200
    assert server.connections[0].proxy_header.startswith(b"PROXY TCP4 192.0.2.77 127.0.0.1 4711 ")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_header_stands_before_the_tls_handshake(proxy, ports, client, authority, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.leaf())
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE_SECONDS)
    one = proxy("https://127.0.0.1:%d" % listener.getsockname()[1], "--upstream-ca", authority.cert,
                "--upstream-proxy-protocol", version)
    connection = client(one)
    connection.send(request(GET))
    sock, _ = listener.accept()
    sock.settimeout(PATIENCE_SECONDS)
    wanted = b"PROXY TCP4 127.0.0.1 127.0.0.1 " if version == "v1" else V2_SIGNATURE
    length = len(b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (connection.sock.getsockname()[1], one.port))
    header = sock.recv(length if version == "v1" else 28, socket.MSG_WAITALL)
    assert header.startswith(wanted)
    with context.wrap_socket(sock, server_side=True) as secure:
        secure.recv(65536)
        secure.sendall(response())
        assert connection.read().status == 200
    listener.close()
