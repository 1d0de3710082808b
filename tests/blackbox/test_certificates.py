"""Which certificate a client sees, and certificates that change while the program runs."""

import hashlib
import os
import shutil
import signal
import ssl
import subprocess
import threading

from harness.bundles import block_rule
from harness.certs import RSA_KEY, openssl
from harness.client import tls_context
from harness.exchange import serve
from harness.http import response
from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"


def digest(cert):
    return hashlib.sha256(openssl("x509", "-in", cert, "-outform", "DER")).hexdigest()


def shown(port, name, *options):
    """What openssl s_client sees: (SHA-256 of the leaf, everything it printed)."""
    argv = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, *options]
    argv += ["-servername", name] if name else ["-noservername"]
    text = subprocess.run(argv, input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS, check=False).stdout
    pem = text[text.index(b"-----BEGIN"):text.index(b"-----END")] + b"-----END CERTIFICATE-----\n"
    return hashlib.sha256(openssl("x509", "-outform", "DER", input=pem)).hexdigest(), text.decode("utf-8", "replace")


def config_of(*pairs, more=""):
    """A config with these (cert, key, further lines)."""
    lines = ["certificates:"]
    for cert, key, *rest in pairs:
        lines += ["  - cert: " + cert, "    key: " + key, *("    " + line for line in rest)]
    return "\n".join(lines) + "\n" + more


def copied(pair, folder):
    """The same pair under paths that a test may overwrite."""
    names = [os.path.join(str(folder), "live.pem"), os.path.join(str(folder), "live.key")]
    for source, target in zip(pair, names):
        shutil.copy(source, target + ".new")
        os.rename(target + ".new", target)
    return names


def test_the_name_decides_which_certificate_is_shown(proxy, exchange, authority):
    mail, wild = authority.leaf("mail.example.test"), authority.leaf("*.branch.test", None)
    one = proxy(exchange(), config=config_of(mail, wild), schemes=("https",))
    assert shown(one.port, "mail.example.test")[0] == digest(mail[0])
    assert shown(one.port, "Owa.BRANCH.test")[0] == digest(wild[0])
    for name in ("a.b.branch.test", "branch.test", "unknown.test", None):
        assert shown(one.port, name)[0] == digest(mail[0]), name


def test_names_of_the_configuration_replace_those_of_the_certificate(proxy, exchange, authority):
    mail, other = authority.leaf("mail.example.test"), authority.leaf("other.test", None)
    one = proxy(exchange(), config=config_of(mail, (*other, "names: [given.test]")), schemes=("https",))
    assert shown(one.port, "given.test")[0] == digest(other[0])
    assert shown(one.port, "other.test")[0] == digest(mail[0])


def test_an_rsa_and_an_ecdsa_certificate_serve_one_name(proxy, exchange, authority):
    curve, rsa = authority.leaf("two.test", None), authority.leaf("two.test", None, key=RSA_KEY)
    mail = authority.leaf("mail.example.test")
    one = proxy(exchange(), config=config_of(mail, rsa, curve), schemes=("https",))
    old = ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    new = ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert shown(one.port, "two.test", *old)[0] == digest(rsa[0])
    assert shown(one.port, "two.test", *new)[0] == digest(curve[0])


def test_a_renewal_reaches_new_connections_and_leaves_a_hundred_long_polls_alone(proxy, exchange, client, authority, tmp_path):
    release = threading.Event()

    def held(conn, message):
        if message.target == b"/owa/ev.owa2":
            release.wait(PATIENCE_SECONDS)
        conn.answer()

    upstream = exchange(serve(held))
    before, after = authority.leaf("mail.example.test"), authority.leaf("mail.example.test", is_new=True)
    cert, key = copied(before, tmp_path)
    one = proxy(upstream, "--cert", cert, "--key", key, schemes=("https",))
    polls = [client(one, tls=tls_context(authority.cert)) for _ in range(100)]
    for poll in polls:
        poll.send(b"GET /owa/ev.owa2 HTTP/1.1\r\nHost: mail.example.test\r\n\r\n")
    wait_for(lambda: len(upstream.requests) == 100, "a hundred polls at the upstream")
    copied(after, tmp_path)
    done = one.command("reload")
    assert done.returncode == 0 and "certificates loaded" in done.stdout
    assert shown(one.port, "mail.example.test")[0] == digest(after[0])
    release.set()
    assert [poll.read().status for poll in polls] == [200] * 100
    assert [poll.ask(GET).status for poll in polls[:5]] == [200] * 5
    assert one.metrics()['stopgap_certificate_reloads_total{result="ok"}'] == 1


