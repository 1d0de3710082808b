"""`stopgap doctor`: what it says of a server, and of everything that a configuration leads to."""

import email.utils
import json
import pathlib
import time

import pytest

from harness.certs import server_context
from harness.exchange import serve
from harness.http import response

OLD, UNSUPPORTED, NEW = "15.1.2507.6", "15.0.1497.2", "15.2.2562.45"


def server(build=None, clock=0, sick=(), hidden=(), status="200 OK"):
    """A script: an Exchange of this build, its clock that many seconds ahead."""

    def answer(conn, message):
        path = message.target.decode().lower()
        vdir = path.split("/")[1]
        fields = ["Date: " + email.utils.formatdate(time.time() + clock, usegmt=True)]
        if build:
            fields.append("X-OWA-Version: " + build)
        if vdir in hidden:
            conn.send(response("404 Not Found", fields=fields))
        elif path.endswith("/healthcheck.htm") and vdir in sick:
            conn.send(response("503 Service Unavailable", fields=fields))
        else:
            conn.send(response(status, fields=fields))

    return serve(answer)


class Report:
    def __init__(self, done):
        self.code = done.returncode
        self.findings = json.loads(done.stdout)["findings"] if done.stdout else []

    def of(self, area):
        return [(one["verdict"], one["text"]) for one in self.findings if one["area"] == area]

    def verdict(self, area):
        return self.of(area)[0][0]


@pytest.fixture
def ask(exchange, stopgap):
    def run(*args, **kwargs):
        return Report(stopgap("doctor", exchange(server(*args, **kwargs)).url, "--json"))
    return run


@pytest.mark.parametrize("build, verdict, words", [
    (NEW, "ok", "Exchange SE"), (UNSUPPORTED, "BAD", "2013"), (None, "note", "does not tell"), ("99.1.2.3", "note", "not in the table")])
def test_it_says_what_build_a_server_is_and_whether_that_is_supported(ask, build, verdict, words):
    (said, text), = ask(build).of("build")
    assert said == verdict and words in text


def test_it_says_when_microsofts_service_no_longer_reaches_the_build(ask):
    assert ask(OLD).of("feed")[0][0] == "warn"
    assert ask(NEW).of("feed") == []


@pytest.mark.parametrize("clock, verdict", [(0, "ok"), (120, "warn"), (-120, "warn"), (3600, "BAD")])
def test_it_compares_clocks_because_kerberos_does(ask, clock, verdict):
    assert ask(NEW, clock=clock).verdict("clock") == verdict


def test_it_names_the_directories_that_are_not_well_and_those_not_published(ask):
    report = ask(NEW, sick=("ews", "mapi"), hidden=("ecp", "powershell"))
    assert report.of("health") == [("BAD", "5 health checks are good, not: ecp (404), ews (503), mapi (503)")]
    assert any("not there: ecp, powershell" in text for _, text in report.of("directories"))
    assert report.code == 1


def test_it_warns_where_admin_pages_are_open_to_all(ask):
    words = " ".join(text for verdict, text in ask(NEW).of("directories") if verdict == "warn")
    assert "/ecp" in words and "/powershell" in words and "/owa" not in words


def test_a_server_that_is_not_there_ends_with_3(stopgap, ports):
    done = stopgap("doctor", "http://127.0.0.1:%d" % ports.take(), "--json")
    assert done.returncode == 3 and Report(done).verdict("connection") == "BAD"


def test_a_certificate_nobody_vouches_for_is_said_and_a_known_one_is_dated(stopgap, exchange, authority):
    one = exchange(server(NEW), tls=server_context(*authority.leaf(days=10)))
    unknown = stopgap("doctor", one.url, "--json")
    assert unknown.returncode == 3 and "E_FETCH_TLS" in Report(unknown).of("connection")[0][1]
    known = Report(stopgap("doctor", one.url, "--ca", authority.cert, "--json"))
    assert known.verdict("certificate") == "warn" and known.verdict("connection") == "ok"
    assert Report(stopgap("doctor", one.url, "--insecure", "--json")).verdict("connection") == "ok"


def write_config(proxy, exchange, *more):
    path = pathlib.Path(proxy.folder) / "doctor.yaml"
    path.write_text("\n".join(["listen: [{url: 'http://127.0.0.1:%d'}]" % proxy.port, "upstream: {url: '%s'}" % exchange.url,
                               "admin: ['unix:%s']" % proxy.admin_path, *more]) + "\n")
    return str(path)


def test_with_a_configuration_it_also_asks_the_running_proxy(proxy, exchange, stopgap):
    behind = exchange(server(NEW))
    one = proxy(behind, "--mode", "detect")
    done = stopgap("doctor", "-c", write_config(one, behind), "--json")
    report = Report(done)
    assert report.verdict("proxy") == "ok" and "ready" in report.of("proxy")[0][1]
    assert report.verdict("mode") == "warn" and "detect" in report.of("mode")[0][1]
    assert report.verdict("rules") == "ok" and "builtin@" in report.of("rules")[0][1]
    assert report.verdict("build") == "ok" and report.verdict("health") == "ok"
    assert report.of("side effects"), "a shipped rule with a side effect is listed"
    assert all(verdict != "warn" for verdict, _ in report.of("directories"))  # behind the proxy they may answer


def test_a_mitigation_that_the_configuration_blocks_is_told_with_that(proxy, exchange, stopgap):
    behind = exchange(server(NEW))
    one = proxy(behind, config="mitigations: {blocked: [M2]}\n")
    report = Report(stopgap("doctor", "-c", write_config(one, behind), "--json"))
    assert [text for _, text in report.of("mitigations")] == ["M2.1 is Blocked: by the configuration"]


def test_a_proxy_that_does_not_run_is_said(proxy, exchange, stopgap):
    behind = exchange(server(NEW))
    one = proxy(behind)
    path = write_config(one, behind)
    one.terminate()
    report = Report(stopgap("doctor", "-c", path, "--json"))
    assert report.verdict("proxy") == "warn" and report.verdict("connection") == "ok"


def test_the_text_has_a_remedy_under_what_is_bad(stopgap, exchange):
    done = stopgap("doctor", exchange(server(UNSUPPORTED)).url)
    assert done.returncode == 1
    assert "BAD   build" in done.stdout and "-> plan the move" in done.stdout and "bad," in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("args", [[], ["ftp://x"], ["http://a", "-c", "b"], ["--wrong", "http://a"]])
def test_usage_errors_leave_with_2(stopgap, args):
    assert stopgap("doctor", *args).returncode == 2
