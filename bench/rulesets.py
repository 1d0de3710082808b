"""The same N rules for every program that has rules: one regular expression each, over what all can see.

Ten shapes as they are common in rules for web servers turn about, each with words of its own; no request of the
benchmark matches one. Each program gets them in the form that is quickest for it: HAProxy a list of patterns for
each subject, nginx a map for each, ModSecurity a SecRule each, stopgap a file each in a signed set.
"""

import http.client
import pathlib
import subprocess

SYLLABLES = "za le hi do lu wa la ad ge vi is ta cu as ne xe er co ab go ya ma na po ri so te fu qu ki".split()


class Shape:
    """A pattern and what it matches; {a} to {d} are words."""

    def __init__(self, subject, regex, matched):
        self.subject = subject
        self.regex = regex
        self.matched = matched


SHAPES = [
    Shape("target", r"^/(?:owa|ecp|ews|autodiscover)/{a}/{b}[0-9a-f]{{4,8}}\.js", "/owa/{a}/{b}12345678.js"),
    Shape("query", r"\b{a}=[^&]{{0,32}}{b}", "{a}=x{b}"),
    Shape("cookie", r"{a}=[^;]{{0,64}}\.\./", "{a}=y/../"),
    Shape("agent", r"{a}/[0-9]+\.[0-9]+ \({b};", "{a}/1.0 ({b};"),
    Shape("target", r"/{a}/.*{b}\.aspx", "/ecp/{a}/x/{b}.aspx"),
    Shape("query", r"{a}[+\s]+(?:all[+\s]+)?{b}[+\s]*\(", "q={a}+{b}("),
    Shape("cookie", r"(?:{a}|{b}|{c}|{d})=[0-9a-f]{{8}}", "{c}=0123abcd"),
    Shape("target", r"\.(?:{a}|{b}|{c})\?", "/owa/x.{b}?y"),
    Shape("agent", r"\b{a}{b}\b", "x {a}{b} y"),
    Shape("cookie", r"{a}.*{b}=", "{a}=1; {b}=2"),
]
STOPGAP_FIELD = {
    "target": "field: target",
    "query": "field: query",
    "agent": "field: header, name: User-Agent",
    "cookie": "field: header, name: Cookie",
    "referer": "field: header, name: Referer",
}
STOPGAP = """\
id: BENCH-%05d
title: rule %d of the benchmark
references: ['https://example.com/bench']
severity: low
side_effects: none
when:
  any:
%s
samples:
  must_block:
    - target: '%s'
      headers: ['User-Agent: %s', 'Cookie: %s']
  must_pass:
    - {target: /owa/}
"""
HAPROXY = {
    "target": "url",
    "query": "query",
    "agent": "req.fhdr(User-Agent)",
    "cookie": "req.fhdr(Cookie)",
    "wide": "var(txn.wide)",
}
HAPROXY_WIDE = (
    'http-request set-var-fmt(txn.wide) "%[url]|%[req.fhdr(User-Agent)]|%[req.fhdr(Cookie)]|%[req.fhdr(Referer)]"'
)
NGINX = {
    "target": "$request_uri",
    "query": "$args",
    "agent": "$http_user_agent",
    "cookie": "$http_cookie",
    "wide": '"$request_uri|$http_user_agent|$http_cookie|$http_referer"',
}
MODSECURITY = {
    "target": "REQUEST_URI",
    "query": "QUERY_STRING",
    "agent": "REQUEST_HEADERS:User-Agent",
    "cookie": "REQUEST_HEADERS:Cookie",
    "wide": "REQUEST_URI|REQUEST_HEADERS:User-Agent|REQUEST_HEADERS:Cookie|REQUEST_HEADERS:Referer",
}


