"""Roots follow each other: made with openssl alone, walked to by stopgap from any old install."""

import os

import pytest

from harness.openssl_publisher import Key, Workshop


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    algorithms = ["ed25519", "ecdsa-p256", "ed25519", "ecdsa-p256"]
    return {"k%d" % i: Key(folder, algorithm, "k%d" % i) for i, algorithm in enumerate(algorithms)}


@pytest.fixture
def workshop(tmp_path, keys, stopgap_bin):
    made = Workshop(tmp_path, keys, stopgap_bin)
    made.write_root([keys["k0"].line()])
    return made


def test_an_install_with_root_1_follows_to_keys_it_never_heard_of(workshop, keys):
    for old, new in (("k0", "k1"), ("k1", "k2"), ("k2", "k3")):
        workshop.next_root([keys[new].line()], signers=(old, new))
    assert workshop.code(workshop.bundle(signers=("k3",)), "--state", "s") == ""
    assert sorted(name for name in os.listdir(workshop.path("s/roots")) if name.isdigit()) == [
        "%010d" % version for version in (1, 2, 3, 4)]


def test_without_the_roots_between_the_bundle_is_refused_and_says_what_is_missing(workshop, keys):
    lines = [keys["k0"].line(), keys["k3"].line(roles="rules")]
    workshop.write_root(lines)
    for _ in range(2):
        workshop.next_root(lines, signers=("k0",))
    workshop.fill(signers=("k3",))
    os.remove(os.path.join(workshop.b, "root/0000000002"))
    done = workshop.run("verify", workshop.pack(), "--trust", workshop.root_path)
    assert done.returncode == 1 and "E_ROOT_BEHIND" in done.stderr and "whole chain" in done.stderr


@pytest.mark.parametrize("signers, code", [
    ((), "E_ROOT_OLD_THRESHOLD"), (("k1",), "E_ROOT_OLD_THRESHOLD"), (("k0",), "E_ROOT_NEW_THRESHOLD"),
    (("k0", "k1"), "")])
def test_a_root_needs_the_old_and_the_new_keys(workshop, keys, signers, code):
    workshop.next_root([keys["k1"].line()], signers=signers)
    assert workshop.code(workshop.bundle(signers=("k1",))) == code


def test_two_histories_are_told_apart_from_a_forgery(workshop, keys):
    workshop.next_root([keys["k1"].line()], signers=("k0", "k1"), previous="0" * 64)
    done = workshop.run("verify", workshop.bundle(signers=("k1",)), "--trust", workshop.root_path)
    assert done.returncode == 1 and "E_ROOT_PREVIOUS" in done.stderr and "two histories" in done.stderr


def test_what_was_accepted_stays_when_its_key_is_revoked_and_is_said_to_be_old(workshop, keys):
    old = workshop.bundle("old.sgb", serial="1", signers=("k0",))
    assert workshop.code(old, "--state", "s") == ""
    revoked = "revoked %s 2026-03-01 stolen" % keys["k0"].id
    workshop.next_root([keys["k1"].line()], signers=("k0", "k1"), more=[revoked])
    assert workshop.code(workshop.bundle("stolen.sgb", serial="2", signers=("k0",)), "--state", "s") == "E_SIG_THRESHOLD"
    done = workshop.fine("verify", old, "--trust", workshop.root_path, "--state", "s")
    assert "FORMER KEYS" in done.stdout
    # Another install that knows the new root and never saw the bundle does not take it now.
    assert workshop.code(workshop.path("stolen.sgb"), "--state", "t") == "E_SIG_THRESHOLD"
    assert workshop.code(old, "--state", "t") == "E_SIG_THRESHOLD"


def test_a_withdrawn_bundle_is_left(workshop, keys):
    bad = workshop.bundle("bad.sgb", serial="5", signers=("k0",))
    assert workshop.code(bad, "--state", "s") == ""
    workshop.next_root([keys["k0"].line()], signers=("k0",), more=["withdraw test-rules 1 5"])
    assert workshop.code(workshop.bundle("good.sgb", serial="6", signers=("k0",)), "--state", "s") == ""
    assert workshop.code(bad, "--state", "s") == "E_WITHDRAWN"


def test_a_new_epoch_of_the_root_recovers_from_a_stolen_rules_key(workshop, keys):
    workshop.write_root([keys["k0"].line(roles="root"), keys["k1"].line(roles="rules")])
    thief = workshop.bundle("thief.sgb", serial=str(2 ** 63 - 1), signers=("k1",))
    assert workshop.code(thief, "--state", "s") == ""
    workshop.next_root([keys["k0"].line(roles="root"), keys["k2"].line(roles="rules")], signers=("k0",), epoch=2,
                       more=["withdraw test-rules 1 %d" % (2 ** 63 - 1)])
    assert workshop.code(workshop.bundle("good.sgb", serial="1", epoch="2", signers=("k2",)), "--state", "s") == ""
    assert workshop.code(thief, "--state", "s") == "E_SIG_THRESHOLD"
