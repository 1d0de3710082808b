"""`stopgap root` and `stopgap trust`: a publisher's keys over the years, and what an install trusts."""

import hashlib
import json
import os
import re
import resource
import shutil

import pytest

from harness.bundles import block_rule
from harness.openssl_publisher import Key, Workshop, sh

NOW = "2026-06-01"
LATER = "2027-06-01"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    algorithms = {"ed1": "ed25519", "ec1": "ecdsa-p256", "ed2": "ed25519", "ec2": "ecdsa-p256", "rsa": "rsa-pss",
                  "stranger": "ed25519"}
    return {name: Key(folder, algorithm, name) for name, algorithm in algorithms.items()}


class Publisher(Workshop):
    """Makes and changes roots with the tool, in the folder "roots"; each way of asking takes names of keys."""

    def options(self, option, names):
        return [word for name in names for word in (option, self.key_path(name))]

    def key_path(self, name):
        key, colon, roles = name.partition(":")
        return self.keys[key].path + colon + roles

    def root(self, verb, *args, created=NOW):
        return self.call("root", verb, "roots", *args, "--created", created)

    def sign(self, *names):
        return self.call("root", "sign", "roots", *self.options("--key", names))

    def begin(self, names=("ed1", "ec1"), *more, created=NOW):
        """Root 1 of these keys, signed by all that may."""
        done = self.root("init", *self.options("--key", names), "--yes", *more, created=created)
        assert done.returncode == 0, done.stdout + done.stderr
        done = self.sign(*[name for name in names if ":" not in name])
        assert done.returncode == 0 and "0000000001" in self.files(), done.stdout + done.stderr

    def files(self):
        return sorted(os.listdir(self.path("roots")))

    def text(self, name):
        with open(self.path("roots/" + name)) as text:
            return text.read()

    def build(self, signers, serial="1", name="x.sgb", created=NOW, *more):
        os.makedirs(self.path("set"), exist_ok=True)
        with open(self.path("set/a.yaml"), "wb") as out:
            out.write(block_rule("A-1", "/owa/a"))
        done = self.call("bundle", "build", "set", "--name", "test-rules", "--serial", serial, "--root", "roots",
                         "--created", created, "--out", name, *more)
        assert done.returncode == 0, done.stderr
        self.good("bundle", "sign", name, *self.options("--key", signers))
        return name

    def judge(self, bundle, anchor="roots/0000000001", state="s"):
        self.root_path = anchor
        return self.code(bundle, "--state", state)


@pytest.fixture
def publisher(tmp_path, keys, stopgap_bin):
    return Publisher(tmp_path, keys, stopgap_bin)


# ---- the whole way


def test_an_install_follows_from_the_first_root_through_each_kind_of_change(publisher):
    publisher.begin()
    assert publisher.judge(publisher.build(["ed1"])) == ""
    assert publisher.root("add-key", "--key", publisher.key_path("ed2")).returncode == 0
    assert publisher.root("retire-key", "--key", publisher.key_path("ed1"), "--sunset", "2027-01-01",
                          "--end", "2027-03-01").returncode == 0
    assert publisher.sign("ed1").returncode == 0
    assert publisher.root("rotate", "--add", publisher.key_path("ec2"), created=LATER).returncode == 0
    assert publisher.sign("ec1", "ed2").returncode == 0
    assert publisher.files() == ["0000000001", "0000000001.sig", "0000000002", "0000000002.sig", "0000000003",
                                 "0000000003.sig"]
    assert publisher.keys["ed1"].id not in publisher.text("0000000003"), "a key past its sunset goes by itself"
    assert publisher.judge(publisher.build(["ec2"], "2", created=LATER)) == ""
    assert publisher.judge("x.sgb", state="another") == "", "also where no root but the first is known"
    shown = publisher.good("trust", "show", "--state", "s", "--at", LATER).stdout
    assert "root 3, epoch 1" in shown and "0000000002" in shown


