"""Microsoft's feed as a source of rules: fetched, verified, in force, and never a reason to stop."""

import re
import subprocess

import pytest

from harness.bundles import block_rule
from harness.certs import Authority
from harness.eocs_documents import Feed, HEARTBEAT, STOPGAP, config, inbound
from harness.feed_server import FeedServer
from harness.http import request
from harness.wait import wait_for

FIRST = config("M7", inbound("(?=.*frobnicate)(?=.*powershell)"))
SECOND = config("M8", inbound("(?=.*defenestrate)(?=.*powershell)"))
SERVICE = config("M9", "MSExchangeUM", type_="StopService")
FIRST_ATTACK = "/owa/frobnicate?powershell"


@pytest.fixture
def documents(tmp_path):
    """"newer" is stamped later than the others."""
    folder = tmp_path / "documents"
    folder.mkdir()
    return Feed(folder, first=HEARTBEAT + FIRST, newer=HEARTBEAT + SECOND,
                partly=HEARTBEAT + FIRST + SERVICE, altered=HEARTBEAT + FIRST)


@pytest.fixture
def server(authority, documents):
    made = FeedServer(authority.leaf())
    made.document = (documents.folder / "first.xml").read_bytes()
    yield made
    made.close()


class Fed:
    """A proxy with the feed, and the words to ask about it."""

    def __init__(self, start, exchange, authority, documents, server, folder):
        self.start_proxy, self.exchange, self.server = start, exchange, server
        self.documents, self.state = documents, folder / "state"
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.lines = ["eocs:", "  url: %s" % server.url, "  ca: %s" % authority.cert, "  every: 200ms",
                      "  timeout: 10s", "  sign_anchors: %s" % (documents.folder / "sign.pem"),
                      "  ts_anchors: %s" % (documents.folder / "stamp.pem"), "state: %s" % self.state,
                      "rules:", "  canary: 0s"]

    def start(self, *more):
        lines = self.lines[:1] + ["  " + line for line in more] + self.lines[1:]
        self.proxy = self.start_proxy(self.exchange(), config="\n".join(lines) + "\n")
        return self.proxy

    def serve(self, name):
        self.server.document = (self.documents.folder / (name + ".xml")).read_bytes()

    def feed(self):
        return self.proxy.status()["eocs"]

    def has_rule(self, name):
        return any(rule["id"].startswith("EOCS-" + name) for rule in self.proxy.status()["rules"])

    def wait_rule(self, name, is_there=True):
        wait_for(lambda: self.has_rule(name) == is_there, "EOCS-%s to be %s" % (name, "there" if is_there else "gone"))

    def wait_error(self, code):
        wait_for(lambda: self.feed().get("error", {}).get("code") == code, "the feed to fail with " + code)

    def wait_visits(self, n):
        """Two visits later what the server changed before has been seen."""
        def count():
            return self.feed()["good"] + self.feed()["failed"]
        target = count() + n
        wait_for(lambda: count() >= target, "%d visits" % n)


@pytest.fixture
def fed(proxy, exchange, authority, documents, server, tmp_path):
    return Fed(proxy, exchange, authority, documents, server, tmp_path)


def test_a_mitigation_of_the_feed_is_in_force_without_anybody_doing_anything(fed, client):
    one = fed.start("enforce: true")
    fed.wait_rule("M7")
    attacker = client(one)
    attacker.send(request(FIRST_ATTACK))
    assert attacker.is_closed()
    assert client(one).ask("/owa/").status == 200
    assert "eocs@" in one.ruleset_name()
    one.wait_event("feed_document")
    assert re.search(r"^  contact +20\d\d-", one.command("status").stdout, re.M)
    assert fed.feed()["rule_files"] == 1 and fed.feed()["left_out"] == []
    assert one.metrics()["stopgap_eocs_rule_files"] == 1


def test_the_last_contact_is_remembered_over_a_restart(fed, server):
    one = fed.start()
    fed.wait_rule("M7")
    met = fed.feed()["contact_unix"]
    one.terminate()
    server.behave = lambda handler: handler.answer(503)
    fed.start()
    assert met <= fed.feed()["contact_unix"] <= met + 60
    fed.wait_error("E_FETCH_HTTP")
    assert fed.feed()["contact_unix"] >= met