def words(number):
    """Four words that no other rule has."""
    n = len(SYLLABLES)
    found = {}
    for place, name in enumerate("abcd"):
        rest = (number * 4 + place) * 7919 % n**4  # 7919 and 30 have no common divisor: all differ
        found[name] = "".join(SYLLABLES[rest // n**i % n] for i in range(4))
    return found


def regex(number):
    return SHAPES[number % len(SHAPES)].regex.format(**words(number))


def attack(number):
    """(target, User-Agent, cookies) that the rule matches."""
    shape = SHAPES[number % len(SHAPES)]
    text = shape.matched.format(**words(number))
    target = text if shape.subject == "target" else "/owa/?" + text if shape.subject == "query" else "/owa/"
    return target, text if shape.subject == "agent" else "bench", text if shape.subject == "cookie" else "a=b"


def status_of(port, target, agent, cookies):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", target, headers={"Host": "mail.example.com", "User-Agent": agent, "Cookie": cookies})
    status = connection.getresponse().status
    connection.close()
    return status


def run(program, *words):
    done = subprocess.run([str(program), *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed("%s %s: %s" % (program, " ".join(words), done.stderr[-400:]))


def trust(folder):
    """Options for the roots that make_bundle made."""
    return ["--trust", str(folder / "roots" / "0000000001")]


class Failed(Exception):
    """A program did not start, went away, or answered with errors."""


class Rules:
    """n rules. Wide: each looks at target, User-Agent, cookies and Referer, not at one of them."""

    def __init__(self, n, is_wide=False, first=0):
        self.n = n
        self.is_wide = is_wide
        self.numbers = range(first, first + n)

    def subject(self, number):
        return "wide" if self.is_wide else SHAPES[number % len(SHAPES)].subject

    def by_subject(self):
        """{subject: [(number, regex)]}"""
        found = {}
        for number in self.numbers:
            found.setdefault(self.subject(number), []).append((number, regex(number)))
        return found

    def idle(self, port):
        """Numbers of rules, among the last of each shape, that do not do their work on a port."""
        last = self.numbers[-len(SHAPES) :]
        return [number for number in last if status_of(port, *attack(number)) != 403]

    def haproxy(self, folder):
        """Lines for a frontend."""
        lines = [HAPROXY_WIDE] if self.is_wide else []
        for subject, rules in self.by_subject().items():
            path = folder / ("haproxy-%s.lst" % subject)
            path.write_text("".join(pattern + "\n" for _, pattern in rules))
            lines.append("http-request deny if { %s -m reg -i -f %s }" % (HAPROXY[subject], path))
        return "\n    ".join(lines)

    def nginx(self):
        """(maps for the http block, lines for a location)"""
        maps, lines = [], []
        for subject, rules in self.by_subject().items():
            rows = "".join('        "~*%s" 1;\n' % pattern for _, pattern in rules)
            maps.append("map %s $is_%s {\n        default 0;\n%s    }" % (NGINX[subject], subject, rows))
            lines.append("if ($is_%s) { return 403; }" % subject)
        return "\n    ".join(maps), "\n            ".join(lines)

    def modsecurity(self):
        lines = ["SecRuleEngine On", "SecRequestBodyAccess Off", "SecResponseBodyAccess Off", "SecAuditEngine Off"]
        for subject, rules in self.by_subject().items():
            for number, pattern in rules:
                lines.append(
                    'SecRule %s "@rx (?i)%s" "id:%d,phase:1,deny,status:403,t:none"'
                    % (MODSECURITY[subject], pattern, 100000 + number)
                )
        return "\n".join(lines) + "\n"

    def write_files(self, folder):
        folder.mkdir(parents=True)
        for number in self.numbers:
            subjects = ("target", "agent", "cookie", "referer") if self.is_wide else (self.subject(number),)
            tests = ["    - {%s, regex: '%s'}" % (STOPGAP_FIELD[subject], regex(number)) for subject in subjects]
            text = STOPGAP % (number, number, "\n".join(tests), *attack(number))
            (folder / ("bench-%05d.yaml" % number)).write_text(text)

    def make_bundle(self, program, folder, serial=1):
        """A signed set: bench-SERIAL.sgb in a folder, with the roots and the key that it makes first."""
        bundle, roots, key = (str(folder / name) for name in ("bench-%d.sgb" % serial, "roots", "bench.key"))
        rules = folder / ("rules-%d" % self.numbers.start)
        if not rules.exists():
            self.write_files(rules)
        if not pathlib.Path(key).exists():
            run(program, "bundle", "keygen", "--alg", "ed25519", "--out", key)
            run(program, "root", "init", roots, "--key", key, "--yes")
            run(program, "root", "sign", roots, "--key", key)
        build = ("--name", "bench", "--serial", str(serial), "--root", roots, "--out", bundle)
        run(program, "bundle", "build", str(rules), *build)
        run(program, "bundle", "sign", bundle, "--key", key)

    def stopgap(self, program, folder):
        """Options of `stopgap run`: a set that is signed for the occasion instead of the shipped one."""
        if self.n == 0:
            return ["--no-builtin-rules"]
        folder = pathlib.Path(folder) / ("rules-%d%s" % (self.n, "-wide" if self.is_wide else ""))
        if not folder.exists():
            self.make_bundle(program, folder)
        return ["--no-builtin-rules", "--rules", str(folder / "bench-1.sgb"), *trust(folder)]


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
