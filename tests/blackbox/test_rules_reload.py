"""Signed sets swapped under traffic; a bad one changes nothing but the status."""

import os
import signal
import threading

import pytest

from harness.bundles import Publisher, block_rule, write_into_place
from harness.http import request
from harness.wait import wait_for


class Rules:
    """A proxy whose bundle can be replaced; serial 1 blocks /owa/one."""

    def __init__(self, proxy, upstream, publisher, folder, *options):
        self.publisher = publisher
        self.path = str(folder / "set.sgb")
        publisher.bundle(self.path, [block_rule(path="/owa/one")], serial=1)
        self.proxy = proxy(upstream, "--rules", self.path, "--trust", publisher.root_path, *options)

    def publish(self, rules, serial, **kwargs):
        self.publisher.bundle(self.path, rules, serial=serial, **kwargs)

    def reload(self):
        """HUP, and wait until it has been dealt with; the code of the refusal or None."""
        before = self.proxy.reloads()
        self.proxy.signal(signal.SIGHUP)
        wait_for(lambda: self.proxy.reloads() != before, lambda: "a reload: " + self.proxy.describe())
        ok, failed = self.proxy.reloads()
        return None if failed == before[1] else self.proxy.reload_error()


@pytest.fixture
def rules(proxy, exchange, publisher, tmp_path):
    return Rules(proxy, exchange(), publisher, tmp_path)


def test_a_signed_set_adds_to_the_built_in_rules(rules, client):
    assert client(rules.proxy).ask("/owa/one").status == 403
    assert client(rules.proxy).ask("/ecp/y.js", fields=["Cookie: X-BEResource=a]@x:444/ecp/z#~1"]).status == 403
    assert client(rules.proxy).ask("/owa/two").status == 200


def test_a_newer_set_is_active_after_hup(rules, client):
    rules.publish([block_rule(path="/owa/two")], 2)
    assert rules.reload() is None
    assert client(rules.proxy).ask("/owa/one").status == 200
    assert client(rules.proxy).ask("/owa/two").status == 403


def test_an_open_connection_is_judged_by_the_new_set(rules, client):
    connection = client(rules.proxy)
    assert connection.ask("/owa/two").status == 200
    rules.publish([block_rule(path="/owa/two")], 2)
    assert rules.reload() is None
    assert connection.ask("/owa/two").status == 403


def test_the_reload_verb_loads_and_says_so(rules, client):
    rules.publish([block_rule(path="/owa/two")], 2)
    done = rules.proxy.command("reload")
    assert done.returncode == 0, done.stderr
    assert client(rules.proxy).ask("/owa/two").status == 403


def test_the_reload_verb_reports_a_refusal(rules, client):
    write_into_place(rules.path, b"rubbish" * 1000)
    done = rules.proxy.command("reload")
    assert done.returncode == 1 and "E_BUNDLE_" in done.stderr + done.stdout
    assert client(rules.proxy).ask("/owa/one").status == 403


def test_the_status_and_the_log_name_the_set(rules, client):
    assert "test-rules@1.1" in rules.proxy.ruleset_name()
    client(rules.proxy).ask("/owa/one")
    assert "test-rules@1.1" in rules.proxy.wait_access(status=403)["ruleset"]
    rules.publish([block_rule(path="/owa/one")], 2)
    assert rules.reload() is None
    assert "test-rules@1.2" in rules.proxy.ruleset_name()
    client(rules.proxy).ask("/owa/one?second")
    assert "test-rules@1.2" in rules.proxy.wait_access(target="/owa/one?second")["ruleset"]


def remove_signature(rules):
    rules.publish([block_rule(path="/owa/two")], 2, change=lambda m: m.pop("sig/" + rules.publisher.key_id))


def break_signature(rules):
    rules.publish([block_rule(path="/owa/two")], 2, change=lambda m: m.update({"sig/" + rules.publisher.key_id: b"\2" * 64}))


def change_rule(rules):
    rules.publish([block_rule(path="/owa/two")], 2,
                  change=lambda m: m.update({"rules/0000.yaml": m["rules/0000.yaml"].replace(b"/owa/two", b"/owa/tw0")}))


