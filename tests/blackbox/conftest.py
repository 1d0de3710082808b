"""Fixtures of the black-box tests. The program is build/dev/stopgap or what STOPGAP_BIN names."""

import os
import pathlib
import subprocess

import pytest

from harness.bundles import Publisher
from harness.certs import Authority, server_context
from harness.client import Client
from harness.exchange import Exchange, answer_all
from harness.clock import Clock
from harness.launcher import Launcher, Pair
from harness.own_feed import OwnFeed
from harness.trust_state import Install
from harness.wait import Ports

SOURCE = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def source_dir():
    return SOURCE


@pytest.fixture(scope="session")
def stopgap_bin():
    path = os.environ.get("STOPGAP_BIN", str(SOURCE / "build" / "dev" / "stopgap"))
    if not os.access(path, os.X_OK):
        pytest.exit("no program at %s: build it or set STOPGAP_BIN" % path, returncode=4)
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def ports():
    taken = Ports()
    yield taken
    taken.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def publisher(tmp_path):
    return Publisher(tmp_path)


@pytest.fixture
def feed(tmp_path):
    """What a publisher shows, with serial 1 on offer (harness/own_feed.py)."""
    made = OwnFeed(tmp_path / "publisher")
    made.publish(1)
    return made


@pytest.fixture
def clock(tmp_path):
    """A clock that the test sets, for programs that get clock.env()."""
    return Clock(tmp_path)


@pytest.fixture
def install(proxy, exchange, publisher, tmp_path):
    """.publish(serial, path) and .start(): an installation with a state folder (harness/trust_state.py)."""
    return Install(proxy, exchange, publisher, tmp_path)


@pytest.fixture
def exchange():
    """exchange(script, tls=..., port=...): a scripted upstream (harness/exchange.py)."""
    made = []

    def start(script=answer_all, **kwargs):
        made.append(Exchange(script, **kwargs))
        return made[-1]

    yield start
    for one in made:
        one.close()
    for one in made:
        one.check()


@pytest.fixture
def client():
    """client(proxy or port, tls=..., ...): a raw connection (harness/client.py)."""
    made = []

    def connect(target, **kwargs):
        made.append(Client(getattr(target, "port", target), **kwargs))
        return made[-1]

    yield connect
    for one in made:
        one.close()


@pytest.fixture
def launcher(stopgap_bin, ports, tmp_path):
    one = Launcher(stopgap_bin, ports, tmp_path)
    yield one
    one.finish()


@pytest.fixture
def proxy(launcher):
    """proxy(upstream, *options, ...): a running proxy of this test alone (harness/launcher.py)."""
    yield launcher.start


@pytest.fixture
def successor(launcher):
    """successor(proxy, *options): a program that takes over from a running one."""
    return launcher.succeed


@pytest.fixture
def restart(launcher):
    """restart(proxy): its command line again, after its end."""
    return launcher.restart


def shared_pair(stopgap_bin, ports, folder, *options, **kwargs):
    launcher = Launcher(stopgap_bin, ports, folder)
    pair = Pair(launcher, *options, **kwargs)
    yield pair
    pair.exchange.close()
    launcher.finish()


@pytest.fixture(scope="session")
def block_mode_pair(stopgap_bin, ports, tmp_path_factory):
    yield from shared_pair(stopgap_bin, ports, tmp_path_factory.mktemp("block"))


@pytest.fixture(scope="session")
def detect_mode_pair(stopgap_bin, ports, tmp_path_factory):
    yield from shared_pair(stopgap_bin, ports, tmp_path_factory.mktemp("detect"), "--mode", "detect")


@pytest.fixture(scope="session")
def tls_mode_pair(stopgap_bin, ports, tmp_path_factory, authority):
    cert, key = authority.leaf()
    options = ("--cert", cert, "--key", key, "--upstream-ca", authority.cert)
    yield from shared_pair(stopgap_bin, ports, tmp_path_factory.mktemp("tls"), *options, schemes=("https",),
                           tls=server_context(cert, key))


@pytest.fixture
def pair(block_mode_pair):
    """.proxy with default options and .exchange, its upstream; both lent, so one test at a time."""
    yield block_mode_pair.lend()
    block_mode_pair.check()


@pytest.fixture
def detect_pair(detect_mode_pair):
    """The same in detect mode: every target passes, no byte changes."""
    yield detect_mode_pair.lend()
    detect_mode_pair.check()


@pytest.fixture
def tls_pair(tls_mode_pair):
    """The same as `pair`, with TLS on both sides."""
    yield tls_mode_pair.lend()
    tls_mode_pair.check()


@pytest.fixture
def run_to_end(proxy):
    """Start a proxy that must give up by itself; returns it after its end."""

    def run(upstream, *options, **kwargs):
        one = proxy(upstream, *options, is_expected_to_fail=True, **kwargs)
        one.wait_end(30)
        return one

    return run


@pytest.fixture
def stopgap(stopgap_bin):
    """stopgap("check", "-c", path): run a verb to its end."""

    def run(*args, **kwargs):
        return subprocess.run([stopgap_bin, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False, **kwargs)

    return run
