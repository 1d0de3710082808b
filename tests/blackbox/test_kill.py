"""Killed at any moment of an update, a running program comes back with the old set or the new one, whole.

KILLS is how many updates are made, each with at least one kill; without it there are 60, or as many as a
slow machine makes in a minute and a half."""

import hashlib
import os
import random
import re
import subprocess
import time

import pytest

from harness.bundles import block_rule, write_into_place
from harness.feed_server import FeedServer
from harness.own_feed import OwnFeed
from harness.trust_state import Install, kill
from harness.wait import wait_for

UPDATES = int(os.environ.get("KILLS", "60"))
LONGEST_SECONDS = 90  # without KILLS
LEAST_UPDATES = 9  # however slow


class Way:
    """How sets of one name arrive. Each set blocks one path, which has its serial."""

    def __init__(self, name, feed):
        self.name, self.feed, self.serial = name, feed, 0
        self.window = None  # how long an update takes, in seconds
        self.n_old = self.n_new = 0

    def path(self, serial):
        return "/owa/%s-%d" % (self.name, serial)

    def sign(self):
        self.serial += 1
        return self.feed.bundle(self.serial, [block_rule("KILL-" + self.name.upper(), self.path(self.serial))], name=self.name)

    def start(self, one):
        """What makes the program look, where it does not by itself."""


class ByFeed(Way):
    def put(self, data):
        self.feed.put_bundle(data, self.name, self.serial)
        write_into_place(self.feed.folder / "pulse", self.feed.pulse())


class ByWatch(Way):
    def __init__(self, name, feed, folder):
        super().__init__(name, feed)
        self.file = folder / "set.sgb"

    def put(self, data):
        write_into_place(self.file, data)


class ByVerb(ByWatch):
    def start(self, one):
        self.verb = subprocess.Popen([one.binary, "reload", "--admin", "unix:" + one.admin_path], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)

    def reap(self):
        self.verb.wait(60)


