"""What an installation remembers of its rule sets: the set in force and the last known good one come
back when files are bad, sets that kill the program do not, and every state shows."""

import os
import subprocess

import pytest

from harness.bundles import write_into_place
from harness.trust_state import NEW, OLD, kill, marks, name_of, trust
from harness.wait import PATIENCE_SECONDS, wait_for


def metrics(one):
    return one.admin("/metrics")[1]


# ---- what comes back


@pytest.mark.parametrize("noise", [b"", b"noise" * 1000], ids=["empty", "noise"])
def test_a_bundle_that_is_damaged_at_a_start_comes_from_the_state_folder(install, client, noise):
    install.publish(1, OLD)
    install.start().terminate()
    write_into_place(install.bundle, noise)
    one = install.start()
    assert "test-rules@1.1" in one.ruleset_name()
    assert client(one).ask(OLD).status == 403
    assert one.command("status").returncode == 1
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403
    assert one.command("status").returncode == 0


def test_the_last_known_good_set_comes_back_when_the_set_in_force_is_damaged_in_both_places(install, client):
    install.publish(1, OLD)
    one = install.start()
    first = install.kept_files()
    install.prove()
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0
    wait_for(lambda: name_of(one).get("last_good") == "1.1", lambda: trust(one))
    one.terminate()
    write_into_place(install.bundle, b"damage")
    for path in install.kept_files():
        if path not in first:
            path.write_bytes(b"damage" * 1000)
    one = install.start()
    assert "test-rules@1.1" in one.ruleset_name()
    assert client(one).ask(OLD).status == 403


def test_a_removed_bundle_does_not_come_back(proxy, exchange, install, client):
    install.publish(1, OLD)
    install.start().terminate()
    one = proxy(exchange(), "--trust", install.publisher.root_path, "--state", str(install.state))
    assert "test-rules" not in one.ruleset_name()
    one.terminate()
    write_into_place(install.bundle, b"damage")
    assert "test-rules" not in install.start().ruleset_name()


# ---- a set that kills


def test_a_set_with_which_the_program_died_twice_gives_way_to_the_last_known_good_one(install, client):
    install.publish(1, OLD)
    one = install.start()
    install.prove()
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0
    kill(one)
    one = install.start()
    assert "test-rules@1.2" in one.ruleset_name()
    kill(one)
    one = install.start()
    assert "test-rules@1.1" in one.ruleset_name()
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1084 code=E_CRASHLOOP .* test-rules 1.2")
    assert name_of(one)["failed"] == "1.2" and name_of(one)["failed_code"] == "E_CRASHLOOP"
    assert "BEHIND" in marks(one)
    shown = one.command("status")
    assert shown.returncode == 1 and "refused here: 1.2 with E_CRASHLOOP" in shown.stdout
    assert one.command("reload").returncode == 1  # the file is still that one
    assert "E_CRASHLOOP" in one.reload_error()
    install.publish(3, NEW)
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403


def test_a_start_that_fails_for_another_reason_is_no_death(install, client, tmp_path):
    """Two of them would take away a good set: a port in use, a certificate that is half renewed."""
    install.publish(1, OLD)
    one = install.start()
    for _ in range(3):
        done = subprocess.run([*one.argv, "--admin", "unix:%s" % (tmp_path / "other.sock")], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
        assert done.returncode == 1 and "E_PORT_IN_USE" in done.stderr
    one.terminate()
    one = install.start()
    assert "test-rules@1.1" in one.ruleset_name() and client(one).ask(OLD).status == 403


def test_the_program_before_an_upgrade_does_not_clear_what_the_new_one_is_tried_for(install, successor):
    install.publish(1, OLD)
    one = install.start("--timeout", "drain=1s")
    install.prove()
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0
    one.was_stopped = True
    new = successor(one)
    new.wait_event("event=listening")
    one.wait_end()
    kill(new)
    kill(install.start())
    install.start().wait_event("id=1084 code=E_CRASHLOOP .* test-rules 1.2")


def test_ends_by_a_signal_are_no_deaths(install, client):
    install.publish(1, OLD)
    for _ in range(4):
        install.start().terminate()
    assert client(install.start()).ask(OLD).status == 403


# ---- states


def test_without_a_publisher_the_state_is_builtin_and_nobody_is_nagged(proxy, exchange):
    one = proxy(exchange())
    shown = one.command("status")
    assert shown.returncode == 0 and "trust         BUILTIN: only the rules of this program, which is of 20" in shown.stdout
    assert trust(one)["marks"] == []
    assert 'stopgap_trust_state{state="BUILTIN"} 1' in metrics(one)
    assert "id=107" not in one.err.text()


def test_a_lost_state_is_loud_and_its_sets_are_found_again(install, client):
    install.publish(1, OLD)
    install.start().terminate()
    for name in ("state", "state.prev"):
        (install.state / name).write_bytes(b"stopgap-state 2\n")
    one = install.start()
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1075 state=STATE_LOST .*protection against older rule sets began anew")
    shown = one.command("status")
    assert shown.returncode == 1 and "STATE_LOST" in shown.stdout
    one.terminate()
    one = install.start()  # a restart is no cure
    one.wait_event("id=1075")
    assert one.command("status").returncode == 1


def test_a_start_without_any_rule_serves_and_says_that_nothing_protects(install, client):
    write_into_place(install.bundle, b"damage")
    one = install.start("--no-builtin-rules")
    assert client(one).ask("/owa/").status == 200
    one.wait_event("id=1074 state=NO_RULES")
    shown = one.command("status")
    assert shown.returncode == 3 and "NO_RULES" in shown.stdout
    assert 'stopgap_trust_state{state="NO_RULES"} 1' in metrics(one)


def test_a_file_of_the_first_version_of_the_state_is_understood(install, client):
    install.publish(7, OLD)
    install.start().terminate()
    install.edit_state(lambda text: "".join(
        line + "\n" for line in text.replace("stopgap-state 2", "stopgap-state 1").splitlines()
        if line.split()[0] in ("stopgap-state", "root", "signed-time", "floor")))
    (install.state / "state.prev").unlink()
    install.publish(6, NEW)
    one = install.start()
    assert "E_ROLLBACK" in one.reload_error()
    assert "STATE_LOST" not in one.command("status").stdout


def test_only_the_sets_with_a_role_are_kept(install):
    install.publish(1, OLD)
    one = install.start()
    for serial in range(2, 6):
        install.publish(serial, NEW)
        assert one.command("reload").returncode == 0
    for path in install.kept_files():
        os.utime(path, (1, 1))
    install.publish(6, OLD)
    assert one.command("reload").returncode == 0
    wait_for(lambda: len(install.kept_files()) == 1, lambda: install.kept_files())
    assert "id=1080" not in one.err.text()  # a set is not behind while it is being loaded


def test_a_flood_of_junk_is_counted_and_told_of_a_few_times(install, client):
    install.publish(1, OLD)
    one = install.start()
    write_into_place(install.bundle, b"junk" * 1000)
    for _ in range(20):
        assert one.command("reload").returncode == 1
    assert one.metrics()['stopgap_rules_rejected_total{code="E_BUNDLE_FORMAT"}'] == 20
    assert len([line for line in one.err.lines if "event=rules_refused" in line]) == 5
    assert client(one).ask(OLD).status == 403
