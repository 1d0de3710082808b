"""systemd's watchdog: signs of life as long as every worker answers, and none from a hung program."""

import ctypes
import os
import socket

import pytest
from harness.wait import PATIENCE_SECONDS, wait_for

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
EPOLL_CALLS = {"232", "281"}


@pytest.fixture
def systemd(tmp_path):
    """What a service manager would hear: a socket, and its path."""
    path = str(tmp_path / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(PATIENCE_SECONDS)
        yield sock, path


def hear(sock, wanted):
    """Wait for this message; those before it are thrown away."""
    while sock.recv(4096).decode() != wanted:
        pass


def empty(sock):
    sock.setblocking(False)
    try:
        while True:
            sock.recv(4096)
    except BlockingIOError:
        pass
    sock.settimeout(PATIENCE_SECONDS)


def test_signs_of_life_come_after_readiness(proxy, exchange, systemd):
    sock, path = systemd
    proxy(exchange(), env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000"})
    assert sock.recv(4096) == b"READY=1"
    for _ in range(3):
        assert sock.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("env", [{}, {"WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"}])
def test_no_sign_where_nobody_waits_for_one(proxy, exchange, systemd, env):
    sock, path = systemd
    one = proxy(exchange(), env={"NOTIFY_SOCKET": path, **env})
    one.terminate()
    assert [sock.recv(4096) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def worker_thread(pid):
    """The thread besides the main one that waits in an event loop."""
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/syscall" % (pid, tid)) as file:
                call = file.read().split()[0]
        except OSError:
            pytest.skip("system calls of another process cannot be seen here")
        if int(tid) != pid and call in EPOLL_CALLS:
            return int(tid)
    return None


def test_a_worker_that_hangs_ends_the_signs_until_it_answers(proxy, exchange, systemd):
    sock, path = systemd
    one = proxy(exchange(), env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000"})
    hear(sock, "WATCHDOG=1")
    worker = wait_for(lambda: worker_thread(one.process.pid), "the worker to wait")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, worker, None, None) != 0:
        pytest.skip("a thread of another process cannot be stopped here")
    try:
        os.waitpid(worker, 0x40000000)  # __WALL
        one.wait_event("event=worker_stuck .*worker 0 has not answered")
        empty(sock)
        assert one.admin("/healthz")[0] == 200  # the control loop turns, and that is not enough
        sock.settimeout(1)  # five signs would have come
        with pytest.raises(TimeoutError):
            sock.recv(4096)
    finally:
        libc.ptrace(PTRACE_DETACH, worker, None, None)
    hear(sock, "WATCHDOG=1")
