"""New rules that come by themselves only report at first; what the traffic says decides about them."""

import re
import signal
import threading

import pytest

from harness.bundles import block_rule
from harness.wait import wait_for

KNOWN = ["Authorization: Basic YW5uYTpob3JzZQ=="]  # a client that Exchange answers well


class Trial:
    """A proxy with a watched directory that holds a set which blocks /owa/one."""

    def __init__(self, proxy, upstream, publisher, folder, settings):
        self.publisher = publisher
        self.folder = folder
        self.watched = folder / "watched"
        self.watched.mkdir()
        self.start = lambda: proxy(upstream, "--rules-watch", self.watched, "--trust", publisher.root_path,
                                   "--state", folder / "state", config="rules: {%s}\n" % settings)
        self.publish([block_rule(path="/owa/one")], 1)
        self.proxy = self.start()

    def publish(self, rules, serial, urgency=None):
        def change(members):
            if urgency:
                self.publisher.sign_again(members, lambda text: text.replace(b"urgency normal", b"urgency " + urgency))
        self.publisher.bundle(self.watched / "set.sgb", rules, serial=serial, change=change)

    def wait_event(self, pattern):
        return self.proxy.wait_event(pattern, 60)

    def state(self):
        return self.proxy.status()["new_rules"]


NEW = [block_rule(path="/owa/one"), block_rule("TEST-2", "/owa/two")]


@pytest.fixture
def trial_with(proxy, exchange, publisher, tmp_path):
    return lambda settings: Trial(proxy, exchange(), publisher, tmp_path, settings)


@pytest.fixture
def trial(trial_with):
    """Good after 20 requests and a second."""
    return trial_with("canary: 1s, canary_requests: 20")


def test_a_new_rule_reports_first_and_acts_after_its_trial(trial, client):
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial .*test-rules@1.2")
    one = client(trial.proxy)
    assert one.ask("/owa/two").status == 200
    decision = trial.proxy.wait_decision(target="/owa/two")
    assert decision["rules"][0]["id"] == "TEST-2~trial" and decision["decision"] == "detect"
    assert one.ask("/owa/one").status == 403
    state = trial.state()
    assert state["state"] == "on_trial" and state["name"] == "test-rules@1.2" and state["requests_wanted"] == 20
    assert "test-rules@1.1" in trial.proxy.ruleset_name() and "trial:test-rules@1.2" in trial.proxy.ruleset_name()
    assert "on trial" in trial.proxy.command("status").stdout
    for _ in range(20):
        assert client(trial.proxy).ask("/owa/").status == 200
    trial.wait_event("event=rules_promoted .*test-rules@1.2")
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.2"), lambda: trial.proxy.describe(), 30)
    assert client(trial.proxy).ask("/owa/two").status == 403
    assert client(trial.proxy).ask("/owa/one").status == 403
    assert trial.state()["state"] == "watched" and trial.state()["promoted"] == 1


def test_a_changed_rule_keeps_protecting_in_its_old_form(trial, client):
    trial.publish([block_rule(path="/owa/other")], 2)
    trial.wait_event("event=rules_on_trial")
    assert client(trial.proxy).ask("/owa/one").status == 403
    assert client(trial.proxy).ask("/owa/other").status == 200


def test_a_rule_that_goes_is_gone_at_once(trial_with, client):
    trial = trial_with("canary: 30m")
    trial.publish([block_rule("TEST-9", "/owa/nine")], 2, b"critical")
    trial.wait_event("event=rules_on_trial")
    assert client(trial.proxy).ask("/owa/one").status == 403
    trial.publish([block_rule(path="/owa/one")], 3)
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.3"), lambda: trial.proxy.describe(), 30)
    assert client(trial.proxy).ask("/owa/nine").status == 200 and trial.state()["state"] != "on_trial"


def stop_clients(trial, client, path="/owa/two", n=15):
    one = client(trial.proxy)
    for _ in range(n):
        assert one.ask(path, fields=KNOWN).status == 200


