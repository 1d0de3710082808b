#!/usr/bin/env python3
"""User-space instructions per request, counted by callgrind: figures that a busy machine does not
change, so that they can have ceilings.

usage: bench/instructions.py [--bin build/release] [--requests N] [--check] [--profile N] [--keep FILE]

Starts the stand-in of Exchange, stopgap under valgrind (one worker, shipped rules, both logs to a
file) and sends small OWA-like GETs over keep-alive connections. Every request differs. Counted are
the requests alone, all threads together, without start and warm-up:

  get    all of it
  rules  what the rules take of that: fields, views, scan, evaluation
  scan   what Hyperscan takes of that

--check compares with bench/instructions.ceiling and fails when a figure is more than 5 % above its
ceiling. A change that makes a request dearer on purpose changes that file in the same commit; one
that makes it cheaper may lower it.

Exit status: 0 measured (and no ceiling passed), 1 a program failed or a ceiling was passed,
3 valgrind is missing.
"""
import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CEILING = os.path.join(HERE, "instructions.ceiling")
TOLERANCE = 1.05
CONNECTIONS = 8
# Hyperscan's function has the name of the instruction set before its own
FUNCTIONS = {"rules": "rules_check_head", "scan": r"(?:\w+_)?hs_scan"}
WARM_UP = 400  # until caches, pools and memos have settled

HEAD = """Host: mail.example.com
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Encoding: gzip, deflate, br
Accept-Language: en-US,en;q=0.9,de;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
X-Requested-With: XMLHttpRequest
Referer: https://mail.example.com/owa/
X-OWA-CANARY: {token}{a}{b}.
X-OWA-CorrelationId: {a}-7a11-4b6e-9c1f-{b}4e2a
client-request-id: {b}-12ab-4cd3-8ef0-{a}90bc
Cookie: ClientId={token}; X-OWA-JS-PSD=1; OutlookSession={token}; cadata={token}{token}{token}; cadataTTL={a}=; cadataKey={token}{token}; X-BackEndCookie=user@example.com=u56Lnp2ejJqBzJvJmc+eys3SxpzOndLLmsib0seey8/Sys6dmsjIzc+cxpvJgYHNz83J0s7O0s3Pq8/GxczPxc/PgZqHnpKPk5rRnJCSgc8=
"""


class Failed(Exception):
    pass


def request(number):
    values = {"a": f"{number * 2654435761 % 2**32:08x}", "b": f"{number * 40503 % 2**32:08x}"}
    values["token"] = (values["a"] + values["b"]) * 2
    line = "GET /owa/bench?action=GetItem&EP=1&ID=-{a}&AC=1&token={token} HTTP/1.1\n"
    return ((line + HEAD).format(**values) + "\n").replace("\n", "\r\n").encode()


def wait_for(predicate, what, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.05)
    raise Failed(f"{what} within {seconds} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def exchange(sockets, first, count):
    """Send `count` requests in rounds, one on each connection, and read every answer."""
    for number in range(first, first + count, len(sockets)):
        for offset, sock in enumerate(sockets):
            sock.sendall(request(number + offset))
        for sock in sockets:
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += receive(sock)
            head, _, body = answer.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise Failed("answer: " + head[:80].decode("latin-1"))
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            while len(body) < int(length[1]):
                body += receive(sock)


def receive(sock):
    data = sock.recv(65536)
    if not data:
        raise Failed("the proxy closed a connection")
    return data


def control(pid, option):
    done = subprocess.run(["callgrind_control", *option, str(pid)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed("callgrind_control: " + (done.stdout + done.stderr)[-300:])


def count(binaries, n_requests, keep):
    """{name: instructions a request}"""
    folder = tempfile.mkdtemp()
    processes = []
    try:
        origin, port = free_port(), free_port()
        processes.append(subprocess.Popen([f"{binaries}/tests/exchange-standin", "--port", str(origin)],
                                          stdout=subprocess.DEVNULL))
        wait_for(lambda: can_connect(origin), "the stand-in does not listen")
        log = open(f"{folder}/stopgap.err", "wb")
        proxy = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out",
             f"{binaries}/stopgap", "run", "--listen", f"http://127.0.0.1:{port}", "--upstream",
             f"http://127.0.0.1:{origin}", "--workers", "1", "--log", f"{folder}/log"],
            stdout=subprocess.DEVNULL, stderr=log)
        processes.append(proxy)
        wait_for(lambda: can_connect(port) or (proxy.poll() is not None and "ended"), "stopgap does not listen")
        if proxy.poll() is not None:
            raise Failed(open(f"{folder}/stopgap.err", errors="replace").read()[-500:])
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        exchange(sockets, 0, WARM_UP)
        control(proxy.pid, ["-i", "on"])
        exchange(sockets, WARM_UP, n_requests)
        control(proxy.pid, ["-i", "off"])
        for sock in sockets:
            sock.close()
        proxy.terminate()
        proxy.wait(60)
        text = open(f"{folder}/out").read()
        if keep:
            shutil.copy(f"{folder}/out", keep)
        total = int(re.search(r"^totals: (\d+)", text, re.M)[1])
        counted = {"get": total, **inclusive(f"{folder}/out")}
        return {name: figure / n_requests for name, figure in counted.items()}
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(folder)


def inclusive(path):
    """{name: instructions of a function and what it calls}"""
    listing = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", path],
                             capture_output=True, text=True).stdout
    found = {}
    for name, function in FUNCTIONS.items():
        lines = re.findall(rf"^ *([\d,]+) \([^)]*\) +\S+:{function}(?: \[|$)", listing, re.M)
        if not lines:
            raise Failed(f"callgrind saw no call of {function}: did the proxy inspect the requests?")
        found[name] = max(int(figure.replace(",", "")) for figure in lines)
    return found


def read_ceilings():
    lines = [line.split() for line in open(CEILING) if not line.startswith("#")]
    return {name: int(figure) for name, figure in lines}


def show_profile(path, rows):
    listing = subprocess.run(["callgrind_annotate", "--threshold=100", path], capture_output=True, text=True)
    lines = [line for line in listing.stdout.splitlines() if re.match(r"\s*[\d,]+ \(", line)]
    print("\n".join(lines[: rows + 1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release", help="folder of the build (default build/release)")
    parser.add_argument("--requests", type=int, default=1600)
    parser.add_argument("--check", action="store_true", help="fail above the recorded ceiling")
    parser.add_argument("--profile", type=int, metavar="N", help="show the N dearest functions")
    parser.add_argument("--keep", metavar="FILE", help="leave callgrind's output there")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is missing: apt-get install valgrind", file=sys.stderr)
        return 3
    folder = tempfile.TemporaryDirectory()
    keep = options.keep or (folder.name + "/out" if options.profile else None)
    try:
        figures = count(options.bin, options.requests // CONNECTIONS * CONNECTIONS, keep)
    except Failed as problem:
        print(f"instructions: {problem}", file=sys.stderr)
        return 1
    ceilings = read_ceilings()
    for name, figure in figures.items():
        print(f"{name:6} {figure:7.0f} user-space instructions a request, ceiling {ceilings[name]}")
    if options.profile:
        show_profile(keep, options.profile)
    dearer = [name for name in figures if figures[name] > ceilings[name] * TOLERANCE]
    for name in dearer if options.check else []:
        print(f"instructions: '{name}' became dearer: {figures[name]:.0f} > {ceilings[name]} * {TOLERANCE}; find out "
              "why (--profile 40), or raise bench/instructions.ceiling in the same commit", file=sys.stderr)
    return 1 if dearer and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
