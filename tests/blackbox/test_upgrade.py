"""One program replaces another: no connection is refused or lost, and a failure changes nothing."""

import json
import os
import signal
import socket
import subprocess
import threading

import pytest
from harness.http import request
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"
PING = "/Microsoft-Server-ActiveSync?Cmd=Ping"


def pid(one):
    return one.status()["pid"]


def is_gone(number):
    """Has the process ended? One that nobody waited for counts as ended, too."""
    try:
        with open("/proc/%d/stat" % number) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def upgrade():
    """upgrade(proxy): `stopgap upgrade`, and the process that serves after it. All end with the test."""
    successors = []

    def run(one):
        one.was_stopped = True  # it drains and ends
        done = one.command("upgrade")
        assert done.returncode == 0, done.stderr
        successors.append(pid(one))
        return successors[-1]

    yield run
    for number in reversed(successors):
        try:
            os.kill(number, signal.SIGTERM)
        except ProcessLookupError:
            pass
    for number in successors:
        wait_for(lambda number=number: is_gone(number), "the successor to end")


class Load:
    """Clients that ask one request after the other, on connections kept and new, and count what fails."""

    def __init__(self, client, port, clients=6):
        self.failures = []
        self.answers = [0] * clients
        self.is_over = False
        self.threads = [threading.Thread(target=self.run, args=(client, port, i)) for i in range(clients)]

    def run(self, client, port, number):
        while not self.is_over:
            try:
                with client(port) as connection:
                    for _ in range(1 if number % 2 else 1000):
                        answer = connection.ask(GET)
                        assert answer.status == 200, answer
                        self.answers[number] += 1
                        if self.is_over or answer.get(b"connection") == [b"close"]:
                            break
            except Exception as failure:  # pylint: disable=broad-except
                self.failures.append(repr(failure))

    def wait_more(self, count=20):
        """Until each client has this many more answers."""
        before = list(self.answers)
        wait_for(lambda: all(now >= was + count for now, was in zip(self.answers, before)),
                 lambda: "answers for everybody: %r, %r" % (self.answers, self.failures[:3]))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_more()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join(20)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_three_upgrades_in_a_row_under_load_fail_no_request(proxy, exchange, client, upgrade, workers):
    one = proxy(exchange(), "--workers", workers)
    pids = [one.process.pid]
    with Load(client, one.port) as load:
        for _ in range(3):
            pids.append(upgrade(one))
            load.wait_more()
    assert load.failures == []
    assert len(set(pids)) == 4
    wait_for(lambda: all(is_gone(number) for number in pids[:-1]), "the programs before to end")
    assert one.admin("/readyz")[0] == 200
    assert client(one).ask(GET).status == 200


def test_a_long_poll_goes_on_in_the_program_before(proxy, exchange, client, upgrade):
    go = threading.Event()

    def script(conn):
        while True:
            if b"Ping" in conn.request().target:
                assert go.wait(PATIENCE_SECONDS)
            conn.answer(body=b"done")

    upstream = exchange(script)
    one = proxy(upstream)
    poll = client(one)
    poll.send(request(PING, "POST", body=b"x"))
    upstream.last()
    idle = client(one)
    assert idle.ask(GET).status == 200
    upgrade(one)
    assert client(one).ask(GET).status == 200
    assert one.is_running()
    assert idle.ask(GET).get(b"connection") == [b"close"]
    go.set()
    assert poll.read().body == b"done"
    one.wait_end()


def test_connections_in_the_queue_are_served_by_the_new_program(proxy, exchange, client, successor):
    one = proxy(exchange())
    one.was_stopped = True
    other = successor(one)
    other.wait_event("event=listening")
    wait_for(lambda: one.process.poll() is not None, "the program before to end")
    other.signal(signal.SIGSTOP)  # nobody takes connections now
    waiting = [client(one) for _ in range(20)]
    for connection in waiting:
        connection.send(request(GET))
    other.was_stopped = True
    other.signal(signal.SIGCONT)
    last = successor(other)
    last.wait_event("event=listening")
    for connection in waiting:
        assert connection.read().status == 200
    assert pid(last) == last.process.pid


def test_the_new_program_may_have_more_workers_or_fewer(proxy, exchange, client, successor):
    one = proxy(exchange(), "--workers", "2")
    for workers in ("3", "1"):
        one.was_stopped = True
        one = successor(one, "--workers", workers)
        one.wait_event("event=listening .*workers=%s" % workers)
        for _ in range(12):
            assert client(one).ask(GET).status == 200


def still_serves(one, client):
    return client(one).ask(GET).status == 200 and one.admin("/readyz")[0] == 200 and pid(one) == one.process.pid


def test_a_configuration_that_is_wrong_leaves_the_running_program_alone(proxy, exchange, client):
    one = proxy(exchange(), config="mode: block\n")
    with open(os.path.join(one.folder, "stopgap.yaml"), "w") as file:
        file.write("mode: blok\n")
    done = one.command("upgrade")
    assert done.returncode == 1
    assert "this one goes on as before" in done.stderr
    assert "stopgap.yaml:1:7" in done.stderr and "blok" in done.stderr
    assert still_serves(one, client)


