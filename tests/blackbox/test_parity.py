"""Certificates of Exchange and of the proxy: are they equal, and until when are they good?"""

import json
import ssl

from harness.certs import RSA_KEY, openssl
from harness.client import tls_context
from harness.wait import wait_for
from test_certificates import config_of, copied

GET = "/owa/auth/logon.aspx"


def showing(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


def reissued(authority, pair, folder):
    """Another certificate for the same key and name."""
    request, cert = str(folder / "again.csr"), str(folder / "again.pem")
    openssl("x509", "-x509toreq", "-in", pair[0], "-signkey", pair[1], "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", authority.cert, "-CAkey", authority.key, "-CAcreateserial",
            "-days", "30", "-out", cert)
    return cert, pair[1]


def parity(stopgap, upstreams, pair, *options):
    named = [word for one in upstreams for word in ("--upstream", getattr(one, "url", one))]
    return stopgap("cert", "parity", "--listen", "https://127.0.0.1:1", "--cert", pair[0], "--key", pair[1], *named, *options)


# ---- the command

def test_an_equal_certificate_is_called_equal(stopgap, exchange, authority):
    mail = authority.leaf()
    done = parity(stopgap, [exchange(tls=showing(mail))], mail)
    assert done.returncode == 0, done.stderr
    assert "verdict  EQUAL" in done.stdout and "mail.example.test" in done.stdout
    assert "Extended Protection" not in done.stdout


def test_another_certificate_is_called_so_with_a_remedy(stopgap, exchange, authority):
    mail = authority.leaf()
    done = parity(stopgap, [exchange(tls=showing(authority.leaf(is_new=True)))], mail)
    assert done.returncode == 1
    for word in ("verdict  DIFFERS\n", "Export-PfxCertificate", "401", "-DisableExtendedProtection", "parity: false"):
        assert word in done.stdout, word


def test_the_same_key_in_another_certificate_is_not_enough(stopgap, exchange, authority, tmp_path):
    mail = authority.leaf()
    done = parity(stopgap, [exchange(tls=showing(reissued(authority, mail, tmp_path)))], mail)
    assert done.returncode == 1
    assert "the same key in another certificate, which is not enough" in done.stdout


def test_each_server_and_each_name_is_compared(stopgap, exchange, authority, tmp_path):
    mail, branch = authority.leaf(), authority.leaf("branch.test", None)
    upstreams = [exchange(tls=showing(mail)), exchange(tls=showing(branch))]
    (tmp_path / "c.yaml").write_text("listen:\n  - url: https://127.0.0.1:1\nupstream:\n  servers:\n" +
                                     "".join("    - url: %s\n" % one.url for one in upstreams) + config_of(mail, branch))
    done = stopgap("cert", "parity", "-c", str(tmp_path / "c.yaml"), "--json")
    assert done.returncode == 1, done.stderr
    found = {(server["server"], row["names"]): row["verdict"]
             for server in json.loads(done.stdout)["servers"] for row in server["certificates"]}
    assert found == {(upstreams[0].url, "mail.example.test"): "equal", (upstreams[0].url, "branch.test"): "differs",
                     (upstreams[1].url, "mail.example.test"): "differs", (upstreams[1].url, "branch.test"): "equal"}


def test_one_of_two_kinds_of_key_is_enough_and_that_is_said(stopgap, exchange, authority, tmp_path):
    curve, rsa = authority.leaf("two.test", None), authority.leaf("two.test", None, key=RSA_KEY)
    upstream = exchange(tls=showing(rsa))
    (tmp_path / "c.yaml").write_text("listen:\n  - url: https://127.0.0.1:1\nupstream:\n  url: %s\n" % upstream.url +
                                     config_of(curve, rsa))
    done = stopgap("cert", "parity", "-c", str(tmp_path / "c.yaml"))
    assert done.returncode == 0, done.stdout
    assert "one of the two kinds of key" in done.stdout


def test_a_server_that_cannot_be_reached_is_a_3_unless_another_differs(stopgap, exchange, ports, authority):
    mail = authority.leaf()
    away = "https://127.0.0.1:%d" % ports.take()
    done = parity(stopgap, [exchange(tls=showing(mail)), away], mail)
    assert done.returncode == 3 and "NOT REACHABLE: connection refused" in done.stdout
    other = exchange(tls=showing(authority.leaf(is_new=True)))
    assert parity(stopgap, [other, away], mail).returncode == 1


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_configured(stopgap, exchange, authority):
    silent = exchange(lambda conn: conn.sock.recv(1 << 16) and conn.sock.recv(1))
    done = parity(stopgap, [silent.url.replace("http", "https")], authority.leaf(), "--timeout", "handshake=200ms",
                  "--timeout", "connect=200ms")
    assert done.returncode == 3 and "no answer in time" in done.stdout


def test_what_cannot_be_compared_is_an_error_that_says_why(stopgap, exchange, authority):
    mail = authority.leaf()
    done = parity(stopgap, [exchange()], mail)
    assert done.returncode == 1 and "no upstream is https" in done.stderr
    done = stopgap("cert", "parity", "--listen", "http://127.0.0.1:1", "--upstream", "https://127.0.0.1:2")
    assert done.returncode == 1 and "no listener is https" in done.stderr
    for argv in (["cert"], ["cert", "nothing"], ["cert", "parity", "--bogus"]):
        assert stopgap(*argv).returncode == 2, argv
    assert "Usage: stopgap cert parity" in stopgap("cert", "parity", "--help").stdout


# ---- the running program

def test_the_program_says_when_parity_is_lost_and_regained(proxy, exchange, authority, tmp_path):
    mail, other = authority.leaf(), authority.leaf(is_new=True)
    cert, key = copied(mail, tmp_path)
    upstream = exchange(tls=showing(mail))
    one = proxy(upstream, "--cert", cert, "--key", key, "--upstream-ca", authority.cert, schemes=("https",))
    metric = 'stopgap_certificate_parity{server="%s"}' % upstream.url
    one.wait_event("certificate_parity .*has the certificate that clients see here")
    assert one.metrics()[metric] == 1
    copied(other, tmp_path)
    assert one.command("reload").returncode == 0
    one.wait_event("certificate_parity_lost.*id=1040 .*mail.example.test.*Extended Protection")
    assert one.metrics()[metric] == 0
    assert one.status()["servers"][0]["certificate"]["parity"] == "differs"
    assert "CERTIFICATE differs from what clients see here for mail.example.test" in one.command("status").stdout
    copied(mail, tmp_path)
    assert one.command("reload").returncode == 0
    one.wait_event("certificate_parity_regained.*id=1041")
    assert one.metrics()[metric] == 1
    assert "CERTIFICATE differs" not in one.command("status").stdout


def test_a_server_that_does_not_answer_delays_nothing(proxy, exchange, client, authority):
    mail = authority.leaf()
    silent = exchange(lambda conn: conn.sock.recv(1 << 16) and conn.sock.recv(1))
    one = proxy(None, "--upstream", silent.url.replace("http", "https"), "--upstream", exchange(tls=showing(mail)).url,
                "--upstream-ca", authority.cert, "--cert", mail[0], "--key", mail[1], "--health", "enabled=false",
                "--timeout", "handshake=5s", schemes=("https",))
    assert client(one, tls=tls_context()).ask(GET).status == 200

    def certificates():
        return {server["url"]: server["certificate"] for server in one.status()["servers"]}

    wait_for(lambda: all(c["last_error"] or c["parity"] == "equal" for c in certificates().values()), "both verdicts")
    assert sorted(c["parity"] for c in certificates().values()) == ["equal", "unknown"]
    assert not any("certificate_parity{" in name and silent.url[4:] in name for name in one.metrics())


def test_parity_can_be_left_alone(proxy, exchange, authority):
    cert, key = authority.leaf()
    upstream = exchange(tls=showing(authority.leaf(is_new=True)))
    one = proxy(upstream, "--cert", cert, "--key", key, schemes=("https",), config="upstream:\n  parity: false\n")
    assert "certificate" not in one.status()["servers"][0]
    assert "certificate_parity" not in one.err.text()


def test_what_expires_soon_is_an_event_once(proxy, exchange, authority, tmp_path):
    cert, key = authority.leaf("short.test", None, days=5)
    staple = authority.ocsp(cert, tmp_path / "one.der")
    one = proxy(exchange(), config=config_of((cert, key, "ocsp: " + staple)), schemes=("https",))
    one.wait_event("certificate_expires.*id=1042 .*%s expires in [45] days" % cert)
    one.wait_event("staple_expires.*id=1043 .*%s expires within a day" % cert)
    assert one.command("reload").returncode == 0
    shown = one.status()["certificates"]
    assert [entry["path"] for entry in shown] == [cert] and "staple_expires_unix" in shown[0]
    assert len([line for line in one.err.lines if "id=1042" in line or "id=1043" in line]) == 2
    assert "%s until 20" % cert in one.command("status").stdout
    assert any(name.startswith("stopgap_certificate_expiry_timestamp_seconds{certificate=") for name in one.metrics())
    assert any(name.startswith("stopgap_staple_expiry_timestamp_seconds{certificate=") for name in one.metrics())


def test_a_certificate_of_a_server_that_expires_soon_is_an_event(proxy, exchange, authority):
    short = authority.leaf("mail.example.test", days=6)
    long = authority.leaf()
    upstream = exchange(tls=showing(short))
    one = proxy(upstream, "--cert", long[0], "--key", long[1], "--upstream-ca", authority.cert, schemes=("https",))
    one.wait_event("certificate_expires.*id=1042 .*the certificate of %s expires in [56] days" % upstream.url)


def test_nothing_is_compared_where_all_names_are_passed_through(proxy, exchange, authority):
    other = exchange(tls=showing(authority.leaf("mail.example.test", days=6)))
    cert, key = authority.leaf()

    def start(names):
        return proxy(other, "--cert", cert, "--key", key, "--upstream-ca", authority.cert, schemes=("https",),
                     config="pass_through:\n  - names: [%s]\n" % names)

    compared = start("smime.example.test")
    compared.wait_event("certificate_parity_lost.*id=1040")
    compared.wait_event("certificate_expires.*id=1042 .*the certificate of %s" % other.url)
    passed = start("mail.example.test")
    assert "certificate" not in passed.status()["servers"][0]
    assert "id=1040" not in passed.err.text() and "id=1042" not in passed.err.text()
