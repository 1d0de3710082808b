"""`stopgap bundle`: what it makes, openssl and tar understand; what they make, it loads."""

import hashlib
import json
import os
import shutil
import stat
import subprocess

import pytest

from harness.bundles import block_rule
from harness.openssl_publisher import ALGORITHMS, Key, Workshop, sh


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    names = {"ed": "ed25519", "ec": "ecdsa-p256", "rsa": "rsa-pss", "ed2": "ed25519", "stranger": "ed25519"}
    return {name: Key(folder, algorithm, name) for name, algorithm in names.items()}


@pytest.fixture
def workshop(tmp_path, keys, stopgap_bin):
    made = Workshop(tmp_path, keys, stopgap_bin)
    made.write_root([keys["ed"].line(), keys["ec"].line()])
    return made


# ---- both ways between stopgap and the plain tools


@pytest.mark.parametrize("signer", ["ed", "ec", "rsa"])
def test_a_bundle_made_with_openssl_and_tar_is_accepted(workshop, keys, signer):
    workshop.write_root([keys[signer].line()])
    assert workshop.code(workshop.bundle(signers=(signer,))) == ""


def test_three_algorithms_meet_a_threshold_of_three(workshop, keys):
    workshop.write_root([keys[name].line() for name in ("ed", "ec", "rsa")], rules=3)
    assert workshop.code(workshop.bundle(signers=("ed", "ec", "rsa"))) == ""
    assert workshop.code(workshop.bundle(signers=("ed", "rsa"))) == "E_SIG_THRESHOLD"


def make_with_stopgap(workshop, *more, created="2026-11-01"):
    os.makedirs(workshop.path("set/rules/family"), exist_ok=True)
    for name, path in (("a.yaml", "/owa/a"), ("family/b.yaml", "/owa/b")):
        with open(workshop.path("set/rules/" + name), "w") as out:
            out.write(block_rule("R-" + path[-1], path).decode())
    for algorithm in ALGORITHMS:
        if not os.path.exists(workshop.path(algorithm)):
            workshop.fine("keygen", "--alg", algorithm, "--out", algorithm)
    if not os.path.exists(workshop.path("my-root")):
        options = [word for algorithm in ALGORITHMS for word in ("--key", algorithm)]
        workshop.good("root", "init", "my-root", *options, "--threshold-rules", "2", "--created", "2026-01-01")
        workshop.good("root", "sign", "my-root", *options)
    workshop.fine("build", "set", "--name", "my-rules", "--serial", "5", "--root", "my-root", "--out", "my.sgb",
                  "--created", created, *more)


def test_the_whole_way_with_stopgap_alone(workshop):
    make_with_stopgap(workshop)
    workshop.root_path = "my-root/0000000001"
    assert workshop.code("my.sgb") == "E_SIG_THRESHOLD"
    done = workshop.fine("sign", "my.sgb", "--key", "ed25519")
    for fact in ("name my-rules", "epoch 1", "serial 5", "files 2", "sha256"):
        assert fact in done.stdout
    assert "1/2" in done.stdout
    assert workshop.code("my.sgb") == "E_SIG_THRESHOLD"
    workshop.fine("sign", "my.sgb", "--key", "ecdsa-p256", "--key", "rsa-pss")
    assert workshop.code("my.sgb") == ""
    facts = json.loads(workshop.fine("show", "--json", "my.sgb").stdout)
    assert (facts["name"], facts["serial"], facts["rules_signatures"]) == ("my-rules", 5, "3/2")
    assert facts["root_signatures"] == "3/1"
    assert "rules/family/b.yaml" in [member["name"] for member in facts["members"]]
    assert "serial 5" in workshop.fine("show", "my.sgb").stdout


def test_openssl_verifies_the_signatures_of_stopgap(workshop):
    make_with_stopgap(workshop)
    workshop.fine("sign", "my.sgb", *[word for algorithm in ALGORITHMS for word in ("--key", algorithm)])
    os.makedirs(workshop.b)
    sh("tar", "xf", workshop.path("my.sgb"), "-C", workshop.b)
    for algorithm in ALGORITHMS:
        public = workshop.path(algorithm + ".pub")
        key_id = hashlib.sha256(sh("openssl", "pkey", "-pubin", "-in", public, "-outform", "DER")).hexdigest()
        for text, signature in (("0manifest", "sig/"), ("root/0000000001", "root/0000000001.sig/")):
            key = Key.__new__(Key)
            key.algorithm, key.path = algorithm, workshop.path(algorithm)
            key.verify(os.path.join(workshop.b, text), os.path.join(workshop.b, signature + key_id))