def test_rules_that_are_refused_leave_the_running_program_alone(proxy, exchange, client, successor, publisher, tmp_path):
    one = proxy(exchange())
    bundle = tmp_path / "broken.sgb"
    bundle.write_bytes(b"no bundle")
    other = successor(one, "--rules", bundle, "--trust", publisher.root_path)
    assert other.wait_end() == 1
    assert "broken.sgb" in other.err.text()
    assert still_serves(one, client)


def test_a_listener_that_cannot_be_bound_leaves_the_running_program_alone(proxy, exchange, client, successor, ports):
    one = proxy(exchange())
    with socket.socket() as taken:
        port = ports.take()
        taken.bind(("127.0.0.1", port))
        taken.listen(1)
        other = successor(one, "--listen", "http://127.0.0.1:%d" % port)
        assert other.wait_end() == 1
    assert "E_PORT_IN_USE" in other.err.text()
    assert still_serves(one, client)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen(1)
        other = successor(one, "--admin", "http://127.0.0.1:%d" % port)
        assert other.wait_end() == 1
    assert still_serves(one, client)


def test_a_second_successor_is_refused_as_long_as_the_first_lives(proxy, exchange, client, successor):
    one = proxy(exchange(), "--timeout", "drain=2s")
    assert one.admin("/listeners", "POST")[0] == 200  # as far as a successor gets without serving
    assert still_serves(one, client)
    other = successor(one)  # the process that asked above is this one: it might serve any moment
    assert other.wait_end() == 1
    assert "another process takes over already" in other.err.text()
    assert one.admin("/taken", "POST")[0] == 200
    one.wait_end()


def test_only_the_process_that_got_the_sockets_can_say_that_it_serves(proxy, exchange, client):
    one = proxy(exchange())
    assert one.admin("/taken", "POST")[0] == 409
    assert still_serves(one, client)


ASK_AS_NOBODY = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
sock.sendall(b"POST " + sys.argv[2].encode() + b" HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n")
data, fds, _, _ = socket.recv_fds(sock, 4096, 253)
print(data.split()[1].decode(), len(fds))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("path", ["/listeners", "/taken"])
def test_another_user_gets_no_sockets_even_when_it_may_write_to_the_admin_socket(proxy, exchange, client, path):
    one = proxy(exchange())
    folder = one.folder
    while folder != "/tmp" and folder != "/":  # every folder on the way
        os.chmod(folder, 0o755)
        folder = os.path.dirname(folder)
    os.chmod(one.admin_path, 0o666)
    done = subprocess.run(["/usr/bin/python3", "-c", ASK_AS_NOBODY, one.admin_path, path], stdout=subprocess.PIPE,
                          timeout=PATIENCE_SECONDS, text=True, check=True)
    assert done.stdout == "403 0\n"
    assert still_serves(one, client)


def test_addresses_may_change(proxy, exchange, client, successor, ports):
    one = proxy(exchange(), "--timeout", "drain=2s")
    port = ports.take()
    one.was_stopped = True
    other = successor(one, "--listen", "http://127.0.0.1:%d" % port)
    other.wait_event("event=listening .*:%d " % port)
    for number in (one.port, port):
        assert client(number).ask(GET).status == 200
    other.was_stopped = True
    last = successor(one)
    last.wait_event("event=listener_left .*127.0.0.1:%d" % port)
    other.wait_end()
    with pytest.raises(ConnectionRefusedError):
        client(port)
    assert client(one).ask(GET).status == 200


def test_systemd_learns_the_new_main_process_and_no_end(proxy, exchange, client, upgrade, tmp_path):
    path = str(tmp_path / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(PATIENCE_SECONDS)
        one = proxy(exchange(), env={"NOTIFY_SOCKET": path})
        new = upgrade(one)
        heard = [sock.recv(4096).decode() for _ in range(3)]
        assert sorted(heard) == sorted(["READY=1", "MAINPID=%d" % new, "READY=1"])
        one.wait_end()
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(4096)


def test_nothing_to_take_over_is_an_error_with_a_remedy(run_to_end, exchange, tmp_path):
    one = run_to_end(exchange(), "--take-over", "unix:%s/nobody.sock" % tmp_path)
    assert one.process.returncode == 1
    assert "is stopgap running" in one.err.text()


def test_a_program_that_is_gone_is_named(proxy, exchange, client, stopgap_bin, ports, tmp_path):
    copy = str(tmp_path / "stopgap")
    with open(stopgap_bin, "rb") as source, open(copy, "wb") as target:
        target.write(source.read())
    os.chmod(copy, 0o755)
    from harness.launcher import Launcher
    launcher = Launcher(copy, ports, tmp_path)
    one = launcher.start(exchange())
    os.unlink(copy)
    one.binary = stopgap_bin
    done = one.command("upgrade")
    assert done.returncode == 1
    assert "cannot start the new program: no such file" in done.stderr
    assert still_serves(one, client)
    launcher.finish()


def test_the_status_says_which_process_answers(proxy, exchange):
    one = proxy(exchange())
    assert json.loads(one.command("status", "--json").stdout)["pid"] == one.process.pid
