"""Names whose TLS goes through to a server as it is."""

import signal
import socket
import ssl
import threading

import pytest

from harness.certs import EC_KEY, openssl
from harness.client import tls_context
from harness.exchange import answer_all, serve
from harness.http import request, response
from harness.wait import PATIENCE_SECONDS, wait_for
from test_block_mode import ATTACKS
from test_parity import showing

GET = "/owa/auth/logon.aspx"
NAME = "smime.example.test"


@pytest.fixture
def site(exchange, authority):
    """A server with a certificate for NAME."""
    return lambda script=answer_all: exchange(script, tls=showing(authority.leaf(NAME, None)))


def start(proxy, exchange, authority, site_url, *options, more="", **kwargs):
    cert, key = authority.leaf()
    config = "pass_through:\n  - names: [%s, other.example.test]\n" % NAME
    if site_url:
        config += "    upstream: %s\n" % site_url
    return proxy(exchange, "--cert", cert, "--key", key, *options, schemes=("https",), config=config + more, **kwargs)


def certificate_name(connection):
    return dict(pair for part in connection.sock.getpeercert()["subject"] for pair in part)["commonName"]


def hello_of(context, name=NAME):
    """The bytes of a ClientHello, and what continues its handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read(), tls, incoming, outgoing


def finish_handshake(connection, tls, incoming, outgoing):
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            connection.send(outgoing.read())
            incoming.write(connection.sock.recv(1 << 16))
    connection.send(outgoing.read())


def records(hello, size):
    """The same handshake message in records of `size` bytes."""
    body = hello[5:]
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part for part in parts)


def test_the_server_and_the_client_see_each_other_s_certificates(proxy, exchange, client, authority, tmp_path):
    cert, key = str(tmp_path / "anna.pem"), str(tmp_path / "anna.key")
    openssl("req", "-x509", "-newkey", *EC_KEY, "-nodes", "-days", "3", "-subj", "/CN=anna", "-keyout", key, "-out", cert)
    context = showing(authority.leaf(NAME, None))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    behind = exchange(tls=context)
    one = start(proxy, exchange(), authority, behind.url)
    mine = tls_context(authority.cert)
    mine.load_cert_chain(cert, key)
    connection = client(one, tls=mine, name=NAME)
    assert certificate_name(connection) == NAME
    assert connection.ask(GET).status == 200
    subject = dict(pair for part in behind.connections[-1].sock.getpeercert()["subject"] for pair in part)
    assert subject["commonName"] == "anna"


def test_other_names_are_inspected_and_these_are_not(proxy, exchange, client, authority, site):
    behind, ordinary = site(), exchange()
    one = start(proxy, ordinary, authority, behind.url)
    attack = ATTACKS["ProxyLogon, X-BEResource"][1]
    for name in ("mail.example.test", "x" + NAME, "sub." + NAME):
        connection = client(one, tls=tls_context(), name=name)
        connection.send(attack)
        assert connection.read().status == 403, name
    connection = client(one, tls=tls_context(), name=NAME.upper())
    connection.send(attack)
    assert connection.read().status == 200
    assert len(behind.requests) == 1 and not ordinary.requests


def test_without_an_own_upstream_the_ordinary_server_gets_it(proxy, client, authority, site):
    one = start(proxy, site(), authority, None, "--upstream-ca", authority.cert)
    connection = client(one, tls=tls_context(authority.cert), name=NAME)
    assert certificate_name(connection) == NAME
    assert connection.ask(GET).status == 200


@pytest.mark.parametrize("pieces", [1, 7, 1000])
@pytest.mark.parametrize("size", [10, 100, 16384])
def test_a_hello_in_pieces_and_in_records(proxy, exchange, client, authority, site, pieces, size):
    one = start(proxy, exchange(), authority, site().url)
    hello, *rest = hello_of(tls_context())
    connection = client(one)
    connection.send_pieces(records(hello, size), pieces)
    finish_handshake(connection, *rest)
    rest[0].write(request(GET))
    connection.send(rest[2].read())
    one.terminate()
    record = one.access()[-1]
    assert record["host"] == NAME and record["bytes_in"] > len(hello)


def test_a_hello_of_another_name_in_pieces_is_answered_here(proxy, exchange, client, authority, site):
    one = start(proxy, exchange(), authority, site().url)
    hello, *rest = hello_of(tls_context(authority.cert), "mail.example.test")
    connection = client(one)
    connection.send_pieces(records(hello, 50), 3)
    finish_handshake(connection, *rest)


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
                                  b"\x16\x03\x01" + b"\xff" * 20000, b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + b"a" * 17000])
def test_what_is_no_hello_ends_as_without_pass_through(proxy, exchange, client, authority, site, junk):
    one = start(proxy, exchange(), authority, site().url)
    connection = client(one)
    connection.send(junk)
    connection.finish()
    wait_for(lambda: one.metrics()['stopgap_ended_total{reason="tls_failed"}'] == 1, "the end of it")
    assert client(one, tls=tls_context()).ask(GET).status == 200


def test_a_hello_that_drips_has_the_time_of_a_handshake(proxy, exchange, client, authority, site):
    one = start(proxy, exchange(), authority, site().url, "--timeout", "handshake=500ms")
    connection = client(one)
    connection.send(hello_of(tls_context())[0][:50])
    assert connection.is_closed()
    assert one.metrics()['stopgap_ended_total{reason="tls_timeout"}'] == 1


def test_it_is_said_everywhere(proxy, exchange, client, authority, site):
    behind = site()
    one = start(proxy, exchange(), authority, behind.url)
    one.wait_event("level=warn event=pass_through .*%s are not inspected; they go to %s" % (NAME, behind.url))
    connection = client(one, tls=tls_context(), name=NAME)
    assert connection.ask(GET).status == 200
    connection.close()
    record = one.wait_access(decision="pass_through")
    assert record["host"] == NAME and record["upstream"] == behind.url and record["end"] == "ok" and record["req"] == 0
    assert record["client"] == "127.0.0.1" and record["bytes_in"] > 200 and record["bytes_out"] > 200
    assert "method" not in record and "http" not in record
    assert one.metrics()["stopgap_pass_through_connections_total"] == 1
    assert one.status()["pass_through"] == [{"names": [NAME, "other.example.test"], "upstream": behind.url}]
    assert "PASS-THROUGH  %s is NOT INSPECTED; it goes to %s" % (NAME, behind.url) in one.command("status").stdout


def test_a_server_that_is_away_ends_the_connection_with_its_reason(proxy, exchange, client, authority, ports):
    one = start(proxy, exchange(), authority, "https://127.0.0.1:%d" % ports.take())
    with pytest.raises((ssl.SSLError, OSError)):
        client(one, tls=tls_context(), name=NAME)
    assert one.wait_access(decision="pass_through")["end"] == "upstream_connect"


def test_of_several_servers_one_that_is_away_is_passed_over(proxy, client, authority, ports, site):
    one = start(proxy, None, authority, None, "--upstream", "https://127.0.0.1:%d" % ports.take(), "--upstream", site().url,
                "--health", "enabled=false")
    for _ in range(4):
        assert client(one, tls=tls_context(), name=NAME).ask(GET).status == 200


def test_long_bodies_flow_both_ways(proxy, exchange, client, authority, site):
    body = bytes(range(256)) * 16384
    one = start(proxy, exchange(), authority, site(serve(lambda conn, message: conn.send(response(body=message.body)))).url)
    connection = client(one, tls=tls_context(), name=NAME, timeout=60)
    connection.send(request(GET, "POST", body=body))
    assert connection.read().body == body


def test_the_end_of_either_side_reaches_the_other(proxy, exchange, client, authority, site):
    got = []

    def script(conn):
        got.append(conn.request().body)
        conn.answer(body=b"last words")

    one = start(proxy, exchange(), authority, site(script).url)
    connection = client(one, tls=tls_context(), name=NAME)
    assert connection.ask(GET, "POST", body=b"x").body == b"last words"
    assert connection.is_closed() and got == [b"x"]
    connection.close()
    assert one.wait_access(decision="pass_through")["end"] == "ok"


def raw_server(exchange, script):
    """A server that looks at no TLS at all, and its URL for pass_through."""
    behind = exchange(script)
    return behind, behind.url.replace("http", "https")


def test_a_server_that_ends_after_a_long_silence_still_hears_the_client(proxy, exchange, client, authority):
    """The client's last bytes cross the server's end; they have as much time as after a busy minute."""
    heard, may_end = [], threading.Event()

    def script(conn):
        conn.reader.more()
        assert may_end.wait(PATIENCE_SECONDS)
        conn.sock.shutdown(socket.SHUT_WR)
        heard.append(conn.reader.rest())

    one = start(proxy, exchange(), authority, raw_server(exchange, script)[1])
    connection = client(one)
    hello = hello_of(tls_context())[0]
    connection.send(hello)
    threading.Event().wait(2.5)  # longer than the time in which a client has to end after its server
    may_end.set()
    assert connection.is_closed()
    threading.Event().wait(0.6)
    connection.send(b"last words")
    connection.finish()
    wait_for(lambda: heard, "the end at the server")
    assert heard == [hello + b"last words"]
    assert one.wait_access(decision="pass_through")["end"] == "ok"


def test_a_client_that_ends_first_still_hears_the_server(proxy, exchange, client, authority):
    def script(conn):
        heard = conn.reader.rest()  # until the client's end
        conn.send(b"%d bytes came" % len(heard))

    one = start(proxy, exchange(), authority, raw_server(exchange, script)[1])
    connection = client(one)
    hello = hello_of(tls_context())[0]
    connection.send(hello)
    connection.finish()
    assert connection.reader.rest() == b"%d bytes came" % len(hello)
    record = one.wait_access(decision="pass_through")
    assert record["end"] == "ok" and record["bytes_in"] == len(hello)


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_reset_of_either_side_reaches_the_other(proxy, exchange, client, authority, side):
    went = []

    def script(conn):
        conn.reader.more()
        if side == "server":
            conn.reset()
            return
        conn.send(b"x")
        try:
            went.append(conn.reader.rest())
        except ConnectionResetError:
            went.append("reset")

    one = start(proxy, exchange(), authority, raw_server(exchange, script)[1])
    connection = client(one)
    connection.send(hello_of(tls_context())[0])
    if side == "server":
        with pytest.raises(ConnectionResetError):
            connection.sock.recv(100)
    else:
        assert connection.reader.exactly(1) == b"x"
        connection.reset()
        wait_for(lambda: went, "the end at the server")
        assert went == ["reset"]
    assert one.wait_access(decision="pass_through")["end"] == {"client": "client_reset", "server": "upstream_reset"}[side]


def with_padding(hello, size):
    """The same ClientHello with an extension that nobody knows (RFC 8701), so that its message has `size` bytes."""
    message = hello[5:]
    more = size - len(message) - 4
    at = 4 + 2 + 32
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at:at + 2], "big")
    at += 1 + message[at]
    extensions = message[at + 2:] + b"\x3a\x3a" + more.to_bytes(2, "big") + bytes(more)
    body = message[4:at] + len(extensions).to_bytes(2, "big") + extensions
    return b"\x16\x03\x01\0\0" + b"\x01" + len(body).to_bytes(3, "big") + body


@pytest.mark.parametrize("size, is_passed", [(16 * 1024 - 5, True), (16 * 1024 - 4, False), (40000, False)])
def test_a_hello_may_have_16_kib_with_its_header_and_a_longer_one_is_answered_here(proxy, exchange, client, authority, size, is_passed):
    behind, url = raw_server(exchange, lambda conn: (conn.reader.more(), conn.reader.rest()))
    one = start(proxy, exchange(), authority, url)
    connection = client(one)
    sent = records(with_padding(hello_of(tls_context())[0], size), 16384)
    connection.send(sent)
    if is_passed:
        connection.finish()
        wait_for(lambda: behind.connections and behind.connections[0].is_over, "the end at the server")
        assert behind.raw == sent
    else:
        assert connection.reader.exactly(1) == b"\x16"  # our ServerHello
        assert not behind.connections


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("pieces", [1, 30, 10000])
def test_a_hello_behind_a_proxy_header_in_pieces(proxy, exchange, client, authority, version, pieces):
    """Whatever the cuts are, the server gets our header and then the client's bytes from the first one."""
    behind, url = raw_server(exchange, lambda conn: conn.reader.rest())
    one = start(proxy, exchange(), authority, url, "--proxy-protocol", "--trusted-proxy", "127.0.0.0/8",
                "--upstream-proxy-protocol", version)
    v1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 4444 443\r\n"
    v2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + b"\x11\x5c\x01\xbb" +
          b"\x04\0\x02xy")  # with one TLV, a NOOP
    hello = hello_of(tls_context())[0]
    connection = client(one)
    connection.send_pieces((v1 if version == "v1" else v2) + hello, pieces)
    connection.finish()
    wait_for(lambda: behind.connections and behind.connections[0].is_over, "the end at the server")
    ours = behind.raw[:-len(hello)]
    assert behind.raw.endswith(hello)
    if version == "v1":
        assert ours == b"PROXY TCP4 192.0.2.7 127.0.0.1 4444 %d\r\n" % one.port
    else:
        assert ours[:16] == b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" and ours[16:20] == bytes([192, 0, 2, 7])
    assert one.wait_access(decision="pass_through")["client"] == "192.0.2.7"


