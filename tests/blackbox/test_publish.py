"""A publisher with stopgap alone: keys, roots, bundles, and the folder that a web server shows."""

import pytest

from harness.feed_server import FeedServer
from harness.own_feed import RULE, stopgap, write_config

class Publisher:
    """Everything in one folder; keys a and b sign roots and rules, p pulses."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for name, algorithm in (("a", "ed25519"), ("b", "ecdsa-p256"), ("p", "ed25519")):
            self.fine("bundle", "keygen", "--alg", algorithm, "--out", self.key(name))
        self.fine("root", "init", folder / "roots", "--key", self.key("a"), "--key", self.key("b"),
                  "--key", "%s:pulse" % self.key("p"), "--yes")
        self.sign_root("a", "b")
        self.root = folder / "roots/0000000001"
        self.www = folder / "www"

    def key(self, name):
        return self.folder / (name + ".key")

    def fine(self, *args):
        done = stopgap(*args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sign_root(self, *keys):
        self.fine("root", "sign", self.folder / "roots", *[word for key in keys for word in ("--key", self.key(key))])

    def bundle(self, serial, rules=("A",), keys=("a", "b"), name="my-rules", **options):
        source = self.folder / ("rules-%d" % serial)
        source.mkdir(exist_ok=True)
        for rule in rules:
            text = rule if ":" in rule else RULE % {"id": "MY-" + rule, "path": "/owa/" + rule.lower()}
            (source / (rule.split(":")[0].lower() + ".yaml")).write_text(text)
        path = self.folder / ("%s-%d.sgb" % (name, serial))
        more = [word for key, value in options.items() for word in ("--" + key.replace("_", "-"), value)]
        self.fine("bundle", "build", source, "--name", name, "--serial", serial, "--root", self.folder / "roots",
                  "--out", path, *more)
        self.fine("bundle", "sign", path, *[word for key in keys for word in ("--key", self.key(key))])
        return path

    def publish(self, *args, key="p"):
        return stopgap("publish", self.www, "--roots", self.folder / "roots", "--pulse-key", self.key(key), *args)

    def add(self, path, *args):
        return self.publish("--add", path, *args)


@pytest.fixture
def publisher(tmp_path):
    return Publisher(tmp_path / "publisher")


@pytest.fixture
def install(publisher, tmp_path):
    server = FeedServer()
    server.folder = publisher.www
    config = write_config(tmp_path / "c.yaml", rules={"trust": str(publisher.root)}, state=str(tmp_path / "state"),
                          feed={"urls": [server.base], "names": ["my-rules"], "ring": "early", "spread": "0s"})

    def fetch():
        return stopgap("feed", "fetch", "-c", config, "--alone")

    fetch.config, fetch.state = config, tmp_path / "state"
    yield fetch
    server.close()


def test_what_is_published_is_what_an_install_takes(publisher, install):
    first = publisher.add(publisher.bundle(1), "--check")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "my-rules 1.1 verified" in install().stdout
    again = publisher.publish()
    assert again.returncode == 0 and "here already" in install().stdout
    second = publisher.add(publisher.bundle(2, ("A", "B")), "--check")
    assert second.returncode == 0 and "1 rules added" in second.stdout
    assert "my-rules 1.2 verified" in install().stdout
    assert len(list((publisher.www / "bundles").iterdir())) == 2  # old files stay


def test_check_verifies_at_later_dates_and_shows_lint_samples_and_changes(publisher):
    shown = publisher.add(publisher.bundle(1), "--check").stdout
    for years in (0, 1, 3, 10):
        assert "+%d years: accepted" % years in shown
    assert "no usual request is stopped" in shown
    assert "1 rules: 0 errors" in shown and "1 must-block and 2 must-pass samples fine" in shown


def test_roots_reach_installs_and_the_second_one_needs_no_roots_option(publisher, install):
    publisher.add(publisher.bundle(1))
    install()
    publisher.fine("bundle", "keygen", "--alg", "ed25519", "--out", publisher.key("c"))
    publisher.fine("root", "rotate", publisher.folder / "roots", "--add", publisher.key("c"), "--yes")
    publisher.sign_root("a", "b", "c")
    assert publisher.publish().returncode == 0
    done = install()
    assert done.returncode == 0 and "version 2" in done.stdout
    done = stopgap("publish", publisher.www, "--pulse-key", publisher.key("p"))
    assert done.returncode == 0 and "under root 2" in done.stdout, done.stderr
    assert (publisher.www / "root/0000000002").read_bytes() == (publisher.folder / "roots/0000000002").read_bytes()


def test_a_withdrawn_bundle_is_offered_no_more(publisher):
    publisher.add(publisher.bundle(1))
    publisher.fine("root", "revoke", publisher.folder / "roots", "--withdraw", "my-rules:1:1", "--yes")
    publisher.sign_root("a", "b")
    done = publisher.publish()
    assert done.returncode == 0 and "not offered any more" in done.stdout and "offer " not in done.stdout
    done = publisher.add(publisher.folder / "my-rules-1.sgb")
    assert done.returncode == 1 and "E_WITHDRAWN" in done.stderr


def test_what_no_install_would_take_is_not_published(publisher):
    publisher.add(publisher.bundle(5))
    cases = [(publisher.bundle(4), "E_ROLLBACK"), (publisher.bundle(6, keys=("p",)), "E_SIG_THRESHOLD")]
    (publisher.folder / "my-rules-5.sgb").unlink()
    cases.append((publisher.bundle(5, ("A", "C")), "E_SERIAL_REUSED"))
    before = (publisher.www / "pulse").read_bytes()
    for path, code in cases:
        done = publisher.add(path)
        assert done.returncode == 1 and code in done.stderr
    assert publisher.publish(key="a").returncode == 1
    assert (publisher.www / "pulse").read_bytes() == before


def test_check_asks_before_many_rules_go_and_before_one_family_signs_alone(publisher):
    assert publisher.add(publisher.bundle(1, ("A", "B", "C")), "--check").returncode == 0
    done = publisher.add(publisher.bundle(2, ("A",)), "--check")
    assert done.returncode == 1 and "E_PUBLISH_REMOVES" in done.stderr and "MY-B" in done.stdout
    assert publisher.add(publisher.folder / "my-rules-2.sgb", "--check", "--yes").returncode == 0
    done = publisher.add(publisher.bundle(3, keys=("a",)), "--check")
    assert done.returncode == 1 and "E_PUBLISH_FAMILY" in done.stderr and "without ed25519" in done.stderr


def test_check_refuses_what_lint_and_samples_refuse(publisher):
    bare = (RULE % {"id": "MY-X", "path": "/owa/x"}).replace("references: [https://example.com/MY-X]", "references: []")
    done = publisher.add(publisher.bundle(1, (bare,)), "--check")
    assert done.returncode == 1 and "E_LINT" in done.stderr and "no_reference" in done.stdout
    assert not (publisher.www / "pulse").exists()


def test_check_refuses_what_stops_usual_requests(publisher):
    wide = (RULE % {"id": "MY-W", "path": "/owa/w"}).replace("{field: path, equals: /owa/w}", "{field: path, regex: '^/owa/'}")
    wide = wide.replace("target: /owa/\n    - target: /owa/other", "target: /ecp/\n    - target: /ews/exchange.asmx")
    done = publisher.add(publisher.bundle(1, (wide,)), "--check")
    assert done.returncode == 1 and "E_SELFTEST" in done.stderr, done.stdout + done.stderr


def test_check_asks_older_engines(publisher, tmp_path, stopgap_bin):
    path = publisher.bundle(1)
    assert publisher.add(path, "--check", "--engine", stopgap_bin).returncode == 0
    old = tmp_path / "old-engine"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = publisher.add(path, "--check", "--engine", old)
    assert done.returncode == 1 and "E_PUBLISH_ENGINE" in done.stderr


def test_another_history_of_roots_is_never_published_over_the_first(publisher, tmp_path):
    publisher.add(publisher.bundle(1))
    other = Publisher(tmp_path / "other")
    other.www = publisher.www
    done = other.publish()
    assert done.returncode == 1 and "E_ROOT_FORK" in done.stderr


def test_a_bundle_travels_from_an_install_to_one_without_a_net(publisher, install, tmp_path):
    publisher.add(publisher.bundle(1))
    publisher.fine("root", "rotate", publisher.folder / "roots", "--yes")
    publisher.sign_root("a", "b")
    publisher.add(publisher.bundle(2))
    assert install().returncode == 0
    done = stopgap("feed", "export", tmp_path / "stick.sgb", "-c", install.config)
    assert done.returncode == 0 and "exported my-rules 1.2" in done.stdout, done.stderr
    far = write_config(tmp_path / "far.yaml", rules={"trust": str(publisher.root)}, state=str(tmp_path / "far"))
    done = stopgap("feed", "import", tmp_path / "stick.sgb", "-c", far)
    assert done.returncode == 0 and "1 -> 2" in done.stdout, done.stderr
    none = stopgap("feed", "export", tmp_path / "x.sgb", "-c", install.config, "--name", "other")
    assert none.returncode == 1 and "E_NAME" in none.stderr