def test_rules_that_would_stop_clients_are_not_promoted(trial_with, client):
    trial = trial_with("canary: 1s, canary_requests: 2000")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial")
    stop_clients(trial, client)
    line = trial.wait_event("event=rules_trial_failed")
    assert "code=E_CANARY" in line and "name=test-rules@1.2" in line
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.1"), lambda: trial.proxy.describe(), 30)
    assert client(trial.proxy).ask("/owa/two").status == 200
    assert client(trial.proxy).ask("/owa/one").status == 403
    shown = trial.proxy.command("status").stdout
    assert "E_CANARY" in shown and "NEW RULES FAILED" in shown
    # It is not tried again, whoever asks, until there is a newer one.
    assert trial.proxy.command("reload").returncode == 0
    assert trial.proxy.ruleset_name().endswith("+test-rules@1.1") and trial.state()["trials"] == 1
    trial.publish([block_rule(path="/owa/one"), block_rule("TEST-2", "/owa/better")], 3)
    trial.wait_event("event=rules_on_trial .*test-rules@1.3")


def test_what_failed_is_remembered_over_a_restart(trial_with, client):
    trial = trial_with("canary: 1s, canary_requests: 2000")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial")
    stop_clients(trial, client)
    trial.wait_event("event=rules_trial_failed")
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.1"), lambda: trial.proxy.describe(), 30)
    trial.proxy.terminate()
    again = trial.start()
    assert client(again).ask("/owa/one").status == 403
    assert client(again).ask("/owa/two").status == 200


def test_a_trial_goes_on_after_a_restart(trial_with, client):
    trial = trial_with("canary: 30m, canary_requests: 2000")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial")
    trial.proxy.terminate()
    again = trial.start()
    again.wait_event("event=rules_on_trial .*test-rules@1.2", 60)
    assert client(again).ask("/owa/one").status == 403
    assert client(again).ask("/owa/two").status == 200


def test_rules_on_trial_that_kill_the_program_are_given_up(trial_with, client):
    trial = trial_with("canary: 30m")
    trial.publish(NEW, 2)
    one = trial.proxy
    for _ in range(2):
        one.wait_event("event=rules_on_trial", 60)
        one.signal(signal.SIGKILL)
        one.wait_end()
        one = trial.start()
    assert "died 2 times" in one.wait_event("event=rules_trial_failed", 60)
    wait_for(lambda: one.ruleset_name().endswith("+test-rules@1.1"), lambda: one.describe(), 30)
    assert client(one).ask("/owa/one").status == 403


def test_attacks_do_not_end_a_trial(trial, client):
    """Who has no credentials cannot take new rules away, however often they hit."""
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial")
    attacker = client(trial.proxy)
    for _ in range(40):
        assert attacker.ask("/owa/two").status in (200, 403)
    trial.wait_event("event=rules_promoted")


def test_pages_for_everybody_prove_nobody(trial, client):
    """Credentials on a page that Exchange shows to all are anybody's words."""
    trial.publish([block_rule(path="/owa/one"), block_rule("TEST-2", "/owa/auth/page77.aspx")], 2)
    trial.wait_event("event=rules_on_trial")
    attacker = client(trial.proxy)
    for _ in range(40):
        assert attacker.ask("/owa/auth/page77.aspx", fields=KNOWN).status in (200, 403)
    trial.wait_event("event=rules_promoted")


def test_urgent_rules_need_no_requests(trial_with, client):
    trial = trial_with("canary: 1h, canary_critical: 1s, canary_requests: 2000")
    trial.publish(NEW, 2, b"critical")
    assert "urgency=critical" in trial.wait_event("event=rules_on_trial")
    trial.wait_event("event=rules_promoted")
    wait_for(lambda: client(trial.proxy).ask("/owa/two").status == 403, lambda: trial.proxy.describe(), 30)


def test_rules_that_stop_known_clients_are_taken_back(trial_with, client):
    """Not seen on trial, as there was none: the watch sees it."""
    trial = trial_with("canary: 0s")
    trial.publish(NEW, 2)
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.2"), lambda: trial.proxy.describe(), 30)
    one = client(trial.proxy)
    assert one.ask("/owa/", fields=KNOWN).status == 200
    for _ in range(5):
        one.ask("/owa/two", fields=KNOWN)
    line = trial.wait_event("event=rules_returned")
    assert "code=E_WATCHDOG" in line
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.1"), lambda: trial.proxy.describe(), 30)
    assert client(trial.proxy).ask("/owa/two").status == 200
    assert client(trial.proxy).ask("/owa/one").status == 403
    assert trial.state()["returned"] == 1 and trial.state()["error"]["code"] == "E_WATCHDOG"
    assert trial.proxy.command("reload").returncode == 0
    assert trial.proxy.ruleset_name().endswith("+test-rules@1.1")


