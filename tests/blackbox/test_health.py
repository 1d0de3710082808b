"""Health checks of several servers, directory by directory: who gets traffic, who keeps it, what the
client hears when nobody is left, and what the operator sees."""

import json
import ssl
import threading

import pytest

from harness.certs import Authority
from harness.exchange import Connection
from harness.http import request, response
from harness.wait import PATIENCE_SECONDS, wait_for

OWA = "/owa/auth/logon.aspx"
MAPI = "/mapi/emsmdb"
PAGE = b"/healthcheck.htm"
FAST = ("--health", "interval=100ms", "--health", "timeout=5s")


class Server:
    """A scripted Exchange with switches. sick: directories whose page is bad."""

    def __init__(self, exchange, name, **kwargs):
        self.name = name.encode()
        self.sick = set()
        self.bad_answer = lambda conn: conn.answer("503 Service Unavailable")
        self.checks = []
        self.upstream = exchange(self.script, **kwargs)
        self.url = self.upstream.url

    def script(self, conn: Connection):
        while True:
            message = conn.request()
            if not message.target.endswith(PAGE):
                self.serve(conn, message)
                continue
            self.checks.append(message)
            vdir = message.target.split(b"/")[1].decode()
            if vdir in self.sick:
                self.bad_answer(conn)
            else:
                conn.answer(body=b"200 OK<br/>" + self.name)

    def serve(self, conn, message):
        conn.answer(body=self.name)

    def traffic(self):
        return [m for m in self.upstream.requests if not m.target.endswith(PAGE)]


@pytest.fixture
def farm(proxy, exchange):
    """farm(names, *options): .servers, and a proxy in front of them that checks ten times a second."""

    def start(names, *options, config="", **kwargs):
        servers = [Server(exchange, name, **kwargs) for name in names]
        args = []
        for server in servers:
            args += ["--upstream", server.url]
        one = proxy(None, *args, *FAST, *options, config="upstream: {slow_start: 0s}\n" + config)
        one.servers = servers
        return one

    return start


def state_of(one, server, vdir):
    return next(s for s in one.status()["servers"] if s["url"] == server.url)["vdirs"][vdir]["state"]


def wait_state(one, server, vdir, state):
    wait_for(lambda: state_of(one, server, vdir) == state, "%s of %s is %s" % (vdir, server.url, state))


def wait_all_up(one):
    for server in one.servers:
        for vdir in one.status()["servers"][0]["vdirs"]:
            wait_state(one, server, vdir, "up")


def bodies(one, client, target, count=6):
    """What that many new connections are answered, each after the other."""
    held = [client(one) for _ in range(count)]
    return sorted(c.ask(target).body for c in held)


def test_a_sick_directory_takes_only_itself_out(farm, client):
    one = farm("abc")
    wait_all_up(one)
    one.servers[1].sick = {"mapi"}
    wait_state(one, one.servers[1], "mapi", "down")
    assert set(bodies(one, client, MAPI, 9)) == {b"a", b"c"}
    assert b"b" in bodies(one, client, OWA, 9)
    assert state_of(one, one.servers[1], "ews") == "up"


def test_what_no_check_looks_at_goes_where_anything_is_up(farm, client):
    one = farm("ab", "--mode", "off")
    wait_all_up(one)
    one.servers[0].sick = {"owa", "ecp", "ews", "mapi", "rpc", "oab", "autodiscover"}
    wait_state(one, one.servers[0], "autodiscover", "down")
    assert b"a" in bodies(one, client, "/api/v2.0/me")
    one.servers[0].sick.add("Microsoft-Server-ActiveSync")
    wait_state(one, one.servers[0], "Microsoft-Server-ActiveSync", "down")
    assert bodies(one, client, "/api/v2.0/me") == [b"b"] * 6


def test_a_long_poll_outlives_the_health_of_its_server(farm, client):
    """And the connection stays where it is afterwards: NTLM authenticated it there."""
    one = farm("ab")
    release = threading.Event()

    def poll(conn, message):
        if b"poll" in message.target:
            release.wait(PATIENCE_SECONDS)
        conn.answer(body=conn.owner)

    for server in one.servers:
        server.serve = lambda conn, message, server=server: (setattr(conn, "owner", server.name), poll(conn, message))
    wait_all_up(one)
    connection = client(one)
    home = connection.ask(OWA).body
    server = one.servers[home == b"b"]
    connection.send(request(OWA + "?poll"))
    wait_for(lambda: any(b"poll" in m.target for m in server.traffic()), "the poll at the server")
    server.sick = {"owa"}
    wait_state(one, server, "owa", "down")
    assert home not in bodies(one, client, OWA)
    release.set()
    assert connection.read().body == home
    assert connection.ask(OWA).body == home
    server.sick = set()
    wait_state(one, server, "owa", "up")
    assert home in bodies(one, client, OWA)


