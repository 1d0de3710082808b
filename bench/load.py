"""Load on one member, and what it cost."""

import json
import subprocess

from peers import Failed, pinner


class Scheme:
    """Who runs where."""

    def __init__(self, name, proxy, load, is_batch):
        self.name = name
        self.proxy = proxy  # cores
        self.load = load  # cores of the origin and the generator
        self.is_batch = is_batch


def schemes(cores):
    """By name. One core is the figure to compare with: where the load side has a core of its own, a
    proxy that waits for it gets fewer events per wake-up and looks dearer than it is."""
    first, last = {cores[0]}, {cores[-1]}
    found = {"one": Scheme("one core", first, first, True)}
    if len(cores) > 1:
        found["two"] = Scheme("two cores", first, last, False)
        found["all"] = Scheme("all cores", set(cores), set(cores), False)
    return found


LEAST = 200  # answers in a measurement: who takes milliseconds for each gets more time


class Load:
    """What load-generator is told."""

    def __init__(self, form, connections=64, rate=0, tls=False, one_shot=False, resume=False):
        self.form = form  # a name in forms.FORMS
        self.connections = connections
        self.rate = rate
        self.tls = tls
        self.one_shot = one_shot
        self.resume = resume

    def options(self):
        found = ["--connections", str(self.connections)]
        found += ["--rate", str(self.rate)] if self.rate else []
        found += ["--tls"] if self.tls else []
        found += ["--one-shot"] if self.one_shot else []
        return found + (["--resume"] if self.resume else [])


def command(peers, name, load, times, seed):
    """times = (warm-up, measured) in ms."""
    peer, origin = peers.processes[name], peers.processes["direct"]
    others = [] if peer is origin else origin.pids()
    argv = [str(peers.tools.generator), "--port", str(peer.port), "--request", str(peers.tools.folder / load.form)]
    argv += load.options() + ["--warm", str(times[0]), "--time", str(times[1]), "--least", str(LEAST), "--seed", str(seed)]
    argv += ["--proxy", ",".join(map(str, peer.pids()))]
    return argv + (["--others", ",".join(map(str, others))] if others else [])


def figures(result):
    requests = result["requests"]
    ours = result["proxy_ns"] + result["others_ns"] + result["load_ns"]
    return {
        "cpu_us": result["proxy_ns"] / requests / 1000,
        "core_use": result["proxy_ns"] / result["elapsed_ns"],
        "requests_per_s": requests * 1e9 / result["elapsed_ns"],
        "mb_per_s": result["bytes"] * 1e3 / result["elapsed_ns"],
        "requests": requests,
        "latency_us": result["latency_us"],
        "overdue": result["overdue_max"],
        "foreign": max(0.0, (result["machine_ns"] - ours) / result["elapsed_ns"]),
    }


def check(name, load, result):
    if result["bad_status"] or result["lost"]:
        raise Failed("%s answered with errors: %s" % (name, result))
    if not result["requests"]:
        raise Failed("%s answered nothing in the measured time" % name)
    if load.resume and result["resumed"] * 2 < result["handshakes"]:
        raise Failed("%s resumed %d of %d sessions" % (name, result["resumed"], result["handshakes"]))


def measure(peers, name, load, times, seed, during=None):
    """One measurement of one member, as figures() has it.

    during(child) runs from the beginning of the measured time on; what it returns stands there, too."""
    argv = command(peers, name, load, times, seed)
    child = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=pinner(peers.scheme.load, peers.scheme.is_batch),
    )  # fmt: skip
    try:
        child.stdout.readline()  # "warm"
        told = during(child) if during else None
        output, errors = child.communicate()
    finally:
        child.kill()
        child.wait()
    if child.returncode != 0:
        raise Failed("%s: %s" % (name, errors[-400:] or " ".join(argv)))
    result = json.loads(output.splitlines()[-1])
    check(name, load, result)
    found = figures(result)
    found["rss_kib"] = peers.processes[name].rss_kib()
    found["command"] = " ".join(argv)
    found["during"] = told
    return found
