"""One self-contained page: plots as SVG, then all tables. No scripts, nothing from elsewhere."""

import html
import math
import statistics

import report

COLOURS = {
    "stopgap": "#0072b2",
    "haproxy": "#d55e00",
    "nginx": "#009e73",
    "modsecurity": "#cc79a7",
    "floor": "#888888",
    "direct": "#bbbbbb",
}  # told apart by those who see few colours, too
MARKERS = {"stopgap": "circle", "haproxy": "square", "nginx": "diamond", "modsecurity": "triangle", "floor": "circle"}
WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 74, 130, 34, 46

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #666; --line: #ddd; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --soft: #aaa; --line: #3a3a3a; --paper: #161616; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2em auto; max-width: 60em; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2.2em; } h3 { font-size: 1em; margin-top: 1.8em; }
p.note, figcaption { color: var(--soft); font-size: .9em; }
figure { margin: 1em 0; overflow-x: auto; } svg { max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg .soft { fill: var(--soft); } svg .grid { stroke: var(--line); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .86em; font-variant-numeric: tabular-nums; }
th, td { padding: .25em .7em; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; }
pre { font-size: .78em; overflow-x: auto; background: color-mix(in srgb, var(--ink) 6%, transparent); padding: .8em; }
"""


def esc(text):
    return html.escape(str(text))


def colour(name):
    return COLOURS.get(name.split(",")[0], "#999999")


def number(value):
    """Three digits, without trailing noise."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value else 0
    return format(round(value, digits), ",.%df" % digits) if value < 100 else format(float("%.3g" % value), ",.0f")


class Scale:
    """Values to places on an axis."""

    def __init__(self, values, begin, end, is_log):
        self.is_log = is_log
        self.begin, self.end = begin, end
        if is_log:
            self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
            self.high = max(self.high, self.low + 1)
        else:
            self.low, self.high = 0, max(values) * 1.08

    def at(self, value):
        place = math.log10(value) if self.is_log else value
        return self.begin + (place - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self):
        if self.is_log:
            return [10.0**power for power in range(self.low, self.high + 1)]
        step = 10 ** math.floor(math.log10(self.high / 2))
        step *= next(n for n in (1, 2, 5, 10) if self.high / (step * n) <= 6)
        return [i * step for i in range(int(self.high / step) + 1)]


def text(x, y, words, anchor="start", kind=""):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>' % (x, y, anchor, kind, esc(words))


def line(x1, y1, x2, y2, style):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>' % (x1, y1, x2, y2, style)


def marker(x, y, name, told):
    fill = colour(name)
    kind = MARKERS.get(name.split(",")[0], "circle")
    shapes = {
        "circle": '<circle cx="%.1f" cy="%.1f" r="4.5" fill="%s">' % (x, y, fill),
        "square": '<rect x="%.1f" y="%.1f" width="8" height="8" fill="%s">' % (x - 4, y - 4, fill),
        "diamond": '<path d="M%.1f %.1fl5 5-5 5-5-5z" fill="%s">' % (x, y - 5, fill),
        "triangle": '<path d="M%.1f %.1fl5 9h-10z" fill="%s">' % (x, y - 5, fill),
    }
    end = {"circle": "circle", "square": "rect"}.get(kind, "path")
    return "%s<title>%s</title></%s>" % (shapes[kind], esc(told), end)


def figure(parts, caption, label, height=HEIGHT):
    return (
        '<figure><svg viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">%s</svg>'
        "<figcaption>%s</figcaption></figure>"
    ) % (WIDTH, height, WIDTH, height, esc(label), "".join(parts), esc(caption))


def spread_labels(wanted):
    """Labels at the right end, moved apart where they would cover each other: {name: y}"""
    placed, last = {}, -1e9
    for name, y in sorted(wanted.items(), key=lambda one: one[1]):
        last = max(y, last + 14)
        placed[name] = last
    return placed


def plot_lines(series, labels, unit, caption):
    """series: {name: [(low, median, high) or None for each label]}; a log axis."""
    values = [value for points in series.values() for point in points if point for value in point]
    scale = Scale(values, HEIGHT - BOTTOM, TOP, True)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)
    parts = [text(8, 14, unit, kind="soft")]
    for tick in scale.ticks():
        y = scale.at(tick)
        parts.append(line(LEFT, y, WIDTH - RIGHT, y, 'class="grid"'))
        parts.append(text(LEFT - 8, y + 4, number(tick), "end", "soft"))
    for i, label in enumerate(labels):
        parts.append(text(LEFT + i * step, HEIGHT - BOTTOM + 20, label, "middle", "soft"))
    ends = {}
    for name, points in series.items():
        known = [(LEFT + i * step, point) for i, point in enumerate(points) if point]
        path = " ".join("%.1f,%.1f" % (x, scale.at(point[1])) for x, point in known)
        parts.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>' % (path, colour(name)))
        for i, (x, point) in enumerate(known):
            parts.append(line(x, scale.at(point[0]), x, scale.at(point[2]), 'stroke="%s"' % colour(name)))
            parts.append(marker(x, scale.at(point[1]), name, "%s: %s (%s..%s)" % (name, *map(number, (point[1], point[0], point[2])))))
        ends[name] = scale.at(known[-1][1][1]) + 4
    parts += [text(WIDTH - RIGHT + 12, y, name) for name, y in spread_labels(ends).items()]
    return figure(parts, caption, caption)