def test_it_goes_on_in_the_program_before_an_upgrade(proxy, exchange, client, authority, successor):
    behind, url = raw_server(exchange, lambda conn: [conn.send(conn.reader.exactly(1)) for _ in iter(int, 1)])
    one = start(proxy, exchange(), authority, url)
    hello = hello_of(tls_context())[0]
    connection = client(one)
    connection.send(hello)
    assert connection.reader.exactly(len(hello)) == hello
    one.was_stopped = True
    new = successor(one)
    one.wait_event("event=draining")
    new.wait_event("event=listening")
    connection.send(b"still there")
    assert connection.reader.exactly(11) == b"still there"
    other = client(one)
    other.send(hello)
    assert other.reader.exactly(len(hello)) == hello
    assert len(behind.connections) == 2
    connection.close()
    one.wait_end()


def test_silence_ends_it(proxy, exchange, client, authority, site):
    one = start(proxy, exchange(), authority, site().url, "--timeout", "relay=5s")
    connection = client(one, tls=tls_context(), name=NAME)
    assert connection.ask(GET).status == 200
    assert connection.is_closed()
    assert one.wait_access(decision="pass_through")["end"] == "relay_timeout"


def test_a_graceful_stop_waits_and_then_cuts(proxy, exchange, client, authority, site):
    one = start(proxy, exchange(), authority, site().url, "--timeout", "drain=8s")
    connection = client(one, tls=tls_context(), name=NAME)
    assert connection.ask(GET).status == 200
    one.signal(signal.SIGQUIT)
    one.wait_event("draining")
    assert connection.ask(GET).status == 200
    assert connection.is_closed()
    assert one.wait_end() == 0
    assert one.access()[-1]["end"] == "shutdown"


