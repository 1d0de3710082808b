"""Waiting without sleeping blindly: poll a fact until a deadline."""

import fcntl
import os
import random
import socket
import tempfile
import time

POLL_SECONDS = 0.01
# How long to wait for what must happen. A failure is late by as much, but a slow machine that runs
# several files side by side under a sanitizer is not taken for one.
PATIENCE_SECONDS = 60


def wait_for(predicate, what, seconds=PATIENCE_SECONDS):
    """Poll until predicate() is truthy and return its value; fail with `what` at the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %.1f s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(POLL_SECONDS)


class Ports:
    """Loopback ports that belong to this process until close().

    They come from below the ephemeral range, so that no outgoing connection takes one, and a lock
    file per port keeps test runs side by side apart: SO_REUSEPORT would let two proxies share."""

    def __init__(self):
        self.folder = os.path.join(tempfile.gettempdir(), "stopgap-test-ports")
        os.makedirs(self.folder, exist_ok=True)
        self.locks = []

    def take(self):
        for _ in range(1000):
            port = random.randrange(12000, 32000)
            lock = os.open(os.path.join(self.folder, str(port)), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                os.close(lock)
                continue
            self.locks.append(lock)
            return port
        raise AssertionError("no free port found")

    def close(self):
        for lock in self.locks:
            os.close(lock)
        self.locks = []
