"""A signed set that is refused at the start: the program runs with the set of before, or with its
built-in rules, and says so.

An outage because of a bad rule file would be worse than the built-in protection alone; what
must never happen is that the refusal is silent."""

import pytest

from harness.bundles import Publisher, block_rule, tar, write_into_place

ATTACK_FIELDS = ["Cookie: X-BEResource=a]@x:444/ecp/z#~1"]


def unsigned(publisher, path):
    publisher.bundle(path, [block_rule()], change=lambda m: m.pop("sig/" + publisher.key_id))


def wrongly_signed(publisher, path):
    publisher.bundle(path, [block_rule()], change=lambda m: m.update({"sig/" + publisher.key_id: b"\1" * 64}))


def of_a_stranger(publisher, path):
    Publisher(publisher.folder, "stranger").bundle(path, [block_rule()])


def altered(publisher, path):
    publisher.bundle(path, [block_rule()],
                     change=lambda m: m.update({"rules/0000.yaml": m["rules/0000.yaml"].replace(b"blocked", b"bl0cked")}))


def no_bundle(publisher, path):
    write_into_place(path, b"id: a rule, not a bundle\n" * 100)


def cut_off(publisher, path):
    write_into_place(path, tar(publisher.members([block_rule()]))[:-700])


def empty(publisher, path):
    write_into_place(path, b"")


def uncompilable(publisher, path):
    publisher.bundle(path, [block_rule().replace(b"equals: /owa/blocked}", b"regex: '(/owa/blocked'}")])


def without_samples(publisher, path):
    publisher.bundle(path, [block_rule().split(b"samples:")[0]])


def opening_a_hole(publisher, path):
    """Signed by the publisher: what a thief of its keys would like to do."""
    publisher.bundle(path, [block_rule().replace(b"type: block, status: 403", b"type: allow")])


def failing_its_sample(publisher, path):
    publisher.bundle(path, [block_rule().replace(b"target: /owa/blocked", b"target: /owa/other")])


CASES = [(unsigned, "E_SIG_THRESHOLD"), (wrongly_signed, "E_SIG_THRESHOLD"), (of_a_stranger, "E_SIG_THRESHOLD"),
         (altered, "E_HASH"), (no_bundle, "E_BUNDLE_FORMAT"), (cut_off, "E_BUNDLE_TRUNCATED"), (empty, "E_BUNDLE_"),
         (uncompilable, "E_COMPILE"), (without_samples, "E_LINT"), (opening_a_hole, "E_LINT"), (failing_its_sample, "E_SELFTEST")]


def check_loud(one, client, code, path):
    """In log, status and exit code; the built-in rules work in any case."""
    assert one.reload_error().startswith(code)
    line = one.wait_event("level=error.*" + code)
    assert path in line, "the line does not name the file: " + line
    shown = one.command("status")
    assert shown.returncode == 1 and code in shown.stdout
    assert client(one).ask("/ecp/y.js", fields=ATTACK_FIELDS).status == 403


def check_refused(one, client, code, path):
    check_loud(one, client, code, path)
    assert one.ruleset_name().startswith("builtin@") and "+" not in one.ruleset_name()
    assert client(one).ask("/owa/blocked").status == 200


def check_kept(one, client, code, path):
    """The file is refused; the set that was in force before the restart comes from the state folder."""
    check_loud(one, client, code, path)
    assert "test-rules@1.7" in one.ruleset_name()
    assert client(one).ask("/owa/blocked").status == 403


@pytest.mark.parametrize("make, code", CASES, ids=[f.__name__ for f, _ in CASES])
def test_a_bad_set_is_refused_loudly_and_the_built_in_rules_work(proxy, exchange, client, publisher, tmp_path, make, code):
    path = str(tmp_path / "a.sgb")
    make(publisher, path)
    check_refused(proxy(exchange(), "--rules", path, "--trust", publisher.root_path), client, code, path)


def run_once(proxy, exchange, publisher, path, state):
    """Let a proxy see serial 7, so that the state remembers it."""
    state.mkdir()
    publisher.bundle(path, [block_rule()], serial=7)
    first = proxy(exchange(), "--rules", path, "--trust", publisher.root_path, "--state", state)
    assert "test-rules@1.7" in first.ruleset_name()
    first.terminate()


def test_a_set_older_than_the_last_seen_one_is_refused(proxy, exchange, client, publisher, tmp_path):
    path = str(tmp_path / "a.sgb")
    run_once(proxy, exchange, publisher, path, tmp_path / "state")
    publisher.bundle(path, [block_rule()], serial=6)
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path, "--state", tmp_path / "state")
    check_kept(one, client, "E_ROLLBACK", path)


def test_the_same_serial_with_other_rules_is_refused(proxy, exchange, client, publisher, tmp_path):
    path = str(tmp_path / "a.sgb")
    run_once(proxy, exchange, publisher, path, tmp_path / "state")
    publisher.bundle(path, [block_rule(path="/owa/other")], serial=7)
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path, "--state", tmp_path / "state")
    check_kept(one, client, "E_SERIAL_REUSED", path)


def test_the_same_set_again_is_accepted(proxy, exchange, client, publisher, tmp_path):
    path = str(tmp_path / "a.sgb")
    run_once(proxy, exchange, publisher, path, tmp_path / "state")
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path, "--state", tmp_path / "state")
    assert client(one).ask("/owa/blocked").status == 403


def test_a_good_set_after_a_refused_start_becomes_active(proxy, exchange, client, publisher, tmp_path):
    path = str(tmp_path / "a.sgb")
    unsigned(publisher, path)
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path)
    publisher.bundle(path, [block_rule()], serial=2)
    assert one.command("reload").returncode == 0
    assert client(one).ask("/owa/blocked").status == 403
    assert one.reload_error() is None


def cached(one):
    return one.status()["ruleset"]["databases_cached"]


def kept_files(state, kind):
    return sorted((state / "cache").glob("*." + kind))


def test_a_restart_compiles_and_judges_nothing_that_is_known(proxy, exchange, client, publisher, tmp_path):
    options = ["--rules", publisher.bundle(tmp_path / "a.sgb", [block_rule()]), "--trust", publisher.root_path,
               "--state", tmp_path / "state"]
    first = proxy(exchange(), *options)
    assert first.status()["ruleset"]["cost"] > 0
    first.terminate()
    assert len(kept_files(tmp_path / "state", "good")) == 1
    second = proxy(exchange(), *options)
    assert cached(second) == 2
    assert second.status()["ruleset"]["cost"] == 0
    assert client(second).ask("/owa/blocked").status == 403
    assert client(second).ask("/owa/").status == 200


def test_damaged_compiled_rules_are_compiled_anew(proxy, exchange, client, publisher, tmp_path):
    options = ["--rules", publisher.bundle(tmp_path / "a.sgb", [block_rule()]), "--trust", publisher.root_path,
               "--state", tmp_path / "state"]
    proxy(exchange(), *options).terminate()
    whole = {path: path.read_bytes() for path in kept_files(tmp_path / "state", "hsdb")}
    for number, (path, data) in enumerate(whole.items()):
        path.write_bytes(data[:-1] if number == 0 else data[:5000] + b"\xff" * 500 + data[5500:])
    second = proxy(exchange(), *options)
    assert cached(second) == 0
    assert client(second).ask("/owa/blocked").status == 403
