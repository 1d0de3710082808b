"""What the upstream sees of a request, and the client of a response."""

import pytest

from harness import secrets
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


SAML = (b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/'
        b'oasis-200401-wss-wssecurity-secext-1.0.xsd"><s:Header><wsse:Security s:mustUnderstand="1"><EncryptedData Id="Token">'
        b'<CipherValue>' + secrets.COOKIE.encode() + b'</CipherValue></EncryptedData></wsse:Security></s:Header><s:Body>'
        b'<GetFederationInformationRequestMessage/></s:Body></s:Envelope>')


@pytest.mark.parametrize("target, kind, body", [
    ("/ews/exchange.asmx", "text/xml; charset=utf-8", b"<a/>"),
    ("/ews/exchange.asmx/wssecurity", "application/soap+xml", SAML),
    ("/autodiscover/autodiscover.svc/wssecurity", "text/xml; charset=utf-8", SAML),
    ("/ews/mrsproxy.svc", "application/soap+msbin1", b"\x00\x01\x00\x01\x02" * 100),
    ("/mapi/emsmdb/?MailboxId=1", "application/mapi-http", b"\x00\xff" * 100),
    ("/Microsoft-Server-ActiveSync?Cmd=Sync", "application/vnd.ms-sync.wbxml", b"\x03\x01\x6a\x00" * 10),
], ids=["ews", "ews-federated", "autodiscover-federated", "mrs", "mapi", "eas"])
@pytest.mark.parametrize("scheme", [
    "Basic " + secrets.BASIC,
    "Bearer eyJ0eXAiOiJKV1QifQ." + secrets.TOKEN,
    "NTLM " + secrets.TOKEN,
    "Negotiate YII" + secrets.TOKEN * 400,  # a user in many groups
    "WSSecurity",
], ids=lambda value: value.split()[0])
def test_who_somebody_is_and_where_they_belong_is_between_client_and_exchange(pair, client, target, kind, body, scheme):
    """Federation, hybrid moves and affinity work by bytes that only Exchange understands."""
    sent = ["Authorization: " + scheme, "X-AnchorMailbox: anna@example.test", "X-PreferServerAffinity: true",
            "Cookie: X-BackEndCookie=a@b=u56Lnp2ejJqBzJvJ; exchangecookie=0123", "cookie: X-BackEndOverrideCookie=ex02~1941962754",
            "Content-Type: " + kind, "SOAPAction: \"http://schemas.example.test/x\""]
    answered = ["WWW-Authenticate: Negotiate oYIBCA==", "WWW-Authenticate: NTLM", "WWW-Authenticate: Basic realm=\"mail\"",
                "Set-Cookie: X-BackEndCookie=c; expires=Thu, 24-Dec-2026 10:00:00 GMT; path=/ews; HttpOnly",
                "set-cookie: exchangecookie=4567; path=/", "X-BackEndHttpStatus: 401,401"]
    pair.exchange.script = serve(response("401 Unauthorized", answered, b"no"))
    answer = client(pair.proxy).ask(target, "POST", sent, body)
    seen = pair.exchange.last()
    assert [b"%s: %s" % f for f in without_added(seen) if f[0] not in (b"Host", b"Content-Length")] == [f.encode() for f in sent]
    assert seen.body == body and seen.target == target.encode()
    assert [b"%s: %s" % f for f in answer.fields if f[0] != b"Content-Length"] == [f.encode() for f in answered]


@pytest.mark.parametrize("ask, status", [
    (lambda one: one.ask("/autodiscover/autodiscover.json?@evil.test/owa/&Email=autodiscover/autodiscover.json%3f@evil.test"), 403),
    (lambda one: one.ask("/no-such-path"), 404),
    (lambda one: one.ask("/owa/", fields=["Upgrade: websocket", "Connection: Upgrade"]), 501),
    (lambda one: one.ask("/owa/", fields=["Content-Length: 1", "Content-Length: 2"]), 400),
], ids=["blocked", "not published", "no upgrade", "ambiguous"])
def test_an_answer_of_ours_asks_for_no_password_and_sets_no_cookie(pair, client, ask, status):
    """Either would break federation, and hide who really answered."""
    answer = ask(client(pair.proxy))
    assert answer.status == status and not pair.exchange.requests
    assert {name.lower() for name, _ in answer.fields} <= {b"content-type", b"content-length", b"cache-control", b"connection",
                                                           b"x-content-type-options"}