def test_a_change_shows_what_differs_the_family_rule_and_the_margins(publisher, keys):
    publisher.begin()
    done = publisher.root("add-key", "--key", publisher.key_path("rsa"), "--sunset", "2030-01-01", "--end", "2031-01-01")
    assert "- version 1\n+ version 2" in done.stdout
    assert "+ previous " + hashlib.sha256(publisher.text("0000000001").encode()).hexdigest() in done.stdout
    assert "+ key %s rsa-pss root,rules 2026-06-01 2030-01-01 2031-01-01" % keys["rsa"].id[:16] in done.stdout
    assert re.search(r"2030-01-01 +\+1 \(\+2\) +\+1 \(\+2\) +- +sunset of a key", done.stdout)
    assert "family rule: kept" in done.stdout
    assert hashlib.sha256(publisher.text("0000000002.draft").encode()).hexdigest() in done.stdout


def test_a_draft_is_no_root_before_enough_holders_signed(publisher):
    publisher.begin(["ed1", "ec1", "ed2", "ec2"])
    assert publisher.root("rotate", "--threshold-root", "2", created=LATER).returncode == 0
    assert "0000000002.draft" in publisher.files() and "0000000002" not in publisher.files()
    done = publisher.sign("ed1")
    assert done.returncode == 0 and "1/2" in done.stdout and "not in force yet" in done.stdout
    assert "0000000002" not in publisher.files()
    assert publisher.call("root", "sign", "roots").returncode == 1
    assert publisher.sign("ec1").returncode == 0
    assert "0000000002" in publisher.files() and "0000000002.draft" not in publisher.files()


def test_a_draft_stays_out_of_bundles(publisher):
    publisher.begin()
    publisher.root("rotate", created=LATER)
    publisher.build(["ed1"])
    assert "0000000002" not in publisher.good("bundle", "show", "x.sgb").stdout
    assert publisher.judge("x.sgb") == ""


def test_signatures_of_openssl_are_put_in_place_and_counted(publisher, keys):
    assert publisher.root("init", *publisher.options("--key", ["ed1", "ec1"])).returncode == 0
    os.makedirs(publisher.path("roots/0000000001.sig"))
    done = publisher.call("root", "sign", "roots")
    assert done.returncode == 1 and "E_ROOT_UNSIGNED" in done.stderr
    keys["ec1"].sign(publisher.path("roots/0000000001.draft"), publisher.path("roots/0000000001.sig/" + keys["ec1"].id))
    assert publisher.call("root", "sign", "roots").returncode == 0
    assert publisher.judge(publisher.build(["ec1"])) == ""


def test_several_people_sign_copies_and_only_public_halves_meet(publisher, keys):
    people = ["ed1", "ec1", "ed2", "ec2"]
    for name in people:
        with open(publisher.path(name + ".pub"), "wb") as out:
            out.write(sh("openssl", "pkey", "-in", keys[name].path, "-pubout"))
    options = [word for name in people for word in ("--key", name + ".pub")]
    assert publisher.root("init", *options, "--threshold-root", "2", "--threshold-rules", "2").returncode == 0
    for name in people[:2]:
        shutil.copytree(publisher.path("roots"), publisher.path("copy-" + name))
        publisher.good("root", "sign", "copy-" + name, "--key", keys[name].path)
    for name in people[:2]:
        os.makedirs(publisher.path("roots/0000000001.sig"), exist_ok=True)
        shutil.copy(publisher.path("copy-%s/0000000001.sig/%s" % (name, keys[name].id)),
                    publisher.path("roots/0000000001.sig"))
    assert "roots/0000000001" in publisher.good("root", "sign", "roots").stdout
    done = publisher.call("root", "sign", "roots", "--key", "ed1.pub")
    assert done.returncode == 1 and "private" in done.stderr


def test_more_signatures_may_go_to_the_newest_root(publisher, keys):
    publisher.root("init", *publisher.options("--key", ["ed1", "ec1"]))
    assert "without ed25519" in publisher.sign("ed1").stdout, "the rest of what is there would not do"
    assert publisher.files() == ["0000000001", "0000000001.sig"]
    done = publisher.sign("ec1")
    assert done.returncode == 0 and "2/1" in done.stdout and "without" not in done.stdout.split("signed by")[1]
    assert len(os.listdir(publisher.path("roots/0000000001.sig"))) == 2


# ---- what is unwise, and what is refused


def test_nothing_unwise_is_written_before_it_is_confirmed(publisher):
    done = publisher.root("init", "--key", publisher.key_path("ed1"))
    assert done.returncode == 1 and "E_ROOT_WARNED" in done.stderr
    assert "warning: family rule: without ed25519" in done.stdout
    assert not os.path.exists(publisher.path("roots"))
    done = publisher.root("init", "--key", publisher.key_path("ed1"), "--dry-run")
    assert done.returncode == 0 and not os.path.exists(publisher.path("roots"))
    assert publisher.root("init", "--key", publisher.key_path("ed1"), "--yes").returncode == 0
    assert publisher.files() == ["0000000001.draft"]


