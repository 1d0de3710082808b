"""rules/COVERAGE.md and the shipped rules say the same, and every rule says what it has to."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
COVERAGE = ROOT / "rules/COVERAGE.md"
RULE_ID = r"\b(?:SG|EEMS|EOMT)-[A-Z0-9](?:[A-Z0-9.-]*[A-Z0-9])?"
HARDENING = "SG-HARDEN-"  # a family of its own: sets/README.md lists it


def rules():
    """Of each shipped rule its id, what stands before its samples, and how many samples it has."""
    for path in sorted((ROOT / "rules/sets/exchange").rglob("*.yaml")):
        head, samples = path.read_text().split("\nsamples:\n")
        blocked, passed = samples.split("  must_pass:\n")
        yield re.search(r"^id: (\S+)$", head, re.M)[1], head, len(re.findall(r"^    - ", blocked, re.M)), len(re.findall(r"^    - ", passed, re.M))


def rows(title):
    """The cells of each row of the table below a heading."""
    part = COVERAGE.read_text().split("\n## %s\n" % title)[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def read_shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip("%s is not beside this checkout" % path)
    return path.read_text()


def test_every_rule_is_named_and_no_other():
    named = set(re.findall(RULE_ID, COVERAGE.read_text()))
    shipped = {rule_id for rule_id, *_ in rules()}
    mitigations = {row[0].split()[0] for row in rows("Published mitigations")}
    assert {rule_id for rule_id in shipped - named if not rule_id.startswith(HARDENING)} == set()
    assert named - shipped - mitigations - {HARDENING.rstrip("-")} == set()


def test_every_rule_has_samples_of_both_kinds():
    few = [(rule_id, blocked, passed) for rule_id, _, blocked, passed in rules() if blocked < 1 or passed < 2]
    assert few == []


def test_a_rule_without_builds_has_a_reason():
    reasons = " ".join(" ".join(row) for title in ("Techniques", "Beside these techniques") for row in rows(title) if "no build" in row[2])
    for rule_id, head, *_ in rules():
        assert "applies_to:" in head or rule_id in reasons or rule_id.startswith(HARDENING), rule_id
        assert "side_effects:" in head and "blind_to:" in head, rule_id


def test_every_rule_says_what_it_cannot_see():
    assert [rule_id for rule_id, head, *_ in rules() if "blind_to: []" in head] == []


def test_builds_are_those_of_the_rules():
    heads = {rule_id: head for rule_id, head, *_ in rules()}
    for title in ("Techniques", "Beside these techniques"):
        for row in rows(title):
            ids = re.findall(RULE_ID, row[0] + " " + row[1])
            builds = {build for rule_id in ids for build in re.findall(r"before: (15[\d.]+)", heads[rule_id])}
            shown = set(re.findall(r"15\.[\d.]+\d", row[2]))
            if builds:
                assert shown and shown <= builds, row[0]


def test_every_technique_has_a_row_with_a_rule_or_a_reason():
    techniques = re.findall(r"^### (.+)$", read_shared("corpus/techniques.md"), re.M)
    names = {name.split(" (")[0] for line in techniques for name in re.split(r", ", line.split(" (")[0])}
    table = {row[0]: row for row in rows("Techniques")}
    assert names - set(table) == set()
    assert [name for name in names if table[name][1] == "–" and "not expressible" not in table[name][3]] == []


def test_every_mitigation_has_a_row_with_a_rule_or_a_reason():
    ids = [line.split("\t")[0] for line in read_shared("domain/mitigations.tsv").splitlines()[1:] if line]
    table = rows("Published mitigations")
    assert [name for name in ids if not any(name.startswith(row[0]) for row in table)] == []
    assert [row[0] for row in table if row[1] == "–" and row[2] == "–"] == []
