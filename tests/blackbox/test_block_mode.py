"""What happens to an attack in block mode, and what does not happen to clients."""

import re

import pytest

from harness.bundles import block_rule
from harness.http import request

ATTACKS = {
    "ProxyLogon, X-BEResource": ("CVE-2021-26855", request("/ecp/x.js", fields=["Cookie: X-BEResource=a]@evil.test:444/ecp/z#~1941962753"])),
    "ProxyLogon, X-AnonResource": ("CVE-2021-26855", request("/owa/auth/x.js", fields=[
        "Cookie: X-AnonResource=true; X-AnonResource-Backend=evil.test/ecp/default.flt?~3"])),
    "ProxyShell": ("CVE-2021-34473", request("/autodiscover/autodiscover.json?@evil.test/owa/?&Email=autodiscover/autodiscover.json%3F@evil.test")),
    "ProxyNotShell": ("CVE-2022-41040", request("/autodiscover/autodiscover.json?@evil.test/PowerShell?PSVersion=5.1&Email=autodiscover/autodiscover.json%3f@evil.test")),
    "OWASSRF": ("CVE-2022-41080", request("/owa/mailbox%40evil.test/powershell", "POST", ["X-OWA-ExplicitLogonUser: owa/mailbox@evil.test"], b"x")),
    "ProxyToken": ("CVE-2021-33766", request("/ecp/a@evil.test/PersonalSettings/HomePage.aspx?showhelp=false", fields=["Cookie: SecurityToken=x"])),
}

CLIENTS = [
    request("/owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2fmail.example.test%2fowa%2f"),
    request("/autodiscover/autodiscover.xml", "POST", ["Content-Type: text/xml"], b"<Autodiscover/>"),
    request("/autodiscover/autodiscover.json?Email=anna%40example.test&Protocol=Ews&RedirectCount=1"),
    request("/autodiscover/autodiscover.json/v1.0/powershell-team%40example.test?Protocol=ActiveSync"),
    request("/ews/exchange.asmx", "POST", ["Content-Type: text/xml"], b"<s:Envelope/>"),
    request("/mapi/emsmdb/?MailboxId=1@example.test", "POST", ["Content-Type: application/mapi-http"], b"\0\1"),
    request("/Microsoft-Server-ActiveSync?Cmd=Ping&User=anna&DeviceId=A&DeviceType=iPhone", "POST", [], b"\3\1"),
    request("/oab/6b3f0e0b-1f0e-4b3f-8e0b-1f0e4b3f8e0b/oab.xml"),
    request("/owa/healthcheck.htm"),
    request("/ecp/", fields=["Cookie: X-BEResource=ex01.example.test~1942062522"]),
]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_answered_with_403_and_does_not_reach_the_upstream(pair, client, name):
    _, data = ATTACKS[name]
    one = client(pair.proxy)
    one.send(data)
    assert one.read().status in (403, 404)
    assert pair.exchange.requests == []


@pytest.mark.parametrize("name", ATTACKS)
def test_the_incident_id_leads_to_rule_and_cve(pair, client, name):
    cve, data = ATTACKS[name]
    one = client(pair.proxy)
    one.send(data)
    incident = re.search(rb"Incident: (\w+)", one.read().body).group(1).decode()
    decision = pair.proxy.wait_decision(incident=incident)
    assert cve in [hit.get("cve") for hit in decision["rules"]]
    assert decision["rules"][0]["view"] in ("raw", "once", "stable")
    assert pair.proxy.wait_access(incident=incident)["rule"] == decision["rules"][0]["id"]


@pytest.mark.parametrize("index", range(len(CLIENTS)))
def test_client_traffic_passes(pair, client, index):
    one = client(pair.proxy)
    one.send(CLIENTS[index])
    assert one.read().status == 200
    assert len(pair.exchange.requests) == 1


def test_the_answer_to_an_attack_is_short_and_says_nothing_of_the_rule(pair, client):
    one = client(pair.proxy)
    one.send(ATTACKS["ProxyShell"][1])
    answer = one.read()
    assert len(answer.body) < 1024
    assert b"CVE" not in answer.body and b"SG-" not in answer.body
    for name in answer.names():
        assert name == b"-".join(part[:1].upper() + part[1:] for part in name.split(b"-"))


def test_the_connection_goes_on_after_a_blocked_get(pair, client):
    one = client(pair.proxy)
    one.send(ATTACKS["ProxyShell"][1])
    one.read()
    assert one.ask("/owa/auth/logon.aspx").status == 200


def test_the_body_of_a_blocked_post_is_never_taken_for_a_request(pair, client):
    one = client(pair.proxy)
    smuggled = request("/owa/smuggled")
    one.send(request("/owa/mailbox%40evil.test/powershell", "POST",
                     ["X-OWA-ExplicitLogonUser: owa/mailbox@evil.test", "Content-Length: %d" % len(smuggled)]))
    assert one.read().status in (403, 404)
    try:
        one.send(smuggled)
        one.reader.rest()
    except OSError:
        pass
    assert pair.exchange.requests == []


