"""Which build is behind: what is asked, what is believed, and what is not."""

import time

import pytest

from harness.exchange import serve
from harness.http import response
from harness.wait import wait_for

LOGON = b"/owa/auth/logon.aspx"
TOOL = b"/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application"
QUICK = "mitigations: {settle: 100ms, ask_every: 300ms}\n"
# EEMS-M1.1 is needed before 15.1.2507.16; SG-2021-26855-BERESOURCE before March 2021, so by no build of this update.
OLD, FIXED, UPDATE = "15.1.2507.6", "15.1.2507.16", "15.1.2507"


def manifest(version, name="microsoft.exchange.ediscovery.exporttool.application", before=""):
    return ('<?xml version="1.0" encoding="utf-8"?>%s<asmv1:assembly manifestVersion="1.0" '
            'xmlns="urn:schemas-microsoft-com:asm.v2" xmlns:asmv1="urn:schemas-microsoft-com:asm.v1">'
            '<assemblyIdentity name="%s" version="%s" publicKeyToken="31bf3856ad364e35" language="neutral" '
            'xmlns="urn:schemas-microsoft-com:asm.v1" /><dependency><dependentAssembly><assemblyIdentity '
            'name="microsoft.exchange.ediscovery.exporttool.exe" version="99.9.9.9" /></dependentAssembly></dependency>'
            '</asmv1:assembly>' % (before, name, version)).encode()


def page(update):
    return b'<html><link rel="shortcut icon" href="/owa/auth/%s/themes/resources/favicon.ico"></html>' % update.encode()


class Server:
    """What it says when it is asked; to clients it repeats their words, as a redirect does."""

    def __init__(self, exchange, tool=None, update=None, field=None, **kwargs):
        self.tool, self.update, self.field = tool, update, field
        self.upstream = exchange(serve(self.answer), **kwargs)
        self.url = self.upstream.url

    def answer(self, conn, message):
        fields = ["X-OWA-Version: " + self.field] if self.field else []
        if message.target == TOOL and self.tool:
            conn.send(response(body=self.tool))
        elif message.target == LOGON:
            conn.send(response(fields=fields, body=page(self.update) if self.update else b"hello"))
        elif message.target == TOOL:
            conn.send(response("404 Not Found"))
        else:
            conn.send(response("302 Found", fields=["Location: " + message.target.decode()], body=message.target))

    def asked(self):
        return [m for m in self.upstream.requests if m.target in (LOGON, TOOL)]


def start(proxy, *servers, config=QUICK, **kwargs):
    options = [word for server in servers for word in ("--upstream", server.url)]
    return proxy(None, *options, "--health", "enabled=false", config=config, **kwargs)


def enforced(one):
    return {rule["id"] for rule in one.status()["rules"]}


def wait_left_out(one, rule):
    wait_for(lambda: rule not in enforced(one), "%s to be left out" % rule)


def wait_asked(server, times):
    wait_for(lambda: len([m for m in server.asked() if m.target == LOGON]) >= times, "the server to be asked")


def test_the_manifest_says_the_least_that_a_server_has(proxy, exchange):
    server = Server(exchange, tool=manifest(OLD), update=UPDATE)
    one = start(proxy, server)
    wait_left_out(one, "SG-2021-26855-BERESOURCE")
    assert "SG-2022-41040-PATH" in enforced(one)  # the security update may be missing
    one.wait_event("event=build_learned .*15.1.2507.6 or a newer build of the same update, Exchange 2016 CU23.*the manifest")
    assert any("the manifest of the export tool" in text for text in one.status()["builds"])
    server.tool = manifest(FIXED)
    wait_left_out(one, "SG-2022-41040-PATH")


def test_the_page_says_the_update_only(proxy, exchange):
    server = Server(exchange, update=UPDATE)
    one = start(proxy, server)
    wait_left_out(one, "SG-2021-26855-BERESOURCE")
    assert "SG-2022-41040-PATH" in enforced(one)
    assert any("the logon page" in text for text in one.status()["builds"])


def test_a_page_and_a_manifest_that_contradict_each_other_leave_all_between_open(proxy, exchange):
    server = Server(exchange, tool=manifest("15.2.1544.4"), update="15.1.1713")
    one = start(proxy, server)
    wait_for(lambda: one.status()["builds"], "what it said")
    assert {"SG-2021-26855-BERESOURCE", "SG-2022-41040-PATH"} <= enforced(one)


