"""Rules for stale rule sets: when they come, when they go, and where it is said."""

import json
import time

import pytest

from harness.bundles import block_rule
from harness.time_travel import Clock
from harness.wait import wait_for

NOW, SOON, LATER, MUCH_LATER = "2026-12-01 00:00:00", "2026-12-05 00:00:00", "2027-01-15 00:00:00", "2028-06-01 00:00:00"
ON = "rules: {when_stale: 'on'}\n"
OUTSIDE, INSIDE = "203.0.113.9", "10.1.2.3"


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path, NOW)


@pytest.fixture
def start(proxy, exchange, clock):
    def begin(*options, config=ON, **kwargs):
        return proxy(exchange(), "--trusted-proxy", "127.0.0.1", *options, config=config, env=clock.env, **kwargs)
    return begin


def ask(client, one, target, address):
    return client(one).ask(target, fields=["X-Forwarded-For: " + address]).status


def in_force(one):
    return [rule["id"] for rule in one.status()["rules"] if rule["activation"] == "stale"]


def wait_in_force(one, is_there=True):
    wait_for(lambda: bool(in_force(one)) == is_there, "stale rules to be %s" % ("there" if is_there else "gone"))


@pytest.mark.parametrize("target", ["/ecp/", "/powershell"])
def test_who_is_outside_loses_administration_while_the_rules_are_stale(start, client, clock, target):
    one = start()
    assert (ask(client, one, target, OUTSIDE), in_force(one)) == (200, [])
    clock.set(LATER)
    wait_in_force(one)
    assert sorted(in_force(one)) == ["SG-STALE-ECP", "SG-STALE-POWERSHELL"]
    assert (ask(client, one, target, OUTSIDE), ask(client, one, target, INSIDE)) == (403, 200)
    assert ask(client, one, "/owa/", OUTSIDE) == 200
    one.wait_event("level=warn event=stale_rules_on .*id=1023 rules=2 reason=.*52 days old .the program.*stale from 14 days on")
    clock.set(SOON)
    wait_in_force(one, False)
    assert ask(client, one, target, OUTSIDE) == 200
    one.wait_event("event=stale_rules_off .*id=1024")


def test_without_the_word_of_the_operator_nothing_gets_stricter(start, client, clock):
    clock.set(MUCH_LATER)
    one = start(config="{}")
    assert (ask(client, one, "/ecp/", OUTSIDE), in_force(one)) == (200, [])
    stale = one.status()["stale"]
    assert (stale["wanted"], stale["stale"], stale["in_force"], stale["rules"]) == (False, True, False, 2)
    assert "not in force, for rules.when_stale is off: the newest sign of care is 555 days old" in one.command("status").stdout


def test_a_program_that_starts_late_is_strict_within_seconds_and_loads_no_more_than_that(start, clock):
    clock.set(MUCH_LATER)
    one = start()
    wait_in_force(one)
    loads = one.reloads()
    assert loads[1] == 0 and loads[0] == 1
    text = one.command("status").stdout
    assert "STALE RULES   2 in force: the newest sign of care is 555 days old" in text
    assert one.metrics()["stopgap_stale_rules_in_force"] == 1
    assert one.metrics()["stopgap_rules_age_seconds"] > 555 * 86400
    one.command("reload")
    one.wait_metric("stopgap_reloads_total{result=\"ok\"}", 2)
    assert in_force(one) and one.reloads() == (2, 0)


def test_how_long_is_long_is_configured(start, clock):
    one = start(config="rules: {when_stale: 'on', stale_after: 8784h}\n")
    clock.set(LATER)
    wait_for(lambda: "52 days" in one.status()["stale"]["reason"], "the new time to be seen")
    assert one.status()["stale"]["stale"] is False and in_force(one) == []
    clock.set(MUCH_LATER)
    wait_in_force(one)


