"""The commands of the documents for publishers are run as they stand there."""

import datetime
import os
import re
import shlex
import subprocess

import pytest

from harness.bundles import block_rule

REPOSITORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def blocks(document, heading):
    """The code blocks of one section."""
    with open(os.path.join(REPOSITORY, document)) as text:
        section = text.read().split(heading + "\n", 1)[1]
    section = re.split(r"^##+ ", section, flags=re.M)[0]
    return re.findall(r"^```(?:sh)?\n(.*?)^```$", section, flags=re.M | re.S)


@pytest.fixture
def folder(tmp_path):
    os.makedirs(str(tmp_path / "myrules"))
    (tmp_path / "myrules" / "a.yaml").write_bytes(block_rule("A-1", "/owa/a"))
    return tmp_path


def call(folder, *command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, cwd=str(folder),
                          stdin=subprocess.DEVNULL, universal_newlines=True)


def run_lines(folder, stopgap, text):
    """Every line but the one that starts the proxy. The date of the text is put a year ahead."""
    ahead = (datetime.date.today() + datetime.timedelta(days=365)).isoformat()
    for line in text.replace("2027-12-31", ahead).splitlines():
        words = shlex.split(line)
        assert words[0] == "stopgap", line
        if words[1] != "run":
            done = call(folder, stopgap, *words[1:])
            assert done.returncode == 0, "%s:\n%s" % (line, done.stdout)


def verify(folder, stopgap, anchor, *more):
    done = call(folder, stopgap, "bundle", "verify", "my-rules.sgb", "--trust", anchor, *more)
    assert done.returncode == 0 and done.stdout.startswith("OK my-rules"), done.stdout


def test_the_readme_leads_from_the_first_key_to_a_rotated_root(folder, stopgap_bin):
    first, later = blocks("README.md", "### Your own signed set")[:2]
    run_lines(folder, stopgap_bin, first)
    assert "--trust my-root/0000000001" in first
    verify(folder, stopgap_bin, "my-root/0000000001", "--state", "s")
    run_lines(folder, stopgap_bin, later)
    assert sorted(os.listdir(str(folder / "my-root"))) == ["0000000001", "0000000001.sig", "0000000002",
                                                           "0000000002.sig"]
    verify(folder, stopgap_bin, "my-root/0000000001", "--state", "s")
    assert "root 2, epoch 1" in call(folder, stopgap_bin, "trust", "show", "--state", "s").stdout


def test_the_whole_rotation_with_openssl_and_tar_is_followed(folder, stopgap_bin):
    script, = blocks("rules/trust/README.md", "## The same with openssl and tar")
    done = call(folder, "sh", "-euc", script)
    assert done.returncode == 0, done.stdout
    verify(folder, stopgap_bin, "r/0000000001", "--state", "s", "--at", "2027-11-25")
    shown = call(folder, stopgap_bin, "root", "show", "r")
    assert shown.returncode == 0 and "root 2, epoch 1" in shown.stdout and "0/1" not in shown.stdout, shown.stdout