def test_the_connection_limit_counts_it(proxy, exchange, client, authority, site):
    one = start(proxy, exchange(), authority, site().url, "--limit", "connections=1")
    first = client(one, tls=tls_context(), name=NAME)
    assert first.ask(GET).status == 200
    with pytest.raises((ssl.SSLError, OSError)):
        client(one, tls=tls_context(), name=NAME)
    assert first.ask(GET).status == 200


def test_the_proxy_protocol_is_honoured_on_both_sides(proxy, exchange, client, authority):
    heads = []

    def script(conn):
        heads.append(conn.reader.until(b"\r\n"))
        conn.close()

    behind = exchange(script)
    one = start(proxy, exchange(), authority, behind.url.replace("http", "https"), "--proxy-protocol", "--trusted-proxy",
                "127.0.0.0/8", "--upstream-proxy-protocol", "v1")
    connection = client(one)
    connection.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4444 443\r\n" + hello_of(tls_context())[0])
    assert connection.is_closed()
    assert b"PROXY TCP4 192.0.2.7 127.0.0.1 4444 %d" % one.port in heads[0]
    assert one.wait_access(decision="pass_through")["client"] == "192.0.2.7"


@pytest.mark.parametrize("text, wanted", [
    ("pass_through: [{names: ['*.example.test']}]", "is a pattern"),
    ("pass_through: [{names: [a.test, A.test]}]", "stands there twice"),
    ("pass_through: [{names: [a.test], upstream: 'http://127.0.0.1:2'}]", "its upstream must be https"),
    ("pass_through: [{names: [a.test], upstream: 'https://127.0.0.1:1'}]", "is a listener of this proxy"),
    ("pass_through: [{upstream: 'https://127.0.0.1:2'}]", "has no names"),
])
def test_what_check_refuses(stopgap, tmp_path, text, wanted):
    (tmp_path / "c.yaml").write_text("listen: [{url: 'https://127.0.0.1:1'}]\nupstream: {url: 'https://127.0.0.1:3'}\n" + text + "\n")
    done = stopgap("check", "-c", str(tmp_path / "c.yaml"))
    assert done.returncode == 1 and wanted in done.stderr


def test_check_warns_of_a_server_that_has_other_sites(stopgap, tmp_path):
    base = "listen: [{url: 'https://127.0.0.1:1'}]\nupstream: {url: 'https://127.0.0.1:3'}\npass_through: [{names: [a.test]%s}]\n"
    for more, wanted in (("", "any Host"), (", upstream: 'https://127.0.0.1:3'", "any Host"),
                         (", upstream: 'https://127.0.0.1:4'", "a.test: nothing there is inspected")):
        (tmp_path / "c.yaml").write_text(base % more)
        done = stopgap("check", "-c", str(tmp_path / "c.yaml"))
        assert done.returncode == 0 and wanted in done.stderr, done.stderr
        printed = stopgap("check", "-c", str(tmp_path / "c.yaml"), "--print").stdout
        assert "pass_through:" in printed and '"a.test"' in printed
