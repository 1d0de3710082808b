"""`stopgap verify`: what a live listener does about the samples of the rules."""

import json
import re

import pytest

from harness.exchange import answer_all


@pytest.fixture
def verify(stopgap):
    """verify(proxy, options...): exit code and {row: its record}; without --insecure and the like."""

    def run(proxy, *options, url=None):
        done = stopgap("verify", "--json", *options, url or "http://127.0.0.1:%d" % proxy.port)
        rows = {r["name"]: r for r in json.loads(done.stdout)["results"]} if done.stdout else {}
        return done.returncode, rows, done.stderr

    return run


def admin_of(proxy):
    return "unix:" + proxy.admin_path


def states(rows, but=()):
    """Rules without a CVE that only report by themselves are left out."""
    return {r["state"] for name, r in rows.items() if name not in but and (r["probes"] or not r["only_reported"])}


def test_a_listener_in_block_mode_is_protected(pair, verify, stopgap):
    code, rows, _ = verify(pair.proxy)
    assert states(rows) <= {"protected", "not testable"} and code == 0, rows
    assert rows["CVE-2021-26855"]["probes"] > 20
    assert rows["CVE-2021-26855"]["stopped"] == rows["CVE-2021-26855"]["probes"]
    assert rows["CVE-2021-34473"]["state"] == "protected"
    done = stopgap("verify", "http://127.0.0.1:%d" % pair.proxy.port)
    assert done.returncode == 0 and "CVE-2021-26855 " in done.stdout and " protected" in done.stdout


def test_what_reaches_the_server_is_nothing_that_could_change_it(detect_pair, verify):
    before = len(detect_pair.exchange.requests)
    verify(detect_pair.proxy)
    seen = detect_pair.exchange.requests[before:]
    assert len(seen) > 50
    assert {r.method for r in seen} <= {b"GET", b"HEAD", b"POST", b"OPTIONS", b"RPC_IN_DATA", b"RPC_OUT_DATA"}
    named = [r for r in seen if r.get(b"User-Agent")[0].startswith(b"stopgap-verify/")]
    assert len(seen) - len(named) < 3  # an attack may need an agent of its own


def test_detect_mode_is_told_by_the_counters(detect_pair, verify):
    code, rows, _ = verify(detect_pair.proxy, "--admin", admin_of(detect_pair.proxy))
    assert code == 1 and rows["CVE-2021-34473"]["state"] == "detect only", rows["CVE-2021-34473"]
    code, rows, _ = verify(detect_pair.proxy)
    assert code == 1 and rows["CVE-2021-34473"]["state"] == "not applied"


def test_without_rules_nothing_is_applied(proxy, exchange, verify, stopgap):
    one = proxy(exchange(answer_all), "--mode", "off")
    code, rows, _ = verify(one, "--admin", admin_of(one))
    assert code == 1 and rows["CVE-2021-34473"]["state"] == "not applied"
    done = stopgap("verify", "http://127.0.0.1:%d" % one.port)
    assert "--admin" in done.stdout and "not applied" in done.stdout


def test_what_no_server_needs_is_no_failure_and_what_is_blocked_is_named(proxy, exchange, verify, stopgap):
    server = "{url: '%s', build: 15.2.2562.45}" % exchange(answer_all).url
    one = proxy(None, config="upstream: {servers: [%s]}\nhealth: {enabled: false}\n" % server)
    code, rows, _ = verify(one, "--admin", admin_of(one))
    assert (rows["CVE-2021-33766"]["state"], rows["CVE-2021-33766"]["mitigation"]) == ("not applied", "NotApplicable")
    assert code == 0, rows
    assert verify(one)[0] == 1  # who does not see the state can only say that samples pass
    assert stopgap("mitigations", "block", "SG-PUBLISH", "--reason", "x", "--admin", admin_of(one)).returncode == 0
    code, rows, _ = verify(one, "--admin", admin_of(one))
    assert (code, rows["SG-PUBLISH"]["mitigation"]) == (1, "Blocked")


def test_a_single_rule_that_is_missing_is_found(proxy, exchange, verify):
    one = proxy(exchange(answer_all), "--rule-mode", "SG-2021-33766-SECURITYTOKEN=off")
    code, rows, _ = verify(one)
    assert code == 1
    assert rows["CVE-2021-33766"]["state"] == "not applied"
    assert states(rows, but=["CVE-2021-33766"]) <= {"protected", "not testable"}


def test_an_edit_of_the_response_is_seen_where_the_answer_shows_it(proxy, exchange, verify):
    def pages(conn):
        while True:
            conn.request()
            conn.answer(fields=["Content-Type: text/html; charset=utf-8"])

    one = proxy(exchange(pages))
    assert verify(one)[1]["CVE-2026-42897"]["state"] == "protected"
    one = proxy(exchange(answer_all))
    assert verify(one)[1]["CVE-2026-42897"]["state"] == "not testable"


