"""What the upstream sees of a request, and the client of a response."""

import pytest

from harness.http import request, response
from harness.exchange import serve

ADDED = {b"x-forwarded-for", b"x-forwarded-proto"}


def without_added(message):
    return [(n, v) for n, v in message.fields if n.lower() not in ADDED]


@pytest.mark.parametrize("target", [
    "/owa/",
    "/owa/?a=b&a=c&&=&x",
    "/owa/auth/logon.aspx?url=https%3a%2f%2fmail.example.test%2Fowa%2f&reason=0",
    "/owa//x/./y/../z",
    "/OWA/%41%62%2e%2E/%c3%a4",
    "/owa/%u0041%25%2541",
    "/owa/a;b=c,d:e@f!$'()*+~",
    "/owa/?q=a+b%20c/d?e",
    "/owa\\x",
    "/oab/\x7e",
    "/",
])
def test_the_target_arrives_byte_for_byte(detect_pair, client, target):
    assert client(detect_pair.proxy).ask(target).status == 200
    assert detect_pair.exchange.last().target == target.encode()


def test_field_names_keep_their_case_order_and_repetitions(pair, client):
    fields = ["X-One: 1", "x-TWO: 2", "X-ONE: 3", "accept: */*", "COOKIE: a=b", "Cookie: c=d", "x-one:  4", "X-Empty:"]
    client(pair.proxy).ask("/owa/auth/logon.aspx", fields=fields)
    assert without_added(pair.exchange.last()) == [
        (b"Host", b"mail.example.test"), (b"X-One", b"1"), (b"x-TWO", b"2"), (b"X-ONE", b"3"), (b"accept", b"*/*"),
        (b"COOKIE", b"a=b"), (b"Cookie", b"c=d"), (b"x-one", b"4"), (b"X-Empty", b"")]


def test_field_values_keep_bytes_beyond_ascii_and_inner_blanks(pair, client):
    client(pair.proxy).ask("/owa/auth/logon.aspx", fields=["X-Name: Andr\xe9  \t Müller".encode("utf-8").decode("latin-1")])
    assert pair.exchange.last().one(b"X-Name") == "Andr\xe9  \t Müller".encode("utf-8")


def test_host_arrives_unchanged(pair, client):
    client(pair.proxy).ask("/owa/auth/logon.aspx", host="Mail.Example.TEST:8443")
    assert pair.exchange.last().get(b"Host") == [b"Mail.Example.TEST:8443"]


def test_the_client_address_is_told_to_the_upstream(pair, client):
    client(pair.proxy).ask("/owa/auth/logon.aspx")
    message = pair.exchange.last()
    assert message.get(b"X-Forwarded-For") == [b"127.0.0.1"]
    assert message.get(b"X-Forwarded-Proto") == [b"http"]


def test_forwarding_fields_of_an_untrusted_client_are_replaced(pair, client):
    client(pair.proxy).ask("/owa/auth/logon.aspx", fields=["X-Forwarded-For: 192.0.2.1", "x-forwarded-proto: https",
                                                          "X-FORWARDED-FOR: 192.0.2.2"])
    message = pair.exchange.last()
    assert message.get(b"X-Forwarded-For") == [b"127.0.0.1"]
    assert message.get(b"X-Forwarded-Proto") == [b"http"]


def test_forwarding_fields_of_a_trusted_proxy_are_kept_and_extended(proxy, exchange, client):
    upstream = exchange()
    one = proxy(upstream, config="trusted_proxies: [127.0.0.0/8]\n")
    client(one).ask("/owa/auth/logon.aspx", fields=["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"])
    message = upstream.last()
    assert [part.strip() for value in message.get(b"X-Forwarded-For") for part in value.split(b",")] == [
        b"192.0.2.1", b"127.0.0.1"]
    assert message.get(b"X-Forwarded-Proto") == [b"https"]


def test_the_log_names_the_client_behind_a_trusted_proxy(proxy, exchange, client):
    one = proxy(exchange(), config="trusted_proxies: [127.0.0.0/8]\n")
    client(one).ask("/owa/auth/logon.aspx", fields=["X-Forwarded-For: 192.0.2.77"])
    assert one.wait_access(status=200)["client"] == "192.0.2.77"


