"""What is measured: who takes part, what is asked, how."""

from load import Load
from peers import Member, Setting
from rulesets import Rules

HAPROXY = Member("haproxy", "haproxy")
STOPGAP = Member("stopgap", "stopgap")
NGINX = Member("nginx", "nginx")
FLOOR = Member("floor", "floor")
DIRECT = Member("direct", "direct")
PEERS = [HAPROXY, STOPGAP, NGINX, FLOOR, DIRECT]
TLS_PEERS = [HAPROXY, STOPGAP, NGINX, FLOOR]


class Case:
    """One table of the report."""

    def __init__(self, name, title, members, load, kind="load", tls=None, schemes=("one",), longer=1, is_quick=False):
        self.name = name
        self.title = title
        self.members = members  # the first is the base of the ratios
        self.load = load
        self.kind = kind  # load | idle | reload
        self.setting = Setting(tls)
        self.schemes = schemes  # names in load.schemes()
        self.longer = longer  # so many times the usual time
        self.is_quick = is_quick  # part of the quick run


def rules_case(n, is_wide=False):
    """Everybody has the same n rules; two without any, too, for what they add."""
    rules, none = Rules(n, is_wide), Rules(0)
    names = ("haproxy", "stopgap", "nginx", "modsecurity")
    members = [Member(name, name, rules) for name in names]
    if n:
        members += [Member("stopgap, no rules", "stopgap", none), Member("haproxy, no rules", "haproxy", none)]
    name = "rules-%d%s" % (n, "-wide" if is_wide else "")
    title = "GET 1 KiB, %d rules%s" % (n, " that look at four fields each" if is_wide else "")
    return Case(name, title, members, Load("get"), is_quick=n == 1000)


def workers_case(n):
    members = [Member(name, name, workers=n) for name in ("haproxy", "stopgap", "nginx")]
    return Case("workers-%d" % n, "GET 1 KiB, %d worker%s" % (n, "" if n == 1 else "s"), members, Load("get"), schemes=("all",))


def transfer_cases(name, title, connections):
    load = Load(name, connections=connections)
    tls_load = Load(name, connections=connections, tls=True)
    return [
        Case(name, title, PEERS, load, is_quick=name == "get-64k"),
        Case(name + "-tls", title + ", TLS 1.3", TLS_PEERS, tls_load, tls="ecdsa"),
    ]


def handshake_case(name, title, tls, resume=False, is_quick=False):
    load = Load("get", connections=32, tls=True, one_shot=True, resume=resume)
    return Case(name, title + ", one request each", TLS_PEERS, load, tls=tls, is_quick=is_quick)


CASES = [
    Case("get", "GET 1 KiB, 64 keep-alive connections", PEERS, Load("get"), schemes=("one", "two"), is_quick=True),
    Case("open", "GET 1 KiB, open loop at 4000 requests/s", PEERS, Load("get", rate=4000), schemes=("one", "two"),
         longer=2, is_quick=True),
    Case("tls", "GET 1 KiB, 64 keep-alive connections, TLS 1.3", TLS_PEERS, Load("get", tls=True), tls="ecdsa",
         schemes=("one", "two"), is_quick=True),
    handshake_case("handshake-ecdsa", "full handshakes, ECDSA P-256", "ecdsa", is_quick=True),
    handshake_case("handshake-rsa", "full handshakes, RSA 2048", "rsa"),
    handshake_case("handshake-resumed", "resumed handshakes, ECDSA P-256", "ecdsa", resume=True),
    *transfer_cases("get-64k", "GET 64 KiB, 16 connections", 16),
    *transfer_cases("get-10m", "GET 10 MiB, 4 connections", 4),
    *transfer_cases("post-1m", "POST 1 MiB, 16 connections, no rule looks into it", 16),
    *[rules_case(n) for n in (0, 10, 100, 1000, 5000)],
    rules_case(1000, is_wide=True),
    Case("shipped", "GET 1 KiB, the sets as they are shipped",
         [HAPROXY, STOPGAP, Member("stopgap, no rules", "stopgap", Rules(0)), Member("modsecurity, core rule set", "modsecurity", crs=True)],
         Load("get")),
    Case("body", "POST 16 KiB of XML to EWS, which rules read",
         [HAPROXY, STOPGAP, Member("stopgap, no rules", "stopgap", Rules(0)), Member("modsecurity, core rule set", "modsecurity", crs=True)],
         Load("ews-16k")),
    workers_case(1),
    workers_case(2),
    Case("idle", "memory of idle keep-alive connections", TLS_PEERS, Load("get"), kind="idle", schemes=("all",)),
    Case("idle-tls", "memory of idle keep-alive connections, TLS 1.3", TLS_PEERS, Load("get", tls=True), tls="ecdsa",
         kind="idle", schemes=("all",)),
    Case("reload", "open loop at 2000 requests/s while 1000 rules are loaded again and again", [STOPGAP],
         Load("get", rate=2000), kind="reload", schemes=("all",), longer=3),
]  # fmt: skip