def test_it_only_reports_unless_it_is_told_to_enforce(fed, client):
    one = fed.start()
    fed.wait_rule("M7")
    assert client(one).ask(FIRST_ATTACK).status == 200
    assert one.wait_decision(target=FIRST_ATTACK)["rules"][0]["id"].startswith("EOCS-M7")


def test_a_newer_document_replaces_the_older_and_what_it_lacks_is_gone(fed):
    fed.start()
    fed.wait_rule("M7")
    fed.serve("newer")
    fed.wait_rule("M8")
    assert not fed.has_rule("M7")
    sets = sorted(path.name for path in (fed.state / "eocs-sets").iterdir())
    assert len(sets) == 4 and sets[2:] == ["current", "former"]  # until this one is proved


def test_rules_of_the_feed_survive_a_restart_without_it(fed, server):
    fed.start()
    fed.wait_rule("M7")
    fed.proxy.terminate()
    server.close()
    fed.start()
    assert fed.has_rule("M7")
    fed.wait_error("E_FETCH_CONNECT")
    assert fed.has_rule("M7") and fed.feed()["signed_unix"] > 0
    fed.proxy.wait_event("feed_failed")
    failed = [line for line in fed.proxy.err.text().splitlines() if "event=feed_failed" in line]
    assert "id=1008" in failed[0] and "code=E_FETCH_CONNECT" in failed[0]


def test_an_older_document_is_refused_and_the_newer_goes_on(fed):
    fed.serve("newer")
    fed.start()
    fed.wait_rule("M8")
    fed.serve("first")
    fed.wait_error("E_EOCS_ROLLBACK")
    assert fed.has_rule("M8") and not fed.has_rule("M7")


def test_what_cannot_be_done_by_a_proxy_is_alarmed_and_the_rest_applied(fed):
    fed.serve("partly")
    one = fed.start()
    fed.wait_rule("M7")
    wait_for(lambda: fed.feed()["left_out"], "the mitigation that was left out")
    assert [(left["mitigation"], left["code"]) for left in fed.feed()["left_out"]] == [("M9", "E_EOCS_ADMIN")]
    assert one.metrics()["stopgap_eocs_left_out"] == 1
    one.wait_event("feed_left_out")