def test_the_builder_writes_the_bytes_that_tar_writes(workshop):
    make_with_stopgap(workshop)
    workshop.fine("sign", "my.sgb", "--key", "ed25519")
    os.makedirs(workshop.b)
    sh("tar", "xf", workshop.path("my.sgb"), "-C", workshop.b)
    with open(workshop.pack("again.sgb"), "rb") as again, open(workshop.path("my.sgb"), "rb") as mine:
        assert again.read() == mine.read()


def test_building_twice_gives_the_same_bytes(workshop):
    made = []
    for _ in range(2):
        make_with_stopgap(workshop)
        with open(workshop.path("my.sgb"), "rb") as bundle:
            made.append(bundle.read())
    assert made[0] == made[1]


def test_a_second_signer_may_sign_with_openssl(workshop, keys):
    workshop.write_root([keys["ed"].line(), keys["ec"].line()], rules=2)
    path = workshop.bundle(signers=("ed",))
    workshop.fine("sign", path, "--key", keys["ec"].path)
    assert workshop.code(path) == ""


# ---- refusals, each with its code


def flip(path, marker, offset=0):
    with open(path, "rb") as bundle:
        data = bytearray(bundle.read())
    at = data.index(marker) + offset
    data[at] ^= 1
    with open(path, "wb") as bundle:
        bundle.write(data)


@pytest.mark.parametrize("what,marker,offset,code", [
    ("the manifest", b"stopgap-manifest", 3, "E_SIG_THRESHOLD"),
    ("a rule", b"id: A-1", 4, "E_HASH"),
    ("the root", b"stopgap-root", 3, "E_ROOT_FORK"),
    ("a name in a header", b"rules/a.yaml\0", 6, "E_BUNDLE_CHECKSUM"),
    ("a mode in a header", b"0000644", 6, "E_BUNDLE_CHECKSUM"),
    ("the magic", b"ustar\0", 0, "E_BUNDLE_FORMAT"),
    ("the padding after a rule", b"must_pass:\n    - target: /owa/\n", 40, "E_BUNDLE_PADDING"),
])
def test_a_flipped_bit_is_refused(workshop, what, marker, offset, code):
    path = workshop.bundle()
    flip(path, marker, offset)
    assert workshop.code(path) == code, what


def test_a_flipped_signature_does_not_count(workshop, keys):
    path = workshop.bundle()
    with open(os.path.join(workshop.b, "sig", keys["ed"].id), "rb") as signature:
        flip(path, signature.read(), 10)
    assert workshop.code(path) == "E_SIG_THRESHOLD"


@pytest.mark.parametrize("cut,code", [(0, "E_BUNDLE_TRUNCATED"), (100, "E_BUNDLE_TRUNCATED"),
                                      (-512, "E_BUNDLE_TRUNCATED"), (-1024, "E_BUNDLE_TRUNCATED"),
                                      (-1, "E_BUNDLE_TRUNCATED")])
def test_a_truncated_file_is_refused(workshop, cut, code):
    path = workshop.bundle()
    os.truncate(path, cut if cut >= 0 else os.path.getsize(path) + cut)
    assert workshop.code(path) == code


def test_bytes_after_the_end_are_refused(workshop):
    path = workshop.bundle()
    with open(path, "ab") as bundle:
        bundle.write(b"\0")
    assert workshop.code(path) == "E_BUNDLE_TRAILER"


def test_the_usual_blocking_of_tar_is_refused(workshop):
    workshop.fill()
    sh("tar", "--format=ustar", "-cf", workshop.path("x.sgb"), "-C", workshop.b, *workshop.names())
    assert workshop.code(workshop.path("x.sgb")) == "E_BUNDLE_TRAILER"


@pytest.mark.parametrize("what,order,code", [
    ("unsorted", lambda names: [names[0], *names[:0:-1]], "E_BUNDLE_ORDER"),
    ("the manifest not first", lambda names: [names[1], names[0], *names[2:]], "E_BUNDLE_FIRST"),
])
def test_another_order_is_refused(workshop, what, order, code):
    workshop.fill()
    assert workshop.code(workshop.pack(names=order(workshop.names()))) == code, what


