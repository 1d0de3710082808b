#!/usr/bin/env python3
"""Judge generated requests by the shipped rules, without a network: spellings of attacks must be stopped,
near misses and the traffic of clients must pass.

  tests/corpus/judge.py --judge build/dev/tests/corpus-judge [--count 100000] [--seed 1] [--rules DIRECTORY]
      [--enable-rule ID]...

--count requests of tests/benign/generate.py are judged. Exit status 0 when all is well, 1 with one line for
each request that went the wrong way. Standard library only.
"""
import argparse
import json
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent


def judge(args, generator, *options):
    """Of each request its row and what is done to it, in order."""
    command = [args.judge] + (["--rules", args.rules] if args.rules else [])
    command += [word for rule in args.enable_rule for word in ("--enable-rule", rule)]
    rows = subprocess.run([sys.executable, str(generator), *options], capture_output=True, check=True).stdout
    done = subprocess.run(command, input=rows, capture_output=True)
    lines = done.stdout.decode("latin-1").splitlines()
    rows = rows.splitlines()
    if done.returncode != 0 or len(lines) != len(rows) or not rows:
        sys.exit("%s: %d of %d requests judged: %s" % (generator.name, len(lines), len(rows), done.stderr.decode()[-500:]))
    for row, line in zip(rows, lines):
        yield row, line.split("\t")


def report(name, n_right, n_all):
    print("%s: %d of %d as expected" % (name, n_right, n_all))
    return n_all - n_right


def attacks(args):
    n_right = n_all = n_unsure = n_unsure_stopped = 0
    for row, (name, action, _) in judge(args, FOLDER / "variants.py"):
        if json.loads(row)["works"] != "yes":
            n_unsure += 1
            n_unsure_stopped += action != "pass"
            continue
        n_all += 1
        n_right += action != "pass"
        if action == "pass":
            print("passed: %s" % name)
    print("unsure spellings: %d of %d stopped" % (n_unsure_stopped, n_unsure))
    return report("attacks", n_right, n_all)


def clients(args, generator, *options):
    n_right = n_all = 0
    for _, (name, action, rules) in judge(args, generator, *options):
        n_all += 1
        n_right += action == "pass"
        if action != "pass":
            print("%s: %s by %s" % (action, name, rules))
    return report(generator.parent.name + "/" + generator.name, n_right, n_all)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enable-rule", action="append", default=[], help="an option to switch on; repeatable")
    parser.add_argument("--judge", required=True)
    parser.add_argument("--rules")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    wrong = attacks(args) + clients(args, FOLDER / "lookalikes.py")
    wrong += clients(args, FOLDER.parent / "benign/generate.py", "--count", str(args.count), "--seed", str(args.seed))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
