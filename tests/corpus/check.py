#!/usr/bin/env python3
"""Send every request of this folder through a proxy and see which ones reach the upstream.

  tests/corpus/check.py 'build/release/stopgap run --listen http://127.0.0.1:{listen}
                         --upstream http://127.0.0.1:{upstream}' [--clients FILE] [--attacks FILE]

With a file of other requests only these are sent. Attacks must not reach it, clients must. Each request has a connection of its own. Exit status 0
when all is well, 1 with one line for each request that went the wrong way. Standard library only.
"""
import argparse
import base64
import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import threading
import time

ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
FOLDER = pathlib.Path(__file__).resolve().parent


class Upstream(threading.Thread):
    """Counts the requests that arrive and answers 204."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.count = 0

    def run(self):
        while True:
            peer, _ = self.server.accept()
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            peer.settimeout(5)
            received = b""
            try:
                while b"\r\n\r\n" not in received:
                    piece = peer.recv(65536)
                    if not piece:
                        return
                    received += piece
                self.count += 1
                head, body = received.split(b"\r\n\r\n", 1)
                while len(body) < content_length(head):
                    piece = peer.recv(65536)
                    if not piece:
                        return
                    body += piece
                peer.sendall(ANSWER)
            except OSError:
                return


def content_length(head):
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":", 1)[1])
    return 0


def request_bytes(row):
    body = base64.b64decode(row["body_b64"])
    fields = [tuple(field) for field in row["headers"]] + [("Connection", "close")]
    if body or row["method"] in ("POST", "PUT", "PATCH"):
        fields.append(("Content-Length", str(len(body))))
    lines = ["%s %s HTTP/1.1" % (row["method"], row["target"])]
    lines += ["%s: %s" % field for field in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def send(port, row):
    """The first line of the answer; empty when the connection closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request_bytes(row))
        answer = b""
        try:
            while b"\r\n" not in answer:
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
        except OSError:
            pass
        return answer.split(b"\r\n", 1)[0].decode("latin-1")


def wait_until_up(port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit("the proxy ended with status %s" % process.returncode)
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the proxy does not listen on port %d" % port)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def check(port, upstream, files):
    wrong = 0
    for path, must_reach in files:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        n_right = 0
        for row in rows:
            before = upstream.count
            status = send(port, row)
            if (upstream.count > before) == must_reach:
                n_right += 1
            else:
                print("%s %s %s [%s]" % (row["id"], row["method"], row["target"], status))
        wrong += len(rows) - n_right
        print("%s: %d of %d as expected" % (path.name, n_right, len(rows)))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proxy")
    parser.add_argument("--clients", type=pathlib.Path)
    parser.add_argument("--attacks", type=pathlib.Path)
    args = parser.parse_args()
    files = [(path, must_reach) for path, must_reach in ((args.attacks, False), (args.clients, True)) if path is not None]
    files = files or [(FOLDER / "attacks.jsonl", False), (FOLDER / "clients.jsonl", True)]
    upstream = Upstream()
    upstream.start()
    port = free_port()
    command = args.proxy.replace("{listen}", str(port)).replace("{upstream}", str(upstream.port))
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(shlex.split(command), stdout=nowhere, stderr=nowhere)
    try:
        wait_until_up(port, process)
        return 1 if check(port, upstream, files) else 0
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
