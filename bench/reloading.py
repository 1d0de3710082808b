"""Latencies while a set of a thousand other rules is loaded again and again, beside those without."""

import shutil

import load
from peers import Set
from rulesets import Rules, run, trust

N_RULES = 1000
BUNDLES = 40  # of one start: more reloads than it has time for
CALM, BUSY = "stopgap", "stopgap, reloading"


class Reloader:
    """Bundles with rising serial numbers whose rules differ from one to the next, and who loads them."""

    def __init__(self, tools):
        self.tools = tools
        self.folder = tools.folder / "reloading"
        self.next = 0
        if not self.folder.exists():
            sets = [Rules(N_RULES, first=N_RULES * turn) for turn in (0, 1)]
            for serial in range(1, BUNDLES + 1):
                sets[serial % 2].make_bundle(tools.stopgap, self.folder, serial)
        self.bundle = self.folder / "bench.sgb"
        self.admin = "unix:%s" % (tools.folder / "admin.sock")
        self.put_next()

    def put_next(self):
        self.next += 1
        if self.next > BUNDLES:
            return False
        new = self.folder / "new.sgb"
        shutil.copy(self.folder / ("bench-%d.sgb" % self.next), new)
        new.rename(self.bundle)
        return True

    def options(self):
        return ["--no-builtin-rules", "--rules", str(self.bundle), *trust(self.folder), "--admin", self.admin]

    def reload_while(self, child):
        """As often as it goes while the load runs; returns how often."""
        n = 0
        while child.poll() is None and self.put_next():
            run(self.tools.stopgap, "reload", "--admin", self.admin)
            n += child.poll() is None
        return n


def measure(tools, case, scheme, plan, progress):
    rounds, commands = [], {}
    for restart in range(plan.restarts):
        reloader = Reloader(tools)
        peers = Set(tools, case.members, case.setting, scheme, extra={CALM: reloader.options()})
        try:
            for _ in range(plan.rounds_of(restart)):
                order = (CALM, BUSY) if len(rounds) % 2 == 0 else (BUSY, CALM)
                found = {}
                for name in order:
                    progress.step("%s, round %d of %d, %s" % (case.name, len(rounds) + 1, plan.rounds, name))
                    during = reloader.reload_while if name == BUSY else None
                    times = (plan.warm_ms, plan.measured_ms * case.longer)
                    found[name] = load.measure(peers, CALM, case.load, times, len(rounds) + 1, during)
                rounds.append({name: found[name] for name in (CALM, BUSY)})
            commands = peers.commands()
        finally:
            peers.stop()
    return rounds, commands
