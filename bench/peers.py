"""The programs that are compared: how each is started, on which core, in front of one origin."""

import ctypes
import getpass
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import rulesets
from rulesets import Failed

START_SECONDS = 120  # thousands of rules are compiled and proved at start, on a busy machine
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
MODULE = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"

HAPROXY = """\
global
    nbthread {workers}
    maxconn {connections}
    tune.ssl.default-dh-param 2048
defaults
    mode http
    http-reuse always
    option forwardfor
    timeout connect 5s
    timeout client 600s
    timeout server 600s
frontend front
    bind 127.0.0.1:{port} backlog 4096 {tls}
    {rules}
    default_backend back
backend back
    server origin 127.0.0.1:{origin}
"""

NGINX = """\
{module}
daemon off;
master_process {master};
worker_processes {workers};
user {user};
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    {maps}
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096 {tls};
        {modsecurity}
        location / {{
            {rules}
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""


class Member:
    """A program in one of its shapes: what a row of a table is about."""

    def __init__(self, name, program, rules=None, workers=1, crs=False):
        self.name = name
        self.program = program  # stopgap | haproxy | nginx | modsecurity | floor | direct
        self.rules = rules  # None: as shipped, that is stopgap with its rules and the others without any
        self.workers = workers
        self.crs = crs  # ModSecurity with the OWASP core rule set


class Setting:
    """What the members of a case have in common."""

    def __init__(self, tls=None, connections=4096):
        self.tls = tls  # None | "ecdsa" | "rsa"
        self.connections = connections  # that a program must be able to hold


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinner(cores, is_batch):
    """What a child does before exec: all its threads stay on these cores, and it ends when we end, however."""

    def pin():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.sched_setaffinity(0, cores)
        if is_batch:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    return pin


def first_number(argv):
    """The version that a program prints, or "" where it prints none."""
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+[\w.+~-]*", run.stdout + run.stderr)
    return found.group(0) if found else ""


def package_version(package):
    run = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
    return run.stdout if run.returncode == 0 else ""


def make_certificate(kind, folder):
    """(chain, key, both in one file), self-signed."""
    cert, key, both = (folder / ("%s.%s" % (kind, end)) for end in ("crt", "key", "pem"))
    if not both.exists():
        new = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=mail.example.com", "-addext",
             "subjectAltName=DNS:mail.example.com", "-keyout", key, "-out", cert, "-newkey", *new],
            check=True, capture_output=True,
        )  # fmt: skip
        both.write_text(cert.read_text() + key.read_text())
    return cert, key, both


class Process:
    """One running program that listens on a port."""

    def __init__(self, name, argv, port, pin, folder):
        self.name = name
        self.argv = argv
        self.port = port
        self.output = pathlib.Path(folder) / (re.sub(r"\W+", "-", name) + ".out")
        with open(self.output, "wb") as output:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=pin
            )
        self.pid = self.child.pid

    def wait(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.child.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        tail = self.output.read_text(errors="replace")[-800:]
        raise Failed("%s does not listen: %s\n%s" % (self.name, " ".join(self.argv), tail))

    def pids(self):
        """The process and its children: nginx's workers."""
        with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as children:
            return [self.pid] + [int(pid) for pid in children.read().split()]

    def rss_kib(self):
        total = 0
        for pid in self.pids():
            with open("/proc/%d/status" % pid) as status:
                total += next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        return total

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Tools:
    """The paths of what is installed and built, and a folder for what is made once."""

    def __init__(self, build, folder):
        build = pathlib.Path(build)
        self.folder = pathlib.Path(folder)
        self.stopgap = build / "stopgap"
        self.origin = build / "tests" / "exchange-standin"
        self.generator = build / "bench" / "load-generator"
        self.floor = build / "bench" / "floor"
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian puts daemons
        self.haproxy, self.nginx, self.openssl = (
            shutil.which(name, path=path) for name in ("haproxy", "nginx", "openssl")
        )
        self.has_modsecurity = self.nginx is not None and os.path.exists(MODULE) and os.path.exists(rulesets.CRS)

    def missing(self):
        built = (self.stopgap, self.origin, self.generator, self.floor)
        programs = ("haproxy", "openssl")
        return [str(path) for path in built if not os.access(path, os.X_OK)] + [
            name for name in programs if getattr(self, name) is None
        ]

    def has(self, program):
        if program == "modsecurity":
            return self.has_modsecurity
        return program in ("stopgap", "direct") or getattr(self, program) is not None

    def versions(self):
        found = {"stopgap": first_number([str(self.stopgap), "version"]), "haproxy": first_number([self.haproxy, "-v"])}
        if self.nginx:
            found["nginx"] = first_number([self.nginx, "-v"])
        if self.has_modsecurity:
            found["libmodsecurity"] = package_version("libmodsecurity3")
            found["core rule set"] = package_version("modsecurity-crs")
        found["openssl"] = first_number([self.openssl, "version"])
        return found


