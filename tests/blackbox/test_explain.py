"""`stopgap explain`: says what the running proxy does, and why."""

import json
import re

import pytest

from harness.http import request

COOKIE = "Cookie: cadata=sup3rs3cret; X-BEResource=a]@mx7.example:444/ecp/q#~1942062522"
ATTACK = request("/ecp/q7.js", fields=[COOKIE])
FINE = request("/owa/auth/logon.aspx?replaceCurrent=1")
BODY = b'{"properties":{"Parameters":{"FilePathName":"\\\\\\\\127.0.0.1\\\\d$\\\\k.aspx"}}}'
BODY_ATTACK = request("/ecp/DDI/DDIService.svc/SetObject?schema=ResetOABVirtualDirectory", "POST",
                      ["Content-Type: application/json", "Content-Length: %d" % len(BODY)]) + BODY


@pytest.fixture
def explain(stopgap, tmp_path):
    def run(raw, *options):
        path = tmp_path / "request.txt"
        path.write_bytes(raw)
        return stopgap("explain", *options, str(path))

    return run


@pytest.mark.parametrize("raw,status", [
    (ATTACK, 403),
    (FINE, 200),
    (BODY_ATTACK, 403),
    (request("/wp-login.php"), 404),
    (request("/owa/#x"), 400),
    (request("/owa/", fields=["Content_Length: 3"]), 400),
    (request("/owa/healthcheck.htm"), 200),
    (request("/owa/x", fields=["Connection: upgrade", "Upgrade: websocket"]), 501),
])
def test_explain_says_what_the_proxy_does(pair, client, explain, raw, status):
    one = client(pair.proxy)
    one.send(raw)
    assert one.read().status == status
    done = explain(raw, "--json")
    said = json.loads(done.stdout)
    assert (said["status"] or 200) == status
    assert done.returncode == (0 if status == 200 else 1)


def test_a_match_is_shown_with_view_bytes_and_offset(explain):
    done = explain(request("/owa/auth/k7%2easpx"), "--rule", "SG-WEBSHELL-OWA-AUTH")
    assert done.returncode == 1
    assert "MATCHED  SG-WEBSHELL-OWA-AUTH" in done.stdout
    assert "in view once" in done.stdout and 'path = "/owa/auth/k7.aspx", matched at ' in done.stdout
    assert "SG-PUBLISH" not in done.stdout
    assert "{rule: SG-WEBSHELL-OWA-AUTH, mode: detect}" in done.stdout


def test_a_rule_that_did_not_match_names_what_was_missing(explain, stopgap):
    done = explain(FINE)
    assert done.returncode == 0
    assert "SG-2022-41080-HEADER" in done.stdout and "header X-OWA-ExplicitLogonUser" in done.stdout
    assert "MATCHED" not in done.stdout
    rules = json.loads(stopgap("rules", "list", "--json").stdout)
    in_force = [rule for rule in rules if rule["activation"] == "always"]
    assert explain(FINE, "--all").stdout.count("in view") == len(in_force)


def test_no_secret_is_shown(explain):
    for options in [(), ("--json",), ("--all",)]:
        done = explain(ATTACK, *options)
        assert "X-BEResource" in done.stdout and "mx7.example" in done.stdout
        assert "sup3rs3cret" not in done.stdout + done.stderr


def test_hand_typed_requests_are_taken_and_it_is_said(stopgap):
    for text, note in [("GET /owa/ HTTP/1.1\nHost: mail\n\n", "LF"),
                       ("GET /owa/ HTTP/1.1\nHost: mail\n", "empty line behind the head was missing"),
                       ("POST /owa/ HTTP/1.1\nHost: mail\n\nabc\n", "Content-Length was added")]:
        done = stopgap("explain", "-", input=text)
        assert done.returncode == 0 and note in done.stdout


