"""The feed of signed bundles without a running proxy: feed test, feed fetch --alone, feed import."""

import pytest

from harness.bundles import block_rule
from harness.certs import Authority
from harness.feed_server import FeedServer
from harness.own_feed import DAYS, OwnFeed, stopgap, utc, write_config


@pytest.fixture
def servers():
    made = []

    def start(folder, leaf=None):
        made.append(FeedServer(leaf))
        made[-1].folder = folder
        return made[-1]

    yield start
    for one in made:
        one.close()


class Install:
    """A configuration and a state folder."""

    def __init__(self, folder, feed, urls, **more):
        self.state = folder / "state"
        self.path = write_config(folder / "c.yaml", rules={"trust": str(feed.root)}, state=str(self.state),
                                 feed={"urls": list(urls), "names": ["exchange-core"], "ring": "early", "spread": "0s",
                                       "timeout": "5s", **more})

    def test(self):
        return stopgap("feed", "test", "-c", self.path)

    def fetch(self):
        return stopgap("feed", "fetch", "-c", self.path, "--alone")

    def import_(self, path):
        return stopgap("feed", "import", path, "-c", self.path)

    def state_text(self):
        return (self.state / "state").read_text()

    def has(self, serial):
        return "set exchange-core production 1 %d " % serial in self.state_text()


@pytest.fixture
def install(tmp_path, feed, servers):
    def make(*folders, **more):
        return Install(tmp_path, feed, [servers(folder or feed.folder).base for folder in folders or [None]], **more)

    return make


def steps(done):
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_feed_test_prints_each_step_and_writes_nothing(install):
    one = install()
    done = one.test()
    assert done.returncode == 0, done.stderr
    assert steps(done) == ["trust", "mirror", "fetch", "pulse", "fetch", "bundle", "rules"]
    assert "nothing is kept" in done.stdout and not one.state.exists()


def test_feed_test_says_what_the_loader_would_say(install, feed):
    broken = block_rule("OWN-2", "/owa/own-2").replace(b"equals: /owa/own-2", b"regex: '(a'")
    feed.publish(2, rules=[broken])
    done = install().test()
    assert done.returncode == 1 and "E_COMPILE" in done.stderr


def test_a_bundle_is_kept_once_and_a_newer_one_replaces_it(install, feed):
    one = install()
    assert "exchange-core 1.1 verified" in one.fetch().stdout and one.has(1)
    assert "here already" in one.fetch().stdout
    feed.publish(2)
    assert "exchange-core 1.2 verified" in one.fetch().stdout and one.has(2)
    assert "pulse-time" in one.state_text()


def test_what_was_rolled_back_is_told_apart(install, feed):
    one = install()
    feed.publish(2)
    one.fetch()
    feed.put_pulse(created=utc(-3600))
    done = one.fetch()
    assert done.returncode == 1 and "E_PULSE_ROLLBACK" in done.stderr
    feed.publish(1)  # a pulse of today that offers what is older
    done = one.fetch()
    assert done.returncode == 0 and "older than what was seen here" in done.stdout and one.has(2)


def test_a_reused_serial_is_refused(install, feed):
    one = install()
    one.fetch()
    feed.publish(1, created=utc(-20 * DAYS))
    done = one.fetch()
    assert done.returncode == 1 and "E_SERIAL_REUSED" in done.stderr


def test_a_stolen_pulse_key_can_only_lie_about_what_is_new(install, feed):
    one = install()
    data = feed.bundle(9, signers=[feed.pulse_key])
    feed.put_bundle(data, "exchange-core", 9)
    feed.put_pulse(created=utc(20 * DAYS))
    done = one.fetch()
    assert done.returncode == 1 and "E_SIG_THRESHOLD" in done.stderr and not one.state_text().count("set ")
    feed.publish(2)  # the true publisher is not shut out by the day that the thief wrote
    assert one.fetch().returncode == 0 and one.has(2)


def test_a_pulse_by_the_rules_key_is_no_pulse(install, feed):
    feed.put_pulse(key=feed.keys[0])
    done = install().fetch()
    assert done.returncode == 1 and "E_PULSE_SIG" in done.stderr


def test_twenty_rotations_are_followed_from_the_feed_and_the_feed_moves(install, feed, servers):
    one = install()
    home = servers(feed.folder)
    for _ in range(20):
        feed.add_root([feed.new_key("ed25519"), feed.new_key("ecdsa-p256")], pulse_key=feed.new_key("ed25519"),
                      more=["mirror " + home.base])
    feed.publish(5)
    done = one.fetch()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nroot ") == 20 and one.has(5)
    # Where the first host is gone, the one in the root is asked.
    config = one.path.read_text().replace(one.path.read_text().split('"urls": ["')[1].split('"')[0], "http://127.0.0.1:9/")
    one.path.write_text(config)
    feed.publish(6)
    assert one.fetch().returncode == 0 and one.has(6)


def test_twenty_rotations_are_followed_from_one_file(install, feed, tmp_path):
    one = install()
    for _ in range(20):
        feed.add_root([feed.new_key("ed25519"), feed.new_key("ecdsa-p256")])
    path = tmp_path / "stick.sgb"
    path.write_bytes(feed.bundle(7))
    done = one.import_(path)
    assert done.returncode == 0, done.stderr
    assert "1 -> 21" in done.stdout and one.has(7) and " import candidate" in one.state_text()


