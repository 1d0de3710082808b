"""Microsoft's M2 mitigation: script-src-attr 'none' on the HTML pages of OWA, and nothing else."""

import pytest

from harness.exchange import serve
from harness.http import response

ADDED = b"script-src-attr 'none'"
POLICY = "Content-Security-Policy: script-src 'self' 'nonce-1'; object-src 'none'"
HTML = "Content-Type: text/html; charset=utf-8"


def policies(pair, client, target, *fields, status="200 OK"):
    pair.exchange.script = serve(response(status, fields))
    return client(pair.proxy).ask(target).get(b"Content-Security-Policy")


@pytest.mark.parametrize("target", ["/owa/", "/owa", "/owa/?ae=Folder", "/owa/default.aspx", "/OWA/projection.aspx?x",
                                    "/owa/readingPane.aspx", "/owa/popout.aspx?y"])
def test_the_policy_of_an_owa_page_is_extended(pair, client, target):
    found = policies(pair, client, target, HTML, POLICY)
    assert len(found) == 1
    assert found[0].startswith(POLICY.split(": ")[1].encode()) and ADDED in found[0]


def test_a_page_without_a_policy_gets_one(pair, client):
    assert policies(pair, client, "/owa/", HTML) == [ADDED]


@pytest.mark.parametrize("target", ["/owa/auth/logon.aspx", "/owa/service.svc?action=x", "/owa/calendar/a@b/c/calendar.html",
                                    "/ecp/", "/ews/exchange.asmx"])
def test_the_policy_of_another_page_is_not_touched(pair, client, target):
    assert policies(pair, client, target, HTML, POLICY) == [POLICY.split(": ")[1].encode()]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/xml+html"])
def test_an_owa_answer_that_is_not_html_is_not_touched(pair, client, kind):
    assert policies(pair, client, "/owa/", "Content-Type: " + kind) == []


def test_a_report_only_policy_is_not_touched(pair, client):
    report = "Content-Security-Policy-Report-Only: script-src 'self'"
    pair.exchange.script = serve(response(fields=(HTML, POLICY, report)))
    answer = client(pair.proxy).ask("/owa/")
    assert answer.get(b"Content-Security-Policy-Report-Only") == [b"script-src 'self'"]


def test_a_policy_that_already_has_the_directive_is_effective(pair, client):
    """The first directive of a name wins within one policy, so a second field must carry ours."""
    found = policies(pair, client, "/owa/", HTML, "Content-Security-Policy: script-src-attr 'unsafe-inline'")
    assert any(policy.strip().startswith(ADDED) or b";" not in policy and policy == ADDED for policy in found), found


def test_the_other_fields_keep_their_place(pair, client):
    pair.exchange.script = serve(response(fields=("X-A: 1", HTML, POLICY, "x-b: 2", "Set-Cookie: c=d")))
    names = [n for n in client(pair.proxy).ask("/owa/").names() if n.lower() not in (b"connection", b"date")]
    assert names == [b"X-A", b"Content-Type", b"Content-Security-Policy", b"x-b", b"Set-Cookie", b"Content-Length"]


def test_the_body_is_not_touched(pair, client):
    pair.exchange.script = serve(response(fields=(HTML, POLICY), body=b"<html>\0\xff</html>"))
    assert client(pair.proxy).ask("/owa/").body == b"<html>\0\xff</html>"


def test_detect_mode_changes_no_response(detect_pair, client):
    assert policies(detect_pair, client, "/owa/", HTML, POLICY) == [POLICY.split(": ")[1].encode()]


def test_the_change_counts_in_the_metrics(pair, client):
    before = pair.proxy.metrics().get("stopgap_responses_edited_total", 0)
    policies(pair, client, "/owa/", HTML, POLICY)
    pair.proxy.wait_metric("stopgap_responses_edited_total", before + 1)
