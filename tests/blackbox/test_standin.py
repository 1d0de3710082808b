"""The Exchange stand-in itself: the demo and the benchmark rest on it."""

import os
import re
import subprocess

import pytest

from harness.client import Client
from harness.http import request
from harness.wait import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def standin(stopgap_bin):
    path = os.environ.get("STANDIN_BIN", os.path.join(os.path.dirname(stopgap_bin), "tests", "exchange-standin"))
    if not os.access(path, os.X_OK):
        pytest.skip("no stand-in at %s" % path)
    process = subprocess.Popen([path, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = int(re.search(r":(\d+)$", process.stdout.readline().strip()).group(1))
    yield port
    process.terminate()
    status = process.wait(PATIENCE_SECONDS)
    assert status == 0, process.stderr.read()
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize("args, status", [
    (("/owa/auth/logon.aspx",), 200), (("/owa/",), 200), (("/owa/auth/x.js",), 200), (("/ecp/",), 302),
    (("/ews/exchange.asmx", "POST", [], b"<x/>"), 200), (("/ews/exchange.asmx",), 401),
    (("/ews/exchange.asmx", "GET", ["Authorization: Basic eDp5"]), 200),
    (("/autodiscover/autodiscover.xml", "POST", [], b"<x/>"), 200), (("/autodiscover/autodiscover.json/v1.0/a@b?Protocol=Ews",), 200),
    (("/Microsoft-Server-ActiveSync", "OPTIONS"), 200), (("/mapi/emsmdb/?MailboxId=1", "POST", [], b"x"), 200),
    (("/oab/1/oab.xml",), 200), (("/rpc/rpcproxy.dll?a:6001", "RPC_IN_DATA", [], b"x"), 200),
    (("/rpc/rpcproxy.dll?a:6001", "RPC_OUT_DATA", [], b"x"), 200), (("/no/such/thing?x",), 200),
])
def test_it_answers_in_the_shape_of_the_virtual_directory(standin, args, status):
    with Client(standin) as one:
        assert one.ask(*args).status == status


@pytest.mark.parametrize("target", ["/owa/auth/logon.aspx", "/owa/", "/ecp/", "/autodiscover/autodiscover.json", "/x", "/owa/healthcheck.htm"])
def test_every_page_says_that_it_is_a_stand_in(standin, target):
    with Client(standin) as one:
        answer = one.ask(target)
        assert b"exchange-standin" in answer.one(b"Server")
        assert b"STAND-IN: this request reached the server" in answer.body


def test_it_keeps_connections_and_answers_in_order(standin):
    with Client(standin) as one:
        one.send(request("/owa/bench") + request("/x", "POST", ["Transfer-Encoding: chunked"]) + b"1\r\na\r\n0\r\n\r\n" +
                 request("/owa/bench", "HEAD") + request("/owa/", version="1.0"))
        assert len(one.read().body) == 1024
        assert one.read().status == 200
        assert one.read(b"HEAD").get(b"Content-Length") == [b"1024"]
        assert b"</html>" in one.read().body
        assert one.is_closed()
