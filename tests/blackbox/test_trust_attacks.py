"""Attacks on signatures, roots and texts from the outside, each made with openssl and tar: what is signed
for one purpose counts for no other, what is written in another way is not the same, and each ends in its code."""

import base64
import os
import re

import pytest

from harness.own_feed import OwnFeed, sha256, stopgap, write_config
from harness.bundles import tar
from harness.feed_server import FeedServer
from harness.openssl_publisher import Key, Workshop


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {name: Key(folder, "ed25519", name) for name in ("k0", "k1", "k2")}
    made["ec"] = Key(folder, "ecdsa-p256", "ec")
    return made


@pytest.fixture
def shop(tmp_path, keys, stopgap_bin):
    made = Workshop(tmp_path, keys, stopgap_bin)
    made.write_root([keys["k0"].line()])
    return made


def code(shop, path, *more):
    """The code of `bundle verify`; "" when it is accepted."""
    done = shop.run("verify", path, "--trust", shop.root_path, *more)
    assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done.stderr
    if done.returncode == 0:
        return ""
    found = re.search(r"\b(E_[A-Z0-9_]+)", done.stderr + done.stdout)
    assert found, done.stderr
    return found[1]


def put(shop, name, data):
    path = shop.path(name)
    with open(path, "wb") as out:
        out.write(data)
    return path


# ---- signatures made for something else


def test_a_signature_on_a_root_is_none_on_the_manifest(shop, keys):
    shop.fill(signers=())
    keys["k0"].sign(shop.root_path, shop.path("s"))
    with open(shop.path("s"), "rb") as signature:
        shop.put("sig/" + keys["k0"].id, signature.read())
    assert code(shop, shop.pack()) == "E_SIG_THRESHOLD"


def test_a_signature_on_the_manifest_is_none_on_a_root(shop, keys):
    shop.next_root([keys["k1"].line()], signers=())
    shop.fill(signers=("k0", "k1"))
    for name in ("k0", "k1"):
        with open(os.path.join(shop.b, "sig", keys[name].id), "rb") as signature:
            shop.put("root/0000000002.sig/" + keys[name].id, signature.read())
    assert code(shop, shop.pack()) == "E_ROOT_OLD_THRESHOLD"


def test_a_signature_on_an_older_bundle_is_none_on_the_next(shop, keys):
    shop.fill(serial="1", signers=("k0",))
    with open(os.path.join(shop.b, "sig", keys["k0"].id), "rb") as signature:
        old = signature.read()
    shop.fill(serial="2", signers=())
    shop.put("sig/" + keys["k0"].id, old)
    assert code(shop, shop.pack()) == "E_SIG_THRESHOLD"


def test_a_pulse_key_signs_neither_roots_nor_bundles(shop, keys):
    shop.write_root([keys["k0"].line(), keys["k1"].line("pulse")])
    assert code(shop, shop.bundle(signers=("k1",))) == "E_SIG_THRESHOLD"
    shop.next_root([keys["k2"].line()], signers=("k1", "k2"))
    assert code(shop, shop.bundle(signers=("k2",))) == "E_ROOT_OLD_THRESHOLD"


def test_one_key_with_two_signatures_counts_once(shop, keys):
    """ECDSA gives another signature each time, and (r, n - s) is a third one."""
    shop.write_root([keys["ec"].line(), keys["k0"].line()], rules=2)
    shop.fill(signers=("ec",))
    keys["ec"].sign(os.path.join(shop.b, "0manifest"), shop.path("again"))
    with open(shop.path("again"), "rb") as signature:
        again = signature.read()
    shop.put("sig/" + keys["k0"].id, again)  # under the other key's name
    shop.put("sig/" + "0" * 64, again)       # under nobody's
    assert code(shop, shop.pack()) == "E_SIG_THRESHOLD"


def test_a_key_that_the_next_root_revokes_is_no_part_of_its_threshold(shop, keys):
    revoked = "revoked %s 2026-02-01 stolen" % keys["k0"].id
    shop.next_root([keys["k0"].line(), keys["k1"].line()], signers=("k0",), more=[revoked])
    assert code(shop, shop.bundle(signers=("k1",))) == "E_ROOT_NEW_THRESHOLD"
    shop.next_root([keys["k1"].line()], signers=("k0", "k1"))
    assert code(shop, shop.bundle(signers=("k1",))) == "E_ROOT_NEW_THRESHOLD"


