"""Access and decision log: one record per request, complete, and never a secret in it.

The search for planted secrets in everything that a proxy wrote runs at the end of every test
(harness/secrets.py); the tests here plant them."""

import json

import pytest

from harness.bundles import block_rule
from harness.http import request
from harness.secrets import BASIC, COOKIE, PASSWORD, TOKEN
from harness.wait import wait_for

GET = "/owa/auth/logon.aspx"
SECRET_FIELDS = ["Authorization: Basic " + BASIC, "Cookie: cadata=%s; UserContext=1" % COOKIE, "X-Note: plain"]
ATTACK = "/autodiscover/autodiscover.json?@evil.test/owa/?&Email=autodiscover/autodiscover.json%3F@evil.test"


def test_every_request_has_one_access_record(pair, client):
    one = client(pair.proxy)
    for number in range(10):
        one.ask("%s?record=%d" % (GET, number))
    for number in range(10):
        pair.proxy.wait_access(target="%s?record=%d" % (GET, number))
    found = [r["target"] for r in pair.proxy.access() if "?record=" in r.get("target", "")]
    assert sorted(found) == sorted("%s?record=%d" % (GET, n) for n in range(10))


def test_an_access_record_says_what_happened(pair, client):
    client(pair.proxy).ask("/Microsoft-Server-ActiveSync?Cmd=Sync&n=77", "POST", body=b"x" * 100)
    record = pair.proxy.wait_access(target="/Microsoft-Server-ActiveSync?Cmd=Sync&n=77")
    assert record["method"] == "POST" and record["status"] == 200 and record["upstream_status"] == 200
    assert record["bytes_in"] == 100 and record["bytes_out"] == 2
    assert record["client"] == "127.0.0.1" and record["host"] == "mail.example.test" and record["end"] == "ok"
    assert record["decision"] == "pass" and record["vdir"].lower() == "microsoft-server-activesync"
    assert record["upstream"] == pair.exchange.url and record["ruleset"].startswith("builtin@")
    for timer in ("head_us", "inspect_us", "connect_us", "response_us", "total_us"):
        assert 0 <= record[timer] < 60_000_000, timer


def test_requests_of_one_connection_are_numbered(pair, client):
    one = client(pair.proxy)
    for number in range(3):
        one.ask("%s?numbered=%d" % (GET, number))
    records = [pair.proxy.wait_access(target="%s?numbered=%d" % (GET, n)) for n in range(3)]
    assert [r["req"] for r in records] == [1, 2, 3]
    assert len({r["conn"] for r in records}) == 1


def test_every_line_of_the_log_is_one_json_object(pair, client):
    client(pair.proxy).ask(GET + "?q=\"'<>\\{}")
    wait_for(lambda: [r for r in pair.proxy.access() if "<>" in r.get("target", "")], "the record")
    with open(pair.proxy.folder + "/access.log", encoding="ascii") as log:
        for line in log.read().split("\n")[:-1]:
            assert isinstance(json.loads(line), dict)


def test_bytes_of_the_request_cannot_forge_a_record(detect_pair, client):
    one = client(detect_pair.proxy)
    one.send(b"GET /owa/\"},{\"end\":\"forged\" HTTP/1.1\r\nHost: a\r\n\r\n")
    one.reader.head()
    one.close()
    client(detect_pair.proxy).ask("/owa/?after-the-forger")
    detect_pair.proxy.wait_access(target="/owa/?after-the-forger")
    assert "forged" not in [r["end"] for r in detect_pair.proxy.access()]


def test_a_request_with_secrets_leaves_none_in_the_log(pair, client):
    client(pair.proxy).ask(GET + "?planted=1", fields=SECRET_FIELDS)
    assert BASIC.encode() in pair.exchange.raw and COOKIE.encode() in pair.exchange.raw, "they are forwarded"
    pair.proxy.wait_access(target=GET + "?planted=1")


def test_a_blocked_request_with_secrets_leaves_none_in_the_log(pair, client):
    known = len(pair.proxy.decisions())
    client(pair.proxy).ask(ATTACK, fields=SECRET_FIELDS + ["X-Rps: Negotiate " + TOKEN, "Proxy-Authorization: NTLM " + TOKEN])
    wait_for(lambda: len(pair.proxy.decisions()) > known, "the decision record")


