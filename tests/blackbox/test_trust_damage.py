"""A start at which something of the trust is damaged: what worked before goes on and says so, mail is
answered, and what never worked is a mistake that is refused."""

import os
import pathlib
import shutil

import pytest

from harness.bundles import Publisher, block_rule, write_into_place
from harness.trust_state import NEW, OLD, Install, marks, trust
from harness.wait import wait_for


@pytest.fixture
def used(install):
    """An installation that ran with serial 1."""
    install.publish(1, OLD)
    install.start().terminate()
    return install


def check_says_so(install, one):
    """The check of the same command line fails."""
    done = one.command("check", *one.argv[2:])
    assert done.returncode == 1 and done.stderr, (done.returncode, done.stdout, done.stderr)


def check_goes_on(install, one, client, cause):
    """Serial 1 is enforced, traffic is answered, and nobody can miss the cause."""
    assert client(one).ask(OLD).status == 403 and client(one).ask("/owa/").status == 200
    one.wait_event("id=1086 state=TRUST_DAMAGED .*" + cause)
    assert "TRUST_DAMAGED" in marks(one)
    shown = one.command("status")
    assert shown.returncode == 1 and "TRUST_DAMAGED" in shown.stdout and cause in shown.stdout
    assert one.metrics()['stopgap_trust_state{state="TRUST_DAMAGED"}'] == 1


def check_mended(install, one, client):
    """A newer set is taken once the damage is mended; nothing has to be started anew."""
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0, one.describe()
    assert client(one).ask(NEW).status == 403
    wait_for(lambda: one.command("status").returncode == 0, lambda: trust(one))
    one.wait_event("id=1082 state=TRUST_DAMAGED is over")
    assert marks(one) == []


def other_root(folder, change=lambda text: text):
    return change(Publisher(folder, "stranger").root)


ROOTS = {  # what stands in the root file, and the code
    "empty": (lambda folder, root: b"", "E_ROOT_"),
    "noise": (lambda folder, root: b"\0noise" * 100, "E_ROOT_SYNTAX"),
    "of a later format": (lambda folder, root: root.replace(b"stopgap-root 1", b"stopgap-root 9"), "E_ROOT_SYNTAX"),
    "of another publisher": (lambda folder, root: other_root(folder), "E_ROOT_FORK"),
    "a folder": (None, "E_ROOT_READ"),
}


@pytest.mark.parametrize("name", ROOTS)
def test_a_root_file_that_is_damaged_leaves_the_root_that_is_remembered(used, client, tmp_path, name):
    make, cause = ROOTS[name]
    path = pathlib.Path(used.publisher.root_path)
    root = path.read_bytes()
    path.unlink()
    if make:
        path.write_bytes(make(tmp_path, root))
    else:
        path.mkdir()
    one = used.start()
    check_goes_on(used, one, client, cause)
    check_says_so(used, one)
    used.publish(2, OLD)  # what the publisher signs goes on to count
    assert one.command("reload").returncode == 0 and "test-rules@1.2" in one.ruleset_name()
    if make:
        write_into_place(path, root)
    else:
        path.rmdir()
        path.write_bytes(root)
    used.publish(3, NEW)
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403
    wait_for(lambda: one.command("status").returncode == 0, lambda: trust(one))


def test_a_root_file_that_is_gone_is_no_reason_not_to_start(used, client):
    path = pathlib.Path(used.publisher.root_path)
    path.rename(str(path) + ".away")
    one = used.start()
    check_goes_on(used, one, client, "E_ROOT_READ")
    check_says_so(used, one)
    pathlib.Path(str(path) + ".away").rename(path)
    check_mended(used, one, client)


def state_is_a_folder(state):
    (state / "state").unlink()
    (state / "state").mkdir()


def disk_is_away(state):
    state.rename(str(state) + ".away")
    state.symlink_to(str(state) + ".disk")


STATES = {"unreadable": (state_is_a_folder, "E_STATE_READ"), "on a disk that is away": (disk_is_away, "E_STATE_OPEN")}


@pytest.mark.parametrize("name", STATES)
def test_a_state_folder_that_cannot_be_used_leaves_what_is_configured(used, client, name):
    break_, cause = STATES[name]
    break_(used.state)
    one = used.start()
    check_goes_on(used, one, client, cause)
    if used.state.is_symlink():
        used.state.unlink()
        pathlib.Path(str(used.state) + ".away").rename(used.state)
    else:
        (used.state / "state").rmdir()
        (used.state / "state.prev").rename(used.state / "state")
    check_mended(used, one, client)