def test_a_revoked_key_helps_no_later_root(shop, keys):
    revoked = "revoked %s 2026-02-01 stolen" % keys["k0"].id
    shop.next_root([keys["k0"].line(), keys["k1"].line()], signers=("k0", "k1"), more=[revoked])
    shop.next_root([keys["k2"].line()], signers=("k0", "k2"))
    assert code(shop, shop.bundle(signers=("k2",))) == "E_ROOT_OLD_THRESHOLD"


def test_a_closed_epoch_stays_closed(shop, keys):
    shop.fill(serial=str(2 ** 63 - 1), signers=("k0",))
    thief = shop.pack("thief.sgb")
    shop.next_root([keys["k0"].line()], signers=("k0",), epoch=2)
    new = shop.bundle("new.sgb", signers=("k0",), serial="1", **{"epoch": "2"})
    assert code(shop, new, "--state", "s") == ""
    assert code(shop, thief, "--state", "s") == "E_ROLLBACK"
    assert code(shop, shop.bundle(signers=("k0",), epoch="3"), "--state", "s") == "E_EPOCH"


# ---- the same, written in another way

ROOT_TRICKS = [
    ("hex of an id in capitals", lambda text, key: text.replace(key.id, key.id.upper())),
    ("an id that is cut", lambda text, key: text.replace(key.id, key.id[:16])),
    ("another id", lambda text, key: text.replace(key.id, "0" * 64)),
    ("base64 without its padding", lambda text, key: text.replace("=\n", "\n", 1)),
    ("base64 with bits left over", lambda text, key: re.sub(r"A=\n", "B=\n", text, 1) if "A=\n" in text else text.replace("=\n", "==\n", 1)),
    ("base64 of two keys", lambda text, key: text.replace(b64(key), b64(key)[:-4] + b64(key))),
    ("windows line ends", lambda text, key: text.replace("\n", "\r\n")),
    ("a byte order mark", lambda text, key: "\ufeff" + text),
    ("a tab", lambda text, key: text.replace("epoch 1", "epoch\t1")),
    ("two spaces", lambda text, key: text.replace("epoch 1", "epoch  1")),
    ("a space at the end", lambda text, key: text.replace("epoch 1\n", "epoch 1 \n")),
    ("an empty line", lambda text, key: text + "\n"),
    ("no line feed at the end", lambda text, key: text[:-1]),
    ("a NUL", lambda text, key: text.replace("epoch 1", "epoch 1\0")),
    ("a version with a zero before", lambda text, key: text.replace("version 2", "version 02")),
    ("a version with a sign", lambda text, key: text.replace("version 2", "version +2")),
    ("a version that wraps", lambda text, key: text.replace("version 2", "version %d" % (2 ** 64 + 2))),
    ("the 30th of February", lambda text, key: text.replace("created 2026-02-02", "created 2026-02-30")),
    ("the year 0", lambda text, key: text.replace("created 2026", "created 0000")),
    ("before 1970", lambda text, key: text.replace("created 2026", "created 1969")),
    ("a time of another zone", lambda text, key: text.replace("T00:00:00Z", "T00:00:00+00:00", 1)),
    ("a leap second", lambda text, key: text.replace("T00:00:00Z", "T23:59:60Z", 1)),
    ("digits of another script", lambda text, key: text.replace("epoch 1", "epoch \u0661")),
    ("dates out of order", lambda text, key: text.replace("2035-06-01 2035-12-31", "2035-12-31 2035-06-01")),
    ("a threshold of nothing", lambda text, key: text.replace("threshold root 1", "threshold root 0")),
    ("a threshold of 33", lambda text, key: text.replace("threshold rules 1", "threshold rules 33")),
    ("a threshold twice", lambda text, key: text.replace("threshold root 1", "threshold root 1\nthreshold root 1")),
    ("a role twice", lambda text, key: text.replace(" root,rules ", " root,root ")),
    ("an empty role", lambda text, key: text.replace(" root,rules ", " root,rules, ")),
    ("fields in another order", lambda text, key: text.replace("version 2\nepoch 1\n", "epoch 1\nversion 2\n")),
    ("an extension, which roots have not", lambda text, key: text + "x-note a\n"),
    ("33 keys", lambda text, key: text + "".join(unknown_key(n) for n in range(32))),
    ("one key under two algorithms", lambda text, key: text + key.line().replace("ed25519", "ed448") + "\n"),
    ("a mirror of another kind", lambda text, key: text + "mirror file:///etc/passwd\n"),
    ("a name that climbs", lambda text, key: text + "withdraw ../../etc 1 1\n"),
]