ABORT = """id: ABORT
title: t
severity: low
side_effects: none known
action: {type: abort}
when: {field: path, contains: closeme}
samples:
  must_block: [{target: /owa/closeme}]
  must_pass: [{target: /}]
"""
CLIENT = """id: CLIENT
title: t
severity: low
side_effects: none known
action: {type: block}
when: {field: client, in_cidr: [10.0.0.0/8]}
samples:
  must_block: [{target: /owa/, client: 10.1.2.3}]
  must_pass: [{target: /}]
"""
CHANGE = CLIENT.replace("CLIENT", "CHANGE").replace("{field: client, in_cidr: [10.0.0.0/8]}", "{field: method, equals: DELETE}") \
    .replace("client: 10.1.2.3", "method: DELETE")


def test_own_rules_and_what_cannot_be_tested(proxy, exchange, publisher, verify, tmp_path):
    rules = tmp_path / "own"
    rules.mkdir()
    for name, text in [("a", ABORT), ("b", CLIENT), ("c", CHANGE)]:
        (rules / (name + ".yaml")).write_text(text)
    bundle = publisher.bundle(tmp_path / "own.sgb", [ABORT.encode()])
    one = proxy(exchange(answer_all), "--rules", bundle, "--trust", publisher.root_path)
    code, rows, _ = verify(one, "--rules", str(rules))
    assert {name: row["state"] for name, row in rows.items()} == {
        "ABORT": "protected", "CLIENT": "not testable", "CHANGE": "not testable"}
    assert code == 0


def test_tls_and_its_certificate(proxy, exchange, verify, authority):
    cert, key = authority.leaf("mail.example.test")
    one = proxy(exchange(answer_all), "--cert", cert, "--key", key, schemes=("https",))
    url = "https://mail.example.test:%d" % one.port
    code, rows, _ = verify(one, "--ca", authority.cert, "--resolve", "127.0.0.1", url=url)
    assert code == 0 and rows["CVE-2021-34473"]["state"] == "protected"
    code, rows, stderr = verify(one, "--resolve", "127.0.0.1", url=url)
    assert code == 3 and states(rows) <= {"unreachable", "not testable"} and "certificate verify failed" in stderr
    code, rows, _ = verify(one, "--insecure", "--resolve", "127.0.0.1", url=url)
    assert code == 0
    code, rows, _ = verify(one, "--insecure", "--resolve", "Mail.example.test:%d:127.0.0.1" % one.port, url=url)
    assert code == 0 and rows["CVE-2021-34473"]["state"] == "protected"


@pytest.mark.parametrize("given", ["mail.example.test:444:127.0.0.1", "other.example.test:443:127.0.0.1", "127.0.0.1:443",
                                   "mail.example.test:443:", "somewhere", "", "[::1", "1" * 300])
def test_resolve_says_which_form_it_takes(stopgap, given):
    done = stopgap("verify", "--resolve", given, "https://mail.example.test")
    assert done.returncode == 2
    assert "--resolve wants an address, or mail.example.test:443:ADDRESS" in done.stderr


def test_an_upstream_that_is_down_is_not_taken_for_protection(proxy, ports, verify):
    one = proxy("http://127.0.0.1:%d" % ports.take(), "--mode", "off")
    code, rows, _ = verify(one)
    assert code == 1 and rows["CVE-2021-33766"]["state"] == "not applied"


def test_a_refusal_of_the_server_behind_is_not_taken_for_ours(proxy, exchange, verify):
    def refuse(conn):
        while True:
            conn.request()
            conn.answer("403 Forbidden", fields=["Content-Type: text/plain; charset=utf-8", "Cache-Control: no-store"],
                        body=b"Forbidden. Incident: none")

    one = proxy(exchange(refuse), "--mode", "off")
    code, rows, _ = verify(one)
    assert code == 1 and rows["CVE-2021-33766"]["state"] == "not applied"


@pytest.mark.parametrize("url, words", [("http://127.0.0.1:%d", "Connection refused"), ("http://no-such-host.invalid:%d", "resolution|not known|No address")])
def test_who_cannot_be_reached_is_said_with_the_reason(stopgap, ports, url, words):
    done = stopgap("verify", "--timeout", "300", url % ports.take())  # which is not waited for
    assert done.returncode == 3 and re.search(words, done.stderr), done.stderr


def test_a_file_of_authorities_that_is_not_there_is_said_with_the_reason(stopgap):
    done = stopgap("verify", "--ca", "/nonexistent.pem", "https://127.0.0.1:1")
    assert done.returncode == 1 and "No such file" in done.stderr, done.stderr


def test_exit_codes(stopgap, ports):
    nowhere = "http://127.0.0.1:%d" % ports.take()
    assert stopgap("verify", "--help").returncode == 0
    for argv, code in [((), 2), (("a", "b"), 2), (("ftp://a",), 2), (("--timeout", "0", nowhere), 2),
                       (("--nonsense", nowhere), 2), ((nowhere,), 3), (("--rules", "x.sgb", nowhere), 2),
                       (("--admin", "unix:/nonexistent", nowhere), 3), (("--rules", "/nonexistent", nowhere), 1)]:
        done = stopgap("verify", *argv)
        assert done.returncode == code, (argv, done.stdout, done.stderr)
        assert done.stderr
