"""What a publisher takes back goes at once, while the program runs: sets that were withdrawn, and sets on
trial whose keys were revoked. And what shows that a publisher lives: news, never an old file."""

import re

import pytest

from harness.bundles import block_rule
from harness.feed_server import FeedServer
from harness.own_feed import OwnFeed, stopgap, write_config
from harness.trust_state import edit_state
from harness.wait import wait_for


@pytest.fixture
def server(feed):
    made = FeedServer()
    made.folder = feed.folder
    yield made
    made.close()


class Running:
    """A proxy with the feed."""

    def __init__(self, start, exchange, feed, server, folder):
        self.start_proxy, self.exchange, self.publisher, self.server = start, exchange, feed, server
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)

    def start(self, canary="canary: 0s", *options):
        lines = ["feed:", "  urls: [%s]" % self.server.base, "  names: [exchange-core]", "  ring: early", "  spread: 0s",
                 "  every: 300ms", "  timeout: 20s", "rules: {%s, trust: %s}" % (canary, self.publisher.root),
                 "state: %s" % self.state]
        self.proxy = self.start_proxy(self.exchange(), *options, config="\n".join(lines) + "\n")
        return self.proxy

    def has_rule(self, serial):
        return any(rule["id"] == "OWN-%d" % serial for rule in self.proxy.status()["rules"])

    def wait_rule(self, serial, there=True):
        wait_for(lambda: self.has_rule(serial) is there, "rule %d to %s" % (serial, "come" if there else "go"), 60)

    def prove(self):
        """As if the set in force had run for two minutes."""
        edit_state(self.state, lambda text: text.replace(" active 1\n", " active,proved 0\n"))


@pytest.fixture
def running(proxy, exchange, feed, server, tmp_path):
    return Running(proxy, exchange, feed, server, tmp_path)


def withdraw(feed, serial, name="exchange-core"):
    """The next root takes a bundle back; no newer one is on offer."""
    feed.add_root(feed.keys, more=["withdraw %s 1 %d" % (name, serial)])
    feed.offer = [one for one in feed.offer if one[2] != serial]
    feed.put_pulse()


def test_a_withdrawn_set_is_left_while_the_program_runs(running, feed, client):
    one = running.start()
    running.wait_rule(1)
    assert client(one).ask("/owa/own-1").status == 403
    withdraw(feed, 1)
    running.wait_rule(1, there=False)
    assert client(one).ask("/owa/own-1").status == 200
    one.terminate()
    again = running.start()
    assert not running.has_rule(1) and client(again).ask("/owa/own-1").status == 200


def test_the_last_known_good_set_takes_the_place_of_a_withdrawn_one(running, feed, client):
    one = running.start()
    running.wait_rule(1)
    running.prove()
    feed.publish(2)
    running.wait_rule(2)
    assert not running.has_rule(1)
    withdraw(feed, 2)
    running.wait_rule(1)
    assert not running.has_rule(2)
    assert client(one).ask("/owa/own-1").status == 403 and client(one).ask("/owa/own-2").status == 200


def test_a_withdrawn_last_known_good_set_does_not_come_back(running, feed):
    running.start()
    running.wait_rule(1)
    running.prove()
    feed.publish(2)
    running.wait_rule(2)
    feed.offer = []
    feed.add_root(feed.keys, more=["withdraw exchange-core 1 1", "withdraw exchange-core 1 2"])
    feed.put_pulse()
    running.wait_rule(2, there=False)
    assert not running.has_rule(1)


def test_a_configured_file_that_was_withdrawn_is_left_and_said_so(running, feed, tmp_path):
    path = tmp_path / "file.sgb"
    path.write_bytes(feed.bundle(7, name="by-file"))
    one = running.start("canary: 0s", "--rules", path)
    running.wait_rule(7)
    running.wait_rule(1)
    withdraw(feed, 7, "by-file")
    running.wait_rule(7, there=False)
    assert running.has_rule(1)  # of another name
    assert "code=E_WITHDRAWN" in one.wait_event("event=rules_refused")


def test_a_set_on_trial_whose_keys_are_revoked_is_not_promoted(running, feed, client):
    feed.publish(1, urgency="normal")
    one = running.start("canary: 1s, canary_requests: 20")

    def promoted():
        assert client(one).ask("/owa/").status == 200
        return running.has_rule(1)

    wait_for(promoted, lambda: one.describe(), 20)
    n_before = one.status()["new_rules"]["promoted"]
    both = [block_rule("OWN-%d" % serial, "/owa/own-%d" % serial) for serial in (1, 2)]
    feed.publish(2, urgency="normal", rules=both)
    one.wait_event("event=rules_on_trial .*exchange-core@1.2", 60)
    stolen, fresh = feed.keys, [feed.new_key("ed25519"), feed.new_key("ecdsa-p256")]
    feed.add_root(fresh, more=["revoked %s 2026-03-01 stolen" % key.id for key in stolen])
    feed.put_pulse()  # it still names serial 2
    wait_for(lambda: one.status()["feed"]["root"] == 2, "the new root", 60)
    for _ in range(40):
        assert client(one).ask("/owa/").status == 200
    wait_for(lambda: one.status()["new_rules"]["state"] != "on_trial", "the trial to end", 60)
    assert one.status()["new_rules"]["promoted"] == n_before
    assert client(one).ask("/owa/own-2").status == 200
    assert client(one).ask("/owa/own-1").status == 403  # what was in force stays


# ---- what shows that the publisher lives

LONG_AGO = "2026-01-01T00:00:00Z"


class Install:
    def __init__(self, folder, feed, urls=()):
        self.state = folder / "state"
        self.config = write_config(folder / "c.yaml", rules={"trust": str(feed.root)}, state=str(self.state),
                                   feed={"urls": list(urls), "names": ["exchange-core"], "ring": "early", "spread": "0s"})

    def silence(self):
        """As if the last contact was long ago."""
        edit_state(self.state, lambda text: re.sub(r"(?m)^contact \S+", "contact " + LONG_AGO, text))
        assert self.contact() == LONG_AGO

    def contact(self):
        return re.search(r"(?m)^contact (\S+)", (self.state / "state").read_text())[1]


def test_an_old_file_that_is_imported_again_is_no_contact(feed, tmp_path):
    one = Install(tmp_path, feed)
    path = tmp_path / "stick.sgb"
    path.write_bytes(feed.bundle(1))
    stopgap("feed", "import", path, "-c", one.config)  # no program runs that could load it
    assert one.contact() > LONG_AGO
    one.silence()
    stopgap("feed", "import", path, "-c", one.config)
    assert one.contact() == LONG_AGO
    path.write_bytes(feed.bundle(2))
    stopgap("feed", "import", path, "-c", one.config)
    assert one.contact() > LONG_AGO


def test_without_a_pulse_role_another_file_of_the_same_manifest_is_no_contact(server, tmp_path):
    """Anybody can add a signature that does not count, and so give an old bundle a new hash."""
    feed = OwnFeed(tmp_path / "other", has_pulse=False)
    feed.publish(1, created="2026-02-01T00:00:00Z")
    server.folder = feed.folder
    one = Install(tmp_path, feed, [server.base])
    assert stopgap("feed", "fetch", "-c", one.config, "--alone").returncode == 0
    one.silence()
    data = feed.bundle(1, created="2026-02-01T00:00:00Z", change=lambda members: members.update({"sig/" + "0" * 64: b"junk"}))
    feed.put_bundle(data, "exchange-core", 1)
    feed.put_pulse()
    assert "verified" in stopgap("feed", "fetch", "-c", one.config, "--alone").stdout
    assert one.contact() == LONG_AGO