def b64(key):
    return base64.b64encode(key.spki).decode()


def unknown_key(n):
    blob = b"key %d" % n
    return "key %s zz-%d rules 2026-01-01 2035-06-01 2035-12-31 %s\n" % (sha256(blob), n, base64.b64encode(blob).decode())


CODES = {"another id": "E_ROOT_KEYID", "base64 of two keys": "E_ROOT_KEYID", "an id that is cut": "E_ROOT_KEYID", "hex of an id in capitals": "E_ROOT_KEYID",
         "an extension, which roots have not": "E_ROOT_UNKNOWN_FIELD", "33 keys": "E_ROOT_SIZE",
         "one key under two algorithms": "E_ROOT_DUPKEY"}


@pytest.mark.parametrize("name,trick", ROOT_TRICKS, ids=[name for name, _ in ROOT_TRICKS])
def test_a_root_is_written_in_one_way(shop, keys, name, trick):
    """The next root is signed by the right keys, and refused for how it is written."""
    shop.next_root([keys["k0"].line()], signers=())
    changed = trick(shop.root, keys["k0"])
    assert changed != shop.root
    shop.chain["root/0000000002"] = changed.encode()
    keys["k0"].sign(put(shop, "next", changed.encode()), shop.path("s"))
    with open(shop.path("s"), "rb") as signature:
        shop.chain["root/0000000002.sig/" + keys["k0"].id] = signature.read()
    assert code(shop, shop.bundle(signers=("k0",))) == CODES.get(name, "E_ROOT_SYNTAX")


MANIFEST_TRICKS = [
    ("a name that climbs", "name test-rules", "name ../test-rules"),
    ("a name with a slash", "name test-rules", "name test/rules"),
    ("a name of another script", "name test-rules", "name t\u0435st-rules"),
    ("a name in capitals", "name test-rules", "name Test-rules"),
    ("a name of 64", "name test-rules", "name " + "a" * 64),
    ("an empty name", "name test-rules", "name "),
    ("a file that climbs", "rules/a.yaml", "rules/../a.yaml"),
    ("a file from the root", " rules/a.yaml", " /rules/a.yaml"),
    ("a hidden file", "rules/a.yaml", "rules/.a.yaml"),
    ("a created year of five digits", "created 2026", "created 12026"),
    ("an epoch of 0", "epoch 1", "epoch 0"),
    ("a channel of its own", "channel production", "channel Production"),
    ("a line twice", "epoch 1", "epoch 1\nepoch 1"),
    ("an extension before the engine", "min-engine", "x-a b\nmin-engine"),
]


@pytest.mark.parametrize("name,old,new", MANIFEST_TRICKS, ids=[row[0] for row in MANIFEST_TRICKS])
def test_a_manifest_is_written_in_one_way(shop, name, old, new):
    def change(lines):
        text = "\n".join(lines)
        assert old in text
        lines[:] = text.replace(old, new, 1).split("\n")
    assert code(shop, shop.bundle(signers=("k0",), change=change)) == \
        ("E_MANIFEST_FIELD" if name.startswith("an extension") else "E_MANIFEST_SYNTAX")


@pytest.mark.parametrize("created,expected", [("1970-01-01T00:00:00Z", "E_SIG_KEY_TIME"), ("9999-12-31T23:59:59Z", "E_SIG_KEY_TIME")])
def test_extremes_of_time_are_judged_by_the_days_of_the_keys(shop, created, expected):
    assert code(shop, shop.bundle(signers=("k0",), created=created, expires="9999-12-31T23:59:59Z")) == expected


def test_a_root_of_the_far_future_is_followed_and_moves_no_clock(shop, keys):
    far = "2026-01-01 9999-12-31 9999-12-31"
    shop.write_root([keys["k0"].line(days=far)])
    made = shop.bundle(signers=("k0",), created="9999-12-31T23:59:59Z", expires="9999-12-31T23:59:59Z")
    assert code(shop, made, "--state", "s") == ""
    assert code(shop, shop.bundle(signers=("k0",), serial="2"), "--state", "s") == ""
    with open(shop.path("s/state")) as text:
        assert "signed-time 9999" not in text.read()


