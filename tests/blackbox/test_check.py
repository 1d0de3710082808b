"""stopgap check: every error of a configuration with its place, and the effective configuration."""

import re
import shutil

import pytest

MINIMAL = "listen:\n  - url: http://127.0.0.1:8080\nupstream:\n  url: http://127.0.0.1:8081\n"


@pytest.fixture
def check(stopgap, tmp_path):
    """check(text, *options): status, standard output, and the errors with the file's folder left out."""

    def run(text, *options):
        path = tmp_path / "stopgap.yaml"
        path.write_text(text)
        done = stopgap("check", "-c", str(path), *options)
        return done.returncode, done.stdout, done.stderr.replace(str(tmp_path) + "/", "").splitlines()

    return run


def test_a_valid_file_is_said_to_be_valid(check, tmp_path):
    status, out, errors = check(MINIMAL)
    assert (status, out, errors) == (0, "%s/stopgap.yaml: configuration is valid\n" % tmp_path, [])


def test_every_error_is_printed_with_its_place(check):
    status, out, errors = check(
        "listen:\n  - url: http://127.0.0.1:8080/owa\n    chain: a.pem\nupstream: https://exch01\n"
        "timeouts:\n  header: 15\nmodus: block\ntimeouts: {}\nworkers: 1000\n")
    assert (status, out) == (1, "")
    assert errors == [
        "stopgap.yaml:2:10: listen.url: 'http://127.0.0.1:8080/owa' has a path or query behind its host: "
        "end it after the host or the port, without a /",
        "stopgap.yaml:3:5: unknown key 'chain': known here: url, cert, key, ocsp",
        "stopgap.yaml:4:11: upstream must be a mapping: write its keys as 'key: value' lines, indented below it",
        "stopgap.yaml:6:11: timeouts.header: '15' has no unit: write a duration such as 500ms, 15s, 65m or 2h",
        "stopgap.yaml:7:1: unknown key 'modus': did you mean 'modes'? Known here: listen, certificates, pass_through, upstream, health, workers, mode, "
        "fail_mode, rules, modes, exclusions, harden, mitigations, eocs, feed, events, state, log, admin, trusted_proxies, allow_upgrade, proxy_protocol, timeouts, limits",
        "stopgap.yaml:8:1: duplicate key 'timeouts': it may stand here only once",
        "stopgap.yaml:9:10: workers: '1000' is out of range: write auto, or a number up to 64",
    ]


@pytest.mark.parametrize("text, place, words", [
    ("", "1:1", "cut off"),
    (MINIMAL + "mode: det", "5:10", "line break"),
    (MINIMAL + "log: {access: none\n", "6:1", "not valid YAML"),
    (MINIMAL + "log: &a {access: none}\n", "5:6", "anchors"),
    (MINIMAL + "state: !!str /s\n", "5:8", "tags"),
    (MINIMAL + "---\nmode: off\n", "5:1", "second document"),
    (MINIMAL + "admin: [http://192.0.2.1:9100]\n", "5:9", "loopback only"),
])
def test_each_kind_of_mistake_has_its_place(check, text, place, words):
    status, _, errors = check(text)
    assert status == 1
    assert errors[-1].startswith("stopgap.yaml:%s: " % place) and words in errors[-1], errors


def test_what_is_missing_as_a_whole_is_said_together(check):
    status, _, errors = check("mode: block\nproxy_protocol: yes\nrules: {watch: /}\n")
    assert status == 1 and len(errors) == 4
    assert all(line.startswith("stopgap.yaml: ") for line in errors)
    for line, word in zip(errors, ["--listen", "--upstream", "--trust", "trusted_proxies"]):
        assert word in line


def test_files_that_are_named_must_be_there(check, tmp_path):
    status, _, errors = check(MINIMAL, "--upstream-ca", "/nowhere/ca.pem", "--rules", str(tmp_path), "--state", "/")
    assert status == 1
    assert errors == ["stopgap.yaml: upstream.ca: '/nowhere/ca.pem' cannot be read: No such file or directory: "
                      "check the path and who may read it",
                      "stopgap.yaml: rules.bundles: '%s' is not a file: name a file" % tmp_path]


