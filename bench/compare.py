#!/usr/bin/python3
"""CPU per request of stopgap beside HAProxy, nginx, ModSecurity, and no proxy at all.

  bench/compare.py --quick
  bench/compare.py --case get --case tls --rounds 3

stopgap runs as it is shipped where a case says nothing else: all rules, block mode, access and
decision log to a file. The others run without rules and without logs. bench/README.md has the method.

Exit status: 0 measured; 1 a program failed or answered with errors; 2 wrong options;
3 something is missing (the message names it); 130 interrupted. With 1 and 130 the tables that were
complete are written all the same.
"""

import argparse
import json
import os
import pathlib
import signal
import sys
import tempfile
import time

import idle
import load
import page
import reloading
import report
from cases import CASES
from forms import FORMS
from peers import Failed, Set, Tools

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Plan:
    """How much is measured."""

    def __init__(self, rounds, restarts, warm_ms, measured_ms):
        self.rounds = rounds
        self.restarts = restarts  # memory layout is luck; who had bad luck gets another chance
        self.warm_ms = warm_ms
        self.measured_ms = measured_ms

    def rounds_of(self, restart):
        return len(range(restart, self.rounds, self.restarts))


QUICK = Plan(rounds=3, restarts=1, warm_ms=150, measured_ms=350)
FULL = Plan(rounds=9, restarts=3, warm_ms=300, measured_ms=1000)


class Progress:
    """One line that is written over; a line each where nobody watches a terminal."""

    def __init__(self, total):
        self.total = total
        self.n = 0
        self.begun = time.monotonic()

    def step(self, text):
        left = (time.monotonic() - self.begun) / self.n * (self.total - self.n) if self.n else 0
        self.n += 1
        line = "[%d/%d%s] %s" % (self.n, self.total, ", %.0f s left" % left if left else "", text)
        if sys.stderr.isatty():
            print("\r\033[K" + line[:100], end="" if self.n < self.total else "\n", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def measure_round(peers, case, names, plan, number, progress):
    """A B C D, then D C B A: what drifts with time hits all alike."""
    found = {}
    for name in names if number % 2 == 0 else reversed(names):
        progress.step("%s, %s, round %d of %d, %s" % (case.name, peers.scheme.name, number + 1, plan.rounds, name))
        times = (plan.warm_ms, plan.measured_ms * case.longer)
        found[name] = load.measure(peers, name, case.load, times, number * len(names) + names.index(name) + 1)
    return {name: found[name] for name in names}


def measure_load(tools, case, scheme, plan, progress):
    """(rounds, commands)"""
    members = [member for member in case.members if tools.has(member.program)]
    names = [member.name for member in members]
    rounds, commands = [], {}
    for restart in range(plan.restarts):
        peers = Set(tools, members, case.setting, scheme)
        try:
            for _ in range(plan.rounds_of(restart)):
                rounds.append(measure_round(peers, case, names, plan, len(rounds), progress))
            commands = peers.commands()
        finally:
            peers.stop()
    return rounds, commands


MEASURES = {"load": measure_load, "idle": idle.measure, "reload": reloading.measure}


def measure_case(tools, case, scheme, plan, progress):
    rounds, commands = MEASURES[case.kind](tools, case, scheme, plan, progress)
    last = next(iter(rounds[-1].values()))
    return {
        "case": case.name,
        "kind": case.kind,
        "title": case.title,
        "scheme": scheme.name,
        "base": case.members[0].name,
        "rounds": rounds,
        "commands": {**commands, "load": last["command"]},
    }


def steps(tools, case, plan):
    """How many measurements there are in a case."""
    n = len([member for member in case.members if tools.has(member.program)])
    return {"load": plan.rounds * n, "idle": idle.starts(plan) * n, "reload": plan.rounds * 2}[case.kind]


def planned(cases, only_scheme):
    """(case, scheme) in the order in which they are measured."""
    known = load.schemes(sorted(os.sched_getaffinity(0)))
    pairs = [(case, known[name]) for case in cases for name in case.schemes if name in known]
    return [(case, scheme) for case, scheme in pairs if not only_scheme or scheme.name.startswith(only_scheme)]


def measure_all(tools, pairs, plan, result):
    """Adds table by table to the result: who interrupts it keeps those that are complete."""
    progress = Progress(sum(steps(tools, case, plan) for case, _ in pairs))
    for name, make in FORMS.items():
        (tools.folder / name).write_bytes(make())
    for case, scheme in pairs:
        result["tables"].append(measure_case(tools, case, scheme, plan, progress))


def measure_options(options):
    """(exit status, result)"""
    plan = QUICK if options.quick else FULL
    if options.rounds:
        plan = Plan(options.rounds, min(plan.restarts, options.rounds), plan.warm_ms, plan.measured_ms)
    result = {"machine": report.machine(), "versions": {}, "plan": vars(plan), "tables": []}
    result.update(command=" ".join(sys.argv), date=time.strftime("%Y-%m-%d"))
    with tempfile.TemporaryDirectory(prefix="stopgap-bench-") as folder:
        tools = Tools(options.build, folder)
        missing = tools.missing()
        if missing:
            print("missing: %s; './dev bench' builds and installs what is needed" % ", ".join(missing), file=sys.stderr)
            return 3, result
        result["versions"] = tools.versions()
        try:
            measure_all(tools, planned(chosen(options), options.scheme), plan, result)
        except Failed as failure:
            print("bench: %s" % failure, file=sys.stderr)
            return 1, result
        except KeyboardInterrupt:
            print("bench: interrupted after %d tables" % len(result["tables"]), file=sys.stderr)
            return 130, result
    return 0, result


def on_terminate(_signal, _frame):
    raise KeyboardInterrupt


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    names = [case.name for case in CASES]
    parser.add_argument("--quick", action="store_true", help="some cases, few and short rounds: under two minutes")
    parser.add_argument("--case", action="append", choices=names, metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--scheme", choices=("one", "two", "all"), help="only on one core, two or all")
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of 9, with --quick 3")
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), help="build folder (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write every single measurement there, too")
    parser.add_argument("--html", metavar="FILE", help="write a page with plots there, too")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds wants a number from 1 on")
    return options


def chosen(options):
    if options.case:
        return [case for case in CASES if case.name in options.case]
    return [case for case in CASES if case.is_quick or not options.quick]


def main():
    options = parse_options()
    if options.list:
        print("\n".join("%-18s %s" % (case.name, case.title) for case in CASES))
        return 0
    signal.signal(signal.SIGTERM, on_terminate)
    status, result = measure_options(options)
    if result["tables"]:
        print(report.markdown(result))
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
        if options.html:
            pathlib.Path(options.html).write_text(page.page(result))
    return status


if __name__ == "__main__":
    sys.exit(main())