def test_a_key_that_does_not_fit_is_refused_and_the_old_certificate_stays(proxy, exchange, authority, tmp_path):
    good, other = authority.leaf("mail.example.test"), authority.leaf("other.test", None)
    cert, key = copied(good, tmp_path)
    one = proxy(exchange(), "--cert", cert, "--key", key, schemes=("https",))
    shutil.copy(other[0], cert)
    done = one.command("reload")
    assert done.returncode == 1 and "does not belong to certificate" in done.stderr
    one.wait_event("certificates_refused.*E_CERT_KEY_MISMATCH")
    assert one.status()["tls"]["error"]["code"] == "E_CERT_KEY_MISMATCH"
    assert one.metrics()["stopgap_last_certificates_successful"] == 0
    assert "THE LAST CERTIFICATES WERE REFUSED" in one.command("status").stdout
    assert shown(one.port, "mail.example.test")[0] == digest(good[0])
    copied(good, tmp_path)
    one.signal(signal.SIGHUP)
    one.wait_metric("stopgap_last_certificates_successful", 1)


def test_a_renewal_that_is_half_done_does_not_disturb_the_rules(proxy, exchange, stopgap, publisher, authority, tmp_path):
    good, new = authority.leaf("mail.example.test"), authority.leaf("mail.example.test", is_new=True)
    cert, key = copied(good, tmp_path)
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    one = proxy(exchange(), "--cert", cert, "--key", key, "--rules-watch", incoming, "--trust", publisher.root_path,
                schemes=("https",))
    shutil.copy(new[0], cert)
    done = stopgap("mitigations", "block", "M1", "--reason", "x", "--admin", "unix:" + one.admin_path)
    assert done.returncode == 0, done.stderr
    publisher.bundle(tmp_path / "a.sgb", [block_rule()])
    os.rename(tmp_path / "a.sgb", incoming / "a.sgb")
    wait_for(lambda: "test-rules@1.1" in one.ruleset_name(), lambda: "the new set: " + one.describe())
    assert one.metrics()["stopgap_last_certificates_successful"] == 1
    assert shown(one.port, "mail.example.test")[0] == digest(good[0])
    shutil.copy(new[1], key)
    assert one.command("reload").returncode == 0
    assert shown(one.port, "mail.example.test")[0] == digest(new[0])


def test_rules_that_cannot_be_read_do_not_keep_a_renewal_away(proxy, exchange, publisher, authority, tmp_path):
    cert, key = copied(authority.leaf("mail.example.test"), tmp_path)
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    one = proxy(exchange(), "--cert", cert, "--key", key, "--rules-watch", incoming, "--trust", publisher.root_path,
                schemes=("https",))
    incoming.rmdir()
    copied(authority.leaf("mail.example.test", is_new=True), tmp_path)
    done = one.command("reload")
    assert done.returncode == 1 and "cannot read rule directory" in done.stderr
    assert shown(one.port, "mail.example.test")[0] == digest(cert)
    assert one.status()["reload"]["error"]["code"] == "E_RULES_DIR"


def test_a_new_ca_of_the_upstream_is_taken_over(proxy, exchange, client, authority, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.leaf())
    wrong = authority.__class__(tmp_path / "other-ca", "Other CA")
    trusted = str(tmp_path / "trusted.pem")
    shutil.copy(wrong.cert, trusted)
    one = proxy(exchange(tls=context), "--upstream-ca", trusted)
    assert client(one).ask(GET).status == 502
    shutil.copy(authority.cert, trusted)
    assert one.command("reload").returncode == 0
    assert client(one).ask(GET).status == 200


def stapled(port):
    return "OCSP Response Status: successful" in shown(port, "mail.example.test", "-status")[1]


