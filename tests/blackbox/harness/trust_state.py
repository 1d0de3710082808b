"""What the tests of the trust state share: an installation, and what its status says."""

import fcntl
import hashlib
import os
import signal

from .bundles import block_rule, write_into_place

OLD, NEW = "/owa/old", "/owa/new"


def edit_state(state, change):
    """Change the text of the state in this folder as the program does it."""
    folder = os.open(state, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    body = change((state / "state").read_text().rsplit("sum ", 1)[0])
    text = body + "sum " + hashlib.sha256(body.encode()).hexdigest() + "\n"
    write_into_place(state / "state", text.encode())
    os.close(folder)


class Install:
    """A program with one signed bundle and a state folder, over its restarts."""

    def __init__(self, proxy, exchange, publisher, folder, state=None):
        self.proxy, self.exchange, self.publisher = proxy, exchange, publisher
        self.bundle = folder / "a.sgb"
        self.state = state or folder / "state"
        self.state.mkdir(exist_ok=True)

    def publish(self, serial, path):
        self.publisher.bundle(self.bundle, [block_rule(path=path)], serial=serial)

    def start(self, *options, **kwargs):
        return self.proxy(self.exchange(), "--rules", str(self.bundle), "--trust", self.publisher.root_path,
                          "--state", str(self.state), *options, **kwargs)

    def kept_files(self):
        return sorted((self.state / "store").iterdir())

    def edit_state(self, change):
        edit_state(self.state, change)

    def prove(self):
        """As if the set in force had run for two minutes."""
        self.edit_state(lambda text: text.replace(" active 1\n", " active,proved 0\n"))
        assert " active,proved 0\n" in (self.state / "state").read_text()


def trust(one):
    return one.status()["trust"]


def marks(one):
    return [mark["mark"] for mark in trust(one)["marks"]]


def name_of(one):
    names = trust(one)["names"]
    assert len(names) == 1
    return names[0]


def kill(one):
    one.signal(signal.SIGKILL)
    assert one.wait_end() == -signal.SIGKILL