@pytest.mark.parametrize("field", ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip", "Trailer: X-Sum"])
def test_a_hop_by_hop_field_of_the_request_stays_here(pair, client, field):
    client(pair.proxy).ask("/owa/auth/logon.aspx", fields=["X-Before: 1", field, "X-After: 2"])
    message = pair.exchange.last()
    assert message.get(field.split(":")[0].encode()) == []
    assert message.get(b"X-Before") == [b"1"] and message.get(b"X-After") == [b"2"]


def test_fields_that_connection_names_stay_here(pair, client):
    client(pair.proxy).ask("/owa/auth/logon.aspx", fields=["X-Private: 1", "Connection: x-private, keep-alive", "X-Public: 2"])
    message = pair.exchange.last()
    assert message.get(b"X-Private") == [] and message.get(b"X-Public") == [b"2"]


def test_connection_cannot_name_an_end_to_end_field_away(pair, client):
    client(pair.proxy).ask("/owa/auth/logon.aspx", fields=["Connection: host, x-forwarded-for, content-length, close"])
    message = pair.exchange.last()
    assert message.get(b"Host") == [b"mail.example.test"]
    assert message.get(b"X-Forwarded-For") == [b"127.0.0.1"]


def test_hop_by_hop_fields_of_the_response_stay_here(pair, client):
    pair.exchange.script = serve(response(fields=["X-A: 1", "Keep-Alive: timeout=9", "Connection: x-b", "X-B: 2", "X-C: 3"]))
    answer = client(pair.proxy).ask("/owa/auth/logon.aspx")
    assert answer.get(b"Keep-Alive") == [] and answer.get(b"X-B") == []
    assert answer.get(b"X-A") == [b"1"] and answer.get(b"X-C") == [b"3"]


def test_response_fields_keep_their_case_order_and_repetitions(pair, client):
    fields = ["server: Microsoft-IIS/10.0", "X-FEServer: EX01", "Set-Cookie: a=b; path=/", "request-id: 1",
              "SET-COOKIE: c=d; HttpOnly", "WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM"]
    pair.exchange.script = serve(response(fields=fields))
    answer = client(pair.proxy).ask("/owa/auth/logon.aspx")
    assert [b"%s: %s" % f for f in answer.fields if f[0].lower() not in (b"content-length", b"connection", b"date")] == [
        f.encode() for f in fields]


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "206 Partial Content", "301 Moved", "401 Unauthorized",
                                    "404 Not Found", "440 Login Timeout", "500 Oops", "503 Busy"])
def test_the_status_passes_through(pair, client, status):
    pair.exchange.script = serve(response(status))
    assert client(pair.proxy).ask("/owa/auth/logon.aspx").status == int(status[:3])


def test_an_absolute_target_arrives_as_one_of_its_two_legal_forms(pair, client):
    client(pair.proxy).ask("http://mail.example.test/owa/auth/logon.aspx?x=%2f")
    message = pair.exchange.last()
    assert message.target in (b"/owa/auth/logon.aspx?x=%2f", b"http://mail.example.test/owa/auth/logon.aspx?x=%2f")
    assert message.get(b"Host") == [b"mail.example.test"]


def test_a_request_in_one_byte_pieces_arrives_whole(pair, client):
    one = client(pair.proxy)
    one.send_pieces(request("/Microsoft-Server-ActiveSync?Cmd=Sync", "POST", ["X-A: b"], b"\0\1body\r\n"))
    assert one.read().status == 200
    message = pair.exchange.last()
    assert message.body == b"\0\1body\r\n" and message.one(b"X-A") == b"b"


def test_options_star_is_answered_or_forwarded_as_a_star(detect_pair, client):
    answer = client(detect_pair.proxy).ask("*", "OPTIONS")
    assert answer.status >= 400 or detect_pair.exchange.last().target == b"*"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "SEARCH",
                                    "SUBSCRIBE", "REPORT", "MKCOL", "MOVE", "LOCK"])
def test_a_known_method_arrives(detect_pair, client, method):
    assert client(detect_pair.proxy).ask("/exchange/", method, host="a").status == 200
    assert detect_pair.exchange.last().method == method.encode()
