"""A clock that the test sets, for one program, by libfaketime. Time-outs go by another clock and are not touched."""

import glob
import os

import pytest


class Clock:
    """env is for the program; set() moves its clock there, from where it goes on, also while it runs."""

    def __init__(self, folder, when):
        libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not libraries:
            assert not os.environ.get("CI"), "faketime is not installed"
            pytest.skip("faketime is not installed")
        self.path = os.path.join(str(folder), "clock")
        self.set(when)
        # AddressSanitizer wants to be the first library, which is for nothing that is used here.
        asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        self.env = {"LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": self.path, "FAKETIME_NO_CACHE": "1",
                    "DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": asan, "TZ": "UTC"}

    def set(self, when):
        """when  "2027-06-01 00:00:00" in UTC"""
        with open(self.path + ".new", "w") as out:
            out.write("@%s\n" % when)
        os.rename(self.path + ".new", self.path)