def test_rules_that_end_the_watch_well_stay(trial_with, client):
    trial = trial_with("canary: 0s, watchdog: 1s")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_proved")
    assert trial.state()["state"] == "none"
    assert client(trial.proxy).ask("/owa/two").status == 403


def test_the_operators_own_files_act_at_once(proxy, exchange, client, publisher, tmp_path):
    path = publisher.bundle(tmp_path / "own.sgb", [block_rule(path="/owa/one")], serial=1)
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path)
    publisher.bundle(path, NEW, serial=2)
    assert one.command("reload").returncode == 0
    assert client(one).ask("/owa/two").status == 403


def test_of_many_updates_at_once_the_last_one_wins(trial_with, client):
    trial = trial_with("canary: 0s")
    over = threading.Event()
    failures = []

    def load():
        while not over.is_set():
            one = client(trial.proxy)
            if one.ask("/owa/one").status != 403 or one.ask("/owa/").status != 200:
                failures.append("a request was judged by half a set")

    thread = threading.Thread(target=load)
    thread.start()
    for serial in range(2, 12):
        trial.publish([block_rule(path="/owa/one"), block_rule("TEST-2", "/owa/n%d" % serial)], serial)
        trial.proxy.signal(signal.SIGHUP)
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.11"), lambda: trial.proxy.describe(), 60)
    over.set()
    thread.join()
    assert not failures
    assert client(trial.proxy).ask("/owa/n11").status == 403
    assert client(trial.proxy).ask("/owa/n10").status == 200


def test_a_newer_set_takes_the_place_of_one_on_trial(trial_with, client):
    trial = trial_with("canary: 1s, canary_requests: 20")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial .*test-rules@1.2")
    trial.publish([block_rule(path="/owa/one"), block_rule("TEST-2", "/owa/three")], 3)
    trial.wait_event("event=rules_on_trial .*test-rules@1.3")
    for _ in range(20):
        assert client(trial.proxy).ask("/owa/").status == 200
    trial.wait_event("event=rules_promoted .*test-rules@1.3")
    wait_for(lambda: client(trial.proxy).ask("/owa/three").status == 403, lambda: trial.proxy.describe(), 30)
    assert client(trial.proxy).ask("/owa/two").status == 200
    assert not re.search("rules_promoted .*test-rules@1.2", trial.proxy.err.text())


# ---- sets that take much away

def test_a_set_that_takes_many_rules_away_is_held_until_it_is_approved(trial_with, client):
    trial = trial_with("canary: 0s")
    trial.publish(NEW, 2)
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.2"), lambda: trial.proxy.describe(), 30)
    trial.publish([block_rule(path="/owa/one")], 3)
    line = trial.wait_event("event=rules_refused code=E_REMOVES|rules_refused.*E_REMOVES")
    assert "TEST-2" in line and "1 of 2 rules" in line and "rules approve test-rules 3" in line
    assert client(trial.proxy).ask("/owa/two").status == 403
    # The file is still there; it harms no other load, and is not forgotten by a restart.
    assert trial.proxy.command("reload").returncode == 0
    trial.proxy.terminate()
    trial.proxy = trial.start()
    assert client(trial.proxy).ask("/owa/two").status == 403
    shown = trial.proxy.command("status")
    assert shown.returncode == 1 and "held back until it is approved: 1.3 with E_REMOVES" in shown.stdout
    for serial, code in ((2, "E_APPROVE_UNKNOWN"), (4, "E_APPROVE_UNKNOWN")):
        done = trial.proxy.command("rules", "approve", "test-rules", str(serial), "--reason", "x")
        assert done.returncode == 1 and code in done.stderr
    assert trial.proxy.command("rules", "approve", "test-rules", "--reason", "x").returncode == 2
    done = trial.proxy.command("rules", "approve", "test-rules", "3", "--reason", "their note of today")
    assert done.returncode == 0, done.stderr
    assert client(trial.proxy).ask("/owa/two").status == 200 and client(trial.proxy).ask("/owa/one").status == 403
    audit = (trial.folder / "state" / "trust.audit").read_text()
    assert '"what":"approve"' in audit and "their note of today" in audit
    trial.proxy.terminate()
    trial.proxy = trial.start()
    assert trial.proxy.ruleset_name().endswith("+test-rules@1.3")