def test_a_signature_as_large_as_a_file_is_kept_nowhere(shop, keys):
    shop.next_root([keys["k0"].line(), keys["k1"].line()], signers=("k0", "k1"))
    shop.chain["root/0000000002.sig/" + keys["k1"].id] = b"x" * 2000
    assert code(shop, shop.bundle(signers=("k0",)), "--state", "s") == "E_BUNDLE_MEMBER_SIZE"


# ---- the feed and the folder


def test_a_folder_of_links_and_pipes_gives_nothing_away(shop, stopgap_bin):
    """What lies in the place of a bundle is opened, not followed into waiting or into foreign texts."""
    os.mkfifo(shop.path("pipe.sgb"))
    os.symlink("/dev/zero", shop.path("zero.sgb"))
    os.symlink("/etc/passwd", shop.path("text.sgb"))
    os.mkdir(shop.path("folder.sgb"))
    for name in ("pipe.sgb", "zero.sgb", "folder.sgb"):
        assert code(shop, shop.path(name)) == "E_BUNDLE_READ"
    done = shop.run("verify", "text.sgb", "--trust", shop.root_path)
    assert done.returncode == 1 and "E_BUNDLE_" in done.stderr and "root:" not in done.stderr + done.stdout


@pytest.mark.parametrize("lines,expected", [
    (["newest ../x 1 1 {sha} 10 lane 1.0"], "E_PULSE_SYNTAX"),
    (["newest exchange-core 1 1 ../../../{sha:.55} 10 lane 1.0"], "E_PULSE_SYNTAX"),
    (["newest exchange-core 1 1 {sha} 99999999999 lane 1.0"], "E_PULSE_SYNTAX"),
    (["newest exchange-core 1 18446744073709551617 {sha} 10 lane 1.0"], "E_PULSE_SYNTAX"),
    (["newest exchange-core 1 1 {sha} 10 lane 1.0"] * 2, "E_PULSE_SYNTAX"),
    (["newest exchange-core 1 %d {sha} 10 lane 1.%d" % (n + 1, n) for n in range(200)], "E_PULSE_SYNTAX"),
])
def test_a_pulse_is_written_in_one_way(tmp_path, lines, expected):
    feed = OwnFeed(tmp_path / "publisher")
    text = "stopgap-pulse 1\ncreated 2026-11-01T00:00:00Z\nroot 1 %s\n" % sha256(feed.roots[0])
    text += "".join(line.format(sha="0" * 64) + "\n" for line in lines)
    feed.put_pulse(text=text.encode())
    server = FeedServer()
    server.folder = feed.folder
    config = write_config(tmp_path / "c.yaml", rules={"trust": str(feed.root)}, state=str(tmp_path / "s"),
                          feed={"urls": [server.base], "names": ["exchange-core"]})
    done = stopgap("feed", "fetch", "-c", config, "--alone")
    server.close()
    assert done.returncode != 0 and expected in done.stdout + done.stderr, done.stdout + done.stderr


def test_files_that_are_no_bundles_are_not_imported(tmp_path):
    feed = OwnFeed(tmp_path / "publisher")
    config = write_config(tmp_path / "c.yaml", rules={"trust": str(feed.root)}, state=str(tmp_path / "s"),
                          feed={"urls": ["https://127.0.0.1:1/"], "names": ["exchange-core"]})
    good = feed.bundle(1)
    path = tmp_path / "x.sgb"
    for data, expected in ((b"", "E_BUNDLE_"), (tar({"../evil": b"x"}), "E_BUNDLE_NAME"), (good[:-512], "E_BUNDLE_TRUNCATED"),
                           (good + b"\0" * 512, "E_BUNDLE_TRAILER"), (tar({"pulse": b"x"}), "E_BUNDLE_NAME"),
                           ((feed.folder / "root/0000000001.tar").read_bytes(), "E_BUNDLE_FIRST")):
        path.write_bytes(data)
        done = stopgap("feed", "import", path, "-c", config)
        assert done.returncode == 1 and expected in done.stderr, done.stderr
    assert not list((tmp_path / "s").glob("store/*"))