class Site:
    """One installation that gets its rules in three ways."""

    def __init__(self, proxy, restart, client, exchange, folder):
        self.restart, self.client = restart, client
        self.feed = OwnFeed(folder / "publisher")
        self.server = FeedServer()
        self.server.folder = self.feed.folder
        self.state = folder / "state"
        for name in ("watched", "own", "state"):
            (folder / name).mkdir(mode=0o700)
        self.ways = [ByFeed("fed", self.feed), ByWatch("seen", self.feed, folder / "watched"),
                     ByVerb("asked", self.feed, folder / "own")]
        for way in self.ways:
            way.put(way.sign())
        config = """\
rules:
  bundles: [%s]
  watch: %s
  trust: %s
  canary: 0s
feed: {urls: ["%s"], names: [fed], ring: early, spread: 0s, every: 100ms, timeout: 20s}
state: %s
""" % (self.ways[2].file, folder / "watched", self.feed.root, self.server.base, self.state)
        self.one = proxy(exchange, config=config)
        for way in self.ways:
            self.wait_force(way)
        self.prove()

    def status_of(self, path):
        with self.client(self.one) as one:
            return one.ask(path).status

    def wait_force(self, way):
        wait_for(lambda: self.status_of(way.path(way.serial)) == 403, lambda: "%s: %s" % (way.path(way.serial), self.one.describe()))

    def prove(self):
        """As if each set had run for two minutes: it is not to blame for the next kill."""
        wait_for(lambda: self.active() == {way.name: way.serial for way in self.ways}, lambda: (self.active(), self.one.describe()))
        Install.edit_state(self, lambda text: re.sub(r" active \d+\n", " active,proved 0\n", text))

    def active(self):
        """{name: serial} of what the state folder says is in force, after a look at its soundness."""
        data = (self.state / "state").read_bytes()
        body, line = data[:-69], data[-69:]
        assert line == b"sum " + hashlib.sha256(body).hexdigest().encode() + b"\n", data
        sets = [text.split() for text in body.decode().splitlines() if text.startswith("set ")]
        for words in sets:
            kept = (self.state / "store" / (words[6] + ".sgb")).read_bytes()
            assert hashlib.sha256(kept).hexdigest() == words[6]
        return {words[1]: int(words[4]) for words in sets if "active" in words[8]}

    def kill_after(self, seconds):
        """Traffic is answered until then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.status_of("/owa/") == 200
        kill(self.one)

    def kill_during_start(self, seconds):
        self.one = self.restart(self.one)
        time.sleep(seconds)
        kill(self.one)

    def check_old_or_new(self, way):
        """An old set may become the new one between two requests, and never the other way round."""
        assert self.status_of("/owa/") == 200
        old, new = self.status_of(way.path(way.serial - 1)), self.status_of(way.path(way.serial))
        assert (old, new) in ((403, 200), (200, 403), (403, 403)), (way.name, way.serial, old, new, self.one.describe())
        if old == new:
            assert self.status_of(way.path(way.serial - 1)) == 200
        for other in self.ways:
            if other is not way:
                assert self.status_of(other.path(other.serial)) == 403, (other.name, self.one.describe())

    def update(self, way, is_at_start):
        """One update that is cut short, and what must be after it."""
        data = way.sign()
        if is_at_start:
            kill(self.one)
            way.put(data)
            self.kill_during_start(random.random() * self.start_window)
        else:
            way.put(data)
            way.start(self.one)
            self.kill_after(random.random() * way.window)
            self.count(way)
        if isinstance(way, ByVerb) and not is_at_start:
            way.reap()
        assert self.active()[way.name] in (way.serial - 1, way.serial)
        self.one = self.restart(self.one)
        self.one.wait_ready()
        self.check_old_or_new(way)
        self.wait_force(way)
        assert self.status_of(way.path(way.serial - 1)) == 200
        self.prove()
        wait_for(lambda: self.one.command("status").returncode == 0, lambda: self.one.command("status").stdout)
        assert "STATE_LOST" not in self.one.err.text() and "NO_RULES" not in self.one.err.text()

    def count(self, way):
        """The moments follow the speed of the machine, so that half of the kills come before the end."""
        is_new = self.active()[way.name] == way.serial
        way.n_new += is_new
        way.n_old += not is_new
        way.window *= 0.75 if is_new else 1.4

    def measure(self):
        for way in self.ways:
            data = way.sign()
            began = time.monotonic()
            way.put(data)
            way.start(self.one)
            self.wait_force(way)
            way.window = 1.5 * (time.monotonic() - began)
        self.ways[2].reap()
        self.prove()
        kill(self.one)
        began = time.monotonic()
        self.one = self.restart(self.one)
        self.one.wait_ready()
        self.start_window = 1.2 * (time.monotonic() - began)


@pytest.fixture
def site(proxy, restart, client, exchange, tmp_path):
    made = Site(proxy, restart, client, exchange(), tmp_path)
    yield made
    made.server.close()


def test_killed_at_any_moment_of_an_update_the_program_has_the_old_set_or_the_new_one(site):
    site.measure()
    began = time.monotonic()
    n_updates = n_kills = 0
    while n_updates < LEAST_UPDATES or (
            n_updates < UPDATES and ("KILLS" in os.environ or time.monotonic() - began < LONGEST_SECONDS)):
        is_at_start = n_updates % 4 == 3
        site.update(site.ways[n_updates % 3], is_at_start)
        n_updates += 1
        n_kills += 2 if is_at_start else 1
    n_old, n_new = (sum(getattr(way, name) for way in site.ways) for name in ("n_old", "n_new"))
    print("%d updates, %d kills in %.0f s: of those in a running program %d left the old set, %d the new one" %
          (n_updates, n_kills, time.monotonic() - began, n_old, n_new))
    # Else they came too early or too late to show anything.
    assert min(n_old, n_new) >= n_updates // 10
