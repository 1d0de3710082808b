"""The commands of the documents for publishers are run as they stand there."""

import datetime
import os
import re
import shlex
import subprocess

import pytest

from harness.bundles import block_rule
from harness.feed_server import FeedServer
from harness.own_feed import RULE

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


def test_the_readme_leads_to_a_feed_and_an_install_that_takes_it(folder, stopgap_bin, tmp_path):
    (folder / "myrules" / "a.yaml").write_text(RULE % {"id": "A-1", "path": "/owa/a"})
    for text in blocks("README.md", "### Your own signed set")[:2]:
        run_lines(folder, stopgap_bin, text)
    publishing, = blocks("README.md", "### A feed of signed bundles")
    run_lines(folder, stopgap_bin, publishing)
    with open(os.path.join(REPOSITORY, "README.md")) as text:
        config = re.search(r"```yaml\n(rules:\n  trust.*?)```", text.read(), re.S).group(1)
    server = FeedServer()
    server.folder = folder / "www"
    for old, new in (("/etc/stopgap/root.txt", str(folder / "my-root/0000000001")), ("/var/lib/stopgap", str(folder / "s")),
                     ("https://rules.example.com/stopgap/", server.base), (", https://mirror.example.org/stopgap/", "")):
        assert old in config
        config = config.replace(old, new)
    (folder / "c.yaml").write_text(config)
    done = call(folder, stopgap_bin, "feed", "test", "-c", "c.yaml")
    server.close()
    assert done.returncode == 0 and "root      version 3" in done.stdout and "my-rules 1.2027010101 verified" in done.stdout, done.stdout


def test_after_a_theft_new_keys_go_on_and_the_stolen_one_counts_for_nothing_new(folder, stopgap_bin):
    (folder / "myrules" / "a.yaml").write_text(RULE % {"id": "A-1", "path": "/owa/a"})
    run_lines(folder, stopgap_bin, blocks("README.md", "### Your own signed set")[0])
    build = "stopgap bundle build myrules/ --name my-rules --serial %d --root my-root --out my-rules.sgb\nstopgap bundle sign my-rules.sgb "
    run_lines(folder, stopgap_bin, "\n".join([
        "stopgap bundle keygen --alg ed25519 --out new.key",
        "stopgap root revoke my-root --key a.key --reason stolen --add new.key",
        "stopgap root sign my-root --key a.key --key b.key --key new.key",
        build % 2027010101 + "--key b.key --key new.key", "stopgap publish www --roots my-root --add my-rules.sgb --check"]))
    verify(folder, stopgap_bin, "my-root/0000000001", "--state", "s")
    run_lines(folder, stopgap_bin, (build % 2027010102).rsplit("\n", 1)[0])
    assert call(folder, stopgap_bin, "bundle", "sign", "my-rules.sgb", "--key", "a.key").returncode != 2
    done = call(folder, stopgap_bin, "bundle", "verify", "my-rules.sgb", "--trust", "my-root/0000000001", "--state", "s")
    assert done.returncode == 1 and "E_SIG_THRESHOLD" in done.stdout, done.stdout


def test_a_pulse_made_with_openssl_and_tar_is_a_pulse(folder, stopgap_bin):
    for text in blocks("README.md", "### Your own signed set")[:2]:
        run_lines(folder, stopgap_bin, text)
    run_lines(folder, stopgap_bin, blocks("README.md", "### A feed of signed bundles")[0].replace(" --check", ""))
    (folder / "p.old").mkdir()
    done = call(folder, "tar", "xf", "www/pulse", "-C", "p.old")
    assert done.returncode == 0, done.stdout
    later = (datetime.datetime.utcnow() + datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:00Z")
    old = (folder / "p.old/pulse").read_text()
    (folder / "pulse.txt").write_text(re.sub(r"created .*", "created " + later, old))
    script, = [block for block in blocks("proxy/feed/README.md", "## The folder on a web server") if "pkeyutl" in block]
    done = call(folder, "sh", "-euc", script)
    assert done.returncode == 0, done.stdout
    done = call(folder, stopgap_bin, "publish", "www", "--pulse-key", "pulse.key")
    assert done.returncode == 0 and later[:-4] in done.stdout, done.stdout


def test_the_whole_rotation_with_openssl_and_tar_is_followed(folder, stopgap_bin):
    script, = blocks("rules/trust/README.md", "## The same with openssl and tar")
    done = call(folder, "sh", "-euc", script)
    assert done.returncode == 0, done.stdout
    verify(folder, stopgap_bin, "r/0000000001", "--state", "s", "--at", "2027-11-25")
    shown = call(folder, stopgap_bin, "root", "show", "r")
    assert shown.returncode == 0 and "root 2, epoch 1" in shown.stdout and "0/1" not in shown.stdout, shown.stdout


def test_each_row_of_the_list_of_threats_names_tests_that_exist(source_dir):
    text = (source_dir / "rules/trust/README.md").read_text()
    rows = re.findall(r"^\| ([0-9][0-9, ]*) \|.*\| ([^|]+) \|$", text, re.M)
    assert sorted(int(n) for numbers, _ in rows for n in numbers.split(", ")) == list(range(1, 64))
    tests = source_dir / "tests"
    code = "\n".join(p.read_text() for folder in ("unit", "blackbox") for p in (tests / folder).rglob("test_*.[cp]*"))
    for numbers, named in rows:
        assert "test_" in named or "row 9" in named or named == "the same", numbers
        for name in re.findall(r"`([a-z0-9_]+)`", named):
            assert re.search(r"\b(test_)?%s\b" % name, code), "row %s names %s, which does not exist" % (numbers, name)
        for folder, stem in re.findall(r"(unit/[a-z]+/|)(test_[a-z_]+)", re.sub(r"`[^`]*`", "", named)):
            path = tests / (folder or "blackbox/") / (stem + (".c" if folder else ".py"))
            assert path.exists(), "row %s names %s" % (numbers, path)