def test_a_state_of_a_later_version_is_a_lost_one(used, client):
    for name in ("state", "state.prev"):
        path = used.state / name
        path.write_bytes(path.read_bytes().replace(b"stopgap-state 2", b"stopgap-state 9"))
    one = used.start()
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1075 state=STATE_LOST")
    assert one.command("status").returncode == 1


def test_with_root_file_and_state_damaged_the_rules_of_the_program_are_left(used, client):
    write_into_place(used.publisher.root_path, b"noise")
    disk_is_away(used.state)
    one = used.start()
    assert client(one).ask("/owa/").status == 200 and client(one).ask(OLD).status == 200
    assert len(one.status()["rules"]) > 10
    one.wait_event("id=1086 state=TRUST_DAMAGED .*no signed set can be verified")
    assert one.command("status").returncode == 1
    one.terminate()
    one = used.start("--no-builtin-rules")
    assert client(one).ask("/owa/").status == 200
    assert one.command("status").returncode == 3 and {"NO_RULES", "TRUST_DAMAGED"} <= set(marks(one))


def test_a_bundle_that_is_gone_comes_from_the_state_folder(used, client):
    used.bundle.unlink()
    one = used.start()
    assert client(one).ask(OLD).status == 403 and client(one).ask("/owa/").status == 200
    assert str(used.bundle) in one.wait_event("id=1021 ")
    assert one.command("status").returncode == 1
    check_says_so(used, one)
    used.publish(2, NEW)
    assert one.command("reload").returncode == 0 and client(one).ask(NEW).status == 403
    assert one.command("status").returncode == 0


def test_a_bundle_that_goes_while_the_program_runs_changes_nothing(used, client):
    one = used.start()
    used.bundle.unlink()
    assert one.command("reload").returncode == 1
    assert client(one).ask(OLD).status == 403 and one.command("status").returncode == 1
    check_says_so(used, one)


def test_a_watched_folder_that_is_gone_is_watched_again_after_a_reload(proxy, exchange, client, publisher, tmp_path):
    watched = tmp_path / "watched"
    watched.mkdir()

    def publish(serial, path):
        publisher.bundle(watched / "set.sgb", [block_rule(path=path)], serial=serial)

    def start():
        return proxy(exchange(), "--rules-watch", watched, "--trust", publisher.root_path, "--state", tmp_path / "state",
                     config="rules: {canary: 0s}\n")

    publish(1, OLD)
    start().terminate()
    shutil.rmtree(watched)
    one = start()
    assert client(one).ask(OLD).status == 403
    one.wait_event("id=1021 code=E_RULES_DIR")
    assert one.command("status").returncode == 1
    watched.mkdir()
    publish(2, OLD)
    assert one.command("reload").returncode == 0
    publish(3, NEW)
    wait_for(lambda: client(one).ask(NEW).status == 403, one.describe)


def test_a_successor_does_not_take_over_with_damage(used, client, successor):
    one = used.start()
    path = pathlib.Path(used.publisher.root_path)
    path.write_bytes(b"noise")
    new = successor(one)
    assert new.wait_end() == 1 and "E_ROOT_" in new.err.text()
    assert client(one).ask(OLD).status == 403
    path.unlink()
    new = successor(one)
    assert new.wait_end() == 1
    assert client(one).ask(OLD).status == 403


@pytest.mark.parametrize("option", ["--trust", "--rules", "--rules-watch"])
def test_a_path_that_never_worked_is_refused(run_to_end, publisher, tmp_path, option):
    paths = {"--trust": publisher.root_path, "--rules": publisher.bundle(tmp_path / "a.sgb", [block_rule()]),
             "--rules-watch": str(tmp_path), "--state": str(tmp_path / "state")}
    paths[option] = str(tmp_path / "mistyped")
    (tmp_path / "state").mkdir()
    one = run_to_end("http://127.0.0.1:9", *[word for pair in paths.items() for word in pair])
    assert one.process.returncode == 1 and "mistyped" in one.err.text()
    assert os.listdir(tmp_path / "state") == []


def test_a_mistake_elsewhere_is_refused_however_long_it_ran(used, run_to_end):
    used.bundle.unlink()
    one = run_to_end("http://127.0.0.1:9", "--rules", str(used.bundle), "--trust", used.publisher.root_path, "--state",
                     str(used.state), "--upstream-ca", "/no/such/ca.pem")
    assert one.process.returncode == 1 and "/no/such/ca.pem" in one.err.text()
