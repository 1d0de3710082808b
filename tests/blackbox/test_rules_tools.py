"""The tools of rule authors, as they use them."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STOPGAP = os.environ.get("STOPGAP_BIN", str(ROOT / "build/dev/stopgap"))
SHIPPED = ROOT / "rules" / "sets" / "exchange"


def rule(name="A-RULE", when="{field: path, equals: /owa/shell.aspx}", **keys):
    """The text of a rule that nothing is wrong with, but for what the caller changes."""
    lines = {"id": name, "title": "a title", "severity": "high", "cve": "[CVE-2021-26855]",
             "references": "[https://example.com/a]", "applies_to": "[{before: 15.1.2242.4}]",
             "side_effects": "none known", "when": when,
             "samples": "{must_block: [{target: /owa/shell.aspx}], must_pass: [{target: /}, {target: /owa/}]}"}
    lines.update(keys)
    return "".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None)


@pytest.fixture
def rules(tmp_path):
    """Writes a folder of rules: rules("name", a=text, b=text)."""
    def write(folder="rules", **files):
        path = tmp_path / folder
        path.mkdir()
        for name, text in files.items():
            (path / f"{name}.yaml").write_text(text)
        return path
    return write


def run(*arguments):
    return subprocess.run([STOPGAP, *map(str, arguments)], capture_output=True, text=True, timeout=120)


# ---- lint

def test_the_shipped_rules_are_clean():
    for path in ([], [SHIPPED]):
        done = run("rules", "lint", "--strict", *path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_finding_names_file_line_rule_code_and_remedy(rules):
    folder = rules(a=rule(references=None))
    done = run("rules", "lint", folder)
    assert done.returncode == 1
    assert f"{folder}/a.yaml:1: error: A-RULE: " in done.stdout and "[no_reference]" in done.stdout
    listed = json.loads(run("rules", "lint", "--json", folder).stdout)
    assert [f["code"] for f in listed] == ["no_reference"]
    assert listed[0]["severity"] == "error" and listed[0]["rule"] == "A-RULE"
    assert listed[0]["line"] == 1 and listed[0]["remedy"] and listed[0]["text"]


def test_warnings_fail_only_a_strict_run(rules):
    folder = rules(a=rule(applies_to=None))
    assert run("rules", "lint", folder).returncode == 0
    assert run("rules", "lint", "--strict", folder).returncode == 1


def test_one_file_is_judged_without_the_rules_it_speaks_of(rules):
    folder = rules(a=rule(mode="detect", superseded_by="ANOTHER"))
    assert "superseded_unknown" in run("rules", "lint", folder).stdout
    assert run("rules", "lint", "--strict", folder / "a.yaml").returncode == 0


@pytest.mark.parametrize("arguments", [["--cheap"], ["a.sgb"], ["--trust"], ["-c", "x"]])
def test_wrong_options_are_usage_errors(arguments):
    done = run("rules", "lint", *arguments)
    assert done.returncode == 2 and "--help" in done.stderr


@pytest.mark.parametrize("name", ["a.yml", "a.YAML"])
def test_a_rule_file_with_another_ending_is_not_left_out_silently(tmp_path, name):
    (tmp_path / name).write_text("id: X\n")
    for verb in ("test", "lint"):
        done = run("rules", verb, tmp_path)
        assert done.returncode == 1 and name in done.stdout + done.stderr and "end in .yaml" in done.stdout + done.stderr


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    done = run("rules", "lint", tmp_path / "missing")
    assert done.returncode == 1 and "check the path" in done.stderr


# ---- show

def test_show_says_in_words_what_a_rule_looks_for(rules):
    folder = rules(a=rule(when="{all: [{field: path, equals: /owa/shell.aspx}, {none: [{field: arg, name: a, "
                               "not_one_of: [b, c]}]}]}", blind_to="[other names]"))
    done = run("rules", "show", "A-RULE", folder)
    assert done.returncode == 0, done.stderr
    for part in ("the path is '/owa/shell.aspx'", "none of:", "the argument a is none of 'b', 'c'",
                 "before 15.1.2242.4, fixed by Exchange 2016 CU20", "CVE-2021-26855", "other names",
                 "GET /owa/shell.aspx", f"{folder}/a.yaml", "block 403"):
        assert part in done.stdout, part


def test_show_as_json_has_the_tree():
    shown = json.loads(run("rules", "show", "EEMS-M2.1", "--json").stdout)
    assert shown["when"]["all"][0]["field"] == "target" and shown["when"]["all"][0]["operator"] == "regex"
    assert shown["when_response"]["all"][0]["name"] == "Content-Type"
    assert shown["applies_to"][0]["before"] == "15.1.2507.69" and "state" not in shown
    assert shown["mitigation"] == "M2.1" and shown["must_block"]


@pytest.mark.parametrize("lines, state", [
    ("", "in force"),
    ("modes: [{rule: SG-2021-34473-EMAIL, mode: 'off'}]", "off: modes says so"),
    ("modes: [{rule: SG-2021-34473-EMAIL, mode: detect}]", "only reports: modes says so"),
    ("mode: detect\nmodes: [{rule: SG-2021-34473-EMAIL, mode: block}]", "in force"),
    ("mode: detect", "only reports: mode is detect"),
    ("mitigations: {blocked: [SG-2021-34473-EMAIL]}", "off: Blocked"),
    ("mitigations: {server_enabled: false}", "off: Disabled"),
    ("rules: {builtin: false}", None),
])
def test_show_says_what_becomes_of_a_rule_under_a_configuration(tmp_path, lines, state):
    config = tmp_path / "stopgap.yaml"
    config.write_text("upstream: {url: 'http://127.0.0.1:9'}\nlisten: [{url: 'http://127.0.0.1:10'}]\n" + lines + "\n")
    done = run("rules", "show", "SG-2021-34473-EMAIL", "-c", config)
    if state is None:
        assert done.returncode == 1 and "E_RULE_UNKNOWN" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert f"state        {state}\n" in done.stdout


def test_show_of_no_rule_is_an_error_and_of_no_id_a_usage_error():
    assert run("rules", "show", "NO-SUCH").returncode == 1
    assert run("rules", "show").returncode == 2


# ---- diff

def test_equal_sets_do_not_differ():
    done = run("rules", "diff", "builtin", SHIPPED)
    assert done.returncode == 0 and "0 rules differ" in done.stdout


def diff(old, new):
    done = run("rules", "diff", "--json", old, new)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_added_removed_and_changed_rules_are_told_apart(rules):
    old = rules("old", a=rule("A"), b=rule("B"), c=rule("C"))
    new = rules("new", b=rule("B", title="another"), c=rule("C"), d=rule("D"))
    status, found = diff(old, new)
    assert status == 1
    assert [(r["rule"], r["change"], r["drift"]) for r in found["rules"]] == [
        ("A", "removed", "looser"), ("B", "changed", "same"), ("D", "added", "tighter")]
    assert found["rules"][1]["differs"] == ["texts"] and found["verdicts"] == []


SHELL, OTHER = "{field: path, equals: /owa/shell.aspx}", "{field: arg, name: a, contains: word}"


@pytest.mark.parametrize("old, new, drift", [
    (SHELL, f"{{all: [{SHELL}]}}", "same"),
    (SHELL, f"{{any: [{SHELL}, {OTHER}]}}", "tighter"),
    (f"{{any: [{SHELL}, {OTHER}]}}", SHELL, "looser"),
    (f"{{any: [{SHELL}, {OTHER}]}}", f"{{any: [{OTHER}, {SHELL}]}}", None),
    (f"{{all: [{SHELL}]}}", f"{{all: [{SHELL}, {{none: [{OTHER}]}}]}}", "looser"),
    (f"{{all: [{SHELL}, {{none: [{OTHER}]}}]}}",
     f"{{all: [{SHELL}, {{none: [{OTHER}, {{field: query, contains: more}}]}}]}}", "looser"),
    (SHELL, "{field: path, one_of: [/owa/shell.aspx, /owa/x.aspx]}", "tighter"),
    ("{field: path, contains: /shell}", "{field: path, contains: shell}", "tighter"),
    ("{field: path, starts_with: /owa/s}", "{field: path, starts_with: /owa/shell}", "looser"),
    (f"{{any: [{SHELL}, {{field: cookie, equals: Word, case: sensitive}}]}}",
     f"{{any: [{SHELL}, {{field: cookie, equals: word, case: sensitive}}]}}", "different"),
    (f"{{any: [{SHELL}, {{field: cookie, contains: Words, case: sensitive}}]}}",
     f"{{any: [{SHELL}, {{field: cookie, contains: word, case: sensitive}}]}}", "different"),
    ("{field: path, regex: '^/owa/s'}", "{field: path, regex: '^/owa/sh'}", "different"),
])
def test_the_form_of_a_condition_tells_which_way_it_went(rules, old, new, drift):
    _, found = diff(rules("old", a=rule(when=old)), rules("new", a=rule(when=new)))
    assert [r["drift"] for r in found["rules"]] == ([] if drift is None else [drift])


def test_samples_whose_verdict_changes_are_listed(rules):
    one = "{must_block: [{target: /owa/shell.aspx}], must_pass: [{target: /}, {target: /owa/x.aspx}]}"
    two = "{must_block: [{target: /owa/x.aspx}], must_pass: [{target: /}, {target: /owa/shell.aspx}]}"
    old = rules("old", a=rule(samples=one))
    new = rules("new", a=rule(when="{field: path, equals: /owa/x.aspx}", samples=two,
                              action="{type: block, status: 404}"))
    status, found = diff(old, new)
    judged = {v["sample"]: (v["old"]["verdict"], v["new"]["verdict"], v["effect"]) for v in found["verdicts"]}
    assert status == 1
    assert judged == {"GET /owa/shell.aspx": ("block", "pass", "looser"), "GET /owa/x.aspx": ("pass", "block", "tighter")}
    shown = run("rules", "diff", old, new).stdout
    assert "block 403 by A-RULE -> pass" in shown and "- the path is '/owa/shell.aspx'" in shown


def test_a_block_with_another_status_is_neither_tighter_nor_looser(rules):
    old, new = rules("old", a=rule()), rules("new", a=rule(action="{type: block, status: 404}"))
    _, found = diff(old, new)
    assert [v["effect"] for v in found["verdicts"]] == ["different"]
    assert "0 are judged looser, 0 tighter, 1 with another status" in run("rules", "diff", old, new).stdout


def test_a_rule_that_only_reports_now_is_looser(rules):
    _, found = diff(rules("old", a=rule()), rules("new", a=rule(mode="detect")))
    assert found["rules"][0]["differs"] == ["mode"] and found["rules"][0]["drift"] == "looser"
    assert found["verdicts"][0]["new"] == {"verdict": "detect", "status": 0, "rule": "A-RULE"}


@pytest.mark.parametrize("old, new, drift", [(None, "option", "looser"), ("option", None, "tighter")])
def test_a_rule_that_is_in_force_at_other_times_differs(rules, old, new, drift):
    status, found = diff(rules("old", a=rule(activation=old)), rules("new", a=rule(activation=new)))
    assert status == 1
    assert found["rules"][0]["differs"] == ["activation"] and found["rules"][0]["drift"] == drift


def test_a_diff_needs_two_sets_that_load(rules):
    assert run("rules", "diff", "builtin").returncode == 2
    done = run("rules", "diff", "builtin", rules(a=rule(when="{field: path, equals: /other}")))
    assert done.returncode == 1 and "E_SELFTEST" in done.stderr


# ---- cost

def cost(*arguments, verb=("rules", "cost")):
    done = run(*verb, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_cost_counts_rule_by_rule_what_a_rule_did_on_the_traffic(rules, tmp_path):
    folder = rules(a=rule())
    traffic = tmp_path / "access.log"
    traffic.write_text('{"method": "GET", "host": "a", "target": "/owa/shell.aspx"}\n' * 3 +
                       '{"method": "GET", "host": "a", "target": "/owa/"}\n'
                       '{"method": "GET", "host": "a", "target": "/owa/ #"}\n{"level": "info"}\n')
    measured = cost("--traffic", traffic, folder)
    assert measured["traffic"]["requests"] == 5 and measured["traffic"]["refused"] == 1
    assert measured["traffic"]["skipped"] == 1 and measured["traffic"]["parse_ns_per_request"] > 0
    one = measured["set"]["rules"][0]
    assert one["rule"] == "A-RULE" and one["woken"] == 3 and one["matched"] == 3 and one["bytes"] > 0
    assert measured["set"]["stopped"] == 3
    assert [(a["rule"], a["reason"], a["figure"]) for a in measured["set"]["attention"]
            if a["reason"] == "stops"] == [("A-RULE", "stops", 3)]
    assert all(measured["set"]["ns_per_request"][stage] >= 0 for stage in
               ("views", "scan", "evaluate", "confirm", "check"))
    assert measured["set"]["database_bytes"] > 0 and measured["set"]["compile_us"] > 0


def test_cost_without_traffic_takes_the_samples_and_compares_sets(rules):
    measured = cost("--against", "builtin", rules(a=rule()))
    assert measured["traffic"]["requests"] == 3 and measured["set"]["n_rules"] == 1
    assert measured["against"]["n_rules"] > 50 and measured["against"]["label"] == "builtin"


def test_bench_rules_is_the_same_verb(rules, tmp_path):
    (tmp_path / "raw").write_bytes(b"GET /owa/ HTTP/1.1\r\nHost: a\r\n\r\n")
    measured = cost("--rules", rules(a=rule()), "--traffic", tmp_path / "raw", verb=("bench", "rules"))
    assert measured["traffic"]["requests"] == 1 and measured["set"]["n_rules"] == 1
    shown = run("bench", "rules", "--traffic", tmp_path / "raw").stdout
    for part in ("parse", "views", "scan", "evaluate", "confirm", "whole check", "WOKEN", "SG-PUBLISH is evaluated"):
        assert part in shown, part


def test_cost_reads_the_shared_corpus():
    corpus = ROOT.parent / "shared" / "corpus" / "dev-benign.jsonl"
    if not corpus.exists():
        pytest.skip("the shared corpus is not here")
    measured = cost("--traffic", corpus)
    assert measured["traffic"]["requests"] > 100 and measured["set"]["stopped"] <= 1


@pytest.mark.parametrize("arguments, code", [
    (["--top", "many"], 2), (["--traffic"], 2), (["--cheap"], 2), (["--against", "a.sgb"], 2),
    (["--traffic", "/nowhere"], 1), (["--traffic", __file__], 1)])
def test_cost_of_nothing_is_an_error(arguments, code):
    done = run("rules", "cost", *arguments)
    assert done.returncode == code and done.stderr


def test_bench_wants_to_know_what():
    assert run("bench").returncode == 2
    assert run("bench", "--help").returncode == 0