@pytest.mark.parametrize("args, warning", [
    (["retire-key", "--key", "ed1", "--sunset", "2026-07-01"], "in 30 days; installs are promised 180 days"),
    (["rotate", "--drop", "ed1"], "bundles that rely on its signature"),
    (["rotate", "--threshold-rules", "1"], "threshold rules goes down from 2 to 1"),
    (["rotate", "--expires", "2026-09-01"], "expires on 2026-09-01, in 92 days"),
    (["rotate", "--threshold-root", "3"], "family rule: without ed25519 only 2 usable keys of role root"),
])
def test_each_unwise_step_is_named(publisher, args, warning):
    publisher.begin(["ed1", "ec1", "ed2", "ec2"], "--threshold-root", "2", "--threshold-rules", "2")
    args = [publisher.keys[word].path if word in publisher.keys else word for word in args]
    done = publisher.root(*args)
    assert done.returncode == 1 and warning in done.stdout and "E_ROOT_WARNED" in done.stderr, done.stdout
    assert "0000000002.draft" not in publisher.files()
    assert publisher.root(*args, "--yes").returncode == 0


def test_a_retirement_far_enough_ahead_needs_no_confirmation(publisher):
    publisher.begin(["ed1", "ec1", "ed2", "ec2"])
    done = publisher.root("retire-key", "--key", publisher.keys["ed1"].id[:8], "--sunset", "2027-06-01")
    assert done.returncode == 0 and "2027-06-01 2031" in publisher.text("0000000002.draft")


def test_more_root_keys_than_may_go_in_one_step_are_refused(publisher):
    publisher.begin(["ed1", "ec1", "ed2"], "--threshold-root", "2", "--yes")
    swap = ["rotate", "--drop", publisher.key_path("ed1"), "--drop", publisher.key_path("ec1"),
            "--add", publisher.key_path("ec2"), "--add", publisher.key_path("rsa"), "--yes"]
    done = publisher.root(*swap)
    assert done.returncode == 1 and "E_ROOT_REFUSED" in done.stderr and "--both-sets" in done.stdout
    assert "0000000002.draft" not in publisher.files()
    assert publisher.root(*swap, "--both-sets").returncode == 0
    assert publisher.sign("ec2", "rsa").returncode == 0 and "0000000002" not in publisher.files()
    assert publisher.sign("ed1", "ed2").returncode == 0 and "0000000002" in publisher.files()


@pytest.mark.parametrize("args, word", [
    (["rotate", "--drop", "ed1", "--drop", "ec1", "--yes", "--both-sets"], "nothing could ever be accepted"),
    (["revoke", "--key", "ed1", "--key", "ec1", "--reason", "lost", "--yes", "--both-sets"],
     "nothing could ever be accepted"),
    (["rotate", "--threshold-rules", "3", "--yes"], "nothing could ever be accepted"),
    (["rotate", "--expires", "2026-01-01", "--yes"], "before it was made"),
    (["add-key", "--key", "ed1"], "is the same as key"),
    (["add-key", "--key", "ed2", "--from", "2026-03-01", "--sunset", "2026-02-01"], "three dates in order"),
    (["retire-key", "--key", "ed1", "--sunset", "2040-01-01", "--end", "2030-01-01"], "must lie between"),
    (["rotate", "--drop", "stranger"], "does not list"),
    (["rotate", "--drop", "0123456789abcdef"], "no key, or more than one"),
    (["rotate", "--mirror", "ftp://x"], "http or https"),
    (["rotate", "--drop-mirror", "https://nowhere/"], "no such mirror"),
    (["revoke", "--withdraw", "test-rules:1"], "E_ROOT_SYNTAX"),
    (["rotate", "--engine-sunset", "1.1:soon"], "E_ROOT_SYNTAX"),
    (["init", "--key", "ed1"], "roots in this folder already"),
])
def test_what_would_strand_or_is_no_root_is_refused(publisher, args, word):
    publisher.begin()
    args = [publisher.keys[part].path if part in publisher.keys else part for part in args]
    done = publisher.root(*args)
    assert done.returncode == 1 and word in done.stdout + done.stderr, done.stdout + done.stderr
    assert publisher.files() == ["0000000001", "0000000001.sig"]