class Set:
    """The members of a case and their origin, running side by side; only one is under load at a time."""

    def __init__(self, tools, members, setting, scheme, extra=None):
        self.extra = extra or {}  # options by the name of a member
        self.tools = tools
        self.setting = setting
        self.scheme = scheme
        self.processes = {}
        self.folder = tools.folder / "running"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.origin_port = free_port()
        try:
            self.start("direct", [str(tools.origin), "--port", str(self.origin_port)], self.origin_port, scheme.load)
            for member in members:
                if member.program != "direct":
                    port = free_port()
                    argv = self.command(member, port) + self.extra.get(member.name, [])
                    self.start(member.name, argv, port, scheme.proxy)
                    self.prove_rules(member, port)
        except BaseException:
            self.stop()
            raise

    def start(self, name, argv, port, cores):
        folder = self.folder / re.sub(r"\W+", "-", name)
        folder.mkdir(exist_ok=True)
        self.processes[name] = Process(name, argv, port, pinner(cores, self.scheme.is_batch), folder)
        self.processes[name].wait()

    def prove_rules(self, member, port):
        """A rule that never matches costs little."""
        idle = member.rules.idle(port) if member.rules else []
        if idle:
            raise Failed("%s lets pass what rule %d matches: %s" % (member.name, idle[0], rulesets.regex(idle[0])))

    def stop(self):
        for process in self.processes.values():
            process.stop()

    def commands(self):
        return {name: " ".join(process.argv) for name, process in self.processes.items()}

    def command(self, member, port):
        folder = self.folder / re.sub(r"\W+", "-", member.name)
        folder.mkdir()
        return getattr(self, "command_of_" + member.program)(member, port, folder)

    def command_of_stopgap(self, member, port, folder):
        scheme = "https" if self.setting.tls else "http"
        argv = [str(self.tools.stopgap), "run", "--listen", "%s://127.0.0.1:%d" % (scheme, port)]
        if self.setting.tls:
            cert, key, _ = make_certificate(self.setting.tls, self.tools.folder)
            argv += ["--cert", str(cert), "--key", str(key)]
        argv += ["--upstream", "http://127.0.0.1:%d" % self.origin_port, "--workers", str(member.workers)]
        argv += ["--mode", "block", "--log", str(folder / "stopgap.log")]
        if member.rules:
            argv += member.rules.stopgap(self.tools.stopgap, self.tools.folder)
        return argv

    def command_of_floor(self, member, port, folder):
        argv = [str(self.tools.floor), "--port", str(port), "--upstream-port", str(self.origin_port)]
        if self.setting.tls:
            cert, key, _ = make_certificate(self.setting.tls, self.tools.folder)
            argv += ["--cert", str(cert), "--key", str(key)]
        return argv

    def command_of_haproxy(self, member, port, folder):
        config = folder / "haproxy.conf"
        tls = ""
        if self.setting.tls:
            tls = "ssl crt %s ssl-min-ver TLSv1.3" % make_certificate(self.setting.tls, self.tools.folder)[2]
        config.write_text(
            HAPROXY.format(
                port=port, origin=self.origin_port, tls=tls, workers=member.workers,
                connections=self.setting.connections, rules=member.rules.haproxy(folder) if member.rules else "",
            )  # fmt: skip
        )
        return [self.tools.haproxy, "-db", "-f", str(config)]

    def command_of_nginx(self, member, port, folder, module="", modsecurity=""):
        config = folder / "nginx.conf"
        tls = ""
        if self.setting.tls:
            cert, key, _ = make_certificate(self.setting.tls, self.tools.folder)
            tls = "ssl; ssl_protocols TLSv1.3; ssl_certificate %s; ssl_certificate_key %s" % (cert, key)
        maps, rules = member.rules.nginx() if member.rules and not modsecurity else ("", "")
        config.write_text(
            NGINX.format(
                port=port, origin=self.origin_port, folder=folder, tls=tls, workers=member.workers, maps=maps,
                rules=rules, master="off" if member.workers == 1 else "on", user=getpass.getuser(), module=module,
                modsecurity=modsecurity, connections=2 * self.setting.connections,
            )  # fmt: skip
        )
        return [self.tools.nginx, "-p", str(folder), "-e", str(folder / "nginx-error.log"), "-c", str(config)]

    def command_of_modsecurity(self, member, port, folder):
        rules = folder / "modsecurity.conf"
        rules.write_text(rulesets.core_rule_set() if member.crs else member.rules.modsecurity())
        return self.command_of_nginx(
            member, port, folder, "load_module %s;" % MODULE, "modsecurity on; modsecurity_rules_file %s;" % rules
        )
