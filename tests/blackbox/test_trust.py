"""What an installation remembers of its rule sets: the set in force and the last known good one come
back when files are bad, sets that kill the program do not, and every state shows."""

import fcntl
import hashlib
import os
import signal
import subprocess

import pytest

from harness.bundles import block_rule, write_into_place
from harness.wait import PATIENCE_SECONDS, wait_for

OLD, NEW = "/owa/old", "/owa/new"


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def start(proxy, exchange, publisher, tmp_path, state):
    """start(): a program with the bundle a.sgb and a state folder."""

    def run(*options, **kwargs):
        return proxy(exchange(), "--rules", str(tmp_path / "a.sgb"), "--trust", publisher.root_path,
                     "--state", str(state), *options, **kwargs)

    return run


@pytest.fixture
def publish(publisher, tmp_path):
    def put(serial, path):
        publisher.bundle(tmp_path / "a.sgb", [block_rule(path=path)], serial=serial)

    return put


def trust(one):
    return one.status()["trust"]


def name_of(one):
    names = trust(one)["names"]
    assert len(names) == 1
    return names[0]


def kill(one):
    one.signal(signal.SIGKILL)
    assert one.wait_end() == -signal.SIGKILL


def kept_files(state):
    return sorted((state / "store").iterdir())


def edit_state(state, change):
    folder = os.open(state, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # as the program does it
    body = change((state / "state").read_text().rsplit("sum ", 1)[0])
    write_into_place(state / "state", (body + "sum " + hashlib.sha256(body.encode()).hexdigest() + "\n").encode())
    os.close(folder)


def prove(state):
    """As if the set in force had run for two minutes."""
    edit_state(state, lambda text: text.replace(" active 1\n", " active,proved 0\n"))
    assert " active,proved 0\n" in (state / "state").read_text()


def metrics(one):
    return one.admin("/metrics")[1]


# ---- what comes back


@pytest.mark.parametrize("noise", [b"", b"noise" * 1000], ids=["empty", "noise"])
def test_a_bundle_that_is_damaged_at_a_start_comes_from_the_state_folder(start, publish, client, tmp_path, noise):
    publish(1, OLD)
    start().terminate()
    write_into_place(tmp_path / "a.sgb", noise)
    one = start()
    assert "test-rules@1.1" in one.ruleset_name()
    assert client(one).ask(OLD).status == 403
    assert one.command("status").returncode == 1
    publish(2, NEW)
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403
    assert one.command("status").returncode == 0


def test_the_last_known_good_set_comes_back_when_the_set_in_force_is_damaged_in_both_places(start, publish, client,
                                                                                          tmp_path, state):
    publish(1, OLD)
    one = start()
    first = kept_files(state)
    prove(state)
    publish(2, NEW)
    assert one.command("reload").returncode == 0
    wait_for(lambda: name_of(one).get("last_good") == "1.1", lambda: trust(one))
    one.terminate()
    write_into_place(tmp_path / "a.sgb", b"damage")
    for path in kept_files(state):
        if path not in first:
            path.write_bytes(b"damage" * 1000)
    one = start()
    assert "test-rules@1.1" in one.ruleset_name()
    assert client(one).ask(OLD).status == 403


def test_a_removed_bundle_does_not_come_back(proxy, exchange, publisher, start, publish, client, tmp_path, state):
    publish(1, OLD)
    start().terminate()
    one = proxy(exchange(), "--trust", publisher.root_path, "--state", str(state))
    assert "test-rules" not in one.ruleset_name()
    one.terminate()
    write_into_place(tmp_path / "a.sgb", b"damage")
    assert "test-rules" not in start().ruleset_name()


# ---- a set that kills


def test_a_set_with_which_the_program_died_twice_gives_way_to_the_last_known_good_one(start, publish, client, state):
    publish(1, OLD)
    one = start()
    prove(state)
    publish(2, NEW)
    assert one.command("reload").returncode == 0
    kill(one)
    one = start()
    assert "test-rules@1.2" in one.ruleset_name()
    kill(one)
    one = start()
    assert "test-rules@1.1" in one.ruleset_name()
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1084 code=E_CRASHLOOP .* test-rules 1.2")
    assert name_of(one)["failed"] == "1.2" and name_of(one)["failed_code"] == "E_CRASHLOOP"
    assert "BEHIND" in [mark["mark"] for mark in trust(one)["marks"]]
    shown = one.command("status")
    assert shown.returncode == 1 and "refused here: 1.2 with E_CRASHLOOP" in shown.stdout
    assert one.command("reload").returncode == 1  # the file is still that one
    assert "E_CRASHLOOP" in one.reload_error()
    publish(3, NEW)
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403


def test_a_start_that_fails_for_another_reason_is_no_death(start, publish, client, stopgap_bin, tmp_path):
    """Two of them would take away a good set: a port in use, a certificate that is half renewed."""
    publish(1, OLD)
    one = start()
    for _ in range(3):
        done = subprocess.run([*one.argv, "--admin", "unix:%s" % (tmp_path / "other.sock")], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False)
        assert done.returncode == 1 and "E_PORT_IN_USE" in done.stderr
    one.terminate()
    one = start()
    assert "test-rules@1.1" in one.ruleset_name() and client(one).ask(OLD).status == 403


def test_the_program_before_an_upgrade_does_not_clear_what_the_new_one_is_tried_for(start, publish, successor, state):
    publish(1, OLD)
    one = start("--timeout", "drain=1s")
    prove(state)
    publish(2, NEW)
    assert one.command("reload").returncode == 0
    one.was_stopped = True
    new = successor(one)
    new.wait_event("event=listening")
    one.wait_end()
    kill(new)
    kill(start())
    start().wait_event("id=1084 code=E_CRASHLOOP .* test-rules 1.2")


def test_ends_by_a_signal_are_no_deaths(start, publish, client):
    publish(1, OLD)
    for _ in range(4):
        start().terminate()
    assert client(start()).ask(OLD).status == 403


# ---- states


def test_without_a_publisher_the_state_is_builtin_and_nobody_is_nagged(proxy, exchange):
    one = proxy(exchange())
    shown = one.command("status")
    assert shown.returncode == 0 and "trust         BUILTIN: only the rules of this program, which is of 20" in shown.stdout
    assert trust(one)["marks"] == []
    assert 'stopgap_trust_state{state="BUILTIN"} 1' in metrics(one)
    assert "id=107" not in one.err.text()


def test_a_lost_state_is_loud_and_its_sets_are_found_again(start, publish, client, state):
    publish(1, OLD)
    start().terminate()
    for name in ("state", "state.prev"):
        (state / name).write_bytes(b"stopgap-state 2\n")
    one = start()
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1075 state=STATE_LOST .*protection against older rule sets began anew")
    shown = one.command("status")
    assert shown.returncode == 1 and "STATE_LOST" in shown.stdout
    one.terminate()
    one = start()  # a restart is no cure
    one.wait_event("id=1075")
    assert one.command("status").returncode == 1


def test_a_start_without_any_rule_serves_and_says_that_nothing_protects(start, tmp_path, client):
    write_into_place(tmp_path / "a.sgb", b"damage")
    one = start("--no-builtin-rules")
    assert client(one).ask("/owa/").status == 200
    one.wait_event("id=1074 state=NO_RULES")
    shown = one.command("status")
    assert shown.returncode == 3 and "NO_RULES" in shown.stdout
    assert 'stopgap_trust_state{state="NO_RULES"} 1' in metrics(one)


def test_a_file_of_the_first_version_of_the_state_is_understood(start, publish, client, state, tmp_path):
    publish(7, OLD)
    start().terminate()
    edit_state(state, lambda text: "".join(
        line + "\n" for line in text.replace("stopgap-state 2", "stopgap-state 1").splitlines()
        if line.split()[0] in ("stopgap-state", "root", "signed-time", "floor")))
    (state / "state.prev").unlink()
    publish(6, NEW)
    one = start()
    assert "E_ROLLBACK" in one.reload_error()
    assert "STATE_LOST" not in one.command("status").stdout


def test_only_the_sets_with_a_role_are_kept(start, publish, state):
    publish(1, OLD)
    one = start()
    for serial in range(2, 6):
        publish(serial, NEW)
        assert one.command("reload").returncode == 0
    for path in kept_files(state):
        os.utime(path, (1, 1))
    publish(6, OLD)
    assert one.command("reload").returncode == 0
    wait_for(lambda: len(kept_files(state)) == 1, lambda: kept_files(state))
