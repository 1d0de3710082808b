"""Events by POST: who hears what, how often it is tried, and that nothing waits for it."""

import json
import os
import signal

import pytest

from harness.certs import Authority
from harness.feed_server import FeedServer
from harness.http import request
from harness.wait import wait_for

SECRET = "T0KEN-that-nobody-may-see"
GET = "/owa/auth/logon.aspx"
BLOCK = ("mitigations", "block", "M2", "--reason", "printing")


@pytest.fixture
def receiver():
    """receiver(leaf): a server for events; .hook is the URL to give to the proxy."""
    made = []

    def start(leaf=None):
        made.append(FeedServer(leaf))
        scheme, rest = made[-1].url.split("://")
        made[-1].hook = "%s://user:%s@%s/hooks/%s?key=%s" % (scheme, SECRET, rest.split("/")[0], SECRET, SECRET)
        return made[-1]

    yield start
    for one in made:
        one.close()


def config(receiver, **more):
    lines = {"webhook": "'%s'" % receiver.hook, **more}
    return "events:\n" + "".join("  %s: %s\n" % item for item in lines.items())


def heard(receiver, event_id):
    return [event for _, event in receiver.posted if event["id"] == event_id]


def hook(one):
    return one.status()["webhook"]


def test_each_event_is_posted_as_json_over_tls(proxy, exchange, receiver, authority):
    server = receiver(authority.leaf())
    one = proxy(exchange(), config=config(server, webhook_ca=authority.cert))
    assert one.command(*BLOCK).returncode == 0
    wait_for(lambda: heard(server, 1006) and heard(server, 1020), "events 1006 and 1020")
    event = heard(server, 1006)[0]
    assert (event["v"], event["event"], event["subject"]) == (1, "mitigation_blocked", "M2.1")
    assert event["host"] == os.uname().nodename and event["level"] == "warn"
    path, _ = server.posted[0]
    assert path == "/hooks/%s?key=%s" % (SECRET, SECRET)
    assert server.seen[0]["Content-Type"] == "application/json" and server.seen[0]["Authorization"].startswith("Basic ")
    wait_for(lambda: hook(one)["waiting"] == 0, "all to be sent")
    assert (hook(one)["sent"], hook(one)["lost"]) == (len(server.posted), 0)
    assert one.metrics()['stopgap_webhook_events_total{result="sent"}'] == len(server.posted)


def test_events_come_in_the_order_of_the_log(proxy, exchange, receiver):
    server = receiver()
    one = proxy(exchange(), config=config(server))
    for what in ("block", "unblock") * 3:
        assert one.command("mitigations", what, "M2", *(("--reason", "r") if what == "block" else ())).returncode == 0
    wait_for(lambda: len(heard(server, 1007)) == 3, "the last event")
    changes = [event["id"] for _, event in server.posted if event["id"] in (1006, 1007)]
    assert changes == [1006, 1007] * 3