def test_a_refused_request_with_secrets_leaves_none_in_the_log(pair, client):
    one = client(pair.proxy)
    one.send(request(GET, fields=SECRET_FIELDS + ["Bad Name: " + PASSWORD]))
    assert one.read().status == 400


@pytest.mark.parametrize("query", ["password=%s", "Password=%s&x=1", "a=b&PassWord=%s", "pwd=%s", "p%%61ssword=%s",
                                   "X-Rps-CAT=%s", "access_token=%s"])
def test_a_secret_in_the_query_is_masked(detect_pair, client, query):
    before = len(detect_pair.proxy.access())
    client(detect_pair.proxy).ask("/owa/?" + query % PASSWORD)
    assert PASSWORD.encode() in detect_pair.exchange.raw
    wait_for(lambda: len(detect_pair.proxy.access()) > before, "the record")


def test_the_form_of_the_logon_page_leaves_no_password_in_the_log(pair, client):
    body = ("destination=https%%3a%%2f%%2fmail&username=anna&password=%s" % PASSWORD).encode()
    client(pair.proxy).ask("/owa/auth.owa", "POST", ["Content-Type: application/x-www-form-urlencoded"], body)
    pair.proxy.wait_access(target="/owa/auth.owa")


@pytest.mark.parametrize("field, send", [
    ("header, name: Authorization", "Authorization: Basic " + BASIC), ("cookie, name: cadata", "Cookie: cadata=" + COOKIE)])
def test_a_match_in_a_secret_field_is_reported_without_its_value(proxy, exchange, client, publisher, tmp_path, field, send):
    rule = (block_rule("TEST-SECRET", "/owa/x")
            .replace(b"{field: path, equals: /owa/x}", b"{all: [{field: path, equals: /owa/x}, {field: %s, exists: true}]}" % field.encode())
            .replace(b"    - target: /owa/x\n", b"    - {target: /owa/x, headers: ['%s']}\n" % (send.split(" ")[0] + " cadata=x").encode()))
    path = publisher.bundle(tmp_path / "a.sgb", [rule])
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path)
    assert client(one).ask("/owa/x", fields=[send]).status == 403
    assert one.wait_decision()["rules"][0]["id"] == "TEST-SECRET"


def test_an_excerpt_is_short(detect_pair, client):
    known = len(detect_pair.proxy.decisions())
    client(detect_pair.proxy).ask(ATTACK + "&pad=" + "x" * 8000)
    wait_for(lambda: len(detect_pair.proxy.decisions()) > known, "the decision record")
    for hit in detect_pair.proxy.decisions()[-1]["rules"]:
        assert len(hit.get("excerpt", "")) <= 256


def test_a_log_on_standard_output(proxy, exchange, client):
    one = proxy(exchange(), "--log", "-")
    client(one).ask(GET)
    wait_for(lambda: any('"end":"ok"' in line for line in one.out.lines), lambda: "a record: " + one.out.text())


def test_access_and_decision_log_can_be_two_files(proxy, exchange, client, tmp_path):
    decisions = tmp_path / "decisions.log"
    one = proxy(exchange(), "--decision-log", decisions)
    client(one).ask(ATTACK)
    wait_for(lambda: decisions.exists() and "\"rules\":[" in decisions.read_text(), "a decision in its file")
    one.wait_access(decision="block")
    assert one.decisions() == []


def test_a_client_that_leaves_is_logged_as_such(proxy, exchange, client):
    def script(conn):
        conn.head()
        conn.reader.rest()

    upstream = exchange(script)
    one = proxy(upstream)
    connection = client(one)
    connection.send(request(GET))
    upstream.last()
    connection.reset()
    assert one.wait_access(target=GET)["end"] in ("client_reset", "client_abort", "client_closed")


def test_the_body_of_an_answer_of_our_own_is_counted(pair, client):
    one = client(pair.proxy)
    answer = one.ask("/no-such-path?counted")
    assert pair.proxy.wait_access(target="/no-such-path?counted")["bytes_out"] == len(answer.body)
    one.ask("/no-such-path?head", "HEAD")
    assert pair.proxy.wait_access(target="/no-such-path?head").get("bytes_out", 0) == 0
