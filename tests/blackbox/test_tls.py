"""The TLS listener."""

import hashlib
import socket
import ssl
import threading

import pytest

from harness.certs import openssl
from harness.client import tls_context
from harness.exchange import serve
from harness.http import request, response

GET = "/owa/auth/logon.aspx"


@pytest.fixture
def tls_proxy(proxy, exchange, authority):
    cert, key = authority.leaf()
    return proxy(exchange(), "--cert", cert, "--key", key, schemes=("https",))


def test_a_request_over_tls_is_answered_and_marked_as_https(proxy, exchange, client, authority):
    upstream = exchange()
    cert, key = authority.leaf()
    one = proxy(upstream, "--cert", cert, "--key", key, schemes=("https",))
    connection = client(one, tls=tls_context(authority.cert))
    assert connection.ask(GET).status == 200
    assert upstream.last().get(b"X-Forwarded-Proto") == [b"https"]


def test_the_given_certificate_is_shown(tls_proxy, client, authority):
    cert, _ = authority.leaf()
    shown = client(tls_proxy, tls=tls_context(authority.cert)).sock.getpeercert(True)
    wanted = openssl("x509", "-in", cert, "-outform", "DER")
    assert hashlib.sha256(shown).digest() == hashlib.sha256(wanted).digest()


def test_only_http_1_1_is_offered_to_clients_that_know_http_2(tls_proxy, client):
    connection = client(tls_proxy, tls=tls_context(alpn=["h2", "http/1.1"]))
    assert connection.sock.selected_alpn_protocol() == "http/1.1"
    assert connection.ask(GET).status == 200


def test_http_2_alone_is_not_spoken(tls_proxy, client):
    try:
        connection = client(tls_proxy, tls=tls_context(alpn=["h2"]))
    except ssl.SSLError:
        return
    assert connection.sock.selected_alpn_protocol() is None


def test_a_client_without_alpn_is_served(tls_proxy, client):
    assert client(tls_proxy, tls=tls_context()).ask(GET).status == 200


@pytest.mark.parametrize("version, is_served", [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True),
                                                (ssl.TLSVersion.TLSv1_3, True)])
def test_the_versions_of_tls(tls_proxy, client, version, is_served):
    context = tls_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    try:
        status = client(tls_proxy, tls=context).ask(GET).status
    except (ssl.SSLError, OSError):
        status = None
    assert (status == 200) == is_served


def test_a_session_is_resumed(tls_proxy, client):
    context = tls_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = client(tls_proxy, tls=context)
    first.ask(GET)
    session = first.sock.session
    first.close()
    with socket.create_connection(("127.0.0.1", tls_proxy.port)) as raw:
        with context.wrap_socket(raw, server_hostname="mail.example.test", session=session) as second:
            assert second.session_reused


def test_without_a_certificate_one_is_made_and_a_warning_says_so(proxy, exchange, client):
    one = proxy(exchange(), schemes=("https",))
    assert client(one, tls=tls_context()).ask(GET).status == 200
    one.wait_event("level=warn.*self-signed")


def test_a_plain_and_a_tls_listener_stand_side_by_side(proxy, exchange, client):
    one = proxy(exchange(), schemes=("http", "https"))
    assert client(one.ports[0]).ask(GET).status == 200
    assert client(one.ports[1], tls=tls_context()).ask(GET).status == 200


def test_a_plain_request_to_the_tls_port_is_not_served(tls_proxy, client):
    connection = client(tls_proxy)
    connection.send(request(GET))
    try:
        assert not connection.reader.rest().startswith(b"HTTP/1.1 200")
    except ConnectionResetError:
        pass
    assert tls_proxy.is_running()


def test_a_client_that_only_sends_a_fin_behind_its_request_gets_its_answer(tls_proxy, client):
    """Without close_notify: the request's own framing tells that it is whole."""
    one = client(tls_proxy, tls=tls_context())
    one.send(request(GET))
    one.finish()
    assert one.read().status == 200
    assert one.is_closed()


@pytest.mark.parametrize("rest", [b"Content-Length: 10\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", b"X: y"])
def test_a_fin_inside_a_request_does_not_complete_it(tls_pair, client, rest):
    one = client(tls_pair.proxy, tls=tls_context())
    one.send(b"POST /owa/auth.owa HTTP/1.1\r\nHost: mail.example.test\r\n" + rest)
    one.finish()
    assert one.is_closed()
    assert tls_pair.exchange.requests == []


def test_a_large_response_over_tls_arrives_unchanged(proxy, exchange, client):
    body = bytes(range(256)) * 4096 * 8
    one = proxy(exchange(serve(response(body=body))), schemes=("https",))
    assert client(one, tls=tls_context()).ask(GET).body == body


def test_a_large_upload_over_tls_arrives_unchanged(proxy, exchange, client):
    body = bytes(range(256)) * 4096 * 8
    upstream = exchange()
    one = proxy(upstream, schemes=("https",))
    connection = client(one, tls=tls_context())
    assert connection.ask("/Microsoft-Server-ActiveSync?Cmd=Sync", "POST", body=body).status == 200
    assert upstream.last().body == body


def test_tls_on_both_sides(proxy, exchange, client, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.leaf())
    one = proxy(exchange(tls=context), "--upstream-ca", authority.cert, schemes=("https",))
    connection = client(one, tls=tls_context())
    assert [connection.ask(GET).status for _ in range(3)] == [200, 200, 200]


def test_requests_in_many_threads_over_tls(tls_proxy, client):
    """Eight clients at once, ten requests each."""
    statuses = []

    def run():
        connection = client(tls_proxy, tls=tls_context())
        statuses.extend(connection.ask(GET).status for _ in range(10))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert statuses == [200] * 80
