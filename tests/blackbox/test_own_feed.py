"""The feed of signed bundles in a running proxy: what comes is in force, and nothing that a web server
does stops traffic or takes rules away."""

import gzip
import json

import pytest

from harness.bundles import block_rule
from harness.certs import Authority
from harness.feed_server import FeedServer
from harness.load import Load
from harness.own_feed import stopgap, utc
from harness.wait import wait_for


@pytest.fixture
def servers(feed):
    made = []

    def start(leaf=None, folder=None):
        made.append(FeedServer(leaf))
        made[-1].folder = folder or feed.folder
        return made[-1]

    yield start
    for one in made:
        one.close()


class Fed:
    """A proxy with the feed, and the words to ask about it."""

    def __init__(self, start, exchange, feed, folder):
        self.start_proxy, self.exchange, self.publisher = start, exchange, feed
        self.state = folder / "state"
        self.state.mkdir(mode=0o700, exist_ok=True)

    def start(self, *servers, **more):
        keys = {"names": "[exchange-core]", "ring": "early", "spread": "0s", "every": "300ms", "timeout": "3s", **more}
        lines = ["feed:", "  urls: [%s]" % ", ".join(server.base for server in servers)]
        lines += ["  %s: %s" % pair for pair in keys.items()]
        lines += ["rules:", "  canary: 0s", "  trust: %s" % self.publisher.root, "state: %s" % self.state]
        self.proxy = self.start_proxy(self.exchange(), config="\n".join(lines) + "\n")
        return self.proxy

    def feed(self):
        return self.proxy.status()["feed"]

    def has_rule(self, serial):
        return any(rule["id"] == "OWN-%d" % serial for rule in self.proxy.status()["rules"])

    def import_(self, path):
        config = self.proxy.argv[self.proxy.argv.index("-c") + 1]
        return stopgap("feed", "import", path, "-c", config, "--admin", "unix:" + self.proxy.admin_path)

    def wait_rule(self, serial):
        wait_for(lambda: self.has_rule(serial), "bundle %d to be in force" % serial)

    def wait_error(self, code):
        wait_for(lambda: self.feed().get("error", {}).get("code") == code, "the feed to fail with " + code)

    def wait_fine(self):
        wait_for(lambda: "error" not in self.feed(), "the feed to recover")

    def wait_visits(self, n):
        def count():
            return self.feed()["good"] + self.feed()["failed"]
        target = count() + n
        wait_for(lambda: count() >= target, "%d visits" % n)


def doctor(one, folder):
    """What `stopgap doctor` says of feed and trust, by verdict."""
    config = folder / "doctor.yaml"
    config.write_text("listen: [{url: 'http://127.0.0.1:%d'}]\nupstream: {url: 'http://127.0.0.1:9'}\n"
                      "admin: ['unix:%s']\n" % (one.port, one.admin_path))
    done = stopgap("doctor", "-c", config, "--json")
    found = {"ok": [], "note": [], "warn": [], "BAD": []}
    assert done.stdout, done.stderr
    for finding in json.loads(done.stdout)["findings"]:
        if finding["area"] in ("feed", "trust"):
            found[finding["verdict"]].append(finding["text"])
    return found


@pytest.fixture
def fed(proxy, exchange, feed, tmp_path):
    return Fed(proxy, exchange, feed, tmp_path)


@pytest.fixture
def load(client):
    return lambda proxy: Load(client, proxy)


def test_a_bundle_of_the_feed_is_in_force_without_anybody_doing_anything(fed, servers, client):
    one = fed.start(servers())
    fed.wait_rule(1)
    assert client(one).ask("/owa/own-1").status == 403 and client(one).ask("/owa/").status == 200
    assert "serial=1" in one.wait_event("feed_bundle")
    bundle = fed.feed()["bundles"][0]
    assert (bundle["name"], bundle["serial"]) == ("exchange-core", 1)
    assert one.metrics()["stopgap_feed_pulse_timestamp_seconds"] > 1.7e9


def test_a_newer_bundle_replaces_the_older_under_load(fed, feed, servers, client, load):
    one = fed.start(servers())
    fed.wait_rule(1)
    with load(one):
        feed.publish(2)
        fed.wait_rule(2)
    assert not fed.has_rule(1)
    assert client(one).ask("/owa/own-1").status == 200 and client(one).ask("/owa/own-2").status == 403


