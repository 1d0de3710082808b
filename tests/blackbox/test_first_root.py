"""How an install gets its first root: in a package, by a file that is named, or by hand with its hash."""

import hashlib
import pathlib
import shutil
import subprocess

import pytest

from harness.trust_state import OLD, Install, marks

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def as_test_root(path):
    path = pathlib.Path(path)
    path.write_bytes(path.read_bytes().replace(b"usage production", b"usage test"))


@pytest.fixture
def cmake():
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")

    def run(*args):
        return subprocess.run(["cmake", *map(str, args)], capture_output=True, text=True, timeout=300, check=False)

    return run


def test_a_package_installs_the_pinned_root(cmake, publisher, tmp_path):
    root = publisher.root_path
    done = cmake("-S", SOURCE, "-B", tmp_path / "build", "-DSTOPGAP_ROOT=" + root, "-DSTOPGAP_ROOT_SHA256=" + digest(root),
                 "-DCMAKE_INSTALL_PREFIX=/usr")
    assert done.returncode == 0, done.stderr
    done = cmake("--install", tmp_path / "build", "--component", "root", "--prefix", tmp_path / "usr")
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "usr/share/stopgap/root") == digest(root)


@pytest.mark.parametrize("spoil, code", [(None, None), ("hash", "E_ROOT_HASH"), ("no hash", "E_ROOT_HASH"), ("test", "E_ROOT_TEST")])
def test_a_package_takes_no_other_file_and_none_of_a_laboratory(cmake, publisher, spoil, code):
    if spoil == "test":
        as_test_root(publisher.root_path)
    pinned = {"hash": "0" * 64, "no hash": ""}.get(spoil, digest(publisher.root_path))
    done = cmake("-DSTOPGAP_ROOT=" + publisher.root_path, "-DSTOPGAP_ROOT_SHA256=" + pinned, "-P", SOURCE / "conf/packaged-root.cmake")
    if code is None:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0 and code in done.stderr


def test_an_install_with_the_root_of_a_laboratory_is_loud_and_takes_nothing_of_it(install, client):
    install.publish(1, OLD)
    as_test_root(install.publisher.root_path)
    one = install.start()
    assert client(one).ask(OLD).status == 200 and len(one.status()["rules"]) > 10
    one.wait_event("id=1086 state=TRUST_DAMAGED .*E_ROOT_TEST")
    assert "TRUST_DAMAGED" in marks(one) and one.command("status").returncode == 1
    done = one.command("check", *one.argv[2:])
    assert done.returncode == 1 and "E_ROOT_TEST" in done.stderr


@pytest.fixture
def by_hand(proxy, exchange, publisher, tmp_path, run_to_end):
    class ByHand(Install):
        """No root file is named."""

        options = ("--rules", str(tmp_path / "a.sgb"), "--state", str(tmp_path / "state"))

        def start(self):
            return self.proxy(self.exchange(), *self.options)

        def start_in_vain(self):
            return run_to_end(self.exchange(), *self.options)

    made = ByHand(proxy, exchange, publisher, tmp_path)
    made.publish(1, OLD)
    return made


def test_without_any_root_it_does_not_start_however_often(by_hand):
    for _ in range(2):
        one = by_hand.start_in_vain()
        assert one.process.returncode == 1 and "E_ROOT_NONE" in one.err.text()


def test_a_root_whose_hash_was_told_begins_the_trust(by_hand, client, stopgap):
    root = by_hand.publisher.root_path
    for pinned, code in (("0" * 64, 1), (digest(root), 0)):
        done = stopgap("trust", "bootstrap", "--root", root, "--sha256", pinned, "--state", str(by_hand.state))
        assert done.returncode == code, done.stderr
    assert "E_ROOT_HASH" not in done.stderr
    one = by_hand.start()
    assert client(one).ask(OLD).status == 403 and one.command("status").returncode == 0