def test_a_malformed_request_is_shown_with_its_check_and_place(explain):
    raw = request("/owa/", "POST", ["Content-Length: 4", "Transfer-Encoding: chunked"])
    done = explain(raw)
    assert done.returncode == 1
    assert "refused with 400 (bad_request)" in done.stdout and "RFC 9112 6.3" in done.stdout
    assert "at byte %d\n" % raw.index(b"Transfer-Encoding") in done.stdout
    assert json.loads(explain(raw, "--json").stdout)["refused"]["code"] == "bad_request"


def test_a_secret_near_a_malformed_place_is_not_shown(explain):
    for field in ("Authorization: Basic c2VjcmV0\x01", "Cookie: cadata=c2VjcmV0\x01"):
        assert "c2VjcmV0" not in explain(request("/owa/", fields=[field])).stdout


def test_a_curl_command_of_a_browser_is_explained(pair, client, stopgap):
    command = "curl 'https://mail.example.test/ecp/q7.js' -H 'accept: */*' -b 'X-BEResource=a]@b~1' --compressed -k"
    assert client(pair.proxy).ask("/ecp/q7.js", fields=["Cookie: X-BEResource=a]@b~1"]).status == 403
    for argv, text in [((command,), None), (("-",), command + "\n")]:
        done = stopgap("explain", "--curl", *argv, input=text)
        assert done.returncode == 1 and "BLOCKED with 403 by SG-2021-26855-BERESOURCE" in done.stdout
    done = stopgap("explain", "--curl", "curl --proxy x http://mail/")
    assert done.returncode == 2 and "--proxy" in done.stderr


def test_the_configuration_decides(explain, tmp_path):
    config = tmp_path / "stopgap.yaml"
    config.write_text("mode: detect\nmodes:\n  - {rule: SG-2021-26855-STATIC, mode: 'off'}\n")
    done = explain(ATTACK, "-c", str(config))
    assert done.returncode == 0 and "passes, and is reported" in done.stdout and "mode detect" in done.stdout
    assert "MATCHED  SG-2021-26855-STATIC" not in done.stdout and "SG-2021-26855-STATIC             modes says so" in done.stdout
    config.write_text("mode: 'off'\n")
    done = explain(ATTACK, "-c", str(config))
    assert done.returncode == 0 and "mode is off" in done.stdout and "MATCHED" in done.stdout
    config.write_text("mitigations:\n  blocked: [SG-WEBSHELL-OWA-AUTH]\n")
    assert explain(request("/owa/auth/k7.aspx"), "-c", str(config)).returncode == 0


def test_a_rule_that_would_match_and_is_not_in_force_is_named_with_the_reason(explain, tmp_path):
    config = tmp_path / "stopgap.yaml"
    config.write_text("mitigations:\n  blocked: [SG-WEBSHELL-OWA-AUTH]\n")
    done = explain(request("/owa/auth/k7.aspx"), "-c", str(config))
    assert done.returncode == 0 and re.search(r"not in force:\n +SG-WEBSHELL-OWA-AUTH +Blocked", done.stdout)
    config.write_text("modes: [{rule: SG-WEBSHELL-OWA-AUTH, mode: 'off'}]\n")
    assert re.search(r"SG-WEBSHELL-OWA-AUTH +modes says so", explain(request("/owa/auth/k7.aspx"), "-c", str(config)).stdout)
    done = explain(request("/owa/?layout=light"), "--json")
    assert {"id": "SG-HARDEN-OWA-LIGHT", "why": "it is an option that is not switched on"} in json.loads(done.stdout)["not_in_force"]
    done = explain(request("/owa/?layout=light"), "--rule", "SG-HARDEN-OWA-LIGHT")
    assert done.returncode == 2 and "an option that is not switched on" in done.stderr
    done = explain(request("/owa/"), "--rule", "NOPE")
    assert done.returncode == 2 and "has no rule 'NOPE'" in done.stderr