def test_a_looser_rule_counts_as_one_that_goes_and_a_kept_one_always(trial_with, client):
    trial = trial_with("canary: 0s")
    many = [block_rule("TEST-%d" % i, "/owa/n%d" % i) for i in range(1, 7)]
    kept = block_rule("TEST-K", "/owa/kept").replace(b"severity: low", b"severity: low\nkeep: true")
    trial.publish(many + [kept], 2, b"critical")
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.2"), lambda: trial.proxy.describe(), 30)
    trial.publish(many[1:] + [kept], 3)  # one of seven
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.3"), lambda: trial.proxy.describe(), 30)
    trial.publish(many[1:], 4)
    assert "one to be kept: TEST-K" in trial.wait_event("rules_refused.*@1.4 takes away")
    looser = [rule.replace(b"severity: low", b"severity: low\nmode: detect") for rule in many[1:3]]
    trial.publish(looser + many[3:] + [kept], 5)
    assert "(looser)" in trial.wait_event("rules_refused.*@1.5 takes away")
    trial.publish(looser + many[3:], 6, b"critical")
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.6"), lambda: trial.proxy.describe(), 30)
    assert client(trial.proxy).ask("/owa/kept").status == 200


# ---- an operator ends a trial

def test_an_operator_ends_a_trial_well(trial_with, client):
    trial = trial_with("canary: 30m")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial")
    done = trial.proxy.command("rules", "promote", "test-rules@1.1", "--reason", "x")
    assert done.returncode == 1 and "not on trial" in done.stderr
    done = trial.proxy.command("rules", "promote", "test-rules@1.2", "--reason", "under attack")
    assert done.returncode == 0, done.stderr
    assert client(trial.proxy).ask("/owa/two").status == 403
    assert "event=rules_promoted" in trial.proxy.err.text()
    assert '"what":"promote"' in (trial.folder / "state" / "trust.audit").read_text()
    done = trial.proxy.command("rules", "promote", "test-rules@1.2", "--reason", "x")
    assert done.returncode == 1 and "nothing is on trial" in done.stderr


def test_an_operator_ends_a_trial_badly(trial_with, client):
    trial = trial_with("canary: 30m")
    trial.publish(NEW, 2)
    trial.wait_event("event=rules_on_trial")
    done = trial.proxy.command("rules", "abandon", "test-rules@1.2", "--reason", "OWA is slow")
    assert done.returncode == 0, done.stderr
    line = trial.wait_event("event=rules_trial_failed")
    assert "code=E_ABANDONED" in line and "OWA is slow" in line
    assert trial.proxy.command("reload").returncode == 0
    assert trial.state()["state"] == "none" and trial.state()["trials"] == 1
    assert trial.state()["error"]["code"] == "E_ABANDONED"
    assert client(trial.proxy).ask("/owa/one").status == 403 and client(trial.proxy).ask("/owa/two").status == 200
    trial.proxy.terminate()
    assert client(trial.start()).ask("/owa/two").status == 200


# ---- a load that fails, and nothing says why

def test_a_set_that_is_to_blame_is_given_up_so_that_other_loads_succeed(trial_with, client):
    trial = trial_with("canary: 0s, max_cost: 2000")
    regexes = ", ".join("{field: body, regex: 'Process cmd.(?:[a-zA-Z/]+[. ]?)+[!%s]'}" % end for end in "%#")
    slow = (b"id: TEST-9\ntitle: t\nseverity: low\nside_effects: none known\naction: {type: block}\n"
            b"when: {any: [" + regexes.encode() + b"]}\nsamples:\n  must_block: [{target: /x, method: POST, "
            b"headers: ['Content-Type: text/plain'], body: 'Process cmd.a!'}]\n  must_pass: [{target: /owa/}]\n")
    trial.publish([block_rule(path="/owa/one"), slow], 2)
    line = trial.wait_event("rules_refused.*test-rules@1.2 is given up")
    assert "code=E_COST" in line and "test-rules@1.1 is in force" in line
    for _ in range(2):
        done = trial.proxy.command("reload")
        assert done.returncode == 0, done.stderr
    assert client(trial.proxy).ask("/owa/one").status == 403
    shown = trial.proxy.command("status")
    assert shown.returncode == 1 and "1.2 with E_COST" in shown.stdout
    trial.publish(NEW, 3)
    wait_for(lambda: trial.proxy.ruleset_name().endswith("+test-rules@1.3"), lambda: trial.proxy.describe(), 30)
    wait_for(lambda: trial.proxy.command("status").returncode == 0, "a good status", 30)