def test_the_field_in_the_answer_to_us_is_exact(proxy, exchange):
    server = Server(exchange, tool=manifest(OLD), update=UPDATE, field=FIXED)
    one = start(proxy, server)
    wait_left_out(one, "SG-2022-41040-PATH")
    assert not [m for m in server.asked() if m.target == TOOL]
    assert any("by X-OWA-Version" in text for text in one.status()["builds"])


def test_who_shows_the_field_to_clients_is_not_asked(proxy, exchange, client):
    server = Server(exchange, field=OLD)
    one = start(proxy, server, config="mitigations: {settle: 20s, ask_every: 300ms}\n")
    assert client(one).ask(LOGON.decode()).status == 200
    wait_for(lambda: one.status()["builds"], "the build")
    before = len(server.asked())
    wait_left_out(one, "SG-2021-26855-BERESOURCE")  # after 20 s
    assert len(server.asked()) == before == 1


@pytest.mark.parametrize("tool", [
    manifest(FIXED, name="other.application"), manifest("15.1.2507"), b"<html>404</html>", b"", b"<a" * 1000,
    manifest(FIXED, before='<!DOCTYPE a [<!ENTITY b "c">]>'), b"\xff\xfe" + manifest(FIXED)])
def test_what_is_no_manifest_says_nothing(proxy, exchange, tool):
    server = Server(exchange, tool=tool or b" ")
    one = start(proxy, server)
    wait_asked(server, 2)
    assert one.status()["builds"] == [] and "SG-2021-26855-BERESOURCE" in enforced(one)


def test_what_a_client_sent_and_gets_back_is_not_believed(proxy, exchange, client):
    server = Server(exchange)
    one = start(proxy, server)
    for target in ("/owa/auth/15.2.2562/x.css", "/owa/?url=/owa/auth/15.2.2562/", "/owa/x?X-OWA-Version:%2015.2.2562.45"):
        answer = client(one).ask(target)
        assert answer.status == 302 and b"15.2.2562" in answer.body
    wait_asked(server, 2)
    assert one.status()["builds"] == [] and "SG-2021-26855-BERESOURCE" in enforced(one)


def test_one_server_that_tells_says_nothing_about_another(proxy, exchange):
    telling, silent = Server(exchange, tool=manifest(FIXED)), Server(exchange)
    one = start(proxy, telling, silent)
    wait_for(lambda: one.status()["builds"], "what the first one said")
    wait_asked(silent, 2)
    assert {"SG-2021-26855-BERESOURCE", "SG-2022-41040-PATH"} <= enforced(one)
    silent.tool = manifest(OLD)
    wait_left_out(one, "SG-2021-26855-BERESOURCE")
    assert "SG-2022-41040-PATH" in enforced(one)


@pytest.mark.parametrize("config", ["mitigations: {settle: 100ms, ask_every: 100ms, ask: false}\n",
                                    "mitigations: {settle: 100ms, ask_every: 100ms, applicability: off}\n",
                                    "mitigations: {settle: 100ms, ask_every: 100ms}\nmode: 'off'\n",
                                    QUICK + "upstream: {url: 'http://127.0.0.1:1', build: 15.1.2507.6}\n"])
def test_nobody_is_asked_who_need_not_be(proxy, exchange, config):
    server = Server(exchange)
    start(proxy, server, config=config)
    time.sleep(2.5)  # nothing tells that nothing happened: two looks of the program later
    assert server.upstream.requests == []


def test_a_server_that_hangs_delays_no_end(proxy, exchange):
    def silent(conn):
        conn.request()
        conn.sock.recv(1)

    upstream = exchange(silent)
    one = proxy(upstream, config=QUICK)
    upstream.last()
    begin = time.monotonic()
    one.terminate()
    assert time.monotonic() - begin < 13  # the answer would be waited for longer


def test_the_doctor_asks_the_same(stopgap, exchange):
    server = Server(exchange, tool=manifest(OLD), update=UPDATE)
    said = stopgap("doctor", server.url).stdout
    assert "15.1.2507.6 or a newer build of the same update" in said and "by the manifest of the export tool" in said
    server.tool = None
    assert "by the logon page" in stopgap("doctor", server.url).stdout
    server.update = None
    assert "does not tell its build" in stopgap("doctor", server.url).stdout