def test_rules_of_the_feed_survive_a_restart_without_it(fed, servers):
    server = servers()
    fed.start(server)
    fed.wait_rule(1)
    fed.proxy.terminate()
    server.close()
    fed.start(server)
    assert fed.has_rule(1)
    fed.wait_error("E_FETCH_CONNECT")
    assert fed.has_rule(1)
    fed.proxy.wait_event("feed_failed")


def test_an_unchanged_pulse_is_not_sent_again_and_is_verified_again(fed, feed, servers):
    server = servers()
    fed.start(server)
    fed.wait_rule(1)
    before = fed.feed()["good"]
    wait_for(lambda: any("If-None-Match" in seen for seen in server.seen), "a conditional request")
    wait_for(lambda: fed.feed()["good"] >= before + 2, "visits that end well")
    assert "error" not in fed.feed()


def test_unchanged_is_no_contact_when_the_pulse_counts_no_more(fed, feed, servers, tmp_path):
    server = servers()
    one = fed.start(server)
    fed.wait_rule(1)
    server.behave = lambda handler: handler.answer(304 if "If-None-Match" in handler.headers else 404)
    fed.wait_visits(2)
    assert "error" not in fed.feed()
    feed.add_root(feed.keys, pulse_key=feed.new_key("ed25519"), more=["revoked %s 2026-03-01 stolen" % feed.pulse_key.id])
    path = tmp_path / "stick.sgb"
    path.write_bytes(feed.bundle(2))
    assert fed.import_(path).returncode == 0
    one.wait_event("feed_failed.*E_PULSE_SIG")
    server.behave = None
    feed.publish(3)
    fed.wait_rule(3)


# How a web server fails, and the code that says so. Each is asked for the pulse.
def other_pulse(make):
    return lambda feed, handler: handler.answer(200, make(feed))


def moved(feed, handler):
    handler.answer(302, Location="https://elsewhere.example/pulse")


def truncated(feed, handler):
    body = feed.pulse()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[:700])


def stalled(feed, handler):
    truncated(feed, handler)
    handler.wfile.flush()
    handler.stall()


