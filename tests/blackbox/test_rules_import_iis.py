"""stopgap rules import-iis: a web.config goes in, rule files that prove themselves come out."""
import os
import subprocess

import pytest

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<configuration><system.webServer><rewrite><rules>\n'
TAIL = "</rules></rewrite></system.webServer></configuration>\n"
M1_1 = """<rule name="EEMS M1.1 PowerShell - inbound" stopProcessing="true">
  <match url=".*" />
  <conditions>
    <add input="{UrlDecode:{REQUEST_URI}}" pattern="(?=.*autodiscover)(?=.*powershell)" />
  </conditions>
  <action type="AbortRequest" />
</rule>
"""
REWRITE = """<rule name="Move">
  <match url="^old/(.*)" />
  <action type="Rewrite" url="new/{R:1}" />
</rule>
"""


@pytest.fixture
def importer(stopgap, tmp_path):
    """importer(xml, *options): what the verb did with the file, and the folder it wrote to."""

    def run(xml, *options):
        path = tmp_path / "web.config"
        path.write_text(xml)
        out = tmp_path / "imported"
        done = stopgap("rules", "import-iis", str(path), "--out", str(out), *options)
        return done, out

    return run


def test_an_import_is_a_folder_that_passes_rules_test(importer, stopgap):
    done, out = importer(HEAD + M1_1 + TAIL)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.iterdir()] == ["001-IIS-EEMS-M1.1-PowerShell-inbound.yaml"]
    assert "1 rule files written" in done.stdout
    proof = stopgap("rules", "test", str(out))
    assert proof.returncode == 0, proof.stderr
    assert "IIS-EEMS-M1.1-PowerShell-inbound" in proof.stdout and "0 failed" in proof.stdout


def test_one_refused_rule_means_that_nothing_is_written(importer):
    done, out = importer(HEAD + M1_1 + REWRITE + TAIL)
    assert done.returncode == 1
    assert not out.exists()
    assert "web.config:10: refused: Move: a Rewrite; Stopgap never changes the address" in done.stderr
    assert "nothing was written" in done.stderr


def test_allow_partial_writes_the_others_and_lists_the_refused(importer):
    done, out = importer(HEAD + M1_1 + REWRITE + TAIL, "--allow-partial")
    assert done.returncode == 0
    assert len(list(out.iterdir())) == 1
    assert "refused: Move" in done.stderr and "1 refused" in done.stdout


def test_a_second_import_does_not_replace_files(importer):
    importer(HEAD + M1_1 + TAIL)
    done, out = importer(HEAD + M1_1 + TAIL)
    assert done.returncode == 1 and "E_IIS_EXISTS" in done.stderr
    assert len(list(out.iterdir())) == 1


def test_an_empty_folder_is_filled_and_one_with_files_is_left_as_it_is(importer, tmp_path):
    done, out = importer(HEAD + M1_1 + TAIL)
    for path in out.iterdir():
        path.unlink()
    done, out = importer(HEAD + M1_1 + TAIL)
    assert done.returncode == 0 and len(list(out.iterdir())) == 1
    for path in out.iterdir():
        path.rename(out / "other")
    done, out = importer(HEAD + M1_1 + TAIL)
    assert done.returncode == 1 and "E_IIS_EXISTS" in done.stderr
    assert [path.name for path in out.iterdir()] == ["other"]
    assert [path.name for path in out.parent.iterdir() if ".tmp" in path.name] == []


def test_a_disk_without_room_leaves_nothing_behind(importer, stopgap_bin, tmp_path):
    done, out = importer(HEAD + M1_1 + TAIL)
    source = tmp_path / "again.config"
    source.write_text(HEAD + M1_1 + TAIL)
    limited = subprocess.run(["prlimit", "--fsize=100", stopgap_bin, "rules", "import-iis", str(source), "--out",
                              str(tmp_path / "full")], capture_output=True, text=True, timeout=60)
    assert limited.returncode != 0
    assert not (tmp_path / "full").exists()


def test_a_rule_without_samples_is_marked_and_says_how_to_add_them(importer, stopgap):
    rule = M1_1.replace("{UrlDecode:{REQUEST_URI}}", "{REQUEST_METHOD}{URL}")
    done, out = importer(HEAD + rule + TAIL)
    assert done.returncode == 0
    (path,) = out.iterdir()
    assert path.name.endswith(".yaml.unproven")
    assert "add such a sample" in done.stdout and "add one by hand" in path.read_text()


def test_the_path_of_a_web_config_can_be_said(importer):
    rule = '<rule name="a"><match url="^auth/" /><action type="AbortRequest" /></rule>'
    done, out = importer(HEAD + rule + TAIL, "--at", "owa/")
    assert done.returncode == 0, done.stderr
    (path,) = out.iterdir()
    assert "regex: '^/owa/auth/'" in path.read_text()


SERVER = """<configuration><system.applicationHost><sites>
<site name="Default Web Site" id="1"/><site name="Exchange Back End" id="2"/></sites></system.applicationHost>
<location path="Default Web Site/ecp"><system.webServer><rewrite><rules>
""" + M1_1 + "</rules></rewrite></system.webServer></location></configuration>\n"


@pytest.mark.parametrize("options, words", [(("--site", "Default Web Sit"), "no site of the file is called 'Default Web Sit'"),
                                            (("--at", "/owa"), "--at is for a web.config")])
def test_a_site_that_is_not_there_and_a_path_that_does_not_count_are_said(importer, options, words):
    done, out = importer(SERVER, *options)
    assert done.returncode == 1 and words in done.stderr and not out.exists()


def test_a_site_is_known_by_the_list_or_a_location_in_any_case(importer):
    done, _ = importer(SERVER, "--site", "default web site")
    assert done.returncode == 0, done.stderr
    done, _ = importer(SERVER, "--site", "Exchange Back End")
    assert done.returncode == 1 and "no rewrite rule is in the file for this site" in done.stderr


@pytest.mark.parametrize("options, words", [
    (["rules", "import-iis"], "name one FILE"),
    (["rules", "import-iis", "web.config"], "--out DIR"),
    (["rules", "import-iis", "web.config", "--out"], "needs a value"),
    (["rules", "import-iis", "web.config", "--out", "x", "--site", "A", "--at", "/owa"], "one of them"),
    (["rules", "import-iis", "--loud"], "unknown option"),
])
def test_usage_errors_say_what_is_missing(stopgap, options, words):
    done = stopgap(*options)
    assert done.returncode == 2 and words in done.stderr


def test_help_has_a_runnable_example(stopgap):
    done = stopgap("rules", "import-iis", "--help")
    assert done.returncode == 0 and "Example: stopgap rules import-iis web.config --out imported" in done.stdout


def test_a_file_that_is_not_there_is_named(stopgap, tmp_path):
    done = stopgap("rules", "import-iis", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1 and "none: E_IO: cannot open" in done.stderr


def test_what_is_no_file_is_not_waited_for(stopgap, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    done = stopgap("rules", "import-iis", str(tmp_path / "fifo"), "--out", str(tmp_path / "out"))
    assert done.returncode == 1 and "not a regular file" in done.stderr


def test_text_of_the_file_cannot_steer_a_terminal(importer):
    rule = M1_1.replace("(?=", "&#x9b;31m&#10;stopgap: fine (?=")
    done, _ = importer(HEAD + rule + TAIL)
    assert done.returncode == 1 and "refused" in done.stderr
    assert "\x9b" not in done.stderr and "\nstopgap: fine" not in done.stderr
