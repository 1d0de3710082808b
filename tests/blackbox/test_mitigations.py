"""Mitigations: blocked and unblocked at run time, left out where the fix is known, and told of."""

import csv
import io
import json
import time
from pathlib import Path

import pytest

from harness.bundles import block_rule
from harness.exchange import serve
from harness.http import response
from harness.wait import wait_for

M1_ATTACK = "/autodiscover/autodiscover.json?@evil.test/powershell/&Email=autodiscover/autodiscover.json%3f@evil.test"
FIXED, OPEN = "15.2.2562.45", "15.1.2507.6"
RULE = "SG-2022-41040-PATH"  # shares M1.1 with the copy of Microsoft's rule


def answer_as(build):
    return response(fields=["X-OWA-Version: " + build])


class Admin:
    """The verb `stopgap mitigations` on one proxy."""

    def __init__(self, stopgap, proxy):
        self.stopgap, self.proxy = stopgap, proxy

    def __call__(self, *args):
        return self.stopgap("mitigations", *args, "--admin", "unix:" + self.proxy.admin_path)

    def states(self):
        return {one["id"]: one for one in json.loads(self("list", "--json").stdout)}

    def state(self, name="M1.1"):
        return self.states()[name]["state"]

    def enforced(self):
        return [rule["id"] for rule in self.proxy.status()["rules"]]


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    return folder


def test_a_block_of_m1_takes_the_rules_of_m1_1_out_and_unblock_brings_them_back(proxy, exchange, client, stopgap, state):
    one = proxy(exchange(), "--state", state)
    admin = Admin(stopgap, one)
    assert client(one).ask(M1_ATTACK).status == 403 and RULE in admin.enforced()
    done = admin("block", "M1", "--reason", "powershell-team cannot work")
    assert done.returncode == 0, done.stderr
    assert RULE not in admin.enforced() and "EEMS-M1.1" not in admin.enforced()
    blocked = admin.states()["M1.1"]
    assert (blocked["state"], blocked["blocked_by"], blocked["origin"]) == ("Blocked", "M1", "run time")
    assert blocked["reason"] == "powershell-team cannot work"
    assert admin("unblock", "M1").returncode == 0
    assert admin.state() == "Applied" and RULE in admin.enforced()


def test_a_block_survives_a_restart_and_is_in_the_audit_file(proxy, exchange, stopgap, state):
    upstream = exchange()
    first = proxy(upstream, "--state", state)
    assert Admin(stopgap, first)("block", "M1", "--reason", "ticket 4711").returncode == 0
    first.terminate()
    assert Admin(stopgap, proxy(upstream, "--state", state)).state() == "Blocked"
    line = json.loads((state / "mitigations.audit").read_text())
    assert (line["what"], line["id"], line["reason"]) == ("block", "M1", "ticket 4711")
    assert isinstance(line["uid"], int)


def test_a_damaged_file_of_blocks_leaves_everything_on_and_says_so(proxy, exchange, stopgap, state):
    (state / "mitigations").write_text("stopgap-mitigations 1\nblocked M1\n")
    one = proxy(exchange(), "--state", state)
    admin = Admin(stopgap, one)
    assert admin.state() == "Applied"
    one.wait_event('level=error event=mitigations_lost msg="id=1013 nothing is blocked at run time')
    assert "damaged" in one.status()["mitigations_lost"]
    assert one.metrics()["stopgap_mitigations_lost"] == 1
    assert "BLOCKS LOST   " in one.command("status").stdout
    assert admin("block", "M1", "--reason", "again").returncode == 0
    assert "mitigations_lost" not in one.status()
    assert one.metrics()["stopgap_mitigations_lost"] == 0


def test_a_full_audit_file_makes_room_for_the_next(proxy, exchange, stopgap, state):
    (state / "mitigations.audit.1").write_text("the oldest")
    full = "x" * (4 << 20)
    (state / "mitigations.audit").write_text(full)
    admin = Admin(stopgap, proxy(exchange(), "--state", state))
    assert admin("block", "M1", "--reason", "the first line of a new file").returncode == 0
    assert admin("unblock", "M1").returncode == 0
    lines = [json.loads(line) for line in (state / "mitigations.audit").read_text().splitlines()]
    assert [line["what"] for line in lines] == ["block", "unblock"]
    assert (state / "mitigations.audit.1").read_text() == full


def test_an_audit_file_that_cannot_be_written_is_told_of(proxy, exchange, stopgap, state):
    (state / "mitigations.audit").symlink_to(state / "elsewhere")
    one = proxy(exchange(), "--state", state)
    assert Admin(stopgap, one)("block", "M1", "--reason", "x").returncode == 0
    assert "event=audit" in one.err.text() and not (state / "elsewhere").exists()


