"""A clock that a test sets while the program runs: clock.c in front of the system's."""

import math
import mmap
import os
import pathlib
import shutil
import struct
import subprocess
import time

import pytest

DAY = 24 * 3600


class Clock:
    def __init__(self, folder):
        compiler = shutil.which(os.environ.get("CC", "cc"))
        if compiler is None:
            pytest.skip("no C compiler for the clock of this test")
        source = pathlib.Path(__file__).with_name("clock.c")
        self.library = str(folder / "clock.so")
        subprocess.run([compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", self.library, str(source)], check=True)
        self.path = folder / "clock"
        self.path.write_bytes(bytes(16))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 16)

    def add(self, days=0, running_days=0):
        """Move the wall clock, and the time that the machine has been running, by as much from now on."""
        offsets = struct.unpack("qq", self.memory)
        self.memory[:] = struct.pack("qq", offsets[0] + int(days * DAY), offsets[1] + int(running_days * DAY))

    def set(self, when):
        """Set the wall clock to this time in seconds since 1970."""
        offsets = struct.unpack("qq", self.memory)
        self.memory[:] = struct.pack("qq", math.ceil(when - time.time()), offsets[1])

    def now(self):
        return time.time() + struct.unpack("qq", self.memory)[0]

    def env(self):
        # A sanitizer's runtime wants to be the first library, which this one is now.
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        return {"LD_PRELOAD": self.library, "CLOCK_FILE": str(self.path), "ASAN_OPTIONS": options}
