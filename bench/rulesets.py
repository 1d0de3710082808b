"""The same N rules for every program that has rules: one regular expression each, over what all can see.

Four kinds turn about: path and query, query, User-Agent, cookies. Each program gets them in the form
that is quickest for it: HAProxy a list of patterns for each kind, nginx a map for each kind,
ModSecurity a SecRule each, stopgap a file each in a signed set.
"""

import pathlib
import subprocess

KINDS = ("target", "query", "agent", "cookie")
NUMBERED = {
    "target": (r"^/owa/[^/?]{1,64}/gadget%04x\.aspx", "target: '/owa/x/gadget%04x.aspx'"),
    "query": (r"probe%04x=[^&]{0,32}shell", "target: '/ecp/?probe%04x=powershell'"),
    "agent": (r"scanner%04x/[0-9]{1,9}", "{target: /owa/, headers: ['User-Agent: scanner%04x/7']}"),
    "cookie": (r"session%04x=[^;]{0,64}\.\./", "{target: /owa/, headers: ['Cookie: session%04x=a../']}"),
}
STOPGAP_FIELD = {
    "target": "field: target",
    "query": "field: query",
    "agent": "field: header, name: User-Agent",
    "cookie": "field: header, name: Cookie",
}
STOPGAP = """\
id: BENCH-%05d
title: rule %d of the benchmark
references: ['https://example.com/bench']
severity: low
side_effects: none
when:
  all:
    - {%s, regex: '%s'}
samples:
  must_block:
    - %s
  must_pass:
    - {target: /owa/}
"""
HAPROXY = {
    "target": "url",
    "query": "query",
    "agent": "req.fhdr(User-Agent)",
    "cookie": "req.fhdr(Cookie)",
}
NGINX = {"target": "$request_uri", "query": "$args", "agent": "$http_user_agent", "cookie": "$http_cookie"}
MODSECURITY = {
    "target": "REQUEST_URI",
    "query": "QUERY_STRING",
    "agent": "REQUEST_HEADERS:User-Agent",
    "cookie": "REQUEST_HEADERS:Cookie",
}


def patterns(n, kind):
    """(number, regex) of the rules of a kind among the first n."""
    first = KINDS.index(kind)
    return [(number, NUMBERED[kind][0] % number) for number in range(first, n, len(KINDS))]


def haproxy(n, folder):
    """Lines for a frontend."""
    lines = []
    for kind in KINDS if n else ():
        path = folder / ("haproxy-%s.lst" % kind)
        path.write_text("".join(regex + "\n" for _, regex in patterns(n, kind)))
        lines.append("http-request deny if { %s -m reg -i -f %s }" % (HAPROXY[kind], path))
    return "\n    ".join(lines)


def nginx(n):
    """(maps for the http block, lines for a location)"""
    maps, lines = [], []
    for kind in KINDS if n else ():
        rows = "".join('        "~*%s" 1;\n' % regex for _, regex in patterns(n, kind))
        maps.append("map %s $is_%s {\n        default 0;\n%s    }" % (NGINX[kind], kind, rows))
        lines.append("if ($is_%s) { return 403; }" % kind)
    return "\n    ".join(maps), "\n            ".join(lines)


def modsecurity(n):
    lines = ["SecRuleEngine On", "SecRequestBodyAccess Off", "SecResponseBodyAccess Off", "SecAuditEngine Off"]
    for kind in KINDS:
        for number, regex in patterns(n, kind):
            lines.append(
                'SecRule %s "@rx (?i)%s" "id:%d,phase:1,deny,status:403,t:none"'
                % (MODSECURITY[kind], regex, 100000 + number)
            )
    return "\n".join(lines) + "\n"


CRS = "/usr/share/modsecurity-crs"


def core_rule_set():
    """As Debian ships it, paranoia level 1. It only reports: what it takes for attacks must not end a run."""
    return "\n".join(
        [
            "SecRuleEngine DetectionOnly",
            "SecRequestBodyAccess On",
            "SecResponseBodyAccess Off",
            "SecAuditEngine Off",
            "Include /etc/modsecurity/crs/crs-setup.conf",
            "Include %s/rules/*.conf" % CRS,
            "",
        ]
    )


def stopgap_files(n, folder):
    folder.mkdir(parents=True)
    for kind in KINDS:
        for number, regex in patterns(n, kind):
            text = STOPGAP % (number, number, STOPGAP_FIELD[kind], regex, NUMBERED[kind][1] % number)
            (folder / ("bench-%05d.yaml" % number)).write_text(text)


def stopgap(program, n, folder):
    """Options of `stopgap run`: a set that was signed for the occasion instead of the shipped one."""
    if n == 0:
        return ["--no-builtin-rules"]
    folder = pathlib.Path(folder) / ("rules-%d" % n)
    bundle, root = folder / "bench.sgb", folder / "root.txt"
    if not bundle.exists():
        stopgap_files(n, folder / "rules")
        key = str(folder / "bench.key")
        for step in (
            ["keygen", "--alg", "ed25519", "--out", key],
            ["root", "--key", key, "--out", str(root)],
            ["build", str(folder / "rules"), "--name", "bench", "--serial", "1", "--root", str(root), "--out", str(bundle)],
            ["sign", str(bundle), "--key", key],
        ):  # fmt: skip
            subprocess.run([str(program), "bundle", *step], check=True, capture_output=True)
    return ["--no-builtin-rules", "--rules", str(bundle), "--trust", str(root)]