def test_what_the_configuration_blocks_is_unblocked_there(proxy, exchange, stopgap):
    one = proxy(exchange(), config="mitigations: {blocked: [M1]}\n")
    admin = Admin(stopgap, one)
    assert admin.states()["M1.1"]["origin"] == "config"
    done = admin("unblock", "M1")
    assert done.returncode == 1 and "mitigations.blocked" in done.stderr


def test_an_id_is_unblocked_by_its_numbers_however_it_was_written(proxy, exchange, stopgap):
    admin = Admin(stopgap, proxy(exchange()))
    assert admin("block", "M01", "--reason", "x").returncode == 0
    assert admin("block", "M1", "--reason", "again").returncode == 0  # replaces it, is no second one
    assert admin("unblock", "m1.0").returncode == 0
    assert admin.state() == "Applied"


def test_a_member_of_a_blocked_family_is_told_which_block_it_is(proxy, exchange, stopgap):
    admin = Admin(stopgap, proxy(exchange(), config="mitigations: {blocked: [M2]}\n"))
    assert admin("block", "M1", "--reason", "x").returncode == 0
    done = admin("unblock", "M1.1")
    assert done.returncode == 1 and "stopgap mitigations unblock M1" in done.stderr and "not blocked" not in done.stderr
    done = admin("unblock", "M2.1")
    assert done.returncode == 1 and "as M2" in done.stderr and "mitigations.blocked" in done.stderr


def test_a_change_says_what_became_of_the_mitigations(proxy, exchange, stopgap):
    admin = Admin(stopgap, proxy(exchange()))
    done = admin("block", "M1", "--reason", "x")
    assert any(line.split()[:3] == ["M1.1", "Blocked", "0/3"] for line in done.stdout.splitlines()), done.stdout
    done = admin("block", "M77", "--reason", "x")
    assert done.returncode == 0 and "no rule here belongs to M77" in done.stderr
    done = admin("disable", "--reason", "x")
    assert done.stdout.startswith("disable: ") and "0 rules are in force" in done.stdout