def test_a_duplicate_member_is_refused(workshop):
    workshop.fill()
    names = workshop.names()
    path = workshop.pack(names=[*names[:3], names[2], *names[3:]], options=("--format=ustar", "--hard-dereference"))
    assert workshop.code(path) == "E_BUNDLE_ORDER"


def test_a_link_is_refused(workshop):
    workshop.fill()
    os.symlink("/etc/passwd", os.path.join(workshop.b, "rules/c.yaml"))
    assert workshop.code(workshop.pack()) == "E_BUNDLE_TYPE"


def test_a_hard_link_is_refused(workshop):
    workshop.fill()
    os.link(os.path.join(workshop.b, "rules/a.yaml"), os.path.join(workshop.b, "rules/c.yaml"))
    assert workshop.code(workshop.pack()) == "E_BUNDLE_TYPE"


@pytest.mark.parametrize("options,code", [(("--format=pax", "--pax-option=comment=x"), "E_BUNDLE_TYPE"),
                                          (("--format=gnu",), "E_BUNDLE_FORMAT")])
def test_other_formats_of_tar_are_refused(workshop, options, code):
    workshop.fill()
    assert workshop.code(workshop.pack(options=options)) == code


def test_a_compressed_file_is_refused(workshop):
    workshop.fill()
    assert workshop.code(workshop.pack(options=("--format=ustar", "-z"))).startswith("E_BUNDLE_")


