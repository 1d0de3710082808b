"""What an operator forces: a rule set held at an older serial, a floor that is forgotten."""

import json
import os
import subprocess

from harness.clock import DAY
from harness.trust_state import NEW, OLD, marks, name_of
from harness.wait import wait_for


def two_sets(install, **kwargs):
    """Serial 1 proved, serial 2 in force."""
    install.publish(1, OLD)
    one = install.start(**kwargs)
    install.prove()
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0
    return one


def confirm(one, answer, *args):
    return subprocess.run([one.binary, "rules", *args, "--admin", "unix:" + one.admin_path], input=answer, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)


def audit(install):
    return [json.loads(line) for line in (install.state / "trust.audit").read_text().splitlines()]


def test_a_pin_brings_the_older_set_back_until_it_is_taken_off(install, client):
    one = two_sets(install)
    done = one.command("rules", "pin", "test-rules", "1", "--reason", "OWA shows an empty page", "--days", "3")
    assert done.returncode == 0, done.stderr
    assert client(one).ask(OLD).status == 403 and client(one).ask(NEW).status == 200
    one.wait_event("id=1081 state=PINNED")
    wait_for(lambda: "PINNED" in marks(one), "the mark")
    pin = name_of(one)["pin"]
    assert pin["set"] == "1.1" and pin["reason"] == "OWA shows an empty page" and pin["uid"] == os.getuid()
    assert abs(pin["until_unix"] - pin["since_unix"] - 3 * DAY) <= 1
    shown = one.command("status")
    assert shown.returncode == 0 and "PINNED      to 1.1 until" in shown.stdout  # it is somebody's wish

    install.publish(3, "/owa/newest")
    assert one.command("reload").returncode == 0  # waits
    assert client(one).ask(OLD).status == 403
    done = one.command("rules", "unpin", "test-rules", "--reason", "fixed")
    assert done.returncode == 0, done.stderr
    assert client(one).ask("/owa/newest").status == 403
    wait_for(lambda: "PINNED" not in marks(one), "no mark")
    one.wait_event("id=1082 state=PINNED is over")
    assert [(line["what"], line["name"], line["serial"], line["reason"]) for line in audit(install)] == [
        ("pin", "test-rules", 1, "OWA shows an empty page"), ("unpin", "test-rules", 0, "fixed")]


def test_a_pin_survives_a_restart_and_ends_by_itself(install, client, clock):
    one = two_sets(install, env=clock.env())
    assert one.command("rules", "pin", "test-rules", "1", "--reason", "ticket 4711").returncode == 0
    one.terminate()
    one = install.start(env=clock.env())
    assert client(one).ask(OLD).status == 403
    clock.add(days=6.9)
    assert one.command("reload").returncode == 0
    assert client(one).ask(OLD).status == 403
    clock.add(days=0.2)
    one.wait_event("rules_loaded .*test-rules@1.1 -> .*test-rules@1.2")
    assert client(one).ask(NEW).status == 403


def test_only_what_is_kept_can_be_pinned(install):
    one = two_sets(install)
    done = one.command("rules", "pin", "test-rules", "9", "--reason", "x")
    assert done.returncode == 1 and "E_PIN_UNKNOWN" in done.stderr
    assert "of this name 1, 2" in done.stderr or "of this name 2, 1" in done.stderr
    done = one.command("rules", "unpin", "test-rules", "--reason", "x")
    assert done.returncode == 1 and "not pinned" in done.stderr
    for words in (["pin", "test-rules"], ["pin", "test-rules", "x", "--reason", "x"], ["pin", "test-rules", "1"],
                  ["pin", "test-rules", "1", "--reason", "x", "--days", "91"], ["unpin", "--reason", "x"],
                  ["pin", "test-rules", "1", "--reason", "two\nlines"], ["unpin", "a", "--reason", "x", "--days", "2"]):
        assert one.command("rules", *words).returncode == 2, words
    assert not (install.state / "trust.audit").exists()
    assert one.command("rules", "pin", "--help").returncode == 0


def test_a_program_without_a_state_folder_cannot_be_pinned(proxy, exchange):
    done = proxy(exchange()).command("rules", "pin", "a", "1", "--reason", "x")
    assert done.returncode == 1 and "E_STATE_NONE" in done.stderr


def test_a_floor_is_forgotten_when_the_name_is_typed(install, client):
    one = two_sets(install)
    install.publish(1, OLD)
    assert one.command("reload").returncode == 1 and one.reload_error() == "E_ROLLBACK"
    done = confirm(one, "test-rule\n", "reset-floor", "test-rules", "--reason", "restored from backup")
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert not (install.state / "trust.audit").exists()
    done = confirm(one, "test-rules\n", "reset-floor", "test-rules", "--reason", "restored from backup")
    assert done.returncode == 0, done.stderr
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1085 uid=[0-9]+ any serial of test-rules is accepted once: restored from backup")
    assert audit(install)[0]["what"] == "reset-floor"
    done = confirm(one, "nobody\n", "reset-floor", "nobody", "--reason", "x")
    assert done.returncode == 1 and "E_FLOOR_UNKNOWN" in done.stderr