def test_keys_that_ended_before_cannot_carry_a_new_root(publisher):
    publisher.begin(created="2020-01-01")
    done = publisher.root("rotate", "--add", publisher.key_path("ed2"), "--yes", "--both-sets", created="2026-06-01")
    assert done.returncode == 1 and "no install could follow" in done.stdout


def test_a_draft_that_carries_signatures_is_not_changed(publisher):
    publisher.begin(["ed1", "ec1", "ed2", "ec2"], "--threshold-root", "2")
    assert publisher.root("rotate", created=LATER).returncode == 0
    before = publisher.text("0000000002.draft")
    assert publisher.root("rotate", "--mirror", "https://a.example/", created=LATER).returncode == 0
    assert publisher.text("0000000002.draft") != before, "nobody signed it yet"
    publisher.sign("ed1")
    before = publisher.text("0000000002.draft")
    done = publisher.root("rotate", "--mirror", "https://b.example/", created=LATER)
    assert done.returncode == 1 and "E_ROOT_SIGNED" in done.stderr and "0000000002.sig" in done.stderr
    assert publisher.text("0000000002.draft") == before


def test_a_key_whose_signature_would_not_count_does_not_sign(publisher):
    publisher.begin(["ed1", "ec1", "ed2:rules"])
    for name in ("stranger", "ed2"):
        done = publisher.sign(name)
        assert done.returncode == 1 and "would not count" in done.stderr


def test_a_hand_written_draft_is_judged_before_it_is_signed(publisher):
    publisher.begin()
    publisher.root("rotate", created=LATER)
    with open(publisher.path("roots/0000000002.draft"), "w") as out:
        out.write(publisher.text("0000000001").replace("version 1", "version 2").replace(
            "threshold root", "previous %s\nthreshold root" % ("0" * 64), 1))
    done = publisher.sign("ed1")
    assert done.returncode == 1 and "version and previous" in done.stdout and "E_ROOT_REFUSED" in done.stderr
    assert not os.path.exists(publisher.path("roots/0000000002.sig"))


def test_a_folder_with_a_gap_or_a_forged_root_is_not_worked_on(publisher):
    publisher.begin()
    for version in (2, 3):
        assert publisher.root("rotate", created="2027-0%d-01" % version).returncode == 0
        assert publisher.sign("ed1").returncode == 0
    with open(publisher.path("roots/0000000003"), "a") as out:
        out.write("announce 2030-01-01 x\n")
    done = publisher.call("root", "show", "roots")
    assert done.returncode == 1 and "E_ROOT_OLD_THRESHOLD" in done.stderr and "0000000003" in done.stderr
    os.remove(publisher.path("roots/0000000002"))
    done = publisher.call("root", "show", "roots")
    assert done.returncode == 1 and "E_ROOT_CHAIN" in done.stderr and "missing" in done.stderr


def test_a_signed_root_is_never_overwritten(publisher):
    publisher.begin()
    publisher.root("rotate", created=LATER)
    draft = publisher.text("0000000002.draft")
    publisher.sign("ed1")
    signed = publisher.text("0000000002")
    with open(publisher.path("roots/0000000002.draft"), "w") as out:
        out.write(draft + "announce 2030-01-01 x\n")
    for args in (["sign", "roots", "--key", publisher.key_path("ed1")], ["rotate", "roots"], ["show", "roots"]):
        done = publisher.call("root", *args)
        assert done.returncode == 1 and "E_ROOT_CHAIN" in done.stderr and "move it away" in done.stderr
    assert publisher.text("0000000002") == signed


# ---- emergencies


