"""What an idle keep-alive connection takes: resident memory before and with all of them open."""

import resource
import subprocess

import load
from peers import Failed, Set

RESERVE = 400  # descriptors of a program for everything else
WANTED = 10000
WARM_MS = 500


def connections():
    """A proxy needs two descriptors for one: the upstream connection, too."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the programs inherit it
    return min(WANTED, (hard - RESERVE) // 2)


def starts(plan):
    return min(plan.restarts, 2)


def hold(peers, name, case):
    """Figures of one member with all connections open, each after one request."""
    peer = peers.processes[name]
    n = case.setting.connections
    short = load.Load(case.load.form, connections=64, tls=case.load.tls)
    load.measure(peers, name, short, (0, WARM_MS), 1)  # buffers and pools that every first load makes
    before = peer.rss_kib()
    many = load.Load(case.load.form, connections=n, tls=case.load.tls)
    argv = load.command(peers, name, many, (0, 1), 2) + ["--hold"]
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout.readline() != "held\n":
            raise Failed("%s does not hold %d connections: %s" % (name, n, child.stdout.read()))
        after = peer.rss_kib()
    finally:
        child.stdin.close()
        child.wait()
    return {"connections": n, "before_kib": before, "after_kib": after, "kib": (after - before) / n,
            "command": " ".join(argv)}  # fmt: skip


def measure(tools, case, scheme, plan, progress):
    """Each start once: memory that was used is not given back. Two starts are enough, they hardly differ."""
    case.setting.connections = connections()
    members = [member for member in case.members if tools.has(member.program)]
    rounds, commands = [], {}
    for restart in range(starts(plan)):
        peers = Set(tools, members, case.setting, scheme)
        try:
            found = {}
            for member in members:
                progress.step("%s, start %d of %d, %s" % (case.name, restart + 1, starts(plan), member.name))
                found[member.name] = hold(peers, member.name, case)
            rounds.append(found)
            commands = peers.commands()
        finally:
            peers.stop()
    return rounds, commands