def plot_bars(groups, unit, caption, is_log=False, base=None):
    """groups: {label: {name: (low, median, high)}}; lying bars, or points where the axis has no zero."""
    row, gap, left, top = 18, 14, 250, 30
    height = top + 24 + sum(len(bars) * row + gap for bars in groups.values())
    values = [value for bars in groups.values() for bar in bars.values() for value in bar]
    scale = Scale(values, left, WIDTH - 70, is_log)
    parts, y = [text(left, 14, unit, kind="soft")], top
    for tick in scale.ticks():
        parts.append(line(scale.at(tick), top, scale.at(tick), height - 24, 'class="grid"'))
        parts.append(text(scale.at(tick), height - 8, format(tick, ",.6g"), "middle", "soft"))
    for label, bars in groups.items():
        parts.append(text(8, y + 13, label))
        for name, (low, mid, high) in bars.items():
            told = "%s: %s (%s..%s)" % (name, *map(number, (mid, low, high)))
            parts.append(text(left - 8, y + 13, name, "end", "soft"))
            if is_log:
                parts.append(marker(scale.at(mid), y + 9, name, told))
            else:
                parts.append(
                    '<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"><title>%s</title></rect>'
                    % (left, y + 3, max(1, scale.at(mid) - left), row - 6, colour(name), esc(told))
                )
            parts.append(line(scale.at(low), y + 9, scale.at(high), y + 9, 'stroke="var(--ink)"'))
            parts.append(text(max(scale.at(high), scale.at(mid)) + 8, y + 13, number(mid)))
            y += row
        y += gap
    if base:
        parts.append(line(scale.at(base), top, scale.at(base), height - 24, 'stroke="%s"' % colour("haproxy")))
    return figure(parts, caption, caption, height)


# ---- what is plotted


def three(values):
    return min(values), statistics.median(values), max(values)


def each(table, name, key):
    return [found[name][key] for found in table["rounds"]]


def by_case(result):
    found = {}
    for table in result["tables"]:
        found.setdefault(table["case"], table)
    return found


def plot_overview(result):
    groups = {}
    for table in result["tables"]:
        if table["kind"] == "load" and not table["case"].startswith("rules-"):
            names = [name for name in ("stopgap", "nginx", "floor") if name in table["rounds"][0]]
            label = "%s, %s" % (table["case"], table["scheme"])
            groups[label] = {name: three(report.ratios(table, name)) for name in names}
    if not groups:
        return ""
    caption = "The upright line is HAProxy in the same round; thin lines are min..max"
    return "<h2>CPU per request beside HAProxy</h2>" + plot_bars(groups, "times HAProxy", caption, base=1)