def test_a_base_256_size_is_refused(workshop):
    path = workshop.bundle()
    with open(path, "rb") as bundle:
        data = bytearray(bundle.read())
    size = int(data[124:135], 8)
    data[124:136] = b"\x80" + size.to_bytes(11, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    with open(path, "wb") as bundle:
        bundle.write(data)
    assert workshop.code(path) == "E_BUNDLE_SIZEFIELD"


def test_a_file_that_is_not_listed_is_refused(workshop):
    workshop.fill()
    workshop.put("rules/aa.yaml", "id: X\n")
    assert workshop.code(workshop.pack()) == "E_BUNDLE_UNLISTED"


def test_a_listed_file_that_is_absent_is_refused(workshop):
    workshop.fill()
    os.unlink(os.path.join(workshop.b, "rules/b.yaml"))
    assert workshop.code(workshop.pack()) == "E_BUNDLE_MISSING"


def test_files_of_two_bundles_cannot_be_mixed(workshop):
    workshop.fill(path="/other")
    with open(os.path.join(workshop.b, "rules/a.yaml"), "rb") as rule:
        other = rule.read()
    workshop.fill()
    workshop.put("rules/a.yaml", other)
    assert workshop.code(workshop.pack()) == "E_HASH"


def test_a_key_that_the_root_does_not_list_does_not_count(workshop):
    assert workshop.code(workshop.bundle(signers=("stranger",))) == "E_SIG_THRESHOLD"


def test_one_signature_under_two_ids_counts_once(workshop, keys):
    workshop.write_root([keys["ed"].line(), keys["ed2"].line()], rules=2)
    workshop.fill(signers=("ed",))
    shutil.copy(os.path.join(workshop.b, "sig", keys["ed"].id), os.path.join(workshop.b, "sig", keys["ed2"].id))
    assert workshop.code(workshop.pack()) == "E_SIG_THRESHOLD"


@pytest.mark.parametrize("roles,code", [("root", "E_SIG_THRESHOLD"), ("root,pulse", "E_SIG_THRESHOLD"),
                                        ("rules", "")])
def test_only_the_role_rules_signs_bundles(workshop, keys, roles, code):
    workshop.write_root([keys["ec"].line(), keys["ed"].line(roles)])
    assert workshop.code(workshop.bundle(signers=("ed",))) == code


def test_a_revoked_key_does_not_count(workshop, keys):
    workshop.write_root([keys["ec"].line(), keys["ed"].line()], more=["revoked %s 2026-12-01 lost" % keys["ed"].id])
    assert workshop.code(workshop.bundle(signers=("ed",))) == "E_SIG_THRESHOLD"
    assert workshop.code(workshop.bundle(signers=("ed", "ec"))) == ""


@pytest.mark.parametrize("created,code", [("2026-02-28T23:59:59Z", "E_SIG_KEY_TIME"), ("2026-03-01T00:00:00Z", ""),
                                          ("2026-08-31T23:59:59Z", ""), ("2026-09-01T00:00:00Z", "E_SIG_KEY_TIME")])
def test_a_key_counts_in_its_time(workshop, keys, created, code):
    workshop.write_root([keys["ed"].line(days="2026-03-01 2026-06-01 2026-08-31")])
    assert workshop.code(workshop.bundle(created=created)) == code


@pytest.mark.parametrize("serial,code", [
    ("1", ""), ("2201010001", ""), ("4294967296", ""), ("9223372036854775807", ""),
    ("9223372036854775808", "E_MANIFEST_SYNTAX"), ("18446744073709551616", "E_MANIFEST_SYNTAX"),
    ("0", "E_MANIFEST_SYNTAX"), ("007", "E_MANIFEST_SYNTAX"), ("-1", "E_MANIFEST_SYNTAX"),
    ("1e3", "E_MANIFEST_SYNTAX"), ("+1", "E_MANIFEST_SYNTAX"), ("", "E_MANIFEST_SYNTAX")])
def test_a_serial_has_one_form(workshop, serial, code):
    assert workshop.code(workshop.bundle(serial=serial)) == code


@pytest.mark.parametrize("fields,code", [
    ({"engine": "9.0.0"}, "E_ENGINE_TOO_OLD"),
    ({"channel": "lab"}, "E_CHANNEL"),
    ({"root_hash": "0" * 64}, "E_ROOT_FORK"),
    ({"epoch": "2"}, "E_EPOCH"),
    ({"change": lambda lines: lines.__setitem__(8, "root 2 " + "0" * 64)}, "E_ROOT_BEHIND"),
    ({"change": lambda lines: lines.insert(9, "novelty 1")}, "E_MANIFEST_FIELD"),
    ({"change": lambda lines: lines.insert(9, "x-novelty anything goes")}, ""),
    ({"change": lambda lines: lines.__setitem__(0, "stopgap-root 1")}, "E_MANIFEST_SYNTAX"),
])
def test_the_signed_facts_are_judged(workshop, fields, code):
    assert workshop.code(workshop.bundle(**fields)) == code


def test_a_withdrawn_bundle_is_refused(workshop, keys):
    workshop.write_root([keys["ed"].line()], more=["withdraw test-rules 1 7"])
    assert workshop.code(workshop.bundle(serial="7")) == "E_WITHDRAWN"
    assert workshop.code(workshop.bundle(serial="8")) == ""


def test_a_test_root_is_refused_unless_allowed(workshop, keys):
    workshop.write_root([keys["ed"].line()], usage="test")
    path = workshop.bundle()
    assert workshop.code(path) == "E_ROOT_TEST"
    assert workshop.code(path, "--allow-test") == ""


def test_an_expired_bundle_is_accepted_and_said_to_be_expired(workshop):
    path = workshop.bundle(expires="2026-11-02T00:00:00Z")
    done = workshop.fine("verify", path, "--trust", workshop.root_path, "--at", "2026-12-01")
    assert "EXPIRED" in done.stdout
    done = workshop.fine("verify", path, "--trust", workshop.root_path, "--at", "2026-11-01T12:00:00Z")
    assert "EXPIRED" not in done.stdout


@pytest.mark.parametrize("years", [1, 3, 10, 50])
def test_years_later_the_bundle_is_still_accepted(workshop, years):
    assert workshop.code(workshop.bundle(), "--at", "%d-11-24" % (2026 + years)) == ""


# ---- the order of bundles


def test_an_older_serial_is_refused_where_a_newer_one_was_seen(workshop):
    older, newer = workshop.bundle("older.sgb", serial="5"), workshop.bundle("newer.sgb", serial="6")
    other = workshop.bundle("other.sgb", serial="6", path="/other")
    assert workshop.code(older, "--state", "s") == ""
    assert workshop.code(newer, "--state", "s") == ""
    assert workshop.code(newer, "--state", "s") == ""
    assert workshop.code(older, "--state", "s") == "E_ROLLBACK"
    assert workshop.code(other, "--state", "s") == "E_SERIAL_REUSED"
    assert workshop.code(older) == "", "without a state nothing is remembered"
    assert stat.S_IMODE(os.stat(workshop.path("s")).st_mode) == 0o700


def test_the_root_is_remembered_with_the_state(workshop):
    path = workshop.bundle()
    assert workshop.code(path, "--state", "s") == ""
    workshop.fine("verify", path, "--state", "s")


def test_a_lost_state_is_said_and_does_not_stop_the_work(workshop):
    path = workshop.bundle()
    assert workshop.code(path, "--state", "s") == ""
    with open(workshop.path("s/state"), "a") as state:
        state.write("x")
    done = workshop.fine("verify", path, "--trust", workshop.root_path, "--state", "s")
    assert "E_STATE_LOST" in done.stderr and done.stdout.startswith("OK ")
    assert workshop.run("verify", path, "--trust", workshop.root_path, "--state", "s").stderr == ""


# ---- the tool itself


def test_keygen_makes_private_files_and_never_overwrites(workshop):
    done = workshop.fine("keygen", "--alg", "ecdsa-p256", "--out", "k")
    spki = sh("openssl", "pkey", "-in", workshop.path("k"), "-pubout", "-outform", "DER")
    assert hashlib.sha256(spki).hexdigest() in done.stdout
    assert stat.S_IMODE(os.stat(workshop.path("k")).st_mode) == 0o600
    before = open(workshop.path("k")).read()
    again = workshop.run("keygen", "--alg", "ed25519", "--out", "k")
    assert again.returncode == 1 and "never overwritten" in again.stderr
    assert open(workshop.path("k")).read() == before


def test_signing_with_a_key_that_does_not_count_is_warned_about(workshop, keys):
    path = workshop.bundle(signers=())
    done = workshop.fine("sign", path, "--key", keys["stranger"].path)
    assert "will not count" in done.stderr and "0/1" in done.stdout


def test_an_encrypted_key_is_refused_without_asking(workshop, keys):
    sh("openssl", "pkey", "-in", keys["ed"].path, "-aes256", "-passout", "pass:x", "-out", workshop.path("locked"))
    done = workshop.run("sign", workshop.bundle(), "--key", "locked")
    assert done.returncode == 1 and "STOPGAP_PASSIN" in done.stderr


@pytest.fixture
def roots(workshop, keys):
    """A folder of roots with one that is signed."""
    workshop.good("root", "init", "roots", "--key", keys["ed"].path, "--key", keys["ec"].path)
    workshop.good("root", "sign", "roots", "--key", keys["ed"].path)


def test_build_refuses_names_that_a_bundle_cannot_hold(workshop, roots):
    os.makedirs(workshop.path("set"))
    with open(workshop.path("set/Upper.yaml"), "w") as out:
        out.write(block_rule("A-1", "/a").decode())
    done = workshop.run("build", "set", "--name", "n", "--serial", "1", "--root", "roots", "--out", "o.sgb")
    assert done.returncode == 1 and "E_BUNDLE_NAME" in done.stderr and "rename" in done.stderr
    assert not os.path.exists(workshop.path("o.sgb"))


def test_build_refuses_a_rule_that_is_wrong_and_names_its_place(workshop, roots):
    os.makedirs(workshop.path("set"))
    with open(workshop.path("set/a.yaml"), "w") as out:
        out.write(block_rule("A-1", "/a").decode().replace("severity: low", "severity: mild"))
    done = workshop.run("build", "set", "--name", "n", "--serial", "1", "--root", "roots", "--out", "o.sgb")
    assert done.returncode == 1 and "set/a.yaml" in done.stderr
    assert not os.path.exists(workshop.path("o.sgb"))


@pytest.mark.parametrize("verb", [[], ["keygen"], ["build"], ["sign"], ["verify"], ["show"]])
def test_each_verb_has_help(workshop, verb):
    done = workshop.fine(*verb, "--help")
    assert done.stdout.startswith("stopgap bundle") and done.stderr == ""


@pytest.mark.parametrize("args", [
    ["nonsense"], ["keygen"], ["keygen", "--alg", "rot13", "--out", "x"], ["keygen", "--alg", "ed25519"],
    ["build", "x"], ["build", "x", "--name", "n", "--serial", "007"],
    ["build", "x", "--name", "../n", "--serial", "1", "--root", "r", "--out", "o"],
    ["sign", "x"], ["verify", "x"], ["verify", "x", "--trust", "r", "--at", "yesterday"], ["verify", "--wrong"],
    ["show"], ["show", "a", "b"]])
def test_usage_errors_leave_with_2_and_point_to_help(workshop, args):
    done = workshop.run(*args)
    assert done.returncode == 2 and "--help" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("verb", ["verify", "show", "sign"])
def test_a_file_that_is_not_there_is_named(workshop, keys, verb):
    more = {"verify": ["--trust", workshop.root_path], "show": [], "sign": ["--key", keys["ed"].path]}[verb]
    done = workshop.run(verb, "absent.sgb", *more)
    assert done.returncode == 1 and "absent.sgb" in done.stderr


# ---- keys that are not plain files


def encrypt(workshop, name, passphrase):
    sh("openssl", "pkcs8", "-topk8", "-scrypt", "-in", name, "-out", name + ".enc", "-passout", "pass:" + passphrase,
       cwd=workshop.path("."))
    return name + ".enc"


def test_encrypted_keys_take_their_passphrases_from_a_file_a_variable_or_a_descriptor(workshop, monkeypatch):
    make_with_stopgap(workshop)
    workshop.root_path = "my-root/0000000001"
    first, second = encrypt(workshop, "ed25519", "a horse"), encrypt(workshop, "ecdsa-p256", "a battery")
    with open(workshop.path("pass"), "w") as out:
        out.write("a horse\nunused\n")
    monkeypatch.setenv("STOPGAP_PASSIN", "file:" + str(workshop.path("pass")))
    workshop.fine("sign", "my.sgb", "--key", first)
    done = workshop.run("sign", "my.sgb", "--key", second)
    assert done.returncode == 1 and "E_KEY_PASS" in done.stderr and "not the passphrase" in done.stderr
    assert "a horse" not in done.stderr + done.stdout
    monkeypatch.setenv("STOPGAP_PASSIN", "env:MY_PASS")
    monkeypatch.setenv("MY_PASS", "a battery")
    workshop.fine("sign", "my.sgb", "--key", second)
    assert workshop.code("my.sgb") == ""
    # A descriptor has a line for each key; standard input is one.
    make_with_stopgap(workshop)
    monkeypatch.setenv("STOPGAP_PASSIN", "fd:0")
    done = subprocess.run([workshop.bin, "bundle", "sign", "my.sgb", "--key", first, "--key", second], text=True,
                          input="a horse\na battery\n", cwd=workshop.path("."), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert workshop.code("my.sgb") == ""


def test_an_encrypted_key_without_a_passphrase_is_said_and_nothing_hangs(workshop, monkeypatch):
    make_with_stopgap(workshop)
    key = encrypt(workshop, "ed25519", "a horse")
    monkeypatch.delenv("STOPGAP_PASSIN", raising=False)
    done = subprocess.run([workshop.bin, "bundle", "sign", "my.sgb", "--key", key], stdin=subprocess.DEVNULL, text=True,
                          cwd=workshop.path("."), capture_output=True, timeout=60, check=False, start_new_session=True)
    assert done.returncode == 1 and "E_KEY_PASS" in done.stderr and "STOPGAP_PASSIN" in done.stderr
    for source in ("file:/nowhere", "env:NOBODY", "fd:999", "pass:a horse", "fd:x"):
        monkeypatch.setenv("STOPGAP_PASSIN", source)
        assert "E_KEY_PASS" in workshop.run("sign", "my.sgb", "--key", key).stderr, source


def test_a_raw_signature_of_a_token_is_put_into_the_bundle(workshop):
    make_with_stopgap(workshop)
    workshop.root_path = "my-root/0000000001"
    cwd = workshop.path(".")
    sh("tar", "-xf", "my.sgb", "0manifest", cwd=cwd)
    sh("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", "ed25519", "-in", "0manifest", "-out", "one.sig", cwd=cwd)
    sh("openssl", "dgst", "-sha256", "-sign", "ecdsa-p256", "-out", "two.sig", "0manifest", cwd=cwd)
    done = workshop.run("sign", "my.sgb", "--signature", "ecdsa-p256.pub:one.sig")
    assert done.returncode == 1 and "E_SIGN" in done.stderr
    assert workshop.run("sign", "my.sgb", "--signature", "one.sig").returncode == 1
    done = workshop.fine("sign", "my.sgb", "--signature", "ed25519.pub:one.sig", "--signature", "ecdsa-p256.pub:two.sig")
    assert "2/2" in done.stdout
    assert workshop.code("my.sgb") == ""
