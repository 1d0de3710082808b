"""Before a signed set is in force it has to show that it harms nobody: neither the proxy nor users."""

import signal
import subprocess

import pytest

from harness.bundles import block_rule
from harness.wait import wait_for


class Live:
    """A proxy with a signed set that blocks /owa/one, and attempts to replace it."""

    def __init__(self, proxy, upstream, publisher, folder, *options):
        self.publisher = publisher
        self.path = str(folder / "set.sgb")
        publisher.bundle(self.path, [block_rule(path="/owa/one")], serial=1)
        self.proxy = proxy(upstream, "--rules", self.path, "--trust", publisher.root_path, *options)

    def offer(self, rules, serial=2, **kwargs):
        """Publish and ask for a reload; does not wait for its end."""
        self.publisher.bundle(self.path, rules, serial=serial, **kwargs)
        self.before = self.proxy.reloads()
        self.proxy.signal(signal.SIGHUP)

    def is_over(self):
        return self.proxy.reloads() != self.before

    def wait_refused(self, code, seconds=60):
        wait_for(self.is_over, lambda: "a reload: " + self.proxy.describe(), seconds)
        error = self.proxy.reload_error()
        assert error and error.startswith(code), error
        return self.proxy.wait_event("rules_refused.*" + code)


@pytest.fixture
def live(proxy, exchange, publisher, tmp_path):
    return Live(proxy, exchange(), publisher, tmp_path)


def check_old_rules(live, client):
    assert client(live.proxy).ask("/owa/one").status == 403
    assert client(live.proxy).ask("/owa/two").status == 200
    assert "test-rules@1.1" in live.proxy.ruleset_name()


def rule(when, must_block, name="TEST-2"):
    """A rule with one condition and one sample, both in YAML flow style."""
    return ("id: %s\ntitle: a test\nseverity: low\nside_effects: none known\naction: {type: block}\nwhen: %s\n"
            "samples:\n  must_block: [%s]\n  must_pass: [{target: /owa/}]\n" % (name, when, must_block)).encode()


def path_is(text):
    return "{field: path, equals: %s}" % text


TOO_MUCH = {
    "bytes of a rule": (lambda: rule(path_is("/owa/two"), "{target: /owa/two}") + b"# " + b"x" * 256 * 1024 + b"\n",
                        "larger than 262144 bytes"),
    "bytes of a pattern": (lambda: rule("{field: path, contains: %s}" % ("x" * 4097), "{target: /%s}" % ("x" * 4097)),
                           "longer than 4096 bytes"),
    "conditions": (lambda: rule("{any: [%s]}" % ", ".join([path_is("/owa/two")] * 257), "{target: /owa/two}"),
                   "more than 256 entries"),
    "depth": (lambda: rule("{all: [" * 17 + path_is("/owa/two") + "]}" * 17, "{target: /owa/two}"), "nested deeper than 16"),
    "samples": (lambda: rule(path_is("/owa/two"), ", ".join(["{target: /owa/two}"] * 501)), "more than 500 entries"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_a_set_over_a_limit_is_refused_and_the_one_before_stays(live, client, what):
    live.offer([TOO_MUCH[what][0]()])
    assert TOO_MUCH[what][1] in live.wait_refused("E_LINT")
    check_old_rules(live, client)


def slow_rule():
    """A word wakes patterns that try every way to cut the text behind it."""
    regexes = ", ".join("{field: body, regex: 'Process cmd.(?:[a-zA-Z/]+[. ]?)+[!%s]'}" % end for end in "%#")
    return rule("{any: [%s]}" % regexes,
                "{target: /x, method: POST, headers: ['Content-Type: text/plain'], body: 'Process cmd.a!'}")


def endless_rule():
    """The same with more ways than may be tried."""
    return slow_rule().replace(b"[. ]?", b"[. -]{0,2}")


def test_a_set_that_is_too_costly_is_refused(proxy, exchange, client, publisher, tmp_path):
    config = tmp_path / "stopgap.yaml"
    config.write_text("rules: {max_cost: 2000}\n")
    live = Live(proxy, exchange(), publisher, tmp_path, "-c", config)
    live.offer([slow_rule()])
    assert "2000 is allowed" in live.wait_refused("E_COST")
    check_old_rules(live, client)


def test_a_set_that_cannot_judge_long_requests_is_refused(live, client):
    live.offer([endless_rule()])
    assert "limit of steps" in live.wait_refused("E_COST")
    check_old_rules(live, client)


def test_a_set_that_costs_more_than_its_publisher_says_is_refused(live, client):
    live.offer([slow_rule()],
               change=lambda m: live.publisher.sign_again(m, lambda text: text.replace(b"\nfile ", b"\nmax-cost 500\nfile ", 1)))
    assert "1500 is allowed" in live.wait_refused("E_COST")
    check_old_rules(live, client)


@pytest.mark.parametrize("when, must_block", [
    ("{field: path, starts_with: /owa/}", "{target: /owa/x}"),
    ("{field: vdir, equals: mapi}", "{target: /mapi/x}"),
    ("{field: header, name: User-Agent, contains: Outlook}", "{target: /x, headers: ['User-Agent: Outlook']}"),
])
def test_a_set_that_stops_usual_requests_is_refused(live, client, when, must_block):
    live.offer([rule(when, must_block)])
    live.wait_refused("E_SELFTEST")
    check_old_rules(live, client)


def test_usual_requests_are_known_to_the_program_itself(proxy, exchange, publisher, client, tmp_path):
    """Without the shipped rules and their samples, too."""
    config = tmp_path / "stopgap.yaml"
    config.write_text("rules: {builtin: false}\n")
    live = Live(proxy, exchange(), publisher, tmp_path, "-c", config)
    live.offer([rule("{field: vdir, equals: mapi}", "{target: /mapi/x}").replace(b"target: /owa/}", b"target: /y}")])
    assert "every client sends" in live.wait_refused("E_SELFTEST")
    check_old_rules(live, client)


def hungry_rules():
    """Patterns that take the compiler minutes: large repeats of classes that overlap."""
    def patterns(number):
        for i in range(240):
            yield "{field: path, regex: '[a-%s].{20,%d}[b-d].{10,%d}[x-z]'}" % (chr(100 + i % 20), 100 + i + number, 150 + i)
    return [rule("{any: [{field: path, equals: /x%d}, %s]}" % (n, ", ".join(patterns(n))), "{target: /x%d}" % n, "TEST-%d" % n)
            for n in range(2, 42)]


def test_a_set_that_takes_all_time_ends_its_judge_and_nothing_else(live, client):
    """The proxy's own limit of CPU time is handed on, so that this need not take a minute."""
    subprocess.run(["prlimit", "--pid", str(live.proxy.process.pid), "--cpu=12:12"], check=True)
    live.offer(hungry_rules())
    connection = client(live.proxy)
    n_during = 0
    while not live.is_over() and n_during < 200:
        assert connection.ask("/owa/two").status == 200
        n_during += 1
    assert n_during > 2
    line = live.wait_refused("E_COMPILE", 300)
    assert "CPU" in line
    check_old_rules(live, client)
    live.offer([block_rule(path="/owa/one"), block_rule("TEST-2", "/owa/three")], serial=3)
    wait_for(live.is_over, lambda: "a reload: " + live.proxy.describe(), 60)
    assert client(live.proxy).ask("/owa/three").status == 403


def test_a_proxy_that_stops_does_not_wait_for_a_judgement(live):
    live.offer(hungry_rules())
    live.proxy.signal(signal.SIGTERM)
    assert live.proxy.wait_end(30) == 0