def test_all_down_is_a_503_that_says_when_to_come_back(farm, client):
    one = farm("ab", "--health", "rise=15")
    wait_all_up(one)
    for server in one.servers:
        server.sick = {"mapi"}
    for server in one.servers:
        wait_state(one, server, "mapi", "down")
    answer = client(one).ask(MAPI, "POST", body=b"x")
    assert answer.status == 503
    assert answer.one(b"Retry-After") == b"2"  # fifteen checks, ten a second
    assert one.wait_access(status=503)["end"] == "upstream_down"
    assert one.metrics()['stopgap_ended_total{reason="upstream_down"}'] == 1
    assert client(one).ask(OWA).status == 200
    assert [m for s in one.servers for m in s.traffic() if m.target == MAPI.encode()] == []


def test_the_first_answer_decides_at_once_and_later_ones_in_a_row(farm):
    one = farm("ab", "--health", "fall=100")
    wait_all_up(one)
    seen = len(one.servers[0].checks)
    one.servers[0].sick = {"owa"}
    wait_for(lambda: len([m for m in one.servers[0].checks[seen:] if b"/owa/" in m.target]) > 5, "more checks")
    assert state_of(one, one.servers[0], "owa") == "up"


def test_a_server_that_is_sick_from_the_start_gets_nothing(farm, exchange, proxy, client):
    sick, well = Server(exchange, "a"), Server(exchange, "b")
    sick.sick = {"owa"}
    one = proxy(None, "--upstream", sick.url, "--upstream", well.url, *FAST, "--health", "fall=100")
    wait_state(one, sick, "owa", "down")
    assert bodies(one, client, OWA) == [b"b"] * 6


@pytest.mark.parametrize("name, answer", [
    ("redirect", lambda conn: conn.answer("302 Found", ["Location: https://sts.example.test/"])),
    ("garbage", lambda conn: (conn.send(b"\0\xff" * 1000), conn.close())),
    ("silence", lambda conn: conn.reader.rest()),
    ("nothing", lambda conn: conn.close()),
    ("endless head", lambda conn: conn.send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100000)),
    ("two lengths", lambda conn: conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")),
    ("drop by drop", lambda conn: conn.send(b"HTTP/1.1 200 O")),
    ("prompt", lambda conn: conn.answer("401 Unauthorized", ["WWW-Authenticate: Basic"])),
])
def test_a_bad_answer_is_sick_whatever_it_is(farm, name, answer):
    one = farm("ab")
    wait_all_up(one)
    one.servers[0].bad_answer = answer
    one.servers[0].sick = {"ecp"}
    wait_state(one, one.servers[0], "ecp", "down")
    vdir = one.status()["servers"][0]["vdirs"]["ecp"]
    assert vdir["last_error"] and vdir["failed"] >= 3 and vdir["since_unix"] > 0
    one.servers[0].sick = set()
    wait_state(one, one.servers[0], "ecp", "up")


def test_the_status_that_means_healthy_can_be_set(farm, client):
    one = farm("ab", "--health", "status=401", "--health", "fall=1")
    for server in one.servers:
        server.bad_answer = lambda conn: conn.answer("401 Unauthorized", ["WWW-Authenticate: Basic"])
        server.sick = {"owa", "mapi"}
    for server in one.servers:
        wait_state(one, server, "owa", "up")
        wait_state(one, server, "ecp", "down")


def test_a_server_that_is_gone_is_down_and_comes_back(farm, client, exchange):
    one = farm("ab")
    wait_all_up(one)
    gone = one.servers[0]
    gone.upstream.close()
    wait_state(one, gone, "owa", "down")
    assert bodies(one, client, OWA) == [b"b"] * 6
    again = Server(exchange, "a", port=gone.upstream.port)
    wait_state(one, again, "owa", "up")
    assert b"a" in bodies(one, client, OWA)


def test_a_name_that_does_not_resolve_is_down_for_that_reason(proxy, exchange, client):
    """A check that fails before it has begun ends like any other, each time."""
    well = Server(exchange, "b")
    one = proxy(None, "--upstream", "http://nowhere.invalid", "--upstream", well.url, *FAST)

    def vdirs():
        return next(s for s in one.status()["servers"] if "nowhere" in s["url"])["vdirs"].values()

    for checks in range(1, 30):
        wait_for(lambda n=checks: all(v["checks"] >= n for v in vdirs()), "%d checks" % checks)
        assert {(v["state"], v["last_error"]) for v in vdirs()} == {("down", "its name does not resolve")}
    assert bodies(one, client, OWA) == [b"b"] * 6