def test_a_block_in_the_configuration_that_no_rule_belongs_to_is_noted(stopgap, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("upstream: {url: 'http://127.0.0.1:1'}\nlisten: [{url: 'http://127.0.0.1:8080'}]\n"
                    "mitigations: {blocked: [M1, M77]}\n")
    done = stopgap("check", "-c", str(path))
    assert done.returncode == 0 and "'M77'" in done.stderr and "'M1'" not in done.stderr


def test_the_switch_takes_all_rules_away_and_brings_them_back(proxy, exchange, client, stopgap):
    one = proxy(exchange())
    admin = Admin(stopgap, one)
    assert admin("disable", "--reason", "trial").returncode == 0
    assert admin.state() == "Disabled" and admin.enforced() == []
    assert client(one).ask("/phpmyadmin/").status == 200
    assert admin("enable").returncode == 0
    assert client(one).ask("/phpmyadmin/").status == 404


@pytest.mark.parametrize("args, code", [(["block", "M1"], 2), (["block"], 2), (["frob"], 2), ([], 2), (["export"], 2),
                                        (["unblock", "M99"], 1), (["block", "M 1", "--reason", "x"], 2),
                                        (["list", "--csv"], 2), (["unblock", ""], 2)])
def test_a_wrong_call_says_what_is_wrong(proxy, exchange, stopgap, args, code):
    done = Admin(stopgap, proxy(exchange()))(*args)
    assert done.returncode == code and done.stderr.startswith("stopgap")


def test_the_export_has_the_columns_of_get_mitigations(proxy, exchange, stopgap):
    rows = list(csv.DictReader(io.StringIO(Admin(stopgap, proxy(exchange()))("export", "--csv").stdout)))
    assert list(rows[0]) == ["Server", "ID", "Type", "Description", "Status"]
    m2 = [row for row in rows if row["ID"] == "M2.1"][0]
    assert (m2["Type"], m2["Status"]) == ("UrlRewriteOutbound", "Applied")


def test_a_rule_whose_fix_is_installed_is_left_out_and_returns_with_an_old_server(proxy, exchange, client, stopgap):
    upstream = exchange(serve(answer_as(FIXED)))
    one = proxy(upstream, config="mitigations: {settle: 100ms}\n")
    admin = Admin(stopgap, one)
    assert admin.state() == "Applied"
    client(one).ask("/owa/")
    wait_for(lambda: admin.state() == "NotApplicable", "M1.1 to be left out")
    assert RULE not in admin.enforced() and "SG-PUBLISH" in admin.enforced()
    upstream.script = serve(answer_as(OPEN))
    client(one).ask("/owa/")
    wait_for(lambda: admin.state() == "Applied", "M1.1 to come back")
    assert any("2016 CU23" in text for text in one.status()["builds"])


def test_one_fixed_server_says_nothing_about_a_server_that_has_not_shown_its_build(proxy, exchange, client, stopgap):
    fixed, silent = exchange(serve(answer_as(FIXED))), exchange(serve(response()))
    one = proxy(None, "--upstream", fixed.url, "--upstream", silent.url, "--health", "enabled=false",
                config="mitigations: {settle: 100ms}\n")
    admin = Admin(stopgap, one)
    held = [client(one) for _ in range(2)]
    for connection in held:
        connection.ask("/owa/")
    assert fixed.requests and silent.requests
    wait_for(lambda: one.status()["builds"], "the build of the fixed server")
    time.sleep(2.5)  # nothing tells that nothing happened: two looks of the program later
    assert admin.state() == "Applied"
    silent.script = serve(answer_as(FIXED))
    other = [client(one) for _ in range(2)]
    for connection in other:
        connection.ask("/owa/")
    wait_for(lambda: admin.state() == "NotApplicable", "M1.1 to be left out")


@pytest.mark.parametrize("second, state", [(FIXED, "NotApplicable"), (OPEN, "Applied"), (None, "Applied")])
def test_builds_set_by_hand_count_for_each_server_by_itself(proxy, exchange, stopgap, second, state):
    servers = ["{url: '%s', build: %s}" % (exchange().url, FIXED),
               "{url: '%s'%s}" % (exchange().url, ", build: " + second if second else "")]
    one = proxy(None, config="upstream: {servers: [%s]}\nhealth: {enabled: false}\nmitigations: {settle: 100ms}\n"
                % ", ".join(servers))
    assert Admin(stopgap, one).state() == state


def test_an_old_server_gets_its_rules_back_when_the_load_succeeds_again(proxy, exchange, client, stopgap, publisher, tmp_path):
    path = str(tmp_path / "set.sgb")
    publisher.bundle(path, [block_rule(path="/owa/one")], serial=1)
    upstream = exchange(serve(answer_as(FIXED)))
    one = proxy(upstream, "--rules", path, "--trust", publisher.root_path, config="mitigations: {settle: 100ms}\n")
    admin = Admin(stopgap, one)
    client(one).ask("/owa/")
    wait_for(lambda: admin.state() == "NotApplicable", "M1.1 to be left out")
    with open(path, "r+b") as bundle:
        good = bundle.read()
        bundle.seek(0)
        bundle.truncate(100)
    upstream.script = serve(answer_as(OPEN))
    client(one).ask("/owa/")
    wait_for(lambda: one.reloads()[1] == 1, "the load that is refused")
    with open(path, "wb") as bundle:
        bundle.write(good)
    wait_for(lambda: admin.state() == "Applied", "M1.1 to come back without being asked")


@pytest.mark.parametrize("build", ["15.2", "99999.1.1.1", "15.2.2562.45 ", "none"])
def test_a_build_that_cannot_be_read_keeps_protection_on(proxy, exchange, client, stopgap, build):
    one = proxy(exchange(serve(answer_as(FIXED), answer_as(build.strip() + "x"))), config="mitigations: {settle: 100ms}\n")
    connection = client(one)
    connection.ask("/owa/")
    wait_for(lambda: Admin(stopgap, one).state() == "NotApplicable", "M1.1 to be left out")
    connection.ask("/owa/")
    wait_for(lambda: "unreadable" in one.status()["builds"], "the second build")
    wait_for(lambda: Admin(stopgap, one).state() == "Applied", "M1.1 to be applied")


def test_the_build_of_the_configuration_counts_from_the_start(proxy, exchange, stopgap):
    one = proxy(exchange(), config="upstream: {url: 'http://127.0.0.1:1', build: %s}\n" % FIXED)
    assert Admin(stopgap, one).state() == "NotApplicable"
    one = proxy(exchange(), config="upstream: {url: 'http://127.0.0.1:1', build: %s}\n"
                "mitigations: {applicability: off}\n" % FIXED)
    assert Admin(stopgap, one).state() == "Applied"


def test_the_command_is_told_of_each_change_as_json(proxy, exchange, stopgap, tmp_path):
    told, script = tmp_path / "told", tmp_path / "hook"
    script.write_text("#!/bin/sh\ncat >> %s\necho >> %s\nenv > %s.env\n" % (told, told, told))
    script.chmod(0o755)
    one = proxy(exchange(), config="events: {command: [%s, argument]}\n" % script, env={"SECRET_OF_OURS": "1"})
    assert Admin(stopgap, one)("block", "M2", "--reason", "printing").returncode == 0

    def events():
        return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []

    wait_for(lambda: any(e["id"] == 1006 and e["subject"] == "M2.1" for e in events()), "event 1006")
    wait_for(lambda: any(e["id"] == 1020 for e in events()), "event 1020")
    assert "SECRET_OF_OURS" not in (tmp_path / "told.env").read_text()


def test_the_command_has_three_files_open_and_nothing_of_ours(proxy, exchange, stopgap, client, tmp_path):
    open_files, script = tmp_path / "open", tmp_path / "hook"
    script.write_text("#!/bin/sh\nls -l /proc/$$/fd > %s.new && mv %s.new %s\n" % ((open_files,) * 3))
    script.chmod(0o755)
    one = proxy(exchange(), config="events: {command: [%s]}\n" % script)
    assert client(one).ask("/owa/").status == 200  # the connections stay open
    assert Admin(stopgap, one)("block", "M2", "--reason", "r").returncode == 0
    wait_for(open_files.exists, "the hook")
    links = [line.split(" -> ") for line in open_files.read_text().splitlines() if " -> " in line]
    opened = {left.split()[-1]: right for left, right in links}
    assert {"0", "1", "2"} <= set(opened)
    # The shell itself keeps its script, and where its output went before.
    assert {opened[fd] for fd in set(opened) - {"0", "1", "2"}} <= {str(script), "/dev/null"}


def is_alive(pid):
    try:
        return (Path("/proc") / pid / "stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_that_hangs_is_killed_with_its_children_and_the_next_one_runs(proxy, exchange, stopgap, tmp_path):
    pids, script = tmp_path / "pids", tmp_path / "hook"
    script.write_text("#!/bin/sh\nsleep 600 &\necho $$ $! >> %s\nwait\n" % pids)
    script.chmod(0o755)
    one = proxy(exchange(), config="events: {command: [%s]}\n" % script)
    assert Admin(stopgap, one)("block", "M2", "--reason", "r").returncode == 0

    def started():
        return pids.read_text().splitlines() if pids.exists() else []

    wait_for(started, "the first command")
    first = started()[0].split()
    assert all(is_alive(pid) for pid in first)
    one.wait_event("events_command.*signal 9")
    wait_for(lambda: len(started()) == 2, "the second command")
    wait_for(lambda: not any(is_alive(pid) for pid in first), "the end of the first and of its child")
    assert not (Path("/proc") / first[0]).exists()  # no zombie
    assert one.status()["events_lost"] == 1
    second = started()[1].split()
    one.terminate()
    wait_for(lambda: not any(is_alive(pid) for pid in second), "the end of the second with the proxy")


def test_a_file_name_that_is_no_utf_8_does_not_hide_the_event(proxy, exchange, publisher, tmp_path):
    folder, told, script = tmp_path / "rules", tmp_path / "told", tmp_path / "hook"
    folder.mkdir()
    script.write_text("#!/bin/sh\ncat >> %s\necho >> %s\n" % (told, told))
    script.chmod(0o755)
    one = proxy(exchange(), "--trust", publisher.root_path,
                config="rules: {canary: 0s, watch: %s}\nevents: {command: [%s]}\n" % (folder, script))
    with open(bytes(folder) + b"/umlaut-\xe4.sgb", "wb") as bundle:
        bundle.write(b"no bundle")
    one.wait_event("rules_refused")

    def refused():
        lines = told.read_text().splitlines() if told.exists() else []
        return [json.loads(line) for line in lines if '"rules_refused"' in line]

    wait_for(refused, "event 1021")
    assert "umlaut-?.sgb" in refused()[0]["text"]


def test_a_command_that_fails_is_counted_and_stops_nothing(proxy, exchange, stopgap):
    one = proxy(exchange(), config="events: {command: [/bin/false]}\n")
    admin = Admin(stopgap, one)
    assert admin("block", "M1", "--reason", "r").returncode == 0
    wait_for(lambda: one.status()["events_lost"] > 0, "a lost event")
    assert admin("unblock", "M1").returncode == 0


def test_the_state_is_a_metric(proxy, exchange, stopgap):
    one = proxy(exchange())
    assert Admin(stopgap, one)("block", "M1", "--reason", "r").returncode == 0
    assert 'stopgap_mitigation_info{mitigation="M1.1",state="Blocked"} 1' in one.admin("/metrics")[1]


def test_a_block_reload_under_a_signed_set_goes_by_the_id_of_the_rule(proxy, exchange, client, publisher, stopgap, tmp_path):
    path = publisher.bundle(tmp_path / "set.sgb", [block_rule(path="/owa/one")])
    one = proxy(exchange(), "--rules", path, "--trust", publisher.root_path)
    assert client(one).ask("/owa/one").status == 403
    assert Admin(stopgap, one)("block", "TEST-1", "--reason", "r").returncode == 0
    assert client(one).ask("/owa/one").status == 200
