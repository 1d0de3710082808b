#!/usr/bin/env python3
"""Run this folder's requests and, where it is beside the checkout, the shared corpus through the proxy.

  tests/corpus/score.py --bin build/release/stopgap --shared ../shared [--options '--enable-rule HARDEN.SHAPES']

Fails when one of our own requests goes the wrong way, or when the shared corpus shows a benign request
blocked, a request altered, or less than 98 % of the certain shapes blocked. Exit status 0 or 1.
"""
import argparse
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    print(done.stdout[-3000:], done.stderr[-1000:], sep="")
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--shared", required=True, type=pathlib.Path)
    parser.add_argument("--options", default="", help="more options of the proxy, such as '--enable-rule HARDEN.SHAPES'")
    args = parser.parse_args()
    proxy = args.bin + " run --listen http://127.0.0.1:{listen} --upstream http://127.0.0.1:{%s} " + args.options
    failed = run([sys.executable, str(FOLDER / "check.py"), proxy % "upstream"]).returncode != 0
    score = run([sys.executable, str(args.shared / "tools/corpus_score.py"), "--proxy", proxy % "origin",
                 str(args.shared / "corpus/dev-attacks.jsonl"), str(args.shared / "corpus/dev-benign.jsonl")])
    found = re.search(r"blocked \d+/\d+ \(([\d.]+) %\).*benign blocked (\d+)/.*altered (\d+)", score.stdout)
    good = found and float(found[1]) >= 98 and found[2] == "0" and found[3] == "0"
    return 1 if failed or not good else 0


if __name__ == "__main__":
    sys.exit(main())
