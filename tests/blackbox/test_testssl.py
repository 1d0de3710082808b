"""What testssl.sh says of our listener.

The version of Debian 12 gives no grade yet; so what a grade is made of is asserted: no finding of
MEDIUM or worse but one that a certificate of an own authority explains."""

import json
import os
import shutil
import subprocess

import pytest

EXPLAINED = {"cert_revocation"}  # an authority of the test names no place to ask
CHECKS = ["--protocols", "--fs", "--server-defaults", "--heartbleed", "--ccs", "--ticketbleed", "--robot", "--renegotiation",
          "--compression", "--sweet32"]


@pytest.mark.skipif(shutil.which("testssl") is None and "CI" not in os.environ, reason="testssl.sh is not installed")
def test_testssl_finds_nothing_to_complain_of(proxy, exchange, authority, tmp_path):
    cert, key = authority.leaf(days=200)
    one = proxy(exchange(), "--cert", cert, "--key", key, schemes=("https",))
    out = tmp_path / "findings.json"
    done = subprocess.run(["testssl", *CHECKS, "--ip", "127.0.0.1", "--nodns", "none", "--add-ca", authority.cert, "--warnings",
                           "off", "--color", "0", "--quiet", "--fast", "--openssl-timeout", "20", "--connect-timeout", "20",
                           "--jsonfile", str(out), "https://mail.example.test:%d" % one.port],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
    text = done.stdout.decode("utf-8", "replace")
    assert out.exists(), text[-2000:]
    findings = json.loads(out.read_text())
    found = {one["id"].split(" ")[0]: one for one in findings}
    assert "scanTime" in found and found["scanTime"]["severity"] == "INFO", text[-2000:]
    for version in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        assert found[version]["finding"].startswith("not offered"), found[version]
    for version in ("TLS1_2", "TLS1_3"):
        assert found[version]["finding"].startswith("offered"), found[version]
    assert found["PFS"]["severity"] == "OK"
    for hole in ("heartbleed", "CCS", "ticketbleed", "ROBOT", "CRIME_TLS", "SWEET32"):
        assert found[hole]["severity"] == "OK", found[hole]
    bad = [one for one in findings if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL") and one["id"].split(" ")[0] not in EXPLAINED]
    assert not bad