FAILURES = {
    "slow": (lambda feed, handler: handler.drip(b"x", 0.2, 1000), "E_FETCH_TIMEOUT"),
    "endless": (lambda feed, handler: handler.drip(b"x" * 65536, 0, 100000), "E_FETCH_SIZE"),
    "endless head": (lambda feed, handler: handler.answer(200, b"", **{"X_Fill_%d" % i: "x" * 4000 for i in range(20)}),
                     "E_FETCH_SIZE"),
    "truncated": (truncated, "E_FETCH_CONNECT"),
    "cut short with a length": (other_pulse(lambda feed: feed.pulse()[:1024]), "E_PULSE_SYNTAX"),
    "a page": (lambda feed, handler: handler.answer(200, b"<html>sign in</html>", Content_Type="text/html"), "E_PULSE_SYNTAX"),
    "empty": (other_pulse(lambda feed: b""), "E_PULSE_SYNTAX"),
    "a bundle": (other_pulse(lambda feed: feed.bundle(1)), "E_PULSE_SYNTAX"),
    "moved": (moved, "E_FETCH_HTTP"),
    "missing": (lambda feed, handler: handler.answer(404, b"gone"), "E_FETCH_HTTP"),
    "busy": (lambda feed, handler: handler.answer(500, Retry_After="1"), "E_FETCH_HTTP"),
    "silent": (lambda feed, handler: handler.stall(), "E_FETCH_TIMEOUT"),
    "stalls in the middle": (stalled, "E_FETCH_TIMEOUT"),
    "hangs up": (lambda feed, handler: handler.connection.close(), "E_FETCH_CONNECT"),
    "rolled back": (other_pulse(lambda feed: feed.pulse(created=utc(-3600))), "E_PULSE_ROLLBACK"),
    "forged": (other_pulse(lambda feed: feed.pulse(key=feed.keys[1])), "E_PULSE_SIG"),
    "compressed": (lambda feed, handler: handler.answer(200, gzip.compress(b"\0" * (32 << 20)), Content_Encoding="gzip"),
                   "E_PULSE_SYNTAX"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_feed_that_fails_ends_in_its_code_and_traffic_and_rules_go_on(fed, feed, servers, load, name):
    server = servers()
    one = fed.start(server)
    fed.wait_rule(1)
    behave, code = FAILURES[name]
    with load(one):
        server.behave = lambda handler: behave(feed, handler)
        fed.wait_error(code)
    assert fed.has_rule(1)
    server.behave = None
    fed.wait_fine()


# The same for the bundle that a good pulse names.
BUNDLE_FAILURES = {
    "slow": (lambda feed, handler: handler.drip(b"x", 0.2, 1000), "E_FETCH_TIMEOUT"),
    "endless": (lambda feed, handler: handler.drip(b"x" * 65536, 0, 100000), "E_FETCH_SIZE"),
    "another one": (other_pulse(lambda feed: feed.bundle(1)), "E_HASH"),
    "a byte changed": (None, "E_HASH"),
    "missing": (lambda feed, handler: handler.answer(404, b"gone"), "E_FETCH_HTTP"),
}


@pytest.mark.parametrize("name", BUNDLE_FAILURES)
def test_a_bundle_that_does_not_come_ends_in_its_code_and_the_old_one_stays(fed, feed, servers, load, name):
    server = servers()
    one = fed.start(server)
    fed.wait_rule(1)
    behave, code = BUNDLE_FAILURES[name]

    def on_bundle(handler):
        if "/bundles/" not in handler.path:
            handler.answer_file()
        elif behave:
            behave(feed, handler)
        else:
            data = bytearray((feed.folder / handler.path[len("/feed/"):]).read_bytes())
            data[2000] ^= 1
            handler.answer(200, bytes(data))

    with load(one):
        server.behave = on_bundle
        feed.publish(2)
        fed.wait_error(code)
    assert fed.has_rule(1) and not fed.has_rule(2)
    server.behave = None
    fed.wait_rule(2)


def test_a_server_that_asks_for_a_pause_gets_it(fed, feed, servers):
    server = servers()
    one = fed.start(server)
    fed.wait_rule(1)
    server.behave = lambda handler: handler.answer(503, Retry_After="7200")
    line = one.wait_event("feed_failed")
    pause = int(line.split("again_in_s=")[1].split()[0])
    assert 5700 <= pause <= 8700  # 20 % less or more


def test_a_feed_is_reached_through_a_proxy(fed, feed, servers):
    gate = servers()
    gate.behave = lambda handler: (setattr(handler, "path", handler.path.replace("http://rules.example.test", "")),
                                   handler.answer_file())
    far = type("Far", (), {"base": "http://rules.example.test/feed/"})
    fed.start(far, proxy=gate.base)
    fed.wait_rule(1)
    assert "http://rules.example.test/feed/pulse" in gate.paths


def test_a_bad_mirror_is_skipped_and_the_other_one_serves(fed, feed, servers, tmp_path):
    bad, good = servers(), servers()
    bad.behave = lambda handler: handler.answer(200, b"junk")
    fed.start(bad, good)
    fed.wait_rule(1)
    mirrors = {mirror["url"]: mirror for mirror in fed.feed()["mirrors"]}
    assert mirrors[bad.base]["error"]["code"] == "E_PULSE_SYNTAX" and "error" not in mirrors[good.base]
    fed.proxy.wait_event("feed_mirror")
    asked = len(bad.paths)
    fed.wait_visits(5)
    assert len(bad.paths) == asked  # for an hour
    metric = fed.proxy.metrics()
    assert metric['stopgap_feed_mirror_usable{mirror="%s"}' % bad.base] == 0


def test_a_frozen_mirror_shows_by_the_others(fed, feed, servers, tmp_path):
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    (frozen / "pulse").write_bytes(feed.pulse(created=utc(-3 * 86400)))
    stuck, good = servers(folder=frozen), servers()
    fed.start(stuck, good)
    fed.wait_rule(1)
    mirrors = {mirror["url"]: mirror for mirror in fed.feed()["mirrors"]}
    assert mirrors[stuck.base]["frozen"] and not mirrors[good.base]["frozen"]
    fed.proxy.wait_event("feed_mirror")


def test_a_pulse_that_stays_the_same_is_no_failure_and_shows_its_age(fed, feed, servers):
    feed.put_pulse(created=utc(-5 * 86400))
    fed.start(servers())
    fed.wait_rule(1)
    fed.wait_visits(3)
    assert "error" not in fed.feed()
    assert fed.proxy.status()["feed"]["pulse_unix"] < fed.proxy.status()["feed"]["contact_unix"] - 4 * 86400


def test_the_age_of_the_pulse_is_the_standing_of_the_trust(fed, feed, servers):
    feed.put_pulse(created=utc(-20 * 86400))
    one = fed.start(servers())
    fed.wait_rule(1)
    wait_for(lambda: "STALE" in stopgap("status", "--admin", "unix:" + one.admin_path).stdout, "the trust to be stale")
    feed.put_pulse()
    wait_for(lambda: "STALE" not in stopgap("status", "--admin", "unix:" + one.admin_path).stdout, "the trust to be fresh")
    assert fed.has_rule(1)


def test_a_bundle_that_does_not_compile_is_refused_once_and_the_old_one_stays(fed, feed, servers, load):
    server = servers()
    one = fed.start(server)
    fed.wait_rule(1)
    broken = block_rule("OWN-2", "/owa/own-2").replace(b"equals: /owa/own-2", b"regex: '(a'")
    with load(one):
        feed.publish(2, rules=[broken])
        fed.wait_error("E_FEED_LOAD")
        wait_for(lambda: fed.feed()["bundles"][0]["state"] == "failed", "the bundle to be given up")
    assert fed.has_rule(1)
    asked = sum("/bundles/" in path for path in server.paths)
    fed.wait_visits(3)
    assert sum("/bundles/" in path for path in server.paths) == asked  # it is not fetched again
    assert one.reload_error()
    feed.publish(3)
    fed.wait_rule(3)
    fed.wait_fine()


def test_an_import_that_does_not_compile_is_given_up_too(fed, feed, servers, tmp_path):
    one = fed.start(servers(), every="24h")
    fed.wait_rule(1)
    path = tmp_path / "stick.sgb"
    path.write_bytes(feed.bundle(2, rules=[block_rule("OWN-2", "/owa/own-2").replace(b"equals: /owa/own-2", b"regex: '(a'")]))
    done = fed.import_(path)
    assert done.returncode == 1 and "E_COMPILE" in done.stderr and fed.has_rule(1)
    again = stopgap("reload", "--admin", "unix:" + one.admin_path)
    assert again.returncode == 0 and fed.has_rule(1)  # it does not stand in the way of other loads
    one.terminate()
    fed.start(servers(), every="24h")
    assert fed.has_rule(1)


TLS = {
    "a stranger's certificate": lambda authority, folder: Authority(folder / "stranger").leaf(),
    "another name": lambda authority, folder: authority.leaf(name="elsewhere.example.test", address=None),
    "expired": lambda authority, folder: authority.leaf(name="old.example.test", days=-1, is_new=True),
}


@pytest.mark.parametrize("name", TLS)
def test_broken_tls_ends_in_its_code_and_a_plain_mirror_helps_with_an_alarm(fed, servers, authority, tmp_path, load, name):
    broken = servers(TLS[name](authority, tmp_path))
    one = fed.start(broken, ca=authority.cert)
    with load(one):
        fed.wait_error("E_FETCH_TLS")
    one.terminate()
    one = fed.start(broken, servers(), ca=authority.cert)
    fed.wait_rule(1)
    assert fed.feed()["tls_degraded"] and "error" not in fed.feed()
    one.wait_event("feed_tls_degraded")
    assert one.metrics()["stopgap_feed_tls_degraded"] == 1
    shown = stopgap("status", "--admin", "unix:" + one.admin_path)
    assert "FEED_TLS_DEGRADED" in shown.stdout and shown.returncode == 1
    found = doctor(one, fed.state)
    assert any("FEED_TLS_DEGRADED" in text for text in found["warn"])
    assert any("E_FETCH_TLS" in text and "mirror https" in text for text in found["note"])
    one.terminate()
    fed.start(broken, servers(), ca=authority.cert, allow_http="false")
    fed.wait_error("E_FETCH_TLS")


def test_a_company_ca_works(fed, servers, authority):
    fed.start(servers(authority.leaf()), ca=authority.cert)
    fed.wait_rule(1)
    assert not fed.feed()["tls_degraded"]


def test_careful_installs_wait_and_say_so(fed, feed, servers):
    one = fed.start(servers(), ring="stable", spread="4h")
    fed.wait_rule(1)
    feed.publish(2, created=utc(-60), stable_after=utc(3600))
    wait_for(lambda: fed.feed()["bundles"][0]["state"] == "waiting", "bundle 2 to wait")
    assert fed.feed()["bundles"][0]["due_unix"] > 0 and fed.has_rule(1)
    one.wait_event("feed_waits")
    assert one.metrics()["stopgap_feed_bundles_waiting"] == 1


def test_feed_fetch_makes_a_visit_now(fed, feed, servers):
    one = fed.start(servers(), every="24h")
    fed.wait_rule(1)
    url = "unix:" + one.admin_path
    assert "nothing newer" in stopgap("feed", "fetch", "--admin", url).stdout
    feed.publish(2)
    done = stopgap("feed", "fetch", "--admin", url)
    assert done.returncode == 0 and "exchange-core@1.2" in done.stdout and fed.has_rule(2)
    feed.put_pulse(created=utc(-3600))
    done = stopgap("feed", "fetch", "--admin", url)
    assert done.returncode == 1 and "E_PULSE_ROLLBACK" in done.stderr


def test_feed_fetch_without_a_feed_says_so(proxy, exchange):
    one = proxy(exchange())
    done = stopgap("feed", "fetch", "--admin", "unix:" + one.admin_path)
    assert done.returncode == 1 and "no feed is configured" in done.stderr


def test_an_import_is_in_force_at_once(fed, feed, servers, tmp_path):
    fed.start(servers(), every="24h")
    fed.wait_rule(1)
    for _ in range(3):
        feed.add_root([feed.new_key("ed25519")])
    path = tmp_path / "stick.sgb"
    path.write_bytes(feed.bundle(9))
    done = fed.import_(path)
    assert done.returncode == 0, done.stderr
    assert "1 -> 4" in done.stdout and fed.has_rule(9)


def test_the_doctor_says_how_the_feed_does_and_what_it_brought(fed, feed, servers):
    one = fed.start(servers())
    fed.wait_rule(1)
    found = doctor(one, fed.state)
    assert any("signed rules: last verified answer 0 hours ago, its pulse was made 0 hours ago" in text for text in found["ok"])
    assert any(text.startswith("FRESH: ") for text in found["ok"]) and not found["BAD"] and not found["warn"]
    feed.publish(2, urgency="normal")  # takes the only rule away
    fed.wait_error("E_FEED_LOAD")
    fed.wait_error("E_REMOVES")  # the next visit finds it held
    found = doctor(one, fed.state)
    assert any("exchange-core 2 is not taken: E_REMOVES" in text for text in found["warn"])
    assert any(text.startswith("BEHIND: ") for text in found["warn"])
    assert any(text.startswith("signed rules:") and "the last visit failed" in text for text in found["warn"])
    assert fed.has_rule(1)
    done = stopgap("rules", "approve", "exchange-core", "2", "--reason", "asked", "--admin", "unix:" + one.admin_path)
    assert done.returncode == 0, done.stderr
    fed.wait_rule(2)
    fed.wait_fine()


def test_a_name_from_a_file_and_from_the_feed_is_told_by_check(feed, tmp_path):
    path = tmp_path / "own.sgb"
    path.write_bytes(feed.bundle(1))
    config = tmp_path / "twice.yaml"
    config.write_text("listen: [{url: 'http://127.0.0.1:18080'}]\nupstream: {url: 'http://127.0.0.1:18081'}\nstate: %s\n"
                      "feed: {urls: ['https://rules.example.com/'], names: [exchange-core, other]}\n"
                      "rules: {trust: %s, bundles: [%s]}\n" % (tmp_path, feed.root, path))
    done = stopgap("check", "-c", config)
    assert done.returncode == 0, done.stderr
    assert "note: exchange-core comes from %s and from the feed" % path in done.stderr and "E_ROLLBACK" in done.stderr
    config.write_text(config.read_text().replace("[exchange-core, other]", "[other]"))
    assert "from the feed" not in stopgap("check", "-c", config).stderr
