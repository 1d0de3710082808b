"""The admin listeners: metrics, health, status."""

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from harness.wait import PATIENCE_SECONDS, wait_for

GET = "/owa/auth/logon.aspx"


def test_health_and_readiness_are_200_while_it_serves(pair):
    assert pair.proxy.admin("/healthz")[0] == 200
    assert pair.proxy.admin("/readyz")[0] == 200


def test_an_unknown_admin_path_is_a_404(pair):
    assert pair.proxy.admin("/nothing")[0] == 404


def test_promtool_finds_nothing_wrong_with_the_metrics(pair, client):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    client(pair.proxy).ask(GET)
    text = pair.proxy.admin("/metrics")[1]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0 and done.stdout.strip() == "", done.stdout


def test_requests_are_counted(pair, client):
    before = pair.proxy.metrics().get("stopgap_requests_total", 0)
    one = client(pair.proxy)
    for _ in range(7):
        one.ask(GET)
    pair.proxy.wait_metric("stopgap_requests_total", before + 7)


def test_blocked_requests_are_counted(pair, client):
    before = pair.proxy.metrics().get("stopgap_requests_blocked_total", 0)
    client(pair.proxy).ask("/phpmyadmin/")
    pair.proxy.wait_metric("stopgap_requests_blocked_total", before + 1)


def test_the_hits_of_a_rule_are_counted(pair, client):
    def hits():
        return sum(value for name, value in pair.proxy.metrics().items() if name.startswith("stopgap_rule_hits_total"))

    before = hits()
    client(pair.proxy).ask("/ecp/x.js", fields=["Cookie: X-BEResource=a]@evil.test:444/ecp/z#~1941962753"])
    wait_for(lambda: hits() > before, "a hit in the metrics")


def test_open_connections_are_a_gauge(proxy, exchange, client):
    one = proxy(exchange())
    one.wait_metric("stopgap_connections_open", 0)
    held = [client(one) for _ in range(3)]
    for connection in held:
        connection.ask(GET)
    one.wait_metric("stopgap_connections_open", 3)
    for connection in held:
        connection.close()
    one.wait_metric("stopgap_connections_open", 0)


def test_counters_of_all_workers_are_summed(proxy, exchange, client):
    one = proxy(exchange(), "--workers", "4")
    for _ in range(20):
        client(one).ask(GET)
    one.wait_metric("stopgap_requests_total", 20)


def test_the_status_names_mode_listeners_upstream_and_rules(pair):
    text = json.dumps(pair.proxy.status())
    assert "block" in text and str(pair.proxy.port) in text and pair.exchange.url in text and "builtin@" in text


def test_the_status_verb_prints_for_people(pair):
    done = pair.proxy.command("status")
    assert done.returncode == 0, done.stderr
    assert "builtin@" in done.stdout and str(pair.proxy.port) in done.stdout
    assert not done.stdout.lstrip().startswith("{")


def test_the_status_verb_says_when_nothing_runs(stopgap, tmp_path):
    done = stopgap("status", "--admin", "unix:%s/none.sock" % tmp_path)
    assert done.returncode == 3 and "none.sock" in done.stderr


def test_the_reload_verb_says_when_nothing_runs(stopgap, tmp_path):
    assert stopgap("reload", "--admin", "unix:%s/none.sock" % tmp_path).returncode == 3


def test_a_loopback_listener_shows_but_does_not_change(proxy, exchange, ports):
    port = ports.take()
    one = proxy(exchange(), "--admin", "http://127.0.0.1:%d" % port)
    base = "http://127.0.0.1:%d" % port
    assert b"stopgap_requests_total" in urllib.request.urlopen(base + "/metrics", timeout=PATIENCE_SECONDS).read()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(base + "/reload", method="POST"), timeout=PATIENCE_SECONDS)
    assert refused.value.code in (403, 404, 405)
    assert one.is_running()


def test_the_admin_socket_is_for_its_owner_and_group_only(pair):
    assert os.stat(pair.proxy.admin_path).st_mode & 0o007 == 0


def test_rubbish_on_the_admin_socket_does_no_harm(pair):
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(pair.proxy.admin_path)
        raw.sendall(b"\x16\x03\x01 rubbish\r\n\r\n" + b"A" * 20000)
        try:
            while raw.recv(4096):
                pass
        except OSError:
            pass
    assert pair.proxy.admin("/healthz")[0] == 200


def test_the_admin_pages_are_not_served_to_clients(pair, client):
    assert client(pair.proxy).ask("/metrics").status == 404
    assert pair.exchange.requests == []


def test_systemd_is_told_when_it_is_ready(proxy, exchange, tmp_path):
    path = str(tmp_path / "notify.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(PATIENCE_SECONDS)
        proxy(exchange(), env={"NOTIFY_SOCKET": path})
        assert b"READY=1" in notify.recv(4096)
