"""The programs that are compared: how each is started, on one core, in front of one origin."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

START_SECONDS = 60  # the shipped rules are compiled and proved at start, on a busy machine

HAPROXY = """\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    http-reuse always
    option forwardfor
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    server origin 127.0.0.1:{origin}
"""

NGINX = """\
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
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


class Failed(Exception):
    """A program did not start, went away, or answered with errors."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinner(core, is_batch):
    """What a child does before exec: all its threads stay on the core."""

    def pin():
        os.sched_setaffinity(0, {core})
        if is_batch:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    return pin


def first_number(argv):
    """The version that a program prints, or "" where it prints none."""
    run = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+[\w.+~-]*", run.stdout + run.stderr)
    return found.group(0) if found else ""


class Process:
    """One running program that listens on a port."""

    def __init__(self, name, argv, port, core, is_batch, folder):
        self.name = name
        self.argv = argv
        self.port = port
        self.output = pathlib.Path(folder) / (name + ".out")
        with open(self.output, "wb") as output:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=pinner(core, is_batch)
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

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Tools:
    """The paths of what is installed and built."""

    def __init__(self, build):
        self.stopgap = pathlib.Path(build) / "stopgap"
        self.origin = pathlib.Path(build) / "tests" / "exchange-standin"
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian puts daemons
        self.haproxy, self.nginx, self.wrk = (shutil.which(name, path=path) for name in ("haproxy", "nginx", "wrk"))

    def missing(self):
        built = [str(path) for path in (self.stopgap, self.origin) if not os.access(path, os.X_OK)]
        return built + [name for name in ("haproxy", "wrk") if getattr(self, name) is None]

    def versions(self):
        found = {
            "stopgap": first_number([str(self.stopgap), "version"]),
            "haproxy": first_number([self.haproxy, "-v"]),
            "wrk": first_number([self.wrk, "-v"]),
        }
        if self.nginx:
            found["nginx"] = first_number([self.nginx, "-v"])
        return found

    def names(self):
        """The base of all ratios first; "direct" is the origin without a proxy."""
        return ["haproxy", "stopgap"] + (["nginx"] if self.nginx else []) + ["direct"]

    def command(self, name, port, origin, folder):
        if name == "stopgap":
            return [
                str(self.stopgap), "run", "--listen", "http://127.0.0.1:%d" % port,
                "--upstream", "http://127.0.0.1:%d" % origin, "--workers", "1", "--mode", "block",
                "--log", str(folder / "stopgap.log"),
            ]  # fmt: skip
        config = folder / (name + ".conf")
        if name == "haproxy":
            config.write_text(HAPROXY.format(port=port, origin=origin))
            return [self.haproxy, "-db", "-f", str(config)]
        config.write_text(NGINX.format(port=port, origin=origin, folder=folder))
        return [self.nginx, "-p", str(folder), "-e", str(folder / "nginx-error.log"), "-c", str(config)]


class Set:
    """All peers and their origin, running side by side; only one is under load at a time."""

    def __init__(self, tools, scheme, folder):
        self.processes = {}
        folder = pathlib.Path(folder)
        try:
            port = free_port()
            origin = [str(tools.origin), "--port", str(port)]
            self.start("direct", origin, port, scheme.load_core, scheme.is_batch, folder)
            for name in tools.names():
                if name == "direct":
                    continue
                own = free_port()
                argv = tools.command(name, own, port, folder)
                self.start(name, argv, own, scheme.proxy_core, scheme.is_batch, folder)
        except Failed:
            self.stop()
            raise

    def start(self, name, argv, port, core, is_batch, folder):
        self.processes[name] = Process(name, argv, port, core, is_batch, folder)
        self.processes[name].wait()

    def stop(self):
        for process in self.processes.values():
            process.stop()
