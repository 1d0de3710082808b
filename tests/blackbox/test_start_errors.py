"""Errors that a person meets when the program starts: one clear line, a status, no half start."""

import os
import socket

import pytest

from harness.bundles import Publisher, block_rule, tar, write_into_place

UP = "http://127.0.0.1:9"


def check_failed(one, *words):
    assert one.process.returncode == 1, one.describe()
    text = one.err.text()
    for word in words:
        assert word in text, "%r is not in: %s" % (word, text)


def test_a_port_in_use_is_named(run_to_end, ports):
    port = ports.take()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen(1)
        one = run_to_end(UP, "--listen", "http://127.0.0.1:%d" % port)
    check_failed(one, str(port), "in use")


def test_a_certificate_and_a_key_that_do_not_match_are_named(run_to_end, authority):
    cert, _ = authority.leaf()
    _, key = authority.leaf("other.example.test")
    one = run_to_end(UP, "--cert", cert, "--key", key, schemes=("https",))
    check_failed(one, key, cert)


def test_a_missing_certificate_is_named(run_to_end, tmp_path, authority):
    missing = str(tmp_path / "missing.pem")
    one = run_to_end(UP, "--cert", missing, "--key", authority.leaf()[1], schemes=("https",))
    check_failed(one, missing)


def test_a_file_that_is_no_certificate_is_named(run_to_end, tmp_path, authority):
    path = tmp_path / "text.pem"
    path.write_text("not a certificate\n")
    one = run_to_end(UP, "--cert", path, "--key", authority.leaf()[1], schemes=("https",))
    check_failed(one, str(path))


def test_a_certificate_without_a_key_is_an_error(run_to_end, authority):
    one = run_to_end(UP, "--cert", authority.leaf()[0], schemes=("https",))
    assert one.process.returncode in (1, 2) and "key" in one.err.text()


def test_an_authority_file_that_is_missing_is_named(run_to_end, tmp_path):
    missing = str(tmp_path / "no-ca.pem")
    check_failed(run_to_end("https://127.0.0.1:9", "--upstream-ca", missing), missing)


@pytest.mark.parametrize("options", [["--listen", "gopher://127.0.0.1:70"], ["--mode", "maybe"], ["--workers", "many"],
                                     ["--no-such-option"], ["--timeout", "header"], ["--timeout", "header=soon"],
                                     ["--limit", "fields=-1"], ["surplus"]])
def test_a_wrong_option_is_a_usage_error(run_to_end, options):
    one = run_to_end(UP, *options)
    assert one.process.returncode == 2, one.describe()
    assert "stopgap" in one.err.text()


def test_without_an_upstream_it_does_not_start(run_to_end):
    one = run_to_end(None)
    assert one.process.returncode in (1, 2) and "upstream" in one.err.text()


def test_without_a_listener_it_does_not_start(run_to_end):
    one = run_to_end(UP, schemes=())
    assert one.process.returncode in (1, 2) and "listen" in one.err.text()


def test_an_unknown_key_in_the_config_is_named_with_its_line(run_to_end):
    one = run_to_end(UP, config="mode: block\nmodus: block\n")
    check_failed(one, "stopgap.yaml:2", "modus")


def test_missing_rules_are_named(run_to_end, publisher, tmp_path):
    missing = str(tmp_path / "missing.sgb")
    check_failed(run_to_end(UP, "--rules", missing, "--trust", publisher.root_path), missing)


def test_rules_without_a_trust_root_are_an_error(run_to_end, publisher, tmp_path):
    path = publisher.bundle(tmp_path / "a.sgb", [block_rule()])
    one = run_to_end(UP, "--rules", path)
    assert one.process.returncode in (1, 2) and "trust" in one.err.text()


def test_nothing_listens_after_a_failed_start(run_to_end, tmp_path, publisher):
    one = run_to_end(UP, "--rules", str(tmp_path / "missing.sgb"), "--trust", publisher.root_path)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", one.port), timeout=1)


def test_a_log_that_cannot_be_written_is_named(run_to_end, tmp_path):
    path = str(tmp_path / "no" / "such" / "folder" / "access.log")
    check_failed(run_to_end(UP, "--log", path), path)


def test_an_admin_socket_that_was_left_behind_is_replaced(proxy, exchange):
    first = proxy(exchange())
    first.process.kill()
    first.wait_end()
    assert os.path.exists(first.admin_path)
    second = proxy(exchange(), "--admin", "unix:" + first.admin_path)
    second.admin_path = first.admin_path
    assert second.admin("/healthz")[0] == 200
