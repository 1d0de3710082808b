"""Detect mode changes no byte: every request of the corpus reaches the upstream as it was sent."""

import base64
import json
import re

import pytest

from harness.client import Client
from harness.http import Closed, request
from harness.wait import wait_for

ADDED = {b"x-forwarded-for", b"x-forwarded-proto"}
# Fields whose meaning is the connection, or whose form the proxy writes itself.
CONNECTION = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
              b"content-length", b"host"}
FILES = ["dev-attacks.jsonl", "dev-benign.jsonl"]


def bytes_of(text):
    return text.encode("latin-1")


def dechunk(data):
    out = b""
    while data:
        line, data = data.split(b"\r\n", 1)
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        out, data = out + data[:size], data[size + 2:]
    return out


class Row:
    """One line of the corpus as bytes."""

    def __init__(self, line):
        row = json.loads(line)
        self.id = row["id"]
        self.method = bytes_of(row["method"])
        self.target = bytes_of(row["target"])
        self.fields = [(bytes_of(n), bytes_of(v)) for n, v in row["headers"]]
        self.wire_body = base64.b64decode(row.get("body_b64") or "")

    def names(self):
        return {n.lower() for n, _ in self.fields}

    def raw(self):
        fields = list(self.fields)
        if self.wire_body and not {b"content-length", b"transfer-encoding"} & self.names():
            fields.append((b"Content-Length", b"%d" % len(self.wire_body)))
        lines = [b"%s %s HTTP/1.1" % (self.method, self.target)] + [b"%s: %s" % field for field in fields]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.wire_body

    def body(self):
        return dechunk(self.wire_body) if b"transfer-encoding" in self.names() else self.wire_body

    def is_streamed(self):
        """Announces more than the row holds: an RPC channel."""
        length = [v for n, v in self.fields if n.lower() == b"content-length"]
        return bool(length) and length[0].isdigit() and int(length[0]) > len(self.wire_body)

    def end_to_end(self, fields):
        named = {t.strip().lower() for n, v in self.fields if n.lower() == b"connection" for t in v.split(b",")}
        dropped = CONNECTION | ADDED | named
        return [(n, v.strip(b" \t")) for n, v in fields if n.lower() not in dropped]


def differences(row, seen):
    out = []
    if seen.method != row.method:
        out.append("method %r" % seen.method)
    origin_form = re.sub(rb"(?i)^https?://[^/?#]*", b"", row.target) or b"/"
    if seen.target not in (row.target, origin_form):
        out.append("target %r" % seen.target)
    if row.end_to_end(seen.fields) != row.end_to_end(row.fields):
        out.append("fields %r" % seen.fields)
    if not row.is_streamed() and seen.body != row.body():
        out.append("body %r" % seen.body[:80])
    return out


def forward(pair, row, connection):
    """Send the row; returns (status or None, what reached the upstream)."""
    before = len(pair.exchange.requests)
    connection.send(row.raw())
    try:
        status = connection.reader.response(row.method).status
    except (Closed, OSError):
        status = None
    return status, pair.exchange.requests[before:]


def script(conn):
    """Answer at the head of a message that will not end, else at its end."""
    while True:
        message = conn.head()
        framing = message.framing()
        if framing == "chunked":
            conn.reader.chunked_body(message)
        elif framing and framing <= 1024 * 1024:
            message.body = conn.reader.exactly(framing)
        conn.answer()


@pytest.mark.parametrize("name", FILES)
def test_detect_mode_forwards_every_corpus_row_byte_for_byte(detect_pair, source_dir, name):
    path = source_dir.parent / "shared" / "corpus" / name
    if not path.exists():
        pytest.skip("no corpus at %s" % path)
    detect_pair.exchange.script = script
    wrong = []
    for line in path.read_text(encoding="ascii").splitlines():
        row = Row(line)
        with Client(detect_pair.proxy.port) as connection:
            status, seen = forward(detect_pair, row, connection)
        if b"#" in row.target:
            # RFC 9112 3.2: no target has a fragment, and parsers disagree about its end. That is
            # refused with or without rules, in every mode.
            if seen or status != 400:
                wrong.append("%s: a fragment was not refused" % row.id)
        elif len(seen) != 1:
            wrong.append("%s: %d requests arrived, answered with %s" % (row.id, len(seen), status))
        elif differences(row, seen[0]):
            wrong.append("%s: %s" % (row.id, "; ".join(differences(row, seen[0]))))
    assert wrong == []


def test_detect_mode_reports_what_it_would_have_blocked(detect_pair, client):
    one = client(detect_pair.proxy)
    known = len(detect_pair.proxy.decisions())
    assert one.ask("/autodiscover/autodiscover.json?@evil.test/owa/?&Email=autodiscover/autodiscover.json%3F@evil.test").status == 200
    wait_for(lambda: len(detect_pair.proxy.decisions()) > known, "a decision record")
    assert detect_pair.proxy.decisions()[-1]["decision"] == "detect"


def test_detect_mode_still_refuses_what_can_be_read_in_two_ways(detect_pair, client):
    one = client(detect_pair.proxy)
    one.send(request("/owa/", "POST", ["Content-Length: 4", "Transfer-Encoding: chunked"]) + b"0\r\n\r\n")
    assert one.read().status == 400
    assert detect_pair.exchange.raw == b""


def test_detect_mode_keeps_expect_where_a_rule_looks_at_the_body(detect_pair, client):
    """The proxy has to ask for the body itself there, and still sends the head on as it came."""
    one = client(detect_pair.proxy)
    known = len(detect_pair.exchange.requests)
    one.send(request("/ews/exchange.asmx", "POST", ["Expect: 100-continue", "Content-Length: 3"]))
    assert one.reader.head().status == 100
    one.send(b"abc")
    assert one.read().status == 200
    (seen,) = detect_pair.exchange.requests[known:]
    assert seen.get(b"Expect") == [b"100-continue"]
    assert seen.body == b"abc"
