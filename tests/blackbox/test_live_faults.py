"""Sets with which nothing is wrong until users come: each goes by itself, and the one before goes on. Stops of
clients are in test_trial.py; here are requests that fail and inspections that become slow."""

import time

import pytest

from harness.bundles import block_rule
from test_activation import rule
from test_trial import KNOWN, Trial
from harness.wait import wait_for

OLD = block_rule(path="/owa/one")
BODY = ["Content-Type: text/plain"]


@pytest.fixture
def answers():
    """What Exchange says: a status, that the test changes."""
    return {"status": "200 OK"}


@pytest.fixture
def trial(proxy, exchange, publisher, tmp_path, answers):
    def script(conn):
        while True:
            conn.request()
            conn.answer(answers["status"])

    return Trial(proxy, exchange(script), publisher, tmp_path, "canary: 0s, watchdog: 1h, max_cost: 1000000")


def wait_second_set(trial):
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.2"), trial.proxy.describe, 300)


def check_returned(trial, client, why):
    line = trial.proxy.wait_event("event=rules_returned")
    assert "code=E_WATCHDOG" in line and why in line
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.1"), trial.proxy.describe)
    assert client(trial.proxy).ask("/owa/one").status == 403
    assert trial.state()["returned"] == 1 and trial.proxy.command("status").stdout.count("E_WATCHDOG")
    assert trial.proxy.command("reload").returncode == 0  # it does not come back
    assert trial.proxy.ruleset_name().endswith("+test-rules@1.1")


def test_requests_that_fail_since_a_set_acts_take_it_back(trial, client, answers):
    users = client(trial.proxy)
    for _ in range(50):
        assert users.ask("/owa/", fields=KNOWN).status == 200
    trial.publish([OLD, block_rule("TEST-2", "/owa/two")], 2)
    wait_second_set(trial)
    answers["status"] = "500 Internal Server Error"
    for _ in range(30):
        assert users.ask("/owa/", fields=KNOWN).status == 500
    answers["status"] = "200 OK"
    check_returned(trial, client, "requests failed at Exchange")
    assert client(trial.proxy).ask("/owa/two").status == 200


def test_requests_that_fail_as_often_as_before_take_nothing_back(trial, client, answers):
    """Exchange has a bad day: that is not the set's fault."""
    users = client(trial.proxy)
    end = time.monotonic() + 3  # a second at least lies behind the first look at the traffic
    n = 0
    while n < 200 or time.monotonic() < end:
        answers["status"] = "500 Internal Server Error" if n % 4 == 0 else "200 OK"
        users.ask("/owa/", fields=KNOWN)
        n += 1
    trial.publish([OLD, block_rule("TEST-2", "/owa/two")], 2)
    wait_second_set(trial)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        answers["status"] = "500 Internal Server Error" if n % 4 == 0 else "200 OK"
        users.ask("/owa/", fields=KNOWN)
        n += 1
    assert trial.state()["state"] == "watched" and trial.state()["returned"] == 0
    assert client(trial.proxy).ask("/owa/two").status == 403


def ways_to_cut(n_patterns):
    """Patterns that a word wakes and that try each way to cut the letters behind it, up to the limit."""
    ends = "0123456789%#@$&*"[:n_patterns]
    regexes = ", ".join("{field: body, regex: 'Process cmd.(?:[a-zA-Z/]+[. ]?)+[!%s]'}" % end for end in ends)
    return rule("{any: [%s]}" % regexes, "{target: /x, method: POST, headers: ['Content-Type: text/plain'], body: 'Process cmd.a!'}")


def test_inspections_that_become_slow_take_a_set_back(trial, client):
    usual, slow = b"Process cms.aaa", b"Process cmd." + b"a" * 17 + b"-Process cmd." + b"a" * 16
    users = client(trial.proxy)

    def post(body):
        assert users.ask("/owa/x", method="POST", fields=BODY, body=body).status == 200

    end = time.monotonic() + 3
    n = 0
    while n < 700 or time.monotonic() < end:
        post(usual)
        n += 1
    trial.publish([OLD, ways_to_cut(12)], 2)
    wait_second_set(trial)
    for i in range(700):
        post(slow if i % 20 == 0 else usual)
    check_returned(trial, client, "one inspection of a hundred takes")
