"""The newest root is beyond its end: what an operator chose for new sets, and that rules stay."""

import calendar
import time

import pytest

from harness.bundles import block_rule, write_into_place
from harness.feed_server import FeedServer
from harness.own_feed import OwnFeed
from harness.trust_state import marks, trust
from harness.wait import wait_for

AFTER = calendar.timegm((2036, 6, 1, 0, 0, 0))  # its end


class Site:
    """A program in 2036 whose publisher has been seen last in 2026, with serial 1 in force."""

    def __init__(self, proxy, exchange, clock, folder):
        self.feed = OwnFeed(folder / "publisher")
        self.watched, self.state = folder / "watched", folder / "state"
        self.watched.mkdir()
        self.start_proxy, self.exchange, self.clock = proxy, exchange, clock

    def put(self, serial, **kwargs):
        write_into_place(self.watched / "set.sgb", self.feed.bundle(serial, **kwargs))

    def start(self, rules, more=""):
        config = "rules: {watch: %s, trust: %s, %s}\nstate: %s\n%s" % (self.watched, self.feed.root, rules, self.state, more)
        self.one = self.start_proxy(self.exchange, config=config, env=self.clock.env())
        wait_for(lambda: "ROOT_EXPIRED" in marks(self.one), lambda: trust(self.one))
        return self.one

    def runs(self, serial):
        return "exchange-core@1.%d" % serial in self.one.ruleset_name().replace("trial:", "") and \
            "trial:exchange-core@1.%d" % serial not in self.one.ruleset_name()


@pytest.fixture
def site(proxy, exchange, clock, tmp_path):
    made = Site(proxy, exchange(), clock, tmp_path)
    made.put(1)
    clock.set(calendar.timegm((2026, 12, 1, 0, 0, 0)))
    config = "rules: {watch: %s, trust: %s, canary: 0s}\nstate: %s\n" % (made.watched, made.feed.root, made.state)
    proxy(made.exchange, config=config, env=clock.env()).terminate()
    clock.set(AFTER)
    return made


def test_new_sets_are_on_trial_for_the_long_time_even_urgent_ones(site, client):
    one = site.start("canary: 1s, canary_critical: 1s, canary_long: 24h, canary_requests: 0")
    site.put(2, urgency="critical")
    one.wait_event("event=rules_on_trial .*exchange-core@1.2")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert client(one).ask("/owa/own-1").status == 403 and client(one).ask("/owa/own-2").status == 200
    state = one.status()["new_rules"]
    assert state["state"] == "on_trial" and state["until_unix"] - state["since_unix"] == 24 * 3600


def test_after_the_long_time_they_act(site, client):
    one = site.start("canary: 24h, canary_critical: 24h, canary_long: 2s, canary_requests: 0")
    site.put(2, urgency="critical")
    one.wait_event("event=rules_promoted .*exchange-core@1.2")
    wait_for(lambda: client(one).ask("/owa/own-2").status == 403, one.describe)


def test_who_holds_takes_nothing_new_until_the_next_root(site, client):
    one = site.start("canary: 0s, root_expired: hold")
    site.put(2)
    assert one.command("reload").returncode == 1 and one.reload_error() == "E_ROOT_EXPIRED"
    assert client(one).ask("/owa/own-1").status == 403 and client(one).ask("/owa/own-2").status == 200
    one.terminate()
    one = site.start("canary: 0s, root_expired: hold")  # what was accepted stays, also after a restart
    assert client(one).ask("/owa/own-1").status == 403 and client(one).ask("/owa/own-2").status == 200
    site.feed.root_expires = "2046-12-31T00:00:00Z"
    site.feed.add_root(site.feed.keys)
    site.put(3)
    assert one.command("reload").returncode == 0
    assert client(one).ask("/owa/own-3").status == 403
    wait_for(lambda: "ROOT_EXPIRED" not in marks(one), lambda: trust(one))


def test_a_feed_is_held_too_and_goes_on_with_the_next_root(site):
    server = FeedServer()
    try:
        server.folder = site.feed.folder
        site.feed.publish(1, name="more", rules=[block_rule("MORE-1", "/owa/more-1")])
        keys = 'feed: {urls: ["%s"], names: [more], ring: early, spread: 0s, every: 300ms, timeout: 20s}\n' % server.base
        one = site.start("canary: 0s, root_expired: hold", keys)
        wait_for(lambda: one.status()["feed"].get("error", {}).get("code") == "E_ROOT_EXPIRED", lambda: one.status()["feed"])
        assert "MORE-1" not in [rule["id"] for rule in one.status()["rules"]]
        site.feed.root_expires = "2046-12-31T00:00:00Z"
        site.feed.add_root(site.feed.keys)
        site.feed.publish(2, name="more", rules=[block_rule("MORE-2", "/owa/more-2")])
        wait_for(lambda: "MORE-2" in [rule["id"] for rule in one.status()["rules"]], lambda: one.status()["feed"])
    finally:
        server.close()
