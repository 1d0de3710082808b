#!/usr/bin/python3
"""Idle keep-alive connections: opens many, sends one request on each, and measures what they cost.

Each held connection also has its upstream connection, so the proxy needs two descriptors for one;
with --local the proxy answers the requests itself (a blocked path) and needs one. Passes when
all connections are still open and answer once more at the end.

  tests/idle/idle_connections.py --bin build/release --tls
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from harness.client import Client, tls_context  # noqa: E402
from harness.http import request  # noqa: E402
from harness.launcher import Launcher  # noqa: E402
from harness.wait import Ports  # noqa: E402

RESERVE = 200  # descriptors of each program for everything else
WARM_UP = 200  # connections that come and go before the first measurement
CHECK_EVERY = 50  # of the held connections, how many are asked again at the end


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def open_one(port, context, target):
    client = Client(port, tls=context, timeout=30)
    client.send(request(target))
    status = client.read().status
    return client, status


def hold(proxy, args, target):
    """(RSS before, RSS with all open, the connections)"""
    context = tls_context() if args.tls else None
    for client, _ in [open_one(proxy.port, context, target) for _ in range(WARM_UP)]:
        client.close()
    proxy.wait_metric("stopgap_connections_open", 0, 10)
    before = proxy.rss_kib()
    clients = []
    for _ in range(args.count):
        client, status = open_one(proxy.port, context, target)
        assert status in (200, 404), "answered with %d" % status
        clients.append(client)
    proxy.wait_metric("stopgap_connections_open", args.count, 10)
    return before, proxy.rss_kib(), clients


def run(args, folder, ports):
    standin_port = ports.take()
    standin = subprocess.Popen([os.path.join(args.bin, "tests", "exchange-standin"), "--port", str(standin_port)],
                               stdout=subprocess.PIPE, text=True)
    standin.stdout.readline()
    launcher = Launcher(os.path.join(args.bin, "stopgap"), ports, folder)
    try:
        proxy = launcher.start("http://127.0.0.1:%d" % standin_port, "--access-log", "none", "--decision-log", "none",
                               "--workers", str(args.workers), "--timeout", "upstream_idle=1h", "--limit", "connections=%d" % (args.count + RESERVE),
                               schemes=("https" if args.tls else "http",))
        target = "/not/published" if args.local else "/owa/bench"
        before, after, clients = hold(proxy, args, target)
        for client in clients[::max(1, args.count // CHECK_EVERY)]:
            client.send(request(target))
            assert client.read().status in (200, 404)
        kind = ("TLS" if args.tls else "plain") + (", no upstream connection" if args.local else ", with its upstream connection")
        print("%d idle connections (%s): RSS %.1f MiB before, %.1f MiB with all open: %.2f KiB a connection"
              % (args.count, kind, before / 1024, after / 1024, (after - before) / args.count))
        for client in clients:
            client.close()
        launcher.finish()
    finally:
        standin.terminate()
        standin.wait()
        launcher.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parents[1] / "build" / "release"), help="the build folder")
    parser.add_argument("--count", type=int, help="connections; default 10000 or what the descriptor limit allows")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--local", action="store_true", help="requests that the proxy answers itself")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    args.bin = os.path.abspath(args.bin)
    limit = raise_descriptor_limit()
    most = (limit - RESERVE) // (1 if args.local else 2)
    if args.count is None:
        args.count = min(10000, most)
        if args.count < 10000:
            print("the descriptor limit of %d allows %d connections" % (limit, args.count))
    if args.count > most:
        sys.exit("the descriptor limit of %d allows %d connections; raise it with ulimit -n" % (limit, most))
    ports = Ports()
    try:
        with tempfile.TemporaryDirectory(prefix="stopgap-idle-") as folder:
            run(args, pathlib.Path(folder), ports)
    except AssertionError as failure:
        sys.exit("FAILED: %s" % failure)
    finally:
        ports.close()


if __name__ == "__main__":
    main()