def test_a_root_that_one_mirror_lacks_is_taken_from_another(install, feed, tmp_path):
    feed.add_root([feed.new_key("ed25519")])
    feed.add_root([feed.new_key("ed25519")])
    feed.publish(3)
    half = tmp_path / "half"
    (half / "root").mkdir(parents=True)
    (half / "pulse").write_bytes((feed.folder / "pulse").read_bytes())
    (half / "root/0000000002.tar").write_bytes((feed.folder / "root/0000000002.tar").read_bytes())
    one = install(half, None)
    done = one.fetch()
    assert done.returncode == 0, done.stderr
    assert one.has(3)


def test_roots_that_do_not_follow_are_refused(install, feed):
    feed.add_root([feed.new_key("ed25519")], signers=[])
    feed.publish(3)
    done = install().fetch()
    assert done.returncode == 1 and "E_ROOT_OLD_THRESHOLD" in done.stderr


def test_an_engine_takes_the_lane_that_it_understands(install, feed):
    feed.put_bundle(feed.bundle(8, engine="99.0.0"), "exchange-core", 8, lane="1.0")
    feed.publish(7, lane="0.9")
    one = install()
    done = one.fetch()
    assert done.returncode == 0 and "the lane below" in done.stdout and one.has(7)


def test_when_every_lane_is_too_new_the_program_is_to_be_upgraded(install, feed):
    feed.offer = []
    feed.publish(8, lane="99.0")
    done = install().fetch()
    assert done.returncode == 1 and "E_ENGINE_TOO_OLD" in done.stderr and "upgrade" in done.stderr


def test_careful_installs_wait_for_their_ring_and_then_for_their_turn(install, feed):
    careful = install(ring="stable", spread="4h")
    assert careful.fetch().returncode == 0 and careful.has(1)  # who has nothing waits for nothing
    feed.publish(2, created=utc(-60), stable_after=utc(3600))
    done = careful.fetch()
    assert done.returncode == 0 and "waits for its turn" in done.stdout and careful.has(1)
    feed.publish(3, created=utc(-60), stable_after=utc(-60), urgency="critical")
    assert careful.fetch().returncode == 0 and careful.has(3)


def test_an_import_takes_only_subscribed_names_but_follows_the_roots(install, feed, tmp_path):
    feed.add_root([feed.new_key("ed25519")])
    path = tmp_path / "other.sgb"
    path.write_bytes(feed.bundle(1, name="something-else"))
    one = install()
    done = one.import_(path)
    assert done.returncode == 1 and "E_NAME" in done.stderr and "1 -> 2" in done.stdout
    assert "root 2 " in one.state_text() and "set " not in one.state_text()


def test_without_a_pulse_role_the_pulse_is_a_hint(tmp_path, servers):
    feed = OwnFeed(tmp_path / "publisher", has_pulse=False)
    feed.publish(1)
    one = Install(tmp_path, feed, [servers(feed.folder).base])
    done = one.fetch()
    assert done.returncode == 0 and "a hint" in done.stdout and one.has(1) and "pulse-time" not in one.state_text()


@pytest.fixture
def tls_install(tmp_path, feed, servers):
    def make(leaf, authority, plain=False, **more):
        urls = [servers(feed.folder, leaf).base] + ([servers(feed.folder).base] if plain else [])
        return Install(tmp_path, feed, urls, ca=str(authority.cert), **more)

    return make


def test_a_company_ca_that_the_configuration_names_is_enough(tls_install, authority):
    assert tls_install(authority.leaf(), authority).fetch().returncode == 0


def test_a_mirror_nobody_vouches_for_ends_in_its_code(tls_install, authority, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    done = tls_install(stranger.leaf(), authority).fetch()
    assert done.returncode == 3 and "E_FETCH_TLS" in done.stderr and "firewall" in done.stderr


def test_without_any_usable_tls_a_plain_mirror_serves_and_says_so(tls_install, authority, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    one = tls_install(stranger.leaf(), authority, plain=True)
    done = one.test()
    assert done.returncode == 0 and "E_FETCH_TLS" in done.stdout and "DEGRADED" in done.stdout
    assert one.fetch().returncode == 0 and one.has(1)
    refused = tls_install(stranger.leaf(), authority, plain=True, allow_http=False).test()
    assert refused.returncode == 3 and "E_FETCH_TLS" in refused.stderr


def test_the_verbs_say_what_they_lack(tmp_path, feed):
    assert stopgap("feed").returncode == 2
    assert stopgap("feed", "--help").returncode == 0
    for verb in ("test", "fetch", "import"):
        assert "Exit status" in stopgap("feed", verb, "--help").stdout
    assert stopgap("feed", "fetch", "--alone").returncode == 2
    assert stopgap("feed", "import", "x.sgb").returncode == 2
    path = write_config(tmp_path / "c.yaml", feed={"urls": ["ftp://x"], "names": ["../x"]})
    done = stopgap("check", "-c", path)
    assert done.returncode == 1 and "ftp://x" in done.stderr and "../x" in done.stderr
    path = write_config(tmp_path / "c.yaml", feed={"urls": ["http://x/"], "allow_http": False})
    done = stopgap("check", "-c", path)
    assert "feed.names" in done.stderr and "state" in done.stderr and "allow_http" in done.stderr
