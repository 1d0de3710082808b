#!/usr/bin/python3
"""CPU per request of stopgap beside HAProxy, nginx where it is installed, and no proxy at all.

  bench/compare.py --quick

stopgap runs as it is shipped: all rules, block mode, access and decision log to a file. HAProxy
and nginx run without rules and without logs. bench/README.md has the method.

Exit status: 0 measured; 1 a program failed or answered with errors; 2 wrong options;
3 something is missing (the message names it); 130 interrupted.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import load
import report
from peers import Failed, Set, Tools

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESTARTS = 3  # memory layout is luck; a program that had bad luck gets two more chances


class Plan:
    """How much is measured."""

    def __init__(self, rounds, warmup, requests):
        self.rounds = rounds  # a multiple of RESTARTS
        self.warmup = warmup
        self.requests = requests


QUICK = Plan(rounds=6, warmup=2000, requests=10000)
FULL = Plan(rounds=15, warmup=5000, requests=60000)


class Progress:
    """One line that is written over; a line each where nobody watches a terminal."""

    def __init__(self, total):
        self.total = total
        self.n = 0

    def step(self, text):
        self.n += 1
        line = "[%d/%d] %s" % (self.n, self.total, text)
        if sys.stderr.isatty():
            print("\r\033[K" + line, end="" if self.n < self.total else "\n", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)


def measure_round(tools, peers, scheme, plan, number, progress):
    """A B C D, then D C B A: what drifts with time hits all alike."""
    names = tools.names()
    found = {}
    for name in names if number % 2 == 0 else reversed(names):
        progress.step("%s, round %d of %d, %s" % (scheme.name, number + 1, plan.rounds, name))
        seed = number * len(names) + names.index(name) + 1
        found[name] = load.measure(tools.wrk, peers, name, scheme, (plan.warmup, plan.requests, seed))
    return {name: found[name] for name in names}


def measure_scheme(tools, scheme, plan, progress, commands):
    rounds = []
    for _ in range(RESTARTS):
        with tempfile.TemporaryDirectory(prefix="stopgap-bench-") as folder:
            peers = Set(tools, scheme, folder)
            try:
                for _ in range(plan.rounds // RESTARTS):
                    rounds.append(measure_round(tools, peers, scheme, plan, len(rounds), progress))
            finally:
                peers.stop()
            commands[:] = [" ".join(one.argv) for one in peers.processes.values()]
    commands.append(rounds[-1]["stopgap"]["command"])
    return {"name": scheme.name, "requests": plan.requests, "rounds": rounds}


def measure_all(tools, plan):
    schemes = load.schemes(sorted(os.sched_getaffinity(0)))
    progress = Progress(len(schemes) * plan.rounds * len(tools.names()))
    commands = []
    found = [measure_scheme(tools, scheme, plan, progress, commands) for scheme in schemes]
    return {
        "machine": report.machine(),
        "versions": tools.versions(),
        "commands": commands,
        "schemes": found,
    }


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n")[-1], allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: under two minutes")
    parser.add_argument("--build", default=str(ROOT / "build" / "release"), help="build folder (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write every single measurement there, too")
    return parser.parse_args()


def main():
    options = parse_options()
    tools = Tools(options.build)
    missing = tools.missing()
    if missing:
        print("missing: %s; './dev bench' builds and installs what is needed" % ", ".join(missing), file=sys.stderr)
        return 3
    try:
        result = measure_all(tools, QUICK if options.quick else FULL)
    except Failed as failure:
        print("bench: %s" % failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(report.markdown(result))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