def test_a_missing_file_is_named(stopgap):
    done = stopgap("check", "-c", "/nowhere/stopgap.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("/nowhere/stopgap.yaml: the file cannot be opened: No such file or directory")


def test_options_alone_are_a_configuration(stopgap):
    done = stopgap("check", "--listen", "http://127.0.0.1:1", "--upstream", "http://127.0.0.1:2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "configuration is valid\n", "")


def effective(check, text, *options):
    status, out, errors = check(text, "--print", *options)
    assert status == 0, errors
    return out


def test_the_effective_configuration_is_a_configuration(check):
    printed = effective(check, MINIMAL + "timeouts: {relay: 5m}\nrules: {enabled: [SG-1]}\n",
                        "--mode", "detect", "--trusted-proxy", "10.0.0.0/8", "--log", "none")
    assert effective(check, printed) == printed
    for line in ("mode: detect", "  relay: 5m", "  upstream: 5m", "  header: 15s", '- "10.0.0.0/8"', "  access: none"):
        assert line in printed.splitlines()


def test_options_override_the_file(check):
    text = MINIMAL + "mode: detect\nworkers: 2\nrules: {enabled: [SG-1]}\nadmin: [unix:/a]\n"
    lines = effective(check, text, "--listen", "http://127.0.0.1:9000", "--mode", "off", "--admin", "unix:/b",
                      "--enable-rule", "SG-2", "--rule-mode", "SG-3=off", "--limit", "head=64KiB", "--timeout", "drain=2s").splitlines()
    assert '- url: "http://127.0.0.1:9000"' in lines and '- url: "http://127.0.0.1:8080"' not in lines
    assert '- "unix:/b"' in lines and '- "unix:/a"' not in lines
    assert '  - "SG-1"' in lines and '  - "SG-2"' in lines and '- rule: "SG-3"' in lines
    assert {"mode: off", "workers: 2", "  head: 64KiB", "  drain: 2s"} <= set(lines)


def test_a_certificate_belongs_to_the_listener_before_it(check, tmp_path):
    one, two = tmp_path / "one.pem", tmp_path / "two.pem"
    one.write_text("")
    two.write_text("")
    both = ["--listen", "https://127.0.0.1:1", "--listen", "https://127.0.0.1:2"]
    first = effective(check, MINIMAL, "--cert", one, "--key", one, *both, "--cert", two, "--key", two)
    assert re.findall(r'  cert: ".*/(.*)"', first) == ["one.pem", "two.pem"]
    shared = effective(check, MINIMAL, "--cert", one, "--key", one, *both, "--listen", "http://127.0.0.1:3")
    assert re.findall(r'  cert: ".*/(.*)"', shared) == ["one.pem", "one.pem"]


@pytest.mark.parametrize("options, words", [
    (["--no-such"], "unknown option '--no-such'"),
    (["--upstream-no"], "unknown option '--upstream-no'"),
    (["-x"], "unknown option '-x'"),
    (["--print=yes"], "'--print=yes' takes no value"),
    (["--mode"], "'--mode' needs a value"),
    (["surplus"], "unexpected argument 'surplus'"),
    (["--mode", "maybe"], "--mode: 'maybe' is not known here: write one of: block detect off"),
    (["--timeout", "heder=1s"], "did you mean 'header'?"),
    (["--timeout", "header"], "NAME=VALUE"),
    (["--limit", "fields=2"], "from 16 to 1000"),
    (["--listen", "127.0.0.1:80"], "https://HOST:PORT"),
    (["--admin", "http://192.0.2.1:1"], "loopback only"),
    (["--trusted-proxy", "10.0.0.1/8"], "did you mean 10.0.0.0/8?"),
])
def test_a_wrong_option_is_a_usage_error(stopgap, options, words):
    done = stopgap("check", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr and "Try 'stopgap check --help'." in done.stderr


def test_help_is_complete_and_narrow(stopgap):
    done = stopgap("check", "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    named = ("config help print listen cert key trusted-proxy proxy-protocol allow-upgrade workers upstream upstream-ca "
             "upstream-name upstream-no-verify-certificate-dangerous mode fail-mode rules rules-watch trust "
             "no-builtin-rules rule-mode enable-rule admin state log access-log decision-log timeout limit "
             "balance health upstream-proxy-protocol")
    assert set(re.findall(r"^  (?:-\w, |    )?--([a-z-]+)", done.stdout, re.M)) >= set(named.split())


def test_notes_say_what_is_seldom_meant(check):
    status, _, notes = check(MINIMAL, "--mode", "off", "--listen", "https://127.0.0.1:1", "--upstream", "https://h",
                             "--upstream-no-verify-certificate-dangerous")
    assert status == 0 and [line.split(":")[0] for line in notes] == ["note"] * 3
    assert check(MINIMAL, "--no-builtin-rules")[2] == ["note: there are no rules: nothing is blocked"]


def test_the_example_needs_three_lines(check, source_dir, tmp_path, authority):
    cert, key = authority.leaf()
    text = (source_dir / "conf" / "stopgap.yaml").read_text()
    changes = [line for line in text.splitlines() if line.endswith("# CHANGE")]
    assert len(changes) == 3
    shutil.copy(cert, tmp_path / "cert.pem")
    shutil.copy(key, tmp_path / "key.pem")
    text = text.replace("/etc/stopgap/", str(tmp_path) + "/").replace("exchange.example.com", "exch01.example.test")
    assert check(text)[0] == 0
