"""Figures to text."""

import os
import platform
import statistics


def machine():
    with open("/proc/cpuinfo") as info:
        models = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
    }


def spread(values, form):
    return (form + " (" + form + ".." + form + ")") % (statistics.median(values), min(values), max(values))


def ratios(table, name, base=None):
    """CPU of a member over CPU of the base in the same round: what disturbs one mostly disturbs both."""
    base = base or table["base"]
    return [found[name]["cpu_us"] / found[base]["cpu_us"] for found in table["rounds"]]


def row(table, name):
    rounds = table["rounds"]

    def median(key):
        return statistics.median(found[name][key] for found in rounds)

    def latency(share):
        return "%.0f" % statistics.median(found[name]["latency_us"][share] for found in rounds)

    cpu = ["-", "-", "-", "-"]
    if name != "direct":
        cpu = [
            spread(ratios(table, name), "%.2f"),
            spread([found[name]["cpu_us"] for found in rounds], "%.1f"),
            "%.0f %%" % (100 * median("core_use")),
            "%.1f" % (median("rss_kib") / 1024),
        ]
    figures = ["%.0f" % median("requests_per_s"), latency("50"), latency("99"), latency("99.9")]
    return "| " + " | ".join([name] + cpu + figures) + " |"


def table(found):
    rounds = found["rounds"]
    foreign = max(one["foreign"] for figures in rounds for one in figures.values())
    lines = [
        "**%s, %s** (`--case %s`, %d rounds)" % (found["title"], found["scheme"], found["case"], len(rounds)),
        "",
        "| | CPU ratio, median (min..max) | CPU us/request | core use | RSS MiB | requests/s | p50 us | p99 us | p99.9 us |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [row(found, name) for name in rounds[0]]
    bare = "stopgap, no rules"
    if bare in rounds[0]:
        lines += ["", "stopgap over itself without rules: %s" % spread(ratios(found, "stopgap", bare), "%.2f")]
    lines += ["", "CPU that other programs took meanwhile: at most %.0f %% of a core" % (100 * foreign), ""]
    return "\n".join(lines)


def markdown(result):
    what = result["machine"]
    versions = ", ".join("%s %s" % pair for pair in result["versions"].items())
    lines = [table(found) for found in result["tables"]]
    lines += ["%s, %d cores, Linux %s; %s" % (what["cpu"], what["cores"], what["kernel"], versions)]
    return "\n".join(lines)
