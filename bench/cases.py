"""What is measured: who takes part, what is asked, how."""

from load import Load
from peers import Member, Setting

HAPROXY = Member("haproxy", "haproxy")
STOPGAP = Member("stopgap", "stopgap")
NGINX = Member("nginx", "nginx")
DIRECT = Member("direct", "direct")
PEERS = [HAPROXY, STOPGAP, NGINX, DIRECT]
TLS_PEERS = [HAPROXY, STOPGAP, NGINX]


class Case:
    """One table of the report."""

    def __init__(self, name, title, members, load, tls=None, schemes=("one",), longer=1, is_quick=False):
        self.name = name
        self.title = title
        self.members = members  # the first is the base of the ratios
        self.load = load
        self.setting = Setting(tls)
        self.schemes = schemes  # names in load.schemes()
        self.longer = longer  # so many times the usual time
        self.is_quick = is_quick  # part of the quick run


def rules_case(n):
    """Everybody has the same n rules; stopgap without any, too, for what they add."""
    members = [
        Member("haproxy", "haproxy", n),
        Member("stopgap", "stopgap", n),
        Member("nginx", "nginx", n),
        Member("modsecurity", "modsecurity", n),
        Member("stopgap, no rules", "stopgap", 0),
        Member("haproxy, no rules", "haproxy", 0),
    ]
    if n == 0:
        members = members[:4]
    return Case("rules-%d" % n, "%d rules, GET 1 KiB" % n, members, Load("get"), is_quick=n == 1000)


def workers_case(n):
    members = [Member(name, name, workers=n) for name in ("haproxy", "stopgap", "nginx")]
    return Case("workers-%d" % n, "GET 1 KiB, %d workers" % n, members, Load("get"), schemes=("all",))


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
    Case("shipped", "GET 1 KiB, the sets as they are shipped",
         [HAPROXY, STOPGAP, Member("stopgap, no rules", "stopgap", 0), Member("modsecurity, core rule set", "modsecurity", crs=True)],
         Load("get")),
    Case("body", "POST 16 KiB of XML to EWS, which rules read",
         [HAPROXY, STOPGAP, Member("stopgap, no rules", "stopgap", 0), Member("modsecurity, core rule set", "modsecurity", crs=True)],
         Load("ews-16k")),
    workers_case(1),
    workers_case(2),
]  # fmt: skip