def test_detect_mode_lets_an_attack_pass_and_reports_it(detect_pair, client):
    one = client(detect_pair.proxy)
    one.send(ATTACKS["ProxyShell"][1])
    assert one.read().status == 200
    assert len(detect_pair.exchange.requests) == 1
    detect_pair.proxy.wait_decision(decision="detect")


def test_off_mode_lets_an_attack_pass_unseen(proxy, exchange, client):
    one = proxy(exchange(), "--mode", "off")
    connection = client(one)
    connection.send(ATTACKS["ProxyShell"][1])
    assert connection.read().status == 200
    one.wait_access(status=200)
    assert one.decisions() == []


def test_a_path_that_exchange_does_not_publish_is_a_404(pair, client):
    assert client(pair.proxy).ask("/phpmyadmin/index.php").status == 404
    assert pair.exchange.requests == []


@pytest.mark.parametrize("target", ["/", "/favicon.ico", "/robots.txt", "/.well-known/acme-challenge/abc", "/autodiscover/"])
def test_what_browsers_and_probes_ask_for_at_the_root_passes(pair, client, target):
    assert client(pair.proxy).ask(target).status == 200


def test_a_rule_can_be_switched_off_by_its_id(proxy, exchange, client, publisher, tmp_path):
    path = publisher.bundle(tmp_path / "a.sgb", [block_rule("TEST-OFF", "/owa/x")])
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path, "--rule-mode", "TEST-OFF=off")
    assert client(one).ask("/owa/x").status == 200


def test_a_rule_can_be_made_to_only_report(proxy, exchange, client, publisher, tmp_path):
    path = publisher.bundle(tmp_path / "a.sgb", [block_rule("TEST-SOFT", "/owa/x")])
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path, "--rule-mode", "TEST-SOFT=detect")
    assert client(one).ask("/owa/x").status == 200
    decision = one.wait_decision()
    assert decision["rules"][0]["id"] == "TEST-SOFT" and decision["rules"][0]["enforced"] is False


def test_a_rule_names_the_status_of_its_answer(proxy, exchange, client, publisher, tmp_path):
    path = publisher.bundle(tmp_path / "a.sgb", [block_rule("TEST-410", "/owa/x", 410)])
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path)
    assert client(one).ask("/owa/x").status == 410


def test_an_abort_closes_without_an_answer(proxy, exchange, client, publisher, tmp_path):
    rule = block_rule("TEST-ABORT", "/owa/x").replace(b"{type: block, status: 403}", b"{type: abort}")
    path = publisher.bundle(tmp_path / "a.sgb", [rule])
    upstream = exchange()
    one = proxy(upstream, "--rules", path, "--trust", publisher.root_path)
    connection = client(one)
    connection.send(request("/owa/x"))
    try:
        assert connection.reader.rest() == b""
    except ConnectionResetError:
        pass
    assert upstream.requests == []
    assert one.wait_access(end="rule_abort")["rule"] == "TEST-ABORT"


def test_a_body_rule_stops_a_request_before_a_byte_of_it_reaches_the_upstream(proxy, exchange, client, publisher, tmp_path):
    rule = (block_rule("TEST-BODY", "/owa/form")
            .replace(b"equals: /owa/form}\n", b"equals: /owa/form}\n    - {field: body, contains: needle}\n")
            .replace(b"    - target: /owa/form\n", b"    - {target: /owa/form, body: a needle}\n"))
    path = publisher.bundle(tmp_path / "a.sgb", [rule])
    upstream = exchange()
    one = proxy(upstream, "--rules", path, "--trust", publisher.root_path)
    connection = client(one)
    connection.send(request("/owa/form", "POST", ["Transfer-Encoding: chunked"]) + b"6\r\nhay ne\r\n")
    connection.send(b"7\r\nedle ha\r\n0\r\n\r\n")
    assert connection.read().status == 403
    assert upstream.raw == b""
    assert client(one).ask("/owa/form", "POST", body=b"only hay").status == 200


def test_a_body_that_a_rule_wants_to_see_is_asked_for(proxy, exchange, client, publisher, tmp_path):
    """Expect: 100-continue while the proxy itself wants to see the body: it must ask for it."""
    rule = (block_rule("TEST-BODY", "/owa/form")
            .replace(b"equals: /owa/form}\n", b"equals: /owa/form}\n    - {field: body, contains: needle}\n")
            .replace(b"    - target: /owa/form\n", b"    - {target: /owa/form, body: a needle}\n"))
    path = publisher.bundle(tmp_path / "a.sgb", [rule])
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path)
    connection = client(one)
    connection.send(request("/owa/form", "POST", ["Expect: 100-continue", "Content-Length: 3"]))
    assert connection.reader.head().status == 100
    connection.send(b"hay")
    assert connection.read(interim=[]).status == 200