def test_a_newer_signed_set_is_a_sign_and_the_date_of_a_set_is_one_against(start, clock, publisher, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    publisher.created = "2026-11-30T00:00:00Z"
    publisher.bundle(folder / "a.sgb", [block_rule("TEST-A", "/owa/a")], 1)
    one = start("--trust", publisher.root_path, config="rules: {when_stale: 'on', canary: 0s, watch: %s}\n" % folder)
    assert in_force(one) == []
    clock.set(LATER)
    wait_in_force(one)
    assert "46 days old (the newest signed set)" in one.status()["stale"]["reason"]
    publisher.created = "2027-01-14T12:00:00Z"
    publisher.bundle(folder / "a.sgb", [block_rule("TEST-A", "/owa/b")], 2)
    wait_in_force(one, False)
    publisher.expires = "2027-01-14T18:00:00Z"
    publisher.bundle(folder / "a.sgb", [block_rule("TEST-A", "/owa/c")], 3)
    wait_in_force(one)
    assert "beyond the date that it names itself" in one.status()["stale"]["reason"]


def test_a_load_that_is_refused_is_not_tried_again_and_again(start, clock, publisher, tmp_path):
    path = publisher.bundle(tmp_path / "a.sgb", [block_rule("TEST-A", "/owa/a")])
    one = start("--rules", path, "--trust", publisher.root_path)
    with open(path, "r+b") as bundle:
        bundle.truncate(1000)
    clock.set(MUCH_LATER)
    one.wait_event("event=rules_refused")
    time.sleep(2.5)  # nothing tells that nothing happened: two looks of the program later
    assert one.reloads() == (0, 1) and in_force(one) == []
    assert one.status()["stale"]["stale"] is True


def test_networks_of_harden_stay_open_and_an_option_needs_no_age(start, client, clock):
    clock.set(LATER)
    config = "rules: {when_stale: 'on'}\nharden: {powershell_from: [198.51.100.0/24]}\n"
    one = start(config=config)
    wait_in_force(one)
    assert ask(client, one, "/powershell", "198.51.100.7") == 200
    assert ask(client, one, "/powershell", INSIDE) == 403  # harden says so, stale or not
    assert ask(client, one, "/ecp/", "198.51.100.7") == 403
    two = start("--enable-rule", "SG-STALE-ECP", config="{}")
    assert in_force(two) == ["SG-STALE-ECP"] and ask(client, two, "/ecp/", OUTSIDE) == 403


def test_a_block_at_run_time_takes_them_away(start, client, clock):
    clock.set(LATER)
    one = start()
    wait_in_force(one)
    assert one.command("mitigations", "block", "STALE", "--reason", "on leave").returncode == 0
    assert in_force(one) == [] and ask(client, one, "/ecp/", OUTSIDE) == 200


def test_the_doctor_names_the_age_and_what_it_does(start, stopgap, clock, tmp_path):
    clock.set(LATER)
    one = start()
    wait_in_force(one)
    path = tmp_path / "doctor.yaml"
    path.write_text("listen: [{url: 'http://127.0.0.1:1'}]\nupstream: {url: 'http://127.0.0.1:2'}\nadmin: ['unix:%s']\n" % one.admin_path)

    def found():
        return [f for f in json.loads(stopgap("doctor", "-c", path, "--json").stdout)["findings"] if f["area"] == "age"]

    (finding,) = found()
    assert finding["verdict"] == "warn" and "52 days old" in finding["text"]
    assert "the rules for this case are in force" in finding["text"]
    clock.set(SOON)
    wait_in_force(one, False)
    (finding,) = found()
    assert finding["verdict"] == "ok" and "in force" not in finding["text"]


def test_the_tools_say_when_such_a_rule_is_in_force(stopgap, tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("listen: [{url: 'http://127.0.0.1:1'}]\nupstream: {url: 'http://127.0.0.1:2'}\n" + ON)
    listed = {rule["id"]: rule for rule in json.loads(stopgap("rules", "list", "--json").stdout)}
    assert listed["SG-STALE-ECP"]["activation"] == "stale"
    assert "waits until the rules are stale (rules.stale_after)" in stopgap("rules", "show", "SG-STALE-ECP", "-c", path).stdout
    off = tmp_path / "off.yaml"
    off.write_text(path.read_text().replace("'on'", "'off'"))
    assert "rules.when_stale is off" in stopgap("rules", "show", "SG-STALE-ECP", "-c", off).stdout

    def explained(*options):
        return stopgap("explain", *options, "--client", OUTSIDE, "-", input="GET /ecp/ HTTP/1.1\nHost: mail\n\n")
    fresh = explained("-c", path)
    assert fresh.returncode == 0 and "rules for stale rule sets (rules.when_stale) are left out; --stale" in fresh.stderr
    stale = explained("-c", path, "--stale")
    assert stale.returncode == 1 and "SG-STALE-ECP" in stale.stdout and stale.stderr == ""
    assert explained("-c", off).stderr == ""
