"""The programs of the benchmark that need no other proxy: the report, the rules, how compare.py refuses."""

import json
import os
import pathlib
import re
import subprocess
import sys
import xml.dom.minidom

import pytest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"
STOPGAP = os.environ.get("STOPGAP_BIN", "build/dev/stopgap")
SHARES = ("50", "75", "90", "95", "99", "99.5", "99.9", "99.99")


def figures(cpu_us):
    return {
        "cpu_us": cpu_us, "core_use": 0.5, "requests_per_s": 1000.0, "mb_per_s": 1.5, "requests": 1000, "overdue": 0,
        "latency_us": {share: 100.0 + i for i, share in enumerate(SHARES)}, "foreign": 0.02, "rss_kib": 2048, "during": 3,
    }  # fmt: skip


def table(case, rounds, kind="load", title="GET <1 KiB>"):
    return {"case": case, "kind": kind, "title": title, "scheme": "one core", "base": next(iter(rounds[0])), "rounds": rounds,
            "commands": {"haproxy": "haproxy -f <file> & more"}}  # fmt: skip


def result():
    pair = {"haproxy": figures(20.0), "stopgap": figures(15.0), "direct": figures(1.0)}
    slower = {"haproxy": figures(10.0), "stopgap": figures(9.0), "direct": figures(1.0)}
    idle = {"connections": 9800, "before_kib": 2048, "after_kib": 11848, "kib": 1.0}
    load = [table(case, [pair, slower, pair]) for case in ("get", "open", "get-64k", "rules-10", "rules-1000")]
    return {
        "machine": {"cpu": "A & B", "cores": 2, "kernel": "6.1"},
        "versions": {"haproxy": "2.6"},
        "plan": {"rounds": 3},
        "command": "bench/compare.py",
        "date": "2026-01-01",
        "tables": [*load, table("idle", [{"haproxy": idle, "stopgap": idle}], "idle"),
                   table("reload", [{"stopgap": figures(1.0), "stopgap, reloading": figures(2.0)}], "reload")],
    }  # fmt: skip


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result()))

    def run(*options, source=path):
        return subprocess.run([BENCH / "report.py", source, *options], capture_output=True, text=True, check=False)

    return run


def test_ratios_are_those_of_the_same_round(report):
    done = report()
    assert done.returncode == 0, done.stderr
    assert "| stopgap | 0.75 (0.75..0.90) | 15.0 (9.0..15.0) |" in done.stdout


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(report, tmp_path):
    page = tmp_path / "report.html"
    assert report("--html", page).returncode == 0
    text = page.read_text()
    plots = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(plots) == 5
    for plot in plots:
        xml.dom.minidom.parseString(plot)
    assert not re.search(r"<(script|link|img|iframe)|https?://|url\(|@import", text)
    assert "haproxy -f &lt;file&gt; &amp; more" in text


def test_the_readme_keeps_what_is_outside_of_the_marks(report, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n")
    for _ in range(2):
        assert report("--readme", readme).returncode == 0
    text = readme.read_text()
    assert text.startswith("before\n<!-- bench: begin -->\n|") and text.endswith("<!-- bench: end -->\nafter\n")
    assert "old" not in text and text.count("0.75 (0.75..0.90)") == 5


def test_a_readme_without_marks_is_left_alone(report, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("text\n")
    done = report("--readme", readme)
    assert (done.returncode, readme.read_text()) == (1, "text\n")
    assert "bench: begin" in done.stderr


def test_a_table_that_was_measured_again_takes_the_place_of_the_first(report, tmp_path):
    again = result()
    again["tables"] = [table("get", [{"haproxy": figures(10.0), "stopgap": figures(2.0), "direct": figures(1.0)}])]
    path = tmp_path / "again.json"
    path.write_text(json.dumps(again))
    text = report(path).stdout
    assert text.count("--case get`") == 1 and "| stopgap | 0.20 (0.20..0.20) |" in text
    assert "--case rules-1000`" in text


def test_what_is_no_result_is_refused(report, tmp_path):
    other = tmp_path / "other.json"
    other.write_text("{}")
    for path in (other, tmp_path / "none"):
        done = report(source=path)
        assert done.returncode == 1 and "is no result" in done.stderr


def compare(*options):
    return subprocess.run([BENCH / "compare.py", *options], capture_output=True, text=True, check=False)


def test_compare_names_its_cases():
    done = compare("--list")
    assert done.returncode == 0
    assert {"get", "rules-1000", "idle-tls", "reload"} <= {line.split()[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("options", [["--case", "none"], ["--rounds", "x"], ["--rounds", "0"], ["--bogus"]])
def test_compare_refuses_wrong_options(options):
    assert compare(*options).returncode == 2


def test_compare_says_what_is_missing_and_what_to_do():
    done = compare("--build", "/none")
    assert done.returncode == 3
    assert "/none/stopgap" in done.stderr and "./dev bench" in done.stderr


@pytest.mark.parametrize("is_wide", [False, True])
def test_the_rules_of_the_benchmark_load_as_a_signed_set(is_wide, tmp_path):
    make = "import rulesets, pathlib; rulesets.Rules(20, %s).make_bundle(%r, pathlib.Path(%r))"
    subprocess.run([sys.executable, "-c", make % (is_wide, os.path.abspath(STOPGAP), str(tmp_path))], cwd=BENCH, check=True)
    bundle, root = tmp_path / "bench-1.sgb", tmp_path / "roots" / "0000000001"
    done = subprocess.run([STOPGAP, "rules", "test", bundle, "--trust", root], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 rules" in done.stdout
