#!/usr/bin/python3
"""Many reloads under load: two signed sets take turns while wrk keeps 64 connections busy.

Passes when no request failed, every reload was accepted, and the memory after the first reloads
stays flat within 5 %. Needs wrk and openssl; starts the Exchange stand-in and stopgap itself and
leaves nothing running.

  tests/reload/reload_storm.py --bin build/release --count 1000
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from harness.bundles import Publisher, block_rule  # noqa: E402
from harness.launcher import Launcher  # noqa: E402
from harness.wait import Ports, wait_for  # noqa: E402

WARM_UP = 50  # reloads until every allocator arena has seen a set come and go
GROWTH = 1.05
WINDOW = 25  # reloads whose peak is one figure: right after a reload two sets are in memory


def start_standin(folder, port):
    path = os.path.join(folder, "tests", "exchange-standin")
    process = subprocess.Popen([path, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def start_wrk(port, connections):
    url = "http://127.0.0.1:%d/owa/bench" % port
    argv = ["wrk", "-t", "1", "-c", str(connections), "-d", "86400", "--timeout", "20s", url]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def stop_wrk(wrk):
    """(requests, failed ones, its report)"""
    wrk.send_signal(signal.SIGINT)
    report = wrk.communicate(timeout=60)[0]
    done = re.search(r"(\d+) requests in", report)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    failed = sum(int(n) for n in errors.groups()) if errors else 0
    failed += int(statuses.group(1)) if statuses else 0
    return int(done.group(1)) if done else 0, failed, report


class Storm:
    def __init__(self, proxy, publisher, path):
        self.proxy = proxy
        self.publisher = publisher
        self.path = path
        self.sets = [[block_rule("STORM-A", "/owa/storm-a")],
                     [block_rule("STORM-B%d" % i, "/owa/storm-b%d" % i) for i in range(20)]]
        self.rss = []
        self.times = []
        self.refused = []

    def reload(self, serial):
        self.publisher.bundle(self.path, self.sets[serial % 2], serial=serial, name="storm")
        began = time.monotonic()
        status, text = self.proxy.admin("/reload", "POST")
        self.times.append(time.monotonic() - began)
        self.rss.append(self.proxy.rss_kib())
        if status != 200:
            self.refused.append("serial %d: %d %s" % (serial, status, text.strip()))

    def peaks(self):
        """The highest RSS of each window after the warm-up."""
        after = self.rss[min(WARM_UP, len(self.rss) // 2):]
        windows = [after[i:i + WINDOW] for i in range(0, len(after), WINDOW)]
        return [max(w) for w in windows if len(w) == WINDOW] or [max(after)]


def judge(storm, requests, failed):
    """Print the figures; returns the complaints."""
    peaks = storm.peaks()
    print("reloads        %d, %.0f ms each (median), %d refused"
          % (len(storm.times), 1000 * statistics.median(storm.times), len(storm.refused)))
    print("requests       %d, %d failed" % (requests, failed))
    print("RSS            %.1f MiB at first, %.1f MiB after the warm-up, %.1f MiB at the end, highest %.1f MiB (%+.1f %%)"
          % (storm.rss[0] / 1024, peaks[0] / 1024, peaks[-1] / 1024, max(peaks) / 1024, 100 * (max(peaks) / peaks[0] - 1)))
    complaints = []
    if failed or not requests:
        complaints.append("%d of %d requests failed" % (failed, requests))
    if storm.refused:
        complaints.append("refused: " + storm.refused[0])
    if max(peaks) > GROWTH * peaks[0]:
        complaints.append("memory is not flat within 5 %")
    return complaints


def run(args, folder, ports):
    launcher = Launcher(os.path.join(args.bin, "stopgap"), ports, folder)
    publisher = Publisher(folder)
    path = str(folder / "storm.sgb")
    standin_port = ports.take()
    standin = start_standin(args.bin, standin_port)
    wrk = None
    try:
        publisher.bundle(path, [block_rule("STORM-A", "/owa/storm-a")], serial=1, name="storm")
        proxy = launcher.start("http://127.0.0.1:%d" % standin_port, "--rules", path, "--trust", publisher.root_path,
                               "--workers", str(args.workers), "--access-log", "none")
        storm = Storm(proxy, publisher, path)
        wrk = start_wrk(proxy.port, args.connections)
        wait_for(lambda: proxy.metrics().get("stopgap_requests_total", 0) > 100, "load", 20)
        for serial in range(2, args.count + 2):
            storm.reload(serial)
        if wrk.poll() is not None:
            return ["wrk ended early: " + wrk.stdout.read()]
        requests, failed, report = stop_wrk(wrk)
        complaints = judge(storm, requests, failed)
        if complaints:
            print(report)
        launcher.finish()
        return complaints
    finally:
        for process in (wrk, standin):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait()
        launcher.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parents[1] / "build" / "release"), help="the build folder")
    parser.add_argument("--count", type=int, default=1000, help="reloads")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.bin = os.path.abspath(args.bin)
    if shutil.which("wrk") is None:
        sys.exit("reload_storm.py needs wrk (Debian package wrk)")
    ports = Ports()
    with tempfile.TemporaryDirectory(prefix="stopgap-storm-") as folder:
        try:
            complaints = run(args, pathlib.Path(folder), ports)
        except AssertionError as failure:
            complaints = [str(failure)]
    ports.close()
    for complaint in complaints:
        print("FAILED: " + complaint)
    print("passed" if not complaints else "failed")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
