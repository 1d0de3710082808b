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


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    done = run("rules", "lint", tmp_path / "missing")
    assert done.returncode == 1 and "check the path" in done.stderr
