"""Rules over JSON, XML and multipart bodies, from a signed bundle: what they block in every framing and
coding, and what passes them byte by byte."""

import base64
import gzip
import os
import re
import zlib

import pytest

from harness.bundles import Publisher
from harness.exchange import Exchange, answer_all
from harness.http import request
from harness.launcher import Launcher

TARGET = "/owa/upload"
MIB = 1024 * 1024
RULE = """\
id: %(id)s
title: test rule over bodies
severity: low
side_effects: none known
action: {type: block, status: 403}
when:
  all:
    - {field: path, equals: /owa/upload}
    - %(when)s
samples:
  must_block:
    - {target: /owa/upload, %(more)sbody_base64: %(bad)s}
  must_pass:
    - {target: /owa/upload, body: hay}
"""
FORM = b'--x\r\nContent-Disposition: form-data; name="u"; filename="%s"\r\n\r\nhay\r\n--x--\r\n'
# name: condition, type, a body to block and one to pass
KINDS = {
    "json": ("{field: json, name: Path, ends_with: .aspx}", "application/json",
             b'{"p":[{"P\\u0061th":"a.\\u0061spx"}]}', b'{"p":[{"Path":"a.txt", "Other": "a.aspx"}]}'),
    "xml": ("{field: xml_element, equals: InstallApp}", "text/xml",
            b"<s:e xmlns:s='u'><m:InstallApp xmlns:m='v'/></s:e>", b"<e><!-- <InstallApp/> -->&lt;InstallApp/&gt;</e>"),
    "multipart": ("{field: multipart_filename, ends_with: .aspx}", "multipart/form-data; boundary=x",
                  FORM % b"k.aspx", FORM % b"k.aspx.txt"),
}
BOMB = "{field: body_anomaly, equals: encoding_bomb}"


def raw_deflate(body):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


CODINGS = {"plain": (None, bytes), "gzip": ("gzip", gzip.compress), "deflate": ("deflate", zlib.compress),
           "raw deflate": ("deflate", raw_deflate)}


def rule(name, when, bad, more=""):
    bad = base64.b64encode(bad).decode()
    return (RULE % {"id": "TEST-" + name.upper(), "when": when, "bad": bad, "more": more}).encode()


class Setup:
    """One proxy with the rules above for all tests here."""

    def __init__(self, launcher, folder):
        publisher = Publisher(folder)
        rules = [rule(name, when, bad) for name, (when, _, bad, _) in KINDS.items()]
        rules.append(rule("bomb", BOMB, gzip.compress(bytes(MIB), 9), "headers: ['Content-Encoding: gzip'], "))
        path = publisher.bundle(folder / "a.sgb", rules)
        self.exchange = Exchange(answer_all)
        self.proxy = launcher.start(self.exchange, "--rules", path, "--trust", publisher.root_path)


@pytest.fixture(scope="module")
def setup(stopgap_bin, ports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bodies")
    launcher = Launcher(stopgap_bin, ports, folder)
    made = Setup(launcher, folder)
    yield made
    made.exchange.close()
    launcher.finish()
    made.exchange.check()


def chunked(body, size=7):
    chunks = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def send(connection, kind, coding, body, is_chunked=False):
    """Send body in that coding and framing; returns the answer and the bytes that were sent."""
    name, pack = CODINGS[coding]
    packed = pack(body)
    fields = ["Content-Type: " + KINDS[kind][1]] + (["Content-Encoding: " + name] if name else [])
    if is_chunked:
        connection.send(request(TARGET, "POST", fields + ["Transfer-Encoding: chunked"]))
        connection.send_pieces(chunked(packed), 11)
    else:
        connection.send(request(TARGET, "POST", fields, packed))
    return connection.read(), packed


def blocked_by(setup, answer):
    """The rule of a 403, by its incident in the decision log."""
    assert answer.status == 403
    incident = re.search(rb"Incident: (\w+)", answer.body).group(1).decode()
    return setup.proxy.wait_decision(incident=incident)["rules"][0]["id"]


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_a_rule_describes_is_blocked_and_its_like_is_not(setup, client, kind, coding, is_chunked):
    _, _, bad, good = KINDS[kind]
    seen = len(setup.exchange.raw)
    answer, _ = send(client(setup.proxy), kind, coding, bad, is_chunked)
    assert blocked_by(setup, answer) == "TEST-" + kind.upper()
    assert len(setup.exchange.raw) == seen, "bytes of a blocked request reached the upstream"
    answer, packed = send(client(setup.proxy), kind, coding, good, is_chunked)
    assert answer.status == 200
    assert setup.exchange.last().body == packed


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_longer_than_the_window_is_judged_and_arrives_unchanged(setup, client, coding):
    hay = b'{"a":"' + base64.b64encode(os.urandom(300 * 1024)) + b'"}'
    answer, packed = send(client(setup.proxy), "json", coding, hay)
    assert answer.status == 200 and setup.exchange.last().body == packed
    answer, _ = send(client(setup.proxy), "json", coding, b'{"Path":"a.aspx",' + hay[1:])
    assert blocked_by(setup, answer) == "TEST-JSON"


def test_a_decompression_bomb_is_answered_soon_and_takes_no_memory(setup, client):
    before = setup.proxy.rss_kib()
    start = setup.proxy.cpu_seconds()
    answer = client(setup.proxy).ask(TARGET, "POST", ["Content-Encoding: gzip"], gzip.compress(bytes(64 * MIB), 9))
    assert blocked_by(setup, answer) == "TEST-BOMB"
    assert setup.proxy.cpu_seconds() - start < 5
    assert setup.proxy.rss_kib() - before < 16 * 1024


def test_a_form_of_documents_that_need_much_memory_is_answered(setup, client):
    """Each unfinished string with an escape asks the JSON reader for its largest buffers."""
    large = [os.urandom(2050).hex().encode() for _ in range(15)]
    parts = b"".join(b'--x\r\n\r\n["\\n' + text + b"\r\n" for text in large + [b""] * 100)
    for coding in CODINGS:
        answer, packed = send(client(setup.proxy), "multipart", coding, parts)
        assert answer.status == 200 and setup.exchange.last().body == packed


def test_xml_with_thousands_of_declared_attributes_is_answered_soon(setup, client):
    declared = "".join(" a%d CDATA ''" % i for i in range(2000))
    body = ("<!DOCTYPE a [<!ATTLIST a %s>]><b>" % declared).encode() + b"<a/>" * 8000
    start = setup.proxy.cpu_seconds()
    assert send(client(setup.proxy), "xml", "plain", body)[0].status == 200
    assert setup.proxy.cpu_seconds() - start < 5