class Publisher:
    """A publisher of bundles, whose root says which of Microsoft's certificates count."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "rules").mkdir()
        (folder / "rules/a.yaml").write_bytes(block_rule("A-1", "/owa/a"))
        self.do("bundle", "keygen", "--alg", "ed25519", "--out", "a.key")
        self.do("root", "init", "roots", "--key", "a.key", "--yes")
        self.do("root", "sign", "roots", "--key", "a.key")
        self.root, self.serial = folder / "roots/0000000001", 0

    def do(self, *words):
        done = subprocess.run([STOPGAP, *map(str, words)], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rotate(self, *options):
        """The next root, on its way to an install in a bundle."""
        self.do("root", "rotate", "roots", "--yes", *options)
        self.do("root", "sign", "roots", "--key", "a.key")
        self.serial += 1
        self.do("bundle", "build", "rules", "--name", "a", "--serial", self.serial, "--root", "roots", "--out", "a.sgb")
        self.do("bundle", "sign", "a.sgb", "--key", "a.key")
        return self.folder / "a.sgb"


def test_the_publishers_root_names_new_anchors_of_microsoft_and_takes_them_back(fed, tmp_path):
    made = Publisher(tmp_path / "publisher")
    fed.lines = [line for line in fed.lines if "anchors" not in line] + ["  trust: %s" % made.root]
    one = fed.start()
    fed.wait_error("E_TS_CHAIN")  # not Microsoft's

    def bring(*options):
        config = one.argv[one.argv.index("-c") + 1]
        done = subprocess.run([STOPGAP, "feed", "import", made.rotate(*options), "-c", config, "--admin", "unix:" + one.admin_path],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    bring("--eocs-sign-anchor", fed.documents.folder / "sign.pem", "--eocs-ts-anchor", fed.documents.folder / "stamp.pem")
    fed.wait_rule("M7")
    shown = subprocess.run([STOPGAP, "eocs", "show", fed.documents.folder / "newer.xml", "--json", "--sign-anchors",
                            fed.documents.folder / "sign.pem", "--ts-anchors", fed.documents.folder / "stamp.pem"],
                           capture_output=True, text=True, timeout=60)
    signer = re.search(r'"signer_sha256": *"([0-9a-f]{64})"', shown.stdout)
    assert signer, shown.stdout + shown.stderr
    bring("--eocs-deny", signer[1])
    fed.serve("newer")
    fed.wait_error("E_EOCS_DENY")
    assert fed.has_rule("M7")  # what was accepted stays


def test_an_anchor_that_is_no_certificate_makes_no_root(tmp_path):
    made = Publisher(tmp_path / "publisher")
    done = subprocess.run([STOPGAP, "root", "rotate", "roots", "--yes", "--eocs-sign-anchor", "rules/a.yaml"], cwd=made.folder,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "E_ROOT_EDIT" in done.stderr and "rules/a.yaml" in done.stderr
    assert not (made.folder / "roots/0000000002.draft").exists()


def with_bundle(fed, publisher, tmp_path, name):
    path = str(tmp_path / "own.sgb")
    publisher.bundle(path, [block_rule(name, "/owa/own")], serial=1)
    fed.lines += ["  bundles: [%s]" % path, "  trust: %s" % publisher.root_path]
    return path


def test_a_rule_of_the_operator_goes_before_one_of_the_feed_with_its_id(fed, client, publisher, tmp_path):
    with_bundle(fed, publisher, tmp_path, "EOCS-M7")
    one = fed.start("enforce: true")
    wait_for(lambda: fed.feed()["rule_files"] == 1, "the set of the feed to be in force")
    assert client(one).ask("/owa/own").status == 403
    assert client(one).ask(FIRST_ATTACK).status == 200
    assert any("EOCS-M7" in line and "left out" in line for line in one.status()["warnings"])
    assert one.reloads()[1] == 0


def test_a_broken_bundle_at_a_start_does_not_take_the_rules_of_the_feed_away(fed, publisher, tmp_path):
    path = with_bundle(fed, publisher, tmp_path, "OWN-1")
    fed.start()
    fed.wait_rule("M7")
    fed.proxy.terminate()
    with open(path, "r+b") as bundle:
        bundle.truncate(100)
    fed.start()
    assert fed.has_rule("M7") and fed.proxy.reload_error()


def test_two_mitigations_never_share_a_file(tmp_path, exchange, proxy, authority, server):
    two = inbound("(?=.*frobnicate)(?=.*powershell)") + inbound("(?=.*defenestrate)(?=.*powershell)")
    folder = tmp_path / "meeting"
    folder.mkdir()
    documents = Feed(folder, both=config("M7", "<rules>" + two + "</rules>") + config("M7-R1", inbound("(?=.*other)(?=.*powershell)")))
    fed = Fed(proxy, exchange, authority, documents, server, tmp_path)
    fed.serve("both")
    fed.start()
    wait_for(lambda: fed.feed()["left_out"], "the mitigation that was left out")
    assert [left["mitigation"] for left in fed.feed()["left_out"]] == ["M7-R1"] and fed.feed()["rule_files"] == 2


def test_an_unchanged_document_is_not_sent_again(fed, server):
    server.etag = '"v1"'
    fed.start()
    fed.wait_rule("M7")
    wait_for(lambda: any(seen.get("If-None-Match") == '"v1"' for seen in server.seen[1:]), "a conditional request")
    fed.wait_visits(2)
    assert "error" not in fed.feed() and fed.has_rule("M7")


# How a feed fails, and the code that says so.
def moved(handler):
    handler.answer(302, Location="https://elsewhere.example/feed")


FAILURES = {
    "status": (lambda handler: handler.answer(404, b"gone"), "E_FETCH_HTTP"),
    "busy": (lambda handler: handler.answer(503, Retry_After="1"), "E_FETCH_HTTP"),
    "moved": (moved, "E_FETCH_HTTP"),
    "endless": (lambda handler: handler.drip(b"x" * 65536, 0, 100000), "E_FETCH_SIZE"),
    "slow": (lambda handler: handler.drip(b"x", 0.2, 1000), "E_FETCH_TIMEOUT"),
    "a page": (lambda handler: handler.answer(200, b"<html>sign in</html>", Content_Type="text/html"), "E_EOCS_ROOT"),
    "empty": (lambda handler: handler.answer(200, b""), "E_EOCS_SIZE"),
    "endless head": (lambda handler: handler.answer(200, b"", **{"X_Fill_%d" % i: "x" * 4000 for i in range(20)}), "E_FETCH_SIZE"),
    "hangs up": (lambda handler: handler.connection.close(), "E_FETCH_CONNECT"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_feed_that_fails_ends_in_its_code_and_traffic_and_rules_go_on(fed, server, client, name):
    one = fed.start("enforce: true")
    fed.wait_rule("M7")
    server.behave, code = FAILURES[name]
    kept = client(one)
    fed.wait_error(code)
    assert kept.ask("/owa/").status == 200
    assert fed.has_rule("M7")
    server.behave = None
    wait_for(lambda: "error" not in fed.feed(), "the feed to recover")


def test_a_document_cut_short_or_altered_is_refused(fed, server):
    fed.start()
    fed.wait_rule("M7")
    whole = server.document
    server.document = whole[:len(whole) // 2]
    fed.wait_error("E_EOCS_XML")
    fed.serve("altered")
    fed.wait_error("E_EOCS_DSIG")
    assert fed.has_rule("M7")


def test_a_web_server_nobody_vouches_for_is_told_from_a_forged_document(fed, tmp_path):
    stranger = FeedServer(Authority(tmp_path / "stranger").leaf())
    fed.lines[1] = "  url: %s" % stranger.url
    fed.start()
    fed.wait_error("E_FETCH_TLS")
    assert "firewall" in fed.feed()["error"]["text"]
    stranger.close()


def feed_test(*args):
    return subprocess.run([STOPGAP, "feed", *map(str, args)], capture_output=True, text=True, timeout=60)


def options(documents, authority, url):
    return ["test", "--url", url, "--ca", authority.cert, "--sign-anchors", documents.folder / "sign.pem",
            "--ts-anchors", documents.folder / "stamp.pem"]


def test_feed_test_prints_each_step_and_writes_nothing(documents, authority, server, tmp_path):
    done = feed_test(*options(documents, authority, server.url), "--state", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["url", "fetch", "verify", "convert"]
    assert "2 mitigations, 1 rule files, 0 left out" in done.stdout
    assert not (tmp_path / "eocs-sets").exists()


def test_feed_test_ends_with_3_where_nobody_answers_and_1_where_the_document_is_bad(documents, authority, server):
    server.document = (documents.folder / "altered.xml").read_bytes()
    bad = feed_test(*options(documents, authority, server.url))
    assert bad.returncode == 1 and "E_EOCS_DSIG" in bad.stderr
    url = server.url
    server.close()
    gone = feed_test(*options(documents, authority, url))
    assert gone.returncode == 3 and "E_FETCH_CONNECT" in gone.stderr
    assert feed_test("test").returncode == 2
    assert feed_test("--help").returncode == 0


def test_a_feed_without_a_state_directory_is_a_mistake_of_the_configuration(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("listen: [{url: 'http://127.0.0.1:1'}]\nupstream: {url: 'http://127.0.0.1:2'}\n"
                    "eocs: {url: 'ftp://example.com'}\n")
    done = subprocess.run([STOPGAP, "check", "-c", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "eocs.url" in done.stderr and "state" in done.stderr


def test_a_document_whose_rules_failed_is_not_tried_again_by_a_restart(fed):
    fed.lines[-1] = "  canary: 30m"
    one = fed.start("enforce: true")
    name = "eocs@" + re.search("eocs@([0-9a-f]{12})", one.wait_event("event=rules_on_trial .*eocs@")).group(1)
    done = one.command("rules", "abandon", name, "--reason", "a test")
    assert done.returncode == 0, done.stderr
    assert one.command("reload").returncode == 0
    assert "eocs@" not in one.ruleset_name()
    one.terminate()
    one = fed.start("enforce: true")
    fed.wait_error("E_EOCS_REFUSED")
    fed.wait_visits(2)
    assert one.command("reload").returncode == 0
    assert "eocs@" not in one.ruleset_name() and "rules_on_trial" not in one.err.text()
    assert "feed_document" not in one.err.text()
    fed.serve("newer")
    one.wait_event("event=rules_on_trial .*eocs@")