def test_a_lost_key_is_revoked_and_another_takes_its_place(publisher, keys):
    publisher.begin()
    done = publisher.root("revoke", "--key", publisher.key_path("ed1"), "--reason", "lost", "--add",
                          publisher.key_path("ed2"), created=LATER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "revoked %s 2027-06-01 lost" % keys["ed1"].id in publisher.text("0000000002.draft")
    assert publisher.sign("ec1").returncode == 0
    assert publisher.judge(publisher.build(["ed1"], created=LATER)) == "E_SIG_THRESHOLD"
    assert publisher.judge(publisher.build(["ed2"], created=LATER)) == ""
    assert "REVOKED" in publisher.good("root", "show", "roots").stdout


def test_a_bundle_is_withdrawn_and_a_thief_overtaken_by_the_epoch(publisher):
    publisher.begin()
    thief = publisher.build(["ed1"], str(2 ** 63 - 1), "thief.sgb")
    assert publisher.judge(thief) == ""
    done = publisher.root("revoke", "--withdraw", "test-rules:1:%d" % (2 ** 63 - 1), "--raise-epoch", created=LATER)
    assert done.returncode == 0 and "+ epoch 2" in done.stdout
    assert publisher.sign("ed1").returncode == 0
    assert publisher.judge(publisher.build(["ed1"], "1", created=LATER)) == ""
    assert publisher.judge(thief) == "E_WITHDRAWN"


def test_mirrors_and_the_end_of_an_engine_are_lines_of_the_root(publisher):
    publisher.begin(["ed1", "ec1"], "--mirror", "https://a.example/rules")
    done = publisher.root("rotate", "--drop-mirror", "https://a.example/rules", "--mirror", "https://b.example:8443/",
                          "--engine-sunset", "99.0:2028-01-01", "--announce", "2028-01-01:engine-99", created=LATER)
    assert done.returncode == 0, done.stdout + done.stderr
    text = publisher.text("0000000002.draft")
    assert "mirror https://b.example:8443/\n" in text and "a.example" not in text
    assert "engine-sunset 99.0 2028-01-01\n" in text and "announce 2028-01-01 engine-99\n" in text
    assert "programs as old as this one are left behind" in done.stdout


# ---- what an install trusts


def test_trust_show_says_how_long_the_trust_reaches(publisher):
    publisher.begin()
    shown = json.loads(publisher.good("trust", "show", "--trust", "roots/0000000001", "--at", "2026-07-01", "--json").stdout)
    root = shown["root"]
    assert root["version"] == 1 and root["thresholds"] == {"root": 1, "rules": 1} and root["families"] == []
    assert root["stranded_on"] == "2030-12-02" and root["ended_on"] == "2031-06-01"
    assert root["margins"][0]["announced"] == {"root": 1, "rules": 1} and root["margins"][0]["causes"] == ["now"]
    assert [key["usable_here"] for key in root["keys"]] == [True, True]
    assert shown["chain"] == []


@pytest.mark.parametrize("at, code", [("2030-06-01", 0), ("2030-06-10", 1), ("2031-01-01", 1), ("2040-01-01", 1)])
def test_trust_show_fails_180_days_before_the_keys_go(publisher, at, code):
    publisher.begin()
    done = publisher.call("trust", "show", "--trust", "roots/0000000001", "--at", at)
    assert done.returncode == code and "a new root is needed before 2030-12-02" in done.stdout, done.stdout


def test_a_test_root_is_refused_by_default(publisher):
    publisher.begin(["ed1", "ec1"], "--usage", "test")
    digest = hashlib.sha256(publisher.text("0000000001").encode()).hexdigest()
    for args in (["show", "--trust", "roots/0000000001"],
                 ["bootstrap", "--root", "roots/0000000001", "--sha256", digest, "--state", "s"]):
        done = publisher.call("trust", *args)
        assert done.returncode == 1 and "E_ROOT_TEST" in done.stderr
        publisher.good("trust", *args, "--allow-test", *(["--at", NOW] if args[0] == "show" else []))


def bootstrap(publisher, path, digest=None, state="s"):
    with open(publisher.path(path), "rb") as root:
        digest = digest or hashlib.sha256(root.read()).hexdigest()
    done = publisher.call("trust", "bootstrap", "--root", path, "--sha256", digest, "--state", state)
    if done.returncode == 0:
        return done.stdout
    return re.search(r"E_\w+", done.stderr).group()


def test_an_install_begins_with_a_root_whose_hash_was_told(publisher):
    publisher.begin()
    assert bootstrap(publisher, "roots/0000000001", "0" * 64) == "E_ROOT_HASH"
    assert not os.path.exists(publisher.path("s"))
    assert "begun with" in bootstrap(publisher, "roots/0000000001")
    assert "there already" in bootstrap(publisher, "roots/0000000001")
    publisher.good("bundle", "verify", publisher.build(["ed1"]), "--state", "s")


def test_a_state_folder_takes_only_the_next_root_by_hand(publisher, keys):
    publisher.begin()
    bootstrap(publisher, "roots/0000000001")
    first = publisher.text("0000000001")

    def put(name, version, previous, change=""):
        with open(publisher.path(name), "w") as out:
            out.write(first.replace("version 1", "version %d" % version).replace(
                "threshold root", "previous %s\nthreshold root" % previous, 1) + change)

    digest = hashlib.sha256(first.encode()).hexdigest()
    with open(publisher.path("other"), "w") as out:
        out.write(first + "announce 2030-01-01 x\n")
    put("far", 3, digest)
    put("foreign", 2, "0" * 64)
    put("next", 2, digest)
    assert bootstrap(publisher, "other") == "E_ROOT_FORK"
    assert bootstrap(publisher, "far") == "E_ROOT_PREVIOUS"
    assert bootstrap(publisher, "foreign") == "E_ROOT_PREVIOUS"
    assert "taken in its place" in bootstrap(publisher, "next"), "without a signature: a person stands for it"
    assert bootstrap(publisher, "roots/0000000001") == "E_ROOT_ROLLBACK"
    shown = publisher.good("trust", "show", "--state", "s", "--at", NOW).stdout
    assert "root 2" in shown and "0000000001" not in shown, "nothing leads there from the first one"


def test_the_folder_of_a_configuration_is_looked_at(publisher):
    publisher.begin()
    os.makedirs(publisher.path("state"))
    with open(publisher.path("c.yaml"), "w") as out:
        out.write("state: %s\nrules: {trust: %s}\n" % (publisher.path("state"), publisher.path("roots/0000000001")))
    assert "root 1" in publisher.good("trust", "show", "-c", "c.yaml", "--at", NOW).stdout
    assert "begun with" in publisher.good(
        "trust", "bootstrap", "-c", "c.yaml", "--root", "roots/0000000001", "--sha256",
        hashlib.sha256(publisher.text("0000000001").encode()).hexdigest()).stdout
    publisher.good("trust", "export", "-c", "c.yaml", "--out", "out")
    assert os.listdir(publisher.path("out")) == ["0000000001"]


def test_a_publisher_who_lost_the_threshold_goes_on_by_hand(publisher):
    """As rules/trust/README.md says: the next root is published with its hash, and a new folder begins with it."""
    publisher.begin(["ed1", "ec1"], "--yes")
    assert publisher.judge(publisher.build(["ed1"])) == ""
    swap = ["rotate", "--both-sets", "--yes"] + publisher.options("--drop", ["ed1", "ec1"]) + publisher.options(
        "--add", ["ed2", "ec2"])
    assert publisher.root(*swap, created=LATER).returncode == 0
    assert "not in force yet" in publisher.sign("ed2", "ec2").stdout
    assert "taken in its place" in bootstrap(publisher, "roots/0000000002.draft")
    shutil.move(publisher.path("roots"), publisher.path("old"))
    os.makedirs(publisher.path("roots"))
    shutil.copy(publisher.path("old/0000000002.draft"), publisher.path("roots/0000000002"))
    shutil.copytree(publisher.path("old/0000000002.sig"), publisher.path("roots/0000000002.sig"))
    assert publisher.root("rotate", created="2028-01-01").returncode == 0
    assert publisher.sign("ed2").returncode == 0 and "0000000003" in publisher.files()
    publisher.good("bundle", "verify", publisher.build(["ed2"], "2", created="2028-01-01"), "--state", "s")


def test_the_chain_that_was_followed_can_be_taken_elsewhere(publisher):
    publisher.begin()
    publisher.root("rotate", created=LATER)
    publisher.sign("ed1")
    assert publisher.judge(publisher.build(["ed1"], created=LATER)) == ""
    publisher.good("trust", "export", "--state", "s", "--out", "out")
    assert sorted(os.listdir(publisher.path("out"))) == ["0000000001", "0000000002", "0000000002.sig"]
    assert "root 2" in publisher.good("root", "show", "out").stdout
    again = publisher.call("trust", "export", "--state", "s", "--out", "out")
    assert again.returncode == 1 and "never overwritten" in again.stderr
    absent = publisher.call("trust", "export", "--state", "nowhere", "--out", "out2")
    assert absent.returncode == 1 and "E_ROOT_NONE" in absent.stderr


# ---- an install that slept


def test_twenty_rotations_with_every_key_replaced_are_followed_from_one_file(publisher, stopgap_bin, capsys):
    """Row 27 of the design's list. Each root replaces both keys of the one before it."""
    algorithms = ["ed25519", "ecdsa-p256"]
    for version in range(21):
        for index, algorithm in enumerate(algorithms):
            publisher.good("bundle", "keygen", "--alg", algorithm, "--out", "k%d-%d" % (version, index))
    names = [["k%d-%d" % (version, index) for index in range(2)] for version in range(21)]
    words = lambda option, version: [word for name in names[version] for word in (option, name)]
    publisher.good("root", "init", "roots", *words("--key", 0), "--created", "2027-01-01")
    publisher.good("root", "sign", "roots", *words("--key", 0))
    for version in range(1, 21):
        publisher.good("root", "rotate", "roots", *words("--add", version), *words("--drop", version - 1),
                       "--both-sets", "--yes", "--created", "%d-01-01" % (2027 + version))
        publisher.good("root", "sign", "roots", *words("--key", version - 1), *words("--key", version))
    os.makedirs(publisher.path("set"))
    with open(publisher.path("set/a.yaml"), "wb") as out:
        out.write(block_rule("A-1", "/owa/a"))
    publisher.good("bundle", "build", "set", "--name", "test-rules", "--serial", "1", "--root", "roots", "--created",
                   "2047-02-01", "--out", "x.sgb")
    publisher.good("bundle", "sign", "x.sgb", *words("--key", 20))

    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def cpu(*args, state=None):
        """The least of five: what else runs here makes it more, never less."""
        def once(number):
            before = used()
            publisher.good("bundle", "verify", "x.sgb", *args, *(["--state", "s%d" % number] if state else []))
            return used() - before
        return min(once(number) for number in range(5))

    walked = cpu("--trust", "roots/0000000001", state=True)
    there = cpu("--trust", "roots/0000000021")
    with capsys.disabled():
        print("\n20 rotations: %.0f ms of CPU, without a walk %.0f ms, bundle of %d bytes"
              % (walked * 1000, there * 1000, os.path.getsize(publisher.path("x.sgb"))))
    with open(stopgap_bin, "rb") as program:
        is_plain = not re.search(rb"__(asan|tsan|msan)_init", program.read())
    assert walked - there < (0.1 if is_plain else 3)
    for number in range(5):
        assert len([name for name in os.listdir(publisher.path("s%d/roots" % number)) if name.isdigit()]) == 21


# ---- the tools themselves


@pytest.mark.parametrize("verb", [["root"], ["trust"]] + [["root", verb] for verb in (
    "init", "add-key", "retire-key", "rotate", "revoke", "sign", "show")] + [
        ["trust", verb] for verb in ("show", "bootstrap", "export")])
def test_each_verb_has_help(publisher, verb):
    done = publisher.good(*verb, "--help")
    assert done.stdout.startswith("stopgap " + " ".join(verb)) and done.stderr == ""


@pytest.mark.parametrize("args", [
    ["root", "nonsense"], ["root", "init"], ["root", "init", "d"], ["root", "add-key", "d"], ["root", "retire-key", "d"],
    ["root", "revoke", "d"], ["root", "revoke", "d", "--key", "12345678"], ["root", "rotate", "d", "--withdraw", "a:1:1"],
    ["root", "init", "d", "--usage", "demo"], ["root", "rotate", "d", "--threshold-root", "0"],
    ["root", "rotate", "d", "--created", "soon"], ["root", "sign"], ["root", "show"], ["root", "rotate"],
    ["trust", "nonsense"], ["trust", "show"], ["trust", "bootstrap", "--root", "x"], ["trust", "export"]])
def test_usage_errors_leave_with_2_and_point_to_help(publisher, args):
    done = publisher.call(*args)
    assert done.returncode == 2 and "--help" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("args", [["root", "show", "absent"], ["root", "rotate", "absent"], ["root", "sign", "absent"],
                                  ["trust", "show", "--state", "absent"], ["trust", "show", "--trust", "absent"]])
def test_what_is_not_there_is_named_and_not_made(publisher, args):
    done = publisher.call(*args)
    assert done.returncode == 1 and "absent" in done.stderr
    assert not os.path.exists(publisher.path("absent"))
