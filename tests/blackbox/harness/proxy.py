"""The program under test, as a process with its logs."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

from .wait import PATIENCE_SECONDS, wait_for

SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error: |Assertion .* failed")


class Lines:
    """The lines of a pipe, collected by a thread."""

    def __init__(self, pipe):
        self.lines = []
        self.thread = threading.Thread(target=self.collect, args=(pipe,), daemon=True)
        self.thread.start()

    def collect(self, pipe):
        for line in pipe:
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))

    def text(self):
        return "\n".join(self.lines)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


# Starts a program with sockets from descriptor 3 on, as systemd does (sd_listen_fds(3)).
ACTIVATE = """
import fcntl, os, sys
count = int(sys.argv[1])
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 64) for fd in sys.argv[2:2 + count]]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
    os.close(fd)
env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))
os.execve(sys.argv[2 + count], sys.argv[2 + count:], env)
"""


class Proxy:
    """argv     what stands after the program's name
    ports    the ports that it listens on, the first one is .port
    folder   where its files are
    sockets  listening ones to start it with
    descriptors   how many files it may have open; None: as many as we
    """

    def __init__(self, binary, argv, ports, folder, admin_path=None, env=None, sockets=(), descriptors=None):
        self.argv = [binary, *argv]
        self.port = ports[0] if ports else None
        self.ports = ports
        self.folder = str(folder)
        self.admin_path = admin_path
        self.binary = binary
        fds = [s.fileno() for s in sockets]
        before = [sys.executable, "-c", ACTIVATE, str(len(fds)), *map(str, fds)] if fds else []
        if descriptors:
            before = ["prlimit", "--nofile=%d" % descriptors, *before]
        self.process = subprocess.Popen(before + self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd=self.folder, env={**os.environ, **(env or {})},
                                        pass_fds=fds)
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)
        self.was_stopped = False  # by the test, so that its end is no surprise

    # ---- life

    def describe(self):
        return "%s\nstandard error:\n%s" % (" ".join(self.argv), self.err.text()[-4000:])

    def wait_ready(self):
        """Until the admin listener says so; no connection is made to the proxy itself."""

        def is_ready():
            assert self.process.poll() is None, "ended with status %s: %s" % (self.process.returncode, self.describe())
            try:
                return self.admin("/readyz")[0] == 200
            except OSError:
                return False

        wait_for(is_ready, lambda: "ready: " + self.describe())

    def wait_end(self, seconds=PATIENCE_SECONDS):
        """Wait for the process to end by itself or by a signal that was sent; its exit status."""
        self.was_stopped = True
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("still running after %s s: %s" % (seconds, self.describe())) from None
        self.out.thread.join(5)
        self.err.thread.join(5)
        return status

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait_end()

    def is_running(self):
        return self.process.poll() is None

    def stop_and_check(self):
        """At the end of a test: it must still run unless the test stopped it, and be sound."""
        died = self.process.poll() is not None and not self.was_stopped
        try:
            if self.process.poll() is None:
                self.process.terminate()
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise AssertionError("did not end on TERM: %s" % self.describe()) from None
        finally:
            self.out.thread.join(5)
            self.err.thread.join(5)
            self.process.stdout.close()
            self.process.stderr.close()
        ended_by_itself = self.process.returncode >= 0 or self.process.returncode in (-signal.SIGTERM, -signal.SIGKILL)
        assert not died, "ended with status %s in the middle of the test: %s" % (self.process.returncode, self.describe())
        assert ended_by_itself, "ended by signal %d: %s" % (-self.process.returncode, self.describe())
        assert not SANITIZER.search(self.err.text()), "sanitizer report: %s" % self.describe()

    # ---- what it says

    def records(self):
        """All JSON lines written so far, by file and standard output."""
        texts = [self.out.text()]
        for name in ("access.log", "decisions.log"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as log:
                    texts.append(log.read())
        found = []
        for line in "\n".join(texts).split("\n"):
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass  # a line that is still being written
        return found

    def access(self):
        return [r for r in self.records() if "end" in r]

    def decisions(self):
        return [r for r in self.records() if "rules" in r]

    def wait_access(self, seconds=PATIENCE_SECONDS, **wanted):
        """The first access record with these values."""
        return self.wait_record(self.access, wanted, seconds)

    def wait_decision(self, seconds=PATIENCE_SECONDS, **wanted):
        return self.wait_record(self.decisions, wanted, seconds)

    def wait_record(self, source, wanted, seconds):
        def found():
            return [r for r in source() if all(r.get(k) == v for k, v in wanted.items())]

        return wait_for(found, lambda: "a record with %r among %r; %s" % (wanted, source()[-5:], self.describe()), seconds)[0]

    def wait_event(self, pattern, seconds=PATIENCE_SECONDS):
        """Wait for a line of standard error that the regular expression finds."""
        search = re.compile(pattern, re.I)

        def found():
            return [line for line in list(self.err.lines) if search.search(line)]

        return wait_for(found, lambda: "%r in %s" % (pattern, self.describe()), seconds)[0]

    def rss_kib(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))

    def cpu_seconds(self):
        """What it has computed so far, all threads together."""
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- admin

    def admin(self, path, method="GET"):
        """(status, body) of an admin request over the Unix socket."""
        conn = UnixConnection(self.admin_path)
        try:
            conn.request(method, path)
            answer = conn.getresponse()
            return answer.status, answer.read().decode()
        finally:
            conn.close()

    def status(self):
        status, body = self.admin("/status.json")
        assert status == 200
        return json.loads(body)

    def ruleset_name(self):
        return self.status()["ruleset"]["name"]

    def reloads(self):
        """(good ones, refused ones) since the start."""
        reload = self.status()["reload"]
        return reload["ok"], reload["failed"]

    def reload_error(self):
        """The code of the last refusal; None after a good load."""
        return self.status()["reload"].get("error", {}).get("code")

    def metrics(self):
        """{"stopgap_requests_total": 3.0, 'stopgap_x{a="b"}': 1.0, ...}"""
        status, body = self.admin("/metrics")
        assert status == 200
        lines = [line.rsplit(" ", 1) for line in body.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def wait_metric(self, name, value, seconds=PATIENCE_SECONDS):
        wait_for(lambda: self.metrics().get(name) == value, lambda: "%s = %s in %r" % (name, value, self.metrics()), seconds)

    def command(self, *args):
        """Run another verb of the program against this one's admin socket."""
        argv = [self.binary, *args, "--admin", "unix:" + self.admin_path]
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_SECONDS, text=True, check=False)
