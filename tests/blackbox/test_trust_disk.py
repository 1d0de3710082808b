"""A state folder that takes nothing more: the set in force goes on, the refusal says why, and what the
disk had stays whole."""

import os
import pathlib
import subprocess

import pytest

from harness.trust_state import NEW, OLD, Install, name_of, trust
from harness.wait import wait_for


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        pytest.skip("a file system of its own needs root: " + done.stderr.decode().strip())
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    path = pathlib.Path(folder) / "ballast"
    with open(path, "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            pass
    return path


def check_goes_on(install, one, client):
    """Serial 2 is refused with a clear cause, and serial 1 stays in force. After a restart it is one of
    both: what is verified is used, whether it can be kept or not."""
    install.publish(2, NEW)
    done = one.command("reload")
    assert done.returncode == 1 and "E_STATE_WRITE" in done.stderr + done.stdout
    assert client(one).ask(OLD).status == 403 and client(one).ask(NEW).status == 200
    shown = one.command("status")
    assert shown.returncode == 1 and "E_STATE_WRITE" in shown.stdout
    one.terminate()
    one = install.start()
    assert 403 in (client(one).ask(OLD).status, client(one).ask(NEW).status)
    shown = one.command("status")
    assert shown.returncode == 1 and "E_STATE_WRITE" in shown.stdout and "STATE_LOST" not in shown.stdout
    return one


def check_recovers(one, client):
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403
    wait_for(lambda: one.command("status").returncode == 0, lambda: trust(one))
    assert "error" not in trust(one)


@pytest.fixture
def on_disk(proxy, exchange, publisher, tmp_path, small_disk):
    return Install(proxy, exchange, publisher, tmp_path, state=small_disk / "state")


def test_a_full_disk(on_disk, small_disk, client):
    on_disk.publish(1, OLD)
    one = on_disk.start()
    on_disk.prove()
    ballast = fill(small_disk)
    one = check_goes_on(on_disk, one, client)
    ballast.unlink()
    check_recovers(one, client)


def test_a_disk_that_became_read_only(on_disk, small_disk, client):
    on_disk.publish(1, OLD)
    one = on_disk.start()
    on_disk.prove()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    one = check_goes_on(on_disk, one, client)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    check_recovers(one, client)


def test_a_first_start_on_a_full_disk(on_disk, small_disk, client):
    on_disk.publish(1, OLD)
    ballast = fill(small_disk)
    one = on_disk.start()
    assert client(one).ask(OLD).status == 403 and client(one).ask("/owa/").status == 200
    one.wait_event("id=1086 state=TRUST_DAMAGED .*E_STATE_WRITE")
    assert one.command("status").returncode == 1
    assert one.command("reload").returncode == 1 and client(one).ask(OLD).status == 403
    ballast.unlink()
    on_disk.publish(2, NEW)
    check_recovers(one, client)


def test_a_first_start_on_a_read_only_disk(on_disk, small_disk, client):
    on_disk.publish(1, OLD)
    on_disk.state.rmdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    one = on_disk.start()
    assert client(one).ask(OLD).status == 403 and client(one).ask("/owa/").status == 200
    one.wait_event("id=1086 state=TRUST_DAMAGED .*E_STATE_OPEN")
    assert one.command("status").returncode == 1
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    on_disk.publish(2, NEW)
    check_recovers(one, client)
    assert (on_disk.state / "state").exists()


def test_a_state_that_cannot_be_replaced(install, client):
    """Without a disk of its own: a folder stands in the place of the file that is written."""
    install.publish(1, OLD)
    one = install.start()
    install.prove()
    place = install.state / "state.tmp"
    place.mkdir()
    one = check_goes_on(install, one, client)
    os.rmdir(place)
    check_recovers(one, client)
    assert name_of(one)["newest"] == "1.2"


def test_a_run_time_that_cannot_be_noted_is_told_once_and_shown_until_it_can(install, clock):
    install.publish(1, OLD)
    one = install.start(env=clock.env())
    place = install.state / "state.tmp"
    place.mkdir()
    clock.add(running_days=1 / 12)
    one.wait_event("id=1083 code=E_STATE_WRITE")
    shown = one.command("status")
    assert shown.returncode == 1 and "NOT WRITTEN" in shown.stdout
    assert one.metrics()["stopgap_trust_state_writable"] == 0
    os.rmdir(place)
    one.wait_metric("stopgap_trust_state_writable", 1)
    assert one.command("status").returncode == 0
    assert len([line for line in one.err.lines if "id=1083" in line]) == 1
