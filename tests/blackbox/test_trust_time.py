"""Dates and clocks: the rules in force stay in force at any time; only the state that is shown changes."""

import calendar
import time

import pytest

from harness.bundles import Publisher
from harness.clock import DAY
from harness.feed_server import FeedServer
from harness.load import Load
from harness.own_feed import OwnFeed, utc
from harness.trust_state import NEW, OLD, Install, kill, marks, name_of, trust
from harness.wait import wait_for


def seconds(date):
    return calendar.timegm(time.strptime(date, "%Y-%m-%d"))


class ShortLived(Publisher):
    """Set, root and keys end one after the other."""

    key_days = "2026-01-01 2033-06-01 2033-12-31"
    root_expires = "2029-01-01T00:00:00Z"
    expires = "2027-06-01T00:00:00Z"


@pytest.fixture
def travelling(proxy, exchange, tmp_path):
    return Install(proxy, exchange, ShortLived(tmp_path), tmp_path)


def is_in(one, state, wanted):
    return trust(one)["state"] == state and set(marks(one)) == set(wanted)


TRIPS = [  # date, state, marks, exit status of `stopgap status`
    ("2026-12-01", "FRESH", [], 0),
    ("2027-11-20", "STALE", [], 1),
    ("2029-11-20", "ABANDONED", ["ROOT_EXPIRED", "TRUST_ENDED"], 1),
    ("2036-11-20", "ABANDONED", ["ROOT_EXPIRED", "TRUST_ENDED"], 1),
]


def test_a_running_program_keeps_its_rules_at_plus_1_3_and_10_years(travelling, client, clock):
    travelling.publish(1, OLD)
    clock.set(seconds(TRIPS[0][0]))
    one = travelling.start(env=clock.env())
    with Load(client, one, OLD, 403), Load(client, one):
        for date, state, wanted, status in TRIPS:
            clock.set(seconds(date))
            wait_for(lambda: is_in(one, state, wanted), lambda: (date, trust(one)))
            assert one.command("reload").returncode == 0  # it would still be accepted
            assert one.command("status").returncode == status
            if state != "FRESH":
                one.wait_event("id=107[23] state=" + state)
    for event in ("1078 state=ROOT_EXPIRED", "1076 state=TRUST_ENDED"):
        one.wait_event("id=" + event)


@pytest.mark.parametrize("date, state, wanted, status", TRIPS[1:], ids=[trip[0] for trip in TRIPS[1:]])
def test_a_start_years_later_has_the_rules_of_then(travelling, client, clock, date, state, wanted, status):
    travelling.publish(1, OLD)
    clock.set(seconds(TRIPS[0][0]))
    travelling.start(env=clock.env()).terminate()
    clock.set(seconds(date))
    one = travelling.start(env=clock.env())
    assert is_in(one, state, wanted), trust(one)
    assert client(one).ask(OLD).status == 403
    assert one.command("status").returncode == status
    travelling.publish(2, NEW)  # signed in time, so it is still taken
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403


def test_a_frozen_feed_is_told_in_stages_and_changes_nothing(proxy, exchange, client, clock, tmp_path):
    """The last pulse is served for ever."""
    feed, server = OwnFeed(tmp_path / "publisher"), FeedServer()
    server.folder = feed.folder
    feed.publish(1)
    config = """\
feed: {urls: ["%s"], names: [exchange-core], ring: early, spread: 0s, every: 300ms, timeout: 20s}
rules: {trust: %s, canary: 0s}
state: %s
""" % (server.base, feed.root, tmp_path / "state")
    one = proxy(exchange(), config=config, env=clock.env())
    wait_for(lambda: client(one).ask("/owa/own-1").status == 403, one.describe)
    assert is_in(one, "FRESH", []) and one.command("status").returncode == 0
    with Load(client, one, "/owa/own-1", 403), Load(client, one):
        for days, state in ((4, "AGING"), (11, "STALE"), (166, "ABANDONED")):
            clock.add(days=days)
            wait_for(lambda: is_in(one, state, []), lambda: (state, trust(one)))
            assert one.command("status").returncode == 1 and "error" not in one.status()["feed"]
            one.wait_event("id=107[123] state=" + state)
        feed.put_pulse(created=utc(181 * DAY))
        wait_for(lambda: is_in(one, "FRESH", []), lambda: trust(one))
        one.wait_event("id=1070 state=FRESH")
    server.close()