def plot_rules(result):
    counts = [0, 10, 100, 1000, 5000]
    tables = [by_case(result).get("rules-%d" % n) for n in counts]
    if sum(table is not None for table in tables) < 2:
        return ""
    series = {}
    for name in ("stopgap", "haproxy", "nginx", "modsecurity"):
        points = [three(each(table, name, "cpu_us")) if table and name in table["rounds"][0] else None for table in tables]
        if any(points):
            series[name] = points
    caption = "The same rules for all, no request matches, every request differs; one core"
    return "<h2>CPU per request by number of rules</h2>" + plot_lines(
        series, ["%s rules" % format(n, ",") for n in counts], "us per request, log", caption
    )


def plot_latency(result):
    tables = [table for table in result["tables"] if table["case"] == "open"]
    if not tables:
        return ""
    table = next((one for one in tables if one["scheme"] == "two cores"), tables[0])
    shares = ["50", "75", "90", "95", "99", "99.5", "99.9", "99.99"]
    series = {
        name: [three([found[name]["latency_us"][share] for found in table["rounds"]]) for share in shares]
        for name in table["rounds"][0]
    }
    caption = "%s, %s; latency counts from the time a request is due, so waiting is not left out" % (table["title"], table["scheme"])
    return "<h2>Latency percentiles</h2>" + plot_lines(series, ["p" + share for share in shares], "us, log", caption)


def plot_sizes(result):
    groups = {}
    for case, label in (
        ("get", "GET 1 KiB"), ("get-64k", "GET 64 KiB"), ("get-10m", "GET 10 MiB"),
        ("tls", "GET 1 KiB, TLS"), ("get-64k-tls", "GET 64 KiB, TLS"), ("get-10m-tls", "GET 10 MiB, TLS"),
    ):  # fmt: skip
        table = by_case(result).get(case)
        if table:
            groups[label] = {
                name: three([found[name]["mb_per_s"] / found[name]["core_use"] for found in table["rounds"]])
                for name in table["rounds"][0]
                if name != "direct"
            }
    if not groups:
        return ""
    caption = "Throughput over the share of a core that the proxy used: what one core of it carries"
    return "<h2>Throughput by size</h2>" + plot_bars(groups, "MB/s per core, log", caption, True)


def plot_memory(result):
    groups = {}
    for case, label in (("idle", "plain"), ("idle-tls", "TLS 1.3")):
        table = by_case(result).get(case)
        if table:
            groups[label] = {name: three(each(table, name, "kib")) for name in table["rounds"][0]}
    if not groups:
        return ""
    caption = "Resident memory of an idle keep-alive connection after one request"
    return "<h2>Memory per connection</h2>" + plot_bars(groups, "KiB", caption)


# ---- tables and the whole


def html_table(table):
    columns, rows, notes = report.as_table(table)
    parts = ["<h3>%s</h3>" % esc(report.heading(table)), '<div class="wide"><table><tr>']
    parts += ["<th>%s</th>" % esc(column) for column in columns]
    parts.append("</tr>")
    for row in rows:
        parts.append("<tr>" + "".join("<td>%s</td>" % esc(cell) for cell in row) + "</tr>")
    parts.append("</table></div>")
    parts += ['<p class="note">%s</p>' % esc(note) for note in notes]
    commands = "\n".join("%s: %s" % pair for pair in table["commands"].items())
    parts.append("<details><summary>commands</summary><pre>%s</pre></details>" % esc(commands))
    return "".join(parts)


def page(result):
    plots = [plot(result) for plot in (plot_overview, plot_rules, plot_latency, plot_sizes, plot_memory)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Stopgap: benchmark</title>'
        '<meta name="viewport" content="width=device-width"><style>%s</style></head><body><h1>Stopgap beside other proxies</h1>'
        "<p>%s. Measured %s by <code>%s</code>, in %d rounds turn about; ratios are within a round. "
        "bench/README.md in the source has the method.</p>%s<h2>All figures</h2>%s</body></html>\n"
    ) % (
        STYLE,
        esc(report.environment(result)),
        esc(result["date"]),
        esc(result["command"]),
        result["plan"]["rounds"],
        "".join(plots),
        "".join(html_table(table) for table in result["tables"]),
    )