def test_a_response_is_stapled_and_its_renewal_too(proxy, exchange, authority, tmp_path):
    cert, key = authority.leaf()
    response_path = authority.ocsp(cert, tmp_path / "one.der")
    one = proxy(exchange(), config=config_of((cert, key, "ocsp: " + response_path)), schemes=("https",))
    assert stapled(one.port)
    other, _ = authority.leaf("other.test", None)
    authority.ocsp(other, response_path)
    assert one.command("reload").returncode == 0
    one.wait_event("ocsp_not_stapled.*not about this certificate")
    assert not stapled(one.port)


def test_what_must_not_be_stapled_is_not(proxy, exchange, authority, tmp_path):
    cert, key = authority.leaf()
    junk = tmp_path / "junk.der"
    junk.write_bytes(b"no response")
    for path, why in ((authority.ocsp(cert, tmp_path / "revoked.der", status="revoked"), "revoked"),
                      (str(junk), "no OCSP response")):
        one = proxy(exchange(), config=config_of((cert, key, "ocsp: " + path)), schemes=("https",))
        one.wait_event("level=warn.*ocsp_not_stapled.*" + why)
        assert not stapled(one.port)


def resumes(port, folder, version):
    session = os.path.join(str(folder), "session" + version)
    shown(port, "mail.example.test", version, "-sess_out", session)
    return "Reused, TLS" in shown(port, "mail.example.test", version, "-sess_in", session)[1]


def test_tls_1_2_sessions_are_resumed_until_the_certificate_changes(proxy, exchange, authority, tmp_path):
    cert, key = copied(authority.leaf(), tmp_path)
    one = proxy(exchange(), "--cert", cert, "--key", key, "--workers", 2, schemes=("https",))
    assert resumes(one.port, tmp_path, "-tls1_2")
    session = str(tmp_path / "session-tls1_2")
    assert one.command("reload").returncode == 0
    assert "Reused, TLS" in shown(one.port, "mail.example.test", "-tls1_2", "-sess_in", session)[1]
    copied(authority.leaf(is_new=True), tmp_path)
    assert one.command("reload").returncode == 0
    assert "New, TLS" in shown(one.port, "mail.example.test", "-tls1_2", "-sess_in", session)[1]


def test_tls_1_3_sessions_are_resumed(proxy, exchange, client, authority):
    cert, key = authority.leaf()
    one = proxy(exchange(), "--cert", cert, "--key", key, schemes=("https",))
    context = tls_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    first = client(one, tls=context)
    assert first.ask(GET).status == 200
    second = context.wrap_socket(client(one).sock, server_hostname="mail.example.test", session=first.sock.session)
    assert second.session_reused
    second.close()


def test_sessions_with_the_upstream_are_resumed(proxy, exchange, client, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.leaf())
    upstream = exchange(tls=context)
    one = proxy(upstream, "--upstream-ca", authority.cert)

    def reused():
        return [bool(c.sock.session_reused) for c in upstream.connections if c.requests]

    def next_connection_is_resumed():
        connection = client(one)
        assert connection.ask(GET).status == 200
        connection.close()
        return reused()[-1]

    assert not next_connection_is_resumed()
    # On a busy machine a ticket can come behind the answer, when its connection is closing already.
    wait_for(next_connection_is_resumed, lambda: "a resumed session: %s" % reused())


def test_a_client_cannot_renegotiate(proxy, exchange, authority):
    cert, key = authority.leaf()
    one = proxy(exchange(), "--cert", cert, "--key", key, schemes=("https",))
    argv = ["openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:%d" % one.port]
    done = subprocess.run(argv, input=b"R\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS, check=False)
    assert b"RENEGOTIATING" in done.stdout and b"no renegotiation" in done.stdout


def test_hsts_is_neither_added_nor_changed(proxy, exchange, client):
    line = "Strict-Transport-Security: max-age=31536000 ; includeSubDomains"
    one = proxy(exchange(serve(response(fields=[line]), response())), schemes=("https",))
    connection = client(one, tls=tls_context())
    assert connection.ask(GET).get(b"Strict-Transport-Security") == [line.split(": ")[1].encode()]
    assert connection.ask(GET).get(b"Strict-Transport-Security") == []