def test_interim_responses_are_no_answer(farm):
    one = farm("ab")
    wait_all_up(one)
    good = response(body=b"200 OK")
    one.servers[0].bad_answer = lambda conn: conn.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good)
    one.servers[1].bad_answer = lambda conn: conn.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + good)
    for server in one.servers:
        server.sick = {"ecp"}
    wait_state(one, one.servers[1], "ecp", "down")
    seen = len(one.servers[0].checks)
    wait_for(lambda: len(one.servers[0].checks) > seen + 40, "more checks")
    assert state_of(one, one.servers[0], "ecp") == "up"


def test_a_change_is_an_event_once(farm, tmp_path):
    told = tmp_path / "told"
    script = tmp_path / "note"
    script.write_text("#!/bin/sh\n/bin/cat >> %s\n" % told)
    script.chmod(0o755)
    one = farm("ab", config="events: {command: [%s]}\n" % script)
    wait_all_up(one)
    one.servers[0].sick = {"oab"}
    line = one.wait_event("event=server_down.*vdir=oab")
    assert one.servers[0].url in line and "503" in line
    seen = len(one.servers[0].checks)
    wait_for(lambda: len(one.servers[0].checks) > seen + 40, "more checks")
    one.servers[0].sick = set()
    one.wait_event("event=server_up.*vdir=oab")
    assert one.err.text().count("event=server_down") == 1
    assert one.err.text().count("event=server_up") == 1
    wait_for(lambda: told.exists() and "server_up" in told.read_text(), "both events at the command")
    events = [json.loads(part) for part in told.read_text().replace("}{", "}\n{").splitlines()]
    assert [(e["id"], e["level"], e["subject"]) for e in events if e["event"].startswith("server_")] == [
        (1060, "warn", one.servers[0].url), (1061, "info", one.servers[0].url)]


def test_metrics_and_status_show_each_directory(farm, client):
    one = farm("ab")
    wait_all_up(one)
    one.servers[1].sick = {"mapi"}
    wait_state(one, one.servers[1], "mapi", "down")
    held = client(one)
    assert held.ask(OWA).status == 200
    metrics = one.metrics()
    label = 'server="%s"' % one.servers[1].url
    assert metrics['stopgap_server_up{%s,vdir="mapi"}' % label] == 0
    assert metrics['stopgap_server_up{%s,vdir="owa"}' % label] == 1
    assert metrics['stopgap_server_checks_failed_total{%s,vdir="mapi"}' % label] >= 3
    assert sum(metrics['stopgap_server_connections{server="%s"}' % s.url] for s in one.servers) == 1
    page = one.command("status").stdout
    assert "7 of 8 directories up" in page and "8 of 8 directories up" in page
    assert "mapi since" in page and "status 503 instead of 200" in page


def test_checks_verify_the_certificate_like_traffic(farm, proxy, exchange, authority):
    def context(leaf):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*leaf)
        return made

    wrong = Server(exchange, "a", tls=context(authority.leaf("other.example.test", None)))
    good = Server(exchange, "b", tls=context(authority.leaf()))
    one = proxy(None, "--upstream", wrong.url, "--upstream", good.url, "--upstream-ca", authority.cert, *FAST)
    wait_state(one, wrong, "owa", "down")
    wait_state(one, good, "owa", "up")
    assert wrong.checks == []


def test_a_reload_renews_the_authority_of_the_checks(proxy, exchange, authority, tmp_path):
    trusted = tmp_path / "ca.pem"
    stranger = Authority(tmp_path / "stranger")
    trusted.write_bytes(open(stranger.cert, "rb").read())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.leaf())
    server = Server(exchange, "a", tls=context)
    one = proxy(server, "--upstream-ca", trusted, "--health", "enabled=true", *FAST)
    wait_state(one, server, "owa", "down")
    trusted.write_bytes(open(authority.cert, "rb").read())
    assert one.command("reload").returncode == 0
    wait_state(one, server, "owa", "up")


def test_checks_send_the_proxy_protocol_for_themselves(proxy, exchange):
    lines = []

    def script(conn):
        lines.append(conn.reader.until(b"\r\n"))
        conn.request()
        conn.answer()

    server = exchange(script)
    one = proxy(server, "--health", "enabled=true", "--upstream-proxy-protocol", "v1", *FAST)
    wait_for(lambda: one.status()["servers"][0]["vdirs"]["owa"]["state"] == "up", "a good check")
    assert set(lines) == {b"PROXY UNKNOWN\r\n"}