@pytest.mark.parametrize("years", [1, 3, 10])
def test_the_verifier_judges_a_bundle_by_when_it_was_signed(travelling, clock, stopgap, years):
    travelling.publish(1, OLD)
    clock.add(days=years * 365)
    done = stopgap("bundle", "verify", "--trust", travelling.publisher.root_path, str(travelling.bundle), env=clock.env())
    assert done.returncode in (0, 1) and done.stdout.startswith("OK "), done


def test_the_end_of_trust_is_announced_in_stages(proxy, exchange, client, clock, tmp_path):
    class Ending(Publisher):
        key_days = "2026-01-01 2033-06-01 2033-12-31"
        root_expires = expires = "2050-01-01T00:00:00Z"

    install = Install(proxy, exchange, Ending(tmp_path), tmp_path)
    install.publish(1, OLD)
    sunset = seconds("2033-06-01")
    clock.set(sunset - 182 * DAY)
    one = install.start(env=clock.env())
    assert trust(one)["stranded_unix"] == sunset and marks(one) == []
    for days in (180, 90, 30, 14, 7, 6, 5):
        clock.set(sunset - days * DAY - 3600)
        one.wait_event(r"id=1077 state=STRANDED_SOON from 2033-06-01 on \(%d days\)" % days)
    shown = one.command("status")
    assert shown.returncode == 1 and "STRANDED_SOON: from 2033-06-01 on" in shown.stdout
    assert len([line for line in one.err.lines if "id=1077" in line]) == 7
    assert one.metrics()["stopgap_trust_stranded_timestamp_seconds"] == sunset
    assert client(one).ask(OLD).status == 403


@pytest.mark.parametrize("date, state", [("1970-01-02", "FRESH"), ("2099-01-01", "ABANDONED")])
def test_a_wrong_clock_is_noticed_and_changes_nothing_else(install, client, clock, date, state):
    install.publish(1, OLD)
    clock.set(seconds(date))
    one = install.start(env=clock.env())
    assert client(one).ask(OLD).status == 403
    assert "CLOCK_SUSPECT" in marks(one) and trust(one)["state"] == state
    one.wait_event("id=1079 state=CLOCK_SUSPECT the clock of this machine says " + date)
    assert one.command("status").returncode == 1
    install.publish(2, NEW)
    assert one.command("reload").returncode == 0
    assert client(one).ask(NEW).status == 403
    clock.set(seconds("2026-12-01"))  # somebody sets it right: nothing of the wrong time is left
    install.publish(3, OLD)
    assert one.command("reload").returncode == 0
    wait_for(lambda: is_in(one, "FRESH", []), lambda: trust(one))
    assert trust(one)["signed_unix"] == seconds("2026-11-01")


def test_run_time_is_counted_over_restarts(install, clock):
    install.publish(1, OLD)
    for _ in range(2):
        one = install.start(env=clock.env())
        clock.add(running_days=3)
        one.terminate()
    one = install.start(env=clock.env())
    assert 6 * DAY <= trust(one)["run_s"] < 7 * DAY


def test_a_set_is_proved_when_the_program_ran_two_minutes_with_it(install, client, clock):
    install.publish(1, OLD)
    one = install.start(env=clock.env())
    assert not name_of(one)["proved"]
    clock.add(running_days=121 / DAY)
    wait_for(lambda: name_of(one)["proved"], lambda: trust(one))
    for _ in range(3):
        kill(one)
        one = install.start(env=clock.env())
    assert client(one).ask(OLD).status == 403
