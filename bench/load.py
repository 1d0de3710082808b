"""Load on one peer, and what it cost: CPU time of the whole process over a fixed count of requests."""

import json
import os
import pathlib
import signal
import subprocess
import time

from peers import Failed, pinner

SCRIPT = pathlib.Path(__file__).resolve().parent / "requests.lua"
CONNECTIONS = 64
LONGEST_SECONDS = 120  # of one measurement; it ends by count long before
PATH = "/owa/bench"  # 1 KiB of body


class Scheme:
    """Who runs where."""

    def __init__(self, name, proxy_core, load_core, is_batch):
        self.name = name
        self.proxy_core = proxy_core
        self.load_core = load_core
        self.is_batch = is_batch


def schemes(cores):
    """One core is the figure to compare with: where the load side has a core of its own, a proxy
    that waits for it gets fewer events per wake-up and looks dearer than it is."""
    found = [Scheme("one core", cores[0], cores[0], True)]
    if len(cores) > 1:
        found.append(Scheme("two cores", cores[0], cores[1], False))
    return found


def cpu_ns(pid):
    """CPU time of all threads of a process."""
    total = 0
    tasks = "/proc/%d/task" % pid
    try:
        names = os.listdir(tasks)
    except (FileNotFoundError, ProcessLookupError):
        raise Failed("process %d went away under load" % pid) from None
    for task in names:
        try:
            with open("%s/%s/schedstat" % (tasks, task)) as stat:
                total += int(stat.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass  # a thread of the load generator that has just ended
    return total


def busy_ns():
    """What all cores of the machine did, whoever asked for it; with the time stolen from us."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    ticks = user + nice + system + irq + softirq + steal
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def wrk_command(wrk, port, warmup, count, seed):
    return [
        wrk, "-t", "1", "-c", str(CONNECTIONS), "-d", "%ds" % LONGEST_SECONDS, "--timeout", "10s",
        "-s", str(SCRIPT), "http://127.0.0.1:%d" % port, "--", PATH, str(warmup), str(count), str(seed),
    ]  # fmt: skip


def wait_for(child, word):
    for line in child.stdout:
        if line.strip() == word:
            return
    raise Failed("wrk ended before '%s'" % word)


class Sample:
    """The clocks at one moment."""

    def __init__(self, proxy, others):
        self.time = time.monotonic_ns()
        self.proxy = cpu_ns(proxy)
        self.ours = self.proxy + sum(cpu_ns(pid) for pid in others)
        self.busy = busy_ns()


def run(command, peer, others, scheme):
    """(sample when warm, sample when done, what wrk counted)"""
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, preexec_fn=pinner(scheme.load_core, scheme.is_batch)
    )
    try:
        pids = [child.pid] + [pid for pid in others if pid != peer.pid]
        wait_for(child, "warm")
        before = Sample(peer.pid, pids)
        wait_for(child, "done")
        after = Sample(peer.pid, pids)
        child.send_signal(signal.SIGINT)
        report = child.stdout.read()
    finally:
        child.kill()
        child.wait()
    lines = [line for line in report.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed("wrk gave no result for %s" % peer.name)
    return before, after, json.loads(lines[-1])


def measure(wrk, peers, name, scheme, counts):
    """One measurement of one peer. counts = (warm-up, requests, seed)."""
    peer = peers.processes[name]
    command = wrk_command(wrk, peer.port, *counts)
    before, after, result = run(command, peer, [peers.processes["direct"].pid], scheme)
    if result["status_errors"] or result["socket_errors"]:
        raise Failed("%s answered with errors: %s" % (name, result))
    elapsed = after.time - before.time
    spent = after.proxy - before.proxy
    return {
        "peer": name,
        "cpu_us": spent / counts[1] / 1000,
        "core_use": spent / elapsed,
        "requests_per_s": counts[1] * 1e9 / elapsed,
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "rss_kib": rss_kib(peer.pid),
        "foreign": max(0.0, ((after.busy - before.busy) - (after.ours - before.ours)) / elapsed),
        "command": " ".join(command),
    }
