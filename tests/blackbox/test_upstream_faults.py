"""What the client and the log say when the upstream fails: 502 or 504 with the reason."""

import threading

import pytest

from harness.certs import server_context
from harness.exchange import serve
from harness.http import request
from harness.wait import PATIENCE_SECONDS

GET = "/owa/auth/logon.aspx"


def check_own_answer(answer, status):
    """An answer of the proxy itself: short, with an incident id and conventional header names."""
    assert answer.status == status
    assert len(answer.body) < 1024
    for name in answer.names():
        assert name == b"-".join(part[:1].upper() + part[1:] for part in name.split(b"-")), name


def test_a_refused_connection_is_a_502(proxy, ports, client):
    one = proxy("http://127.0.0.1:%d" % ports.take())
    check_own_answer(client(one).ask(GET), 502)
    assert one.wait_access(status=502)["end"] == "upstream_connect"


def test_the_answer_names_an_incident_that_is_in_the_log(proxy, ports, client):
    one = proxy("http://127.0.0.1:%d" % ports.take())
    answer = client(one).ask(GET)
    incident = one.wait_access(status=502).get("incident")
    assert incident and incident.encode() in answer.body


def test_a_reset_is_a_502(pair, client):
    def script(conn):
        conn.head()
        conn.reset()

    pair.exchange.script = script
    check_own_answer(client(pair.proxy).ask(GET + "?reset"), 502)
    assert pair.proxy.wait_access(target=GET + "?reset")["end"] in ("upstream_reset", "upstream_closed")


def test_a_close_without_an_answer_is_a_502(pair, client):
    pair.exchange.script = lambda conn: conn.head()
    check_own_answer(client(pair.proxy).ask(GET + "?close"), 502)
    assert pair.proxy.wait_access(target=GET + "?close")["end"] == "upstream_closed"


def test_silence_is_a_504(proxy, exchange, client):
    over = threading.Event()

    def script(conn):
        conn.head()
        over.wait(PATIENCE_SECONDS)

    one = proxy(exchange(script), config="timeouts:\n  upstream: 300ms\n")
    check_own_answer(client(one).ask(GET), 504)
    over.set()
    assert one.wait_access(status=504)["end"] == "upstream_timeout"


@pytest.mark.parametrize("name, raw", [
    ("no http", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
    ("length and chunks", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("folded field", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n Content-Length: 9\r\nContent-Length: 2\r\n\r\nOK"),
    ("space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nOK"),
    ("unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nOK"),
    ("switch that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("endless head", b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"a" * 400000 + b"\r\n\r\n"),
])
def test_a_malformed_response_is_a_502(pair, client, name, raw):
    def script(conn):
        conn.head()
        conn.send(raw)

    pair.exchange.script = script
    answer = client(pair.proxy).ask(GET)
    check_own_answer(answer, 502)


def test_an_upstream_with_a_good_certificate_is_served(proxy, exchange, client, authority):
    upstream = exchange(tls=server_context(*authority.leaf()))
    one = proxy(upstream, "--upstream-ca", authority.cert)
    assert client(one).ask(GET).status == 200


def test_an_upstream_certificate_of_an_unknown_authority_is_a_502(proxy, exchange, client, authority):
    upstream = exchange(tls=server_context(*authority.leaf()))
    one = proxy(upstream)
    check_own_answer(client(one).ask(GET, fields=["Cookie: secret=1"]), 502)
    record = one.wait_access(status=502)
    assert record["end"] == "upstream_certificate" and record["detail"]
    assert upstream.requests == []


def test_an_upstream_certificate_for_another_name_is_a_502(proxy, exchange, client, authority):
    upstream = exchange(tls=server_context(*authority.leaf("other.example.test", None)))
    one = proxy(upstream, "--upstream-ca", authority.cert)
    check_own_answer(client(one).ask(GET), 502)
    assert one.wait_access(status=502)["end"] == "upstream_certificate"
    assert upstream.requests == []


def test_the_expected_name_of_the_upstream_can_be_given(proxy, exchange, client, authority):
    upstream = exchange(tls=server_context(*authority.leaf("exch01.example.test", None)))
    one = proxy(upstream, "--upstream-ca", authority.cert, "--upstream-name", "exch01.example.test")
    assert client(one).ask(GET).status == 200


def test_verification_can_be_switched_off_in_the_config(proxy, exchange, client, authority):
    upstream = exchange(tls=server_context(*authority.leaf("other.example.test", None)))
    one = proxy(None, config="upstream:\n  url: %s\n  verify: false\n" % upstream.url)
    assert client(one).ask(GET).status == 200
    one.wait_event("verif")


def test_an_upstream_that_does_not_speak_tls_is_a_502(proxy, exchange, client, authority):
    def script(conn):
        conn.send(b"220 mail.example.test ESMTP\r\n")
        conn.reader.rest()

    upstream = exchange(script)
    one = proxy(upstream.url.replace("http:", "https:"), "--upstream-ca", authority.cert)
    check_own_answer(client(one).ask(GET), 502)
    assert one.wait_access(status=502)["end"] == "upstream_tls"


def test_an_upstream_that_never_ends_its_handshake_is_a_504(proxy, exchange, client, authority):
    upstream = exchange(lambda conn: conn.reader.rest())
    one = proxy(upstream.url.replace("http:", "https:"), "--upstream-ca", authority.cert,
                config="timeouts:\n  handshake: 300ms\n  connect: 300ms\n")
    assert client(one).ask(GET).status in (502, 504)
    assert one.wait_access(target=GET)["end"] in ("upstream_connect_timeout", "upstream_tls")


def test_the_failure_counts_in_the_metrics(proxy, ports, client):
    one = proxy("http://127.0.0.1:%d" % ports.take())
    client(one).ask(GET)
    one.wait_metric("stopgap_upstream_failures_total", 1)


def test_an_upstream_that_came_back_is_used_at_once(proxy, exchange, ports, client):
    port = ports.take()
    one = proxy("http://127.0.0.1:%d" % port)
    assert client(one).ask(GET).status == 502
    exchange(port=port)
    assert client(one).ask(GET).status == 200


def test_a_request_with_a_body_to_a_dead_upstream_gets_its_502(proxy, ports, client):
    one = proxy("http://127.0.0.1:%d" % ports.take())
    connection = client(one)
    connection.send(request("/Microsoft-Server-ActiveSync?Cmd=Sync", "POST", ["Content-Length: 100000"]) + b"x" * 1000)
    check_own_answer(connection.read(), 502)


def test_interim_responses_reach_the_client(pair, client):
    pair.exchange.script = serve(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
    one = client(pair.proxy)
    one.send(request(GET))
    interim = []
    assert one.read(interim=interim).status == 200
    assert [m.status for m in interim] in ([103], [])