def test_the_address_of_the_client_can_be_given(stopgap, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "net.yaml").write_text(
        "id: NET\ntitle: t\nseverity: low\nside_effects: none known\naction: {type: abort}\n"
        "when: {field: client, in_cidr: ['2001:db8::/32']}\n"
        "samples:\n  must_block: [{target: /, client: '2001:db8::1'}]\n  must_pass: [{target: /}]\n")
    for address, code in [("2001:db8::9", 1), ("192.0.2.9", 0)]:
        done = stopgap("explain", "--rules", str(rules), "--client", address, "-", input="GET / HTTP/1.1\nHost: a\n\n")
        assert done.returncode == code and address in done.stdout
        assert ("ABORTED" in done.stdout) == (code == 1)


def test_an_incident_is_found_in_the_logs(pair, client, stopgap):
    answer = client(pair.proxy).ask("/ecp/q7.js", fields=[COOKIE])
    incident = answer.body.split(b"Incident: ")[1].strip().decode()
    pair.proxy.wait_decision(incident=incident)
    log = pair.proxy.folder + "/access.log"
    done = stopgap("explain", "--incident", incident, "--log", log)
    assert done.returncode == 1
    assert "SG-2021-26855-BERESOURCE" in done.stdout and re.search(r"view +raw", done.stdout)
    assert "not the request itself" in done.stdout and "--curl -" in done.stdout
    assert "sup3rs3cret" not in done.stdout
    record = json.loads(stopgap("explain", "--incident", incident, "--log", log, "--json").stdout)
    assert record["incident"] == incident and record["rules"]


def test_an_incident_of_a_refused_request_is_found_in_the_access_log(pair, client, stopgap):
    one = client(pair.proxy)
    one.send(request("/owa/#x"))
    incident = one.read().body.split(b"Incident: ")[1].strip().decode()
    pair.proxy.wait_access(incident=incident)
    done = stopgap("explain", "--incident", incident, "--log", pair.proxy.folder + "/access.log")
    assert done.returncode == 1 and "RFC 9112 3.2" in done.stdout


def test_a_folder_in_the_place_of_the_request_is_said(stopgap, tmp_path):
    done = stopgap("explain", str(tmp_path))
    assert done.returncode == 3 and "directory" in done.stderr


def test_exit_codes(stopgap, tmp_path):
    log = tmp_path / "log"
    log.write_text('{"incident": "aaaaaaaaaaaa"}\nnot json bbbbbbbbbbbb\n')
    assert stopgap("explain", "--help").returncode == 0
    for argv, code in [((), 2), (("a", "b"), 2), (("--incident", "x"), 2), (("--nonsense", "a"), 2),
                       (("a", "--incident", "x"), 2), (("--incident", "", "--log", str(log)), 2), (("--client", "x", "a"), 2),
                       (("--rule", "NONE", "-"), 2), (("-c", "/nonexistent", "-"), 3),
                       (("--rules", "/nonexistent", "-"), 3), (("--rules", "x.sgb", "-"), 2),
                       (("/nonexistent",), 3), (("--incident", "x", "--log", "/nonexistent"), 3),
                       (("--incident", "bbbbbbbbbbbb", "--log", str(log)), 3)]:
        done = stopgap("explain", *argv, input="GET / HTTP/1.1\nHost: a\n\n")
        assert done.returncode == code, (argv, done.stdout, done.stderr)
        assert done.stderr
    assert stopgap("explain", "-", input="GET / HTTP/1.1\r\nHost: a\r\n").returncode == 3


def test_a_folded_secret_is_not_shown(stopgap, tmp_path):
    path = tmp_path / "request"
    path.write_bytes(b"GET /owa/ HTTP/1.1\r\nHost: mail.example.test\r\nAuthorization: Basic\r\n c2VjcmV0OnBhc3N3b3Jk\r\n\r\n")
    done = stopgap("explain", str(path))
    assert "refused" in done.stdout and "c2VjcmV0" not in done.stdout + done.stderr
