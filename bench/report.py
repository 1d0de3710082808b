"""Figures to text."""

import os
import platform
import statistics

BASE = "haproxy"


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


def ratios(rounds, name):
    """CPU of a peer over CPU of the base in the same round: what disturbs one mostly disturbs both."""
    return [found[name]["cpu_us"] / found[BASE]["cpu_us"] for found in rounds]


def row(rounds, name):
    def median(key):
        return statistics.median(found[name][key] for found in rounds)

    cpu = ["-", "-", "-", "-"]
    if name != "direct":
        cpu = [
            spread(ratios(rounds, name), "%.2f"),
            spread([found[name]["cpu_us"] for found in rounds], "%.1f"),
            "%.0f %%" % (100 * median("core_use")),
            "%.1f" % (median("rss_kib") / 1024),
        ]
    figures = ["%.0f" % median("requests_per_s"), "%.0f" % median("p50_us"), "%.0f" % median("p99_us")]
    return "| " + " | ".join([name] + cpu + figures) + " |"


def table(scheme):
    rounds = scheme["rounds"]
    foreign = max(found["foreign"] for one in rounds for found in one.values())
    lines = [
        "**%s**, %d rounds of %d requests" % (scheme["name"], len(rounds), scheme["requests"]),
        "",
        "| peer | CPU ratio, median (min..max) | CPU us/request | core use | RSS MiB | requests/s | p50 us | p99 us |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [row(rounds, name) for name in rounds[0]]
    lines += ["", "CPU that other programs took meanwhile: at most %.0f %% of a core" % (100 * foreign), ""]
    return "\n".join(lines)


def markdown(result):
    what = result["machine"]
    versions = ", ".join("%s %s" % pair for pair in result["versions"].items())
    lines = [
        "HTTP/1.1 keep-alive, 64 connections, GET 1 KiB; ratios are of the same round, %s = 1.00" % BASE,
        "",
    ]
    lines += [table(scheme) for scheme in result["schemes"]]
    lines += ["%s, %d cores, Linux %s; %s" % (what["cpu"], what["cores"], what["kernel"], versions), ""]
    lines += ["    " + command for command in result["commands"]]
    return "\n".join(lines)
