"""One program replaces another: no connection is refused or lost, and a failure changes nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from harness.http import request
from harness.launcher import Launcher
from harness.names import Names
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


ASK = """
import socket, sys, time
def ask(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(sys.argv[1])
    sock.sendall(b"POST /%s HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 0\\r\\n\\r\\n" % path)
    return socket.recv_fds(sock, 4096, 253)[0].split()[1].decode()
"""


def asker(one, script):
    """A process that talks to the admin socket in place of a successor."""
    return subprocess.Popen([sys.executable, "-c", ASK + script, one.admin_path], stdout=subprocess.PIPE, text=True)


def test_a_successor_that_dies_half_way_keeps_nobody_out(proxy, exchange, client, upgrade):
    one = proxy(exchange())
    with asker(one, "print(ask(b'listeners'), flush=True); time.sleep(60)") as dead:
        assert dead.stdout.readline() == "200\n"
        dead.kill()
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # nobody waits for it: a zombie
        assert still_serves(one, client)
        upgrade(one)
    assert client(one).ask(GET).status == 200


def test_a_successor_may_ask_twice(proxy, exchange):
    one = proxy(exchange(), "--timeout", "drain=2s")
    with asker(one, "print(ask(b'listeners'), ask(b'listeners'), ask(b'taken'))") as twice:
        assert twice.stdout.read() == "200 200 200\n"
    assert one.wait_end() == 0


def test_a_program_that_drains_lends_nothing(proxy, exchange, client):
    go = threading.Event()
    one = proxy(exchange(lambda conn: (conn.request(), go.wait(PATIENCE_SECONDS), conn.answer())))
    poll = client(one)
    poll.send(request(PING, "POST", body=b"x"))
    wait_for(lambda: one.metrics()["stopgap_upstream_connections_total"] == 1, "the poll at the upstream")
    one.was_stopped = True
    one.signal(signal.SIGQUIT)
    one.wait_event("event=draining")
    status, text = one.admin("/listeners", "POST")
    assert status == 409 and "ends already" in text
    go.set()
    assert poll.read().status == 200
    one.wait_end()


class Held:
    """A successor that got the sockets and does not go on before the test says so: it looks up a name."""

    def __init__(self, launcher, names, one, *options):
        self.fifo = names.file.with_name("held.txt")
        self.names = names
        os.mkfifo(self.fifo)
        self.program = launcher.succeed(one, *options, env={**names.env(), "NAMES_FILE": str(self.fifo)})
        one.wait_event("event=sockets_lent")

    def go_on(self):
        with open(self.fifo, "w") as answer:  # waits for the reader
            os.unlink(self.fifo)
            self.fifo.write_text(self.names.file.read_text())
            answer.write(self.names.file.read_text())
        self.program.wait_event("event=(listening|not_replaced)")
        return self.program


@pytest.fixture
def named(tmp_path):
    names = Names(tmp_path)
    names.set({"mail.test": "127.0.0.1"})
    return names


def start_named(proxy, upstream, names, *options):
    return proxy(None, "--upstream", upstream.url.replace("127.0.0.1", "mail.test"), *options, env=names.env())


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_a_program_that_is_ended_meanwhile_leaves_everything_to_the_new_one(launcher, proxy, exchange, client, named, number):
    one = start_named(proxy, exchange(), named, "--timeout", "drain=2s")
    held = Held(launcher, named, one)
    one.was_stopped = True
    one.signal(number)
    assert one.wait_end() == 0
    new = held.go_on()
    assert still_serves(new, client)
    assert new.admin("/drain", "POST")[0] == 202
    assert new.wait_end() == 0
    assert not os.path.exists(one.admin_path)


def test_what_is_blocked_while_the_new_program_starts_is_blocked_in_it(launcher, proxy, exchange, named, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    one = start_named(proxy, exchange(), named, "--state", state)
    held = Held(launcher, named, one)
    assert one.command("mitigations", "block", "M1", "--reason", "meanwhile").returncode == 0
    one.was_stopped = True
    new = held.go_on()

    def state_of_m1():
        return next(m["state"] for m in new.status()["mitigations"] if m["id"] == "M1.1")

    wait_for(lambda: state_of_m1() == "Blocked", "the block in the new program")


def test_one_that_is_refused_in_the_end_ends_again(launcher, proxy, exchange, client, named):
    """It was too slow, and another program serves by now."""
    one = start_named(proxy, exchange(), named)
    held = Held(launcher, named, one)
    one.was_stopped = True
    one.terminate()
    os.unlink(one.admin_path)
    other = proxy(exchange(), "--admin", "unix:" + one.admin_path)
    late = held.go_on()
    assert late.wait_end() == 1
    assert "this program ends again" in late.err.text() and "event=listening" not in late.err.text()
    assert os.path.exists(one.admin_path) and still_serves(other, client)


SCRIPT_THAT_ENDS_BEFORE_ITS_CHILD = """#!/bin/sh
sleep 60 2>&3 &
echo $! > "$0.child"
sleep 60 &
echo $! >> "$0.child"
echo broken program >&2
exit 7
"""


def test_a_program_that_leaves_a_child_behind_has_ended_all_the_same(exchange, client, stopgap_bin, ports, tmp_path):
    """The child has the pipe over which the old program hears the new one."""
    link = tmp_path / "stopgap"
    link.symlink_to(stopgap_bin)
    launcher = Launcher(str(link), ports, tmp_path)
    one = launcher.start(exchange())
    link.unlink()
    link.write_text(SCRIPT_THAT_ENDS_BEFORE_ITS_CHILD)
    link.chmod(0o755)
    one.binary = stopgap_bin
    try:
        done = one.command("upgrade")  # which has 30 s
    finally:
        for line in (tmp_path / "stopgap.child").read_text().split():
            os.kill(int(line), signal.SIGKILL)
    assert done.returncode == 1
    assert "this one goes on as before" in done.stderr and "broken program" in done.stderr
    assert still_serves(one, client)
    launcher.finish()


LEND_AS_NOBODY = """
import os, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[2])))
listener.listen()
admin = socket.socket(socket.AF_UNIX)
admin.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
os.setgid(65534)
os.setuid(65534)
admin.listen()
print("ready", flush=True)
sock = admin.accept()[0]
sock.recv(4096)
sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1\\r\\n\\r\\n")
socket.send_fds(sock, [b"."], [listener.fileno()])
sock.recv(4096)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_sockets_of_another_user_are_not_taken(run_to_end, exchange, ports, tmp_path):
    path = str(tmp_path / "strange.sock")
    lender = subprocess.Popen([sys.executable, "-c", LEND_AS_NOBODY, path, str(ports.take())], stdout=subprocess.PIPE)
    with lender:
        assert lender.stdout.readline() == b"ready\n"
        one = run_to_end(exchange(), "--take-over", "unix:" + path)
        lender.kill()
    assert one.process.returncode == 1
    assert "E_TAKE_OVER" in one.err.text() and "belongs to user 65534" in one.err.text()


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
