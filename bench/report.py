#!/usr/bin/python3
"""Figures of compare.py as text: Markdown, the page with plots, or the table in the README.

  bench/compare.py --quick --json result.json
  bench/report.py result.json                       Markdown to standard output
  bench/report.py result.json --html report.html
  bench/report.py result.json --readme README.md    between its two marks
  bench/report.py result.json again.json            tables of the second in place of those of the first

Exit status: 0 done; 1 the file is no result, or has no marks; 2 wrong options.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import sys

MARKS = ("<!-- bench: begin -->", "<!-- bench: end -->")
BARE = "stopgap, no rules"
QUIET = 0.2  # of a core that other programs may take
LOAD_COLUMNS = [
    "", "CPU ratio, median (min..max)", "CPU us/request", "core use", "RSS MiB", "requests/s", "p50 us", "p99 us", "p99.9 us"
]  # fmt: skip
IDLE_COLUMNS = ["", "connections", "KiB each, median (min..max)", "RSS MiB before", "with all"]


def machine():
    with open("/proc/cpuinfo") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
    }


# ---- figures


def spread(values, form):
    return (form + " (" + form + ".." + form + ")") % (statistics.median(values), min(values), max(values))


def median(table, name, key):
    return statistics.median(found[name][key] for found in table["rounds"])


def latency(table, name, share):
    return statistics.median(found[name]["latency_us"][share] for found in table["rounds"])


def ratios(table, name, base=None):
    """CPU of a member over CPU of the base in the same round: what disturbs one mostly disturbs both."""
    base = base or table["base"]
    return [found[name]["cpu_us"] / found[base]["cpu_us"] for found in table["rounds"]]


def reload_ratios(table):
    calm, busy = table["rounds"][0]
    return [one[busy]["latency_us"]["99"] / one[calm]["latency_us"]["99"] for one in table["rounds"]]


# ---- tables: a heading, columns, rows, notes


def heading(table):
    return "%s, %s" % (table["title"], table["scheme"])


def load_row(table, name):
    cpu = ["-", "-", "-", "-"]
    if name != "direct":
        cpu = [
            spread(ratios(table, name), "%.2f"),
            spread([found[name]["cpu_us"] for found in table["rounds"]], "%.1f"),
            "%.0f %%" % (100 * median(table, name, "core_use")),
            "%.1f" % (median(table, name, "rss_kib") / 1024),
        ]
    times = ["%.0f" % latency(table, name, share) for share in ("50", "99", "99.9")]
    return [name, *cpu, "%.0f" % median(table, name, "requests_per_s"), *times]


def load_notes(table):
    rounds = table["rounds"]
    notes = []
    if BARE in rounds[0]:
        notes.append("stopgap over itself without rules: " + spread(ratios(table, "stopgap", BARE), "%.2f"))
    if table["kind"] == "reload":
        n = sum(found["during"] or 0 for one in rounds for found in one.values())
        notes.append("p99 during %d reloads over p99 without: %s" % (n, spread(reload_ratios(table), "%.2f")))
    foreign = max(one["foreign"] for figures in rounds for one in figures.values())
    quiet = "" if foreign < QUIET else "; measure again on a quieter machine"
    notes.append("CPU that other programs took meanwhile: at most %.0f %% of a core%s" % (100 * foreign, quiet))
    return notes


def idle_row(table, name):
    each = [one[name] for one in table["rounds"]]
    before, after = (statistics.median(one[key] for one in each) / 1024 for key in ("before_kib", "after_kib"))
    kib = spread([one["kib"] for one in each], "%.2f")
    return [name, str(each[0]["connections"]), kib, "%.1f" % before, "%.1f" % after]


def as_table(table):
    """(columns, rows, notes) of texts."""
    names = table["rounds"][0]
    if table["kind"] == "idle":
        return IDLE_COLUMNS, [idle_row(table, name) for name in names], []
    return LOAD_COLUMNS, [load_row(table, name) for name in names], load_notes(table)


def environment(result):
    what = result["machine"]
    versions = ", ".join("%s %s" % pair for pair in result["versions"].items())
    return "%s, %d cores, Linux %s; %s" % (what["cpu"], what["cores"], what["kernel"], versions)


# ---- Markdown


def lines_of(columns, rows):
    found = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return found + ["| " + " | ".join(row) + " |" for row in rows]


def markdown(result):
    lines = []
    for table in result["tables"]:
        columns, rows, notes = as_table(table)
        lines += ["**%s** (`--case %s`, %d rounds)" % (heading(table), table["case"], len(table["rounds"])), ""]
        lines += lines_of(columns, rows) + [""]
        lines += [text for note in notes for text in (note, "")]
    lines.append(environment(result))
    return "\n".join(lines)


def summary_row(table):
    """A case in a line: the ratios of who takes part, as bare as possible."""
    names = table["rounds"][0]
    if table["kind"] == "idle":
        cells = {name: spread([one[name]["kib"] for one in table["rounds"]], "%.2f") for name in names}
    elif table["kind"] == "reload":
        cells = {"stopgap": spread(reload_ratios(table), "%.2f")}
    else:
        cells = {name: spread(ratios(table, name), "%.2f") for name in names if name != "direct"}
    unit = {"reload": ", p99 over p99 without reloads"}.get(table["kind"], "")
    if table["kind"] == "idle":
        unit = ", KiB each (HAProxy %s)" % cells["haproxy"].split()[0]
    wanted = [("stopgap",), ("nginx",), ("modsecurity", "modsecurity, core rule set"), ("floor",)]
    return [heading(table) + unit] + [next((cells[name] for name in one if name in cells), "") for one in wanted]


def summary(result):
    """The table of the README."""
    columns = ["CPU per request, HAProxy = 1.00, where no other unit stands", "Stopgap", "nginx", "ModSecurity 3", "bare libuv + llhttp"]
    rows = [summary_row(table) for table in result["tables"]]
    foreign = [one["foreign"] for table in result["tables"] if table["kind"] != "idle" for figures in table["rounds"] for one in figures.values()]
    return "\n".join(
        lines_of(columns, rows)
        + ["", "Median (min..max) of ratios within a round; %s. Measured %s. Other programs took %.0f %% of a core in the median."
           % (environment(result), result["date"], 100 * statistics.median(foreign) if foreign else 0)]
    )  # fmt: skip


def put_between_marks(path, text):
    """False: the file has no marks."""
    old = path.read_text()
    if not all(mark in old for mark in MARKS):
        return False
    before, rest = old.split(MARKS[0], 1)
    after = rest.split(MARKS[1], 1)[1]
    path.write_text(before + MARKS[0] + "\n" + text + "\n" + MARKS[1] + after)
    return True


def read_results(paths):
    """One result of several; a later table about the same takes the place of an earlier one."""
    results = [json.loads(pathlib.Path(path).read_text()) for path in paths]
    tables = {}
    for result in results:
        for table in result["tables"]:
            tables[table["case"], table["scheme"]] = table
    if not tables:
        raise ValueError("no tables")
    return {**results[-1], "tables": list(tables.values())}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("result", nargs="+", help="what compare.py --json wrote")
    parser.add_argument("--html", metavar="FILE", help="write the page with plots")
    parser.add_argument("--readme", metavar="FILE", help="put the short table between the marks of this file")
    options = parser.parse_args()
    try:
        result = read_results(options.result)
    except (OSError, ValueError, KeyError) as problem:
        print("report: %s is no result of compare.py --json: %s" % (" ".join(options.result), problem), file=sys.stderr)
        return 1
    if options.html:
        import page

        pathlib.Path(options.html).write_text(page.page(result))
    if options.readme and not put_between_marks(pathlib.Path(options.readme), summary(result)):
        print("report: %s needs the lines %s and %s" % (options.readme, *MARKS), file=sys.stderr)
        return 1
    if not options.html and not options.readme:
        print(markdown(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