def cut_off(rules):
    rules.publish([block_rule(path="/owa/two")], 2)
    with open(rules.path, "rb") as whole:
        data = whole.read()
    write_into_place(rules.path, data[:len(data) // 2])


def go_back(rules):
    rules.publish([block_rule(path="/owa/one")], 5)
    assert rules.reload() is None
    rules.publish([block_rule(path="/owa/two")], 4)


def reuse_serial(rules):
    rules.publish([block_rule(path="/owa/two")], 1)


def use_stranger(rules):
    Publisher(rules.proxy.folder, "stranger").bundle(rules.path, [block_rule(path="/owa/two")], serial=2)


def break_pattern(rules):
    rules.publish([block_rule(path="/owa/two").replace(b"equals: /owa/two", b"regex: '(/owa/two'")], 2)


def break_yaml(rules):
    rules.publish([b"id: [unclosed\n"], 2)


def fail_sample(rules):
    rules.publish([block_rule(path="/owa/two").replace(b"target: /owa/two", b"target: /owa/three")], 2)


def block_everything(rules):
    rules.publish([block_rule(path="/owa/two").replace(b"target: /owa/\n", b"target: /owa/two\n")], 2)


def remove_file(rules):
    os.unlink(rules.path)


REFUSALS = [
    (remove_signature, "E_SIG_THRESHOLD"), (break_signature, "E_SIG_THRESHOLD"), (change_rule, "E_HASH"),
    (cut_off, "E_BUNDLE_"), (go_back, "E_ROLLBACK"), (reuse_serial, "E_SERIAL_REUSED"), (use_stranger, "E_"),
    (break_pattern, "E_"), (break_yaml, "E_"), (fail_sample, "E_SELFTEST"), (block_everything, "E_SELFTEST"), (remove_file, "E_"),
]


@pytest.mark.parametrize("spoil, code", REFUSALS, ids=[f.__name__ for f, _ in REFUSALS])
def test_a_bad_set_is_refused_and_the_active_one_goes_on(rules, client, spoil, code):
    connection = client(rules.proxy)
    assert connection.ask("/owa/one").status == 403
    spoil(rules)
    name = rules.proxy.ruleset_name()
    assert (rules.reload() or "no refusal").startswith(code)
    assert rules.proxy.ruleset_name() == name
    assert connection.ask("/owa/one").status == 403
    assert connection.ask("/owa/two").status == 200
    assert any(code in line for line in rules.proxy.err.lines), "no line on standard error names " + code


def test_a_refusal_is_shown_by_the_status_verb(rules):
    remove_signature(rules)
    rules.reload()
    shown = rules.proxy.command("status").stdout
    assert "E_SIG_THRESHOLD" in shown and "test-rules@1.1" in shown


def test_a_refusal_shows_in_the_metrics(rules):
    remove_signature(rules)
    rules.reload()
    assert rules.proxy.metrics()['stopgap_reloads_total{result="failed"}'] == 1
    assert rules.proxy.metrics()["stopgap_last_reload_successful"] == 0


def test_a_good_set_clears_the_refusal(rules):
    remove_signature(rules)
    assert rules.reload() is not None
    rules.publish([block_rule(path="/owa/one")], 3)
    assert rules.reload() is None
    assert not rules.proxy.reload_error()


def test_the_same_set_again_is_no_error(rules, client):
    assert rules.reload() is None
    assert client(rules.proxy).ask("/owa/one").status == 403


def test_a_request_that_waits_for_its_body_is_judged_by_the_set_it_began_with(proxy, exchange, client, publisher, tmp_path):
    path = str(tmp_path / "set.sgb")
    rule = (block_rule(path="/owa/form").replace(b"    - {field: path, equals: /owa/form}\n",
                                                 b"    - {field: path, equals: /owa/form}\n"
                                                 b"    - {field: body, contains: needle}\n")
            .replace(b"    - target: /owa/form\n", b"    - {target: /owa/form, body: a needle}\n"))
    publisher.bundle(path, [rule], serial=1)
    upstream = exchange()
    one = proxy(upstream, "--rules", path, "--trust", publisher.root_path)
    connection = client(one)
    connection.send(request("/owa/form", "POST", ["Content-Length: 12"]) + b"hay ")
    publisher.bundle(path, [block_rule(path="/owa/two")], serial=2)
    before = one.reloads()
    one.signal(signal.SIGHUP)
    wait_for(lambda: one.reloads() != before, "the reload")
    connection.send(b"a needle")
    assert connection.read().status == 403
    assert "test-rules@1.1" in one.wait_access(status=403)["ruleset"]
    assert upstream.requests == []


def test_a_set_moved_into_the_watched_directory_becomes_active(proxy, exchange, client, publisher, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()
    one = proxy(exchange(), "--trust", publisher.root_path, "--rules-watch", watched, config="rules: {canary: 0s}\n")
    assert client(one).ask("/owa/one").status == 200
    publisher.bundle(watched / "set.sgb", [block_rule(path="/owa/one")], serial=1)
    wait_for(lambda: "test-rules@1.1" in one.ruleset_name(), lambda: "the new set: " + one.describe())
    assert client(one).ask("/owa/one").status == 403
    publisher.bundle(watched / "set.sgb", [block_rule(path="/owa/two")], serial=2)
    wait_for(lambda: "test-rules@1.2" in one.ruleset_name(), lambda: "the newer set: " + one.describe())
    assert client(one).ask("/owa/one").status == 200


def test_a_bad_set_in_the_watched_directory_is_refused(proxy, exchange, client, publisher, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()
    publisher.bundle(watched / "set.sgb", [block_rule(path="/owa/one")], serial=1)
    one = proxy(exchange(), "--trust", publisher.root_path, "--rules-watch", watched, config="rules: {canary: 0s}\n")
    assert client(one).ask("/owa/one").status == 403
    write_into_place(watched / "set.sgb", b"rubbish" * 1000)
    wait_for(lambda: one.reload_error(), lambda: "the refusal: " + one.describe())
    assert client(one).ask("/owa/one").status == 403


def test_no_request_fails_while_sets_alternate(proxy, exchange, client, publisher, tmp_path):
    """Twenty reloads under eight clients; tests/reload/ does a thousand."""
    rules = Rules(proxy, exchange(), publisher, tmp_path, "--workers", "2")
    over = threading.Event()
    failures, counts = [], []

    def load():
        connection = client(rules.proxy)
        count = 0
        try:
            while not over.is_set():
                status = connection.ask("/owa/auth/logon.aspx").status
                count += 1
                if status != 200:
                    failures.append(status)
        except Exception as failure:  # whatever it is, the test wants to hear of it
            failures.append(failure)
        counts.append(count)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for serial in range(2, 22):
            rules.publish([block_rule(path="/owa/%s" % ("one" if serial % 2 else "two"))], serial)
            assert rules.reload() is None
    finally:
        over.set()
        for thread in threads:
            thread.join(20)
    assert failures == [] and sum(counts) > 100