def test_the_url_is_shown_to_nobody(proxy, exchange, receiver, stopgap, tmp_path):
    server = receiver()
    server.behave = lambda handler: handler.answer(302, Location="http://127.0.0.1:1/hooks/" + SECRET)
    one = proxy(exchange(), config=config(server))
    assert one.command(*BLOCK).returncode == 0
    one.wait_event("event=webhook_plain")
    one.wait_event("event=events_webhook .*lost=http://.*status 302: redirects are not followed")
    masked = "http://***@%s/hooks/***?***" % server.hook.split("@")[1].split("/")[0]
    assert hook(one)["url"] == masked
    path = tmp_path / "printed.yaml"
    path.write_text(config(server))
    printed = stopgap("check", "-c", path, "--print", "--listen", "http://127.0.0.1:1", "--upstream", "http://127.0.0.1:2")
    assert printed.returncode == 0 and masked in printed.stdout
    path.write_text("events: {webhook: 'htps://hooks.example/%s'}\n" % SECRET)
    refused = stopgap("check", "-c", path, "--listen", "http://127.0.0.1:1", "--upstream", "http://127.0.0.1:2")
    assert refused.returncode == 1 and "events.webhook" in refused.stderr
    for text in (one.err.text(), one.admin("/status.json")[1], one.admin("/metrics")[1], one.command("status").stdout,
                 printed.stdout, refused.stderr):
        assert SECRET not in text


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
def test_who_says_no_is_not_asked_again(proxy, exchange, receiver, status):
    server = receiver()
    server.behave = lambda handler: handler.answer(status, Location=server.hook + "2")
    one = proxy(exchange(), config=config(server))
    assert one.command(*BLOCK).returncode == 0
    wait_for(lambda: heard(server, 1020) and hook(one)["waiting"] == 0, "all events to be given up")
    assert len(server.posted) == hook(one)["lost"] and hook(one)["sent"] == 0
    assert not any("2" in path[-1] for path, _ in server.posted)
    assert "status %d" % status in hook(one)["error"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_who_is_busy_is_asked_again(proxy, exchange, receiver, status):
    server = receiver()

    def busy_at_first(handler):
        handler.answer(status if len(server.posted) == 1 else 204)

    server.behave = busy_at_first
    one = proxy(exchange(), config=config(server))
    assert one.command(*BLOCK).returncode == 0
    wait_for(lambda: heard(server, 1020) and hook(one)["waiting"] == 0, "all events to be sent")
    assert server.posted[0] == server.posted[1]
    assert (hook(one)["sent"], hook(one)["lost"]) == (len(server.posted) - 1, 0)
    assert "error" not in hook(one)


def test_after_three_attempts_an_event_is_lost_and_the_next_one_has_its_turn(proxy, exchange, receiver):
    server = receiver()
    server.behave = lambda handler: handler.answer(503 if len(server.posted) <= 3 else 200)
    one = proxy(exchange(), config=config(server))
    assert one.command(*BLOCK).returncode == 0
    one.wait_event("event=events_webhook .*attempts=3 code=E_FETCH_HTTP .*503")
    wait_for(lambda: hook(one)["waiting"] == 0, "the others to be sent")
    assert hook(one)["lost"] == 1 and hook(one)["sent"] == len(server.posted) - 3
    assert one.metrics()['stopgap_webhook_events_total{result="lost"}'] == 1


def test_a_server_with_an_unknown_certificate_gets_nothing(proxy, exchange, receiver, authority, tmp_path):
    server = receiver(Authority(tmp_path / "other", "Other CA").leaf())
    one = proxy(exchange(), config=config(server, webhook_ca=authority.cert))
    assert one.command(*BLOCK).returncode == 0
    wait_for(lambda: "certificate" in hook(one).get("error", ""), "the refusal")
    assert server.posted == []
    assert one.command("status").stdout.count("LAST ATTEMPT") == 1


def test_nobody_waits_for_a_server_that_is_silent(proxy, exchange, client, receiver, tmp_path):
    server, told = receiver(), tmp_path / "told"
    server.behave = lambda handler: server.ended.wait(120)
    program = tmp_path / "hook"
    program.write_text("#!/bin/sh\ncat >> %s\n" % told)
    program.chmod(0o755)
    one = proxy(exchange(), config=config(server, webhook_timeout="5m", command="[%s]" % program))
    assert one.command(*BLOCK).returncode == 0
    wait_for(lambda: server.posted, "the first event at the server")
    assert client(one).ask(GET).status == 200
    assert one.command("reload").returncode == 0
    wait_for(lambda: told.exists() and '"id":1006' in told.read_text(), "the command to be told meanwhile")
    one.signal(signal.SIGTERM)
    assert one.wait_end() == 0  # long before the five minutes


def test_a_slow_answer_ends_at_its_time_and_a_long_one_is_an_answer(proxy, exchange, receiver):
    server = receiver()

    def drips_then_talks(handler):
        if len(server.posted) == 1:
            handler.drip(b"x", 0.2, 1000)
        else:
            handler.answer(200, b"y" * 200000)

    server.behave = drips_then_talks
    one = proxy(exchange(), config=config(server, webhook_timeout="3s"))
    assert one.command(*BLOCK).returncode == 0
    wait_for(lambda: heard(server, 1020) and hook(one)["waiting"] == 0, "all events to be sent")
    assert server.posted[0] == server.posted[1]
    assert (hook(one)["sent"], hook(one)["lost"]) == (len(server.posted) - 1, 0)


def test_switching_all_rules_off_and_on_loses_no_event(proxy, exchange, receiver):
    server = receiver()
    one = proxy(exchange(), config=config(server, webhook_timeout="5m"))
    server.behave = lambda handler: server.ended.wait(120)  # all of them wait behind the first
    assert one.command("mitigations", "disable", "--reason", "x").returncode == 0
    assert one.command("mitigations", "enable").returncode == 0
    assert (hook(one)["waiting"] > 100, hook(one)["lost"]) == (True, 0)


def test_a_storm_fills_the_queue_and_no_more(proxy, exchange, client, receiver):
    server = receiver()
    server.behave = lambda handler: server.ended.wait(120)
    over = [{"rule": "SG-PUBLISH", "path": "/k%d" % i, "until": "2020-01-31", "comment": "over"} for i in range(250)]
    one = proxy(exchange(), config=config(server, webhook_timeout="5m") + "exclusions: %s\n" % json.dumps(over))
    wait_for(lambda: hook(one)["lost"] > 0, "an event that does not fit")  # each end is one
    assert hook(one)["waiting"] == 193 and len(server.posted) <= 1
    assert client(one).ask(GET).status == 200
    assert one.status()["events_lost"] == 0  # those are the command's


def test_an_authority_for_a_hook_that_is_not_there_is_a_mistake(stopgap, tmp_path, authority):
    path = tmp_path / "x.yaml"
    path.write_text(json.dumps({"events": {"webhook_ca": authority.cert}}))
    done = stopgap("check", "-c", path, "--listen", "http://127.0.0.1:1", "--upstream", "http://127.0.0.1:2")
    assert done.returncode == 1 and "events.webhook_ca is for events.webhook" in done.stderr
