"""A resolver that a test may change while the program runs: names.c in front of the system's."""

import os
import pathlib
import shutil
import subprocess

import pytest


class Names:
    def __init__(self, folder):
        compiler = shutil.which(os.environ.get("CC", "cc"))
        if compiler is None:
            pytest.skip("no C compiler for the resolver of this test")
        source = pathlib.Path(__file__).with_name("names.c")
        self.library = str(folder / "names.so")
        self.file = folder / "names.txt"
        self.set({})
        subprocess.run([compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", self.library, str(source), "-ldl"], check=True)

    def set(self, addresses):
        """{"name.test": "127.0.0.2"}; other names below .test do not resolve."""
        new = self.file.with_suffix(".new")
        new.write_text("".join("%s %s\n" % item for item in addresses.items()))
        new.rename(self.file)

    def env(self):
        # A sanitizer's runtime wants to be the first library, which this one is now.
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        return {"LD_PRELOAD": self.library, "NAMES_FILE": str(self.file), "ASAN_OPTIONS": options}