def test_one_server_is_not_checked_unless_that_is_asked_for(proxy, exchange, client):
    server = exchange()
    one = proxy(server, *FAST)
    assert one.status()["servers"][0]["vdirs"] == {}
    assert client(one).ask(OWA).status == 200
    assert [m.target for m in server.requests] == [OWA.encode()]


def test_only_the_configured_directories_are_checked(farm):
    one = farm("ab", config="health: {vdirs: [owa, custom]}\n")
    for server in one.servers:
        wait_for(lambda s=server: len(s.checks) > 6, "checks")
        assert {m.target for m in server.checks} == {b"/owa/healthcheck.htm", b"/custom/healthcheck.htm"}
        assert {m.one(b"Connection") for m in server.checks} == {b"close"}


# ---- health checks of others, which pass through

BLOCK_ALL = """\
id: TEST-ALL
title: blocks everything for the name that these tests ask for
cve: []
references: []
severity: low
side_effects: everything is blocked
action: {type: block, status: 403}
when:
  all:
    - {field: host, equals: mail.example.test}
samples:
  must_block:
    - target: /owa/
      headers: ["Host: mail.example.test"]
  must_pass:
    - target: /owa/
"""


@pytest.fixture
def closed(proxy, exchange, publisher, tmp_path):
    """A proxy whose rule blocks everything."""
    bundle = publisher.bundle(tmp_path / "all.sgb", [BLOCK_ALL.encode()])
    return proxy(exchange(), "--rules", bundle, "--trust", publisher.root_path, "--no-builtin-rules")


@pytest.mark.parametrize("vdir", ["owa", "OWA", "ecp", "ews", "mapi", "rpc", "oab", "autodiscover", "Microsoft-Server-ActiveSync"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_check_of_a_balancer_passes_a_rule_that_blocks_everything(closed, client, vdir, method):
    target = "/%s/healthcheck.htm" % vdir
    assert client(closed).ask(target, method, ["User-Agent: probe/1.0", "Accept: */*"]).status == 200
    record = closed.wait_access(target=target)
    assert record["decision"] == "pass" and "rule" not in record
    assert closed.decisions() == []
    assert closed.metrics()["stopgap_requests_blocked_total"] == 0


@pytest.mark.parametrize("name, target, method, fields, body", [
    ("query", "/owa/healthcheck.htm?x=1", "GET", [], b""),
    ("empty query", "/owa/healthcheck.htm?", "GET", [], b""),
    ("other method", "/owa/healthcheck.htm", "POST", ["Content-Length: 0"], b""),
    ("body", "/owa/healthcheck.htm", "GET", [], b"x"),
    ("chunked body", "/owa/healthcheck.htm", "GET", ["Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    ("cookie", "/ecp/healthcheck.htm", "GET", ["Cookie: X-BEResource=a]@b:444/x"], b""),
    ("credentials", "/ecp/healthcheck.htm", "GET", ["Authorization: Basic eDp5"], b""),
    ("any field", "/ecp/healthcheck.htm", "GET", ["msExchLogonMailbox: S-1-5-18"], b""),
    ("long value", "/ecp/healthcheck.htm", "GET", ["User-Agent: " + "a" * 300], b""),
    ("path behind", "/owa/healthcheck.htm/x", "GET", [], b""),
    ("path parameter", "/owa/healthcheck.htm;x", "GET", [], b""),
    ("path before", "/owa/x/healthcheck.htm", "GET", [], b""),
    ("dots", "/owa/../ecp/healthcheck.htm", "GET", [], b""),
    ("escape", "/owa/healthcheck%2Ehtm", "GET", [], b""),
    ("slashes", "//owa/healthcheck.htm", "GET", [], b""),
    ("absolute target", "http://mail.example.test/owa/healthcheck.htm", "GET", [], b""),
    ("no such directory", "/powershell/healthcheck.htm", "GET", [], b""),
    ("no directory", "/healthcheck.htm", "GET", [], b""),
])
def test_nothing_but_a_bare_check_passes(closed, client, name, target, method, fields, body):
    one = client(closed)
    one.send(request(target, method, fields, body))
    assert one.read(method.encode()).status in (400, 403)


def test_a_check_of_a_balancer_is_answered_by_a_server(farm, client):
    one = farm("ab")
    assert client(one).ask("/owa/healthcheck.htm").body.startswith(b"200 OK<br/>")
