"""Messages that two parsers could read differently: refused, closed, and nothing reaches the upstream."""

import pytest

from harness.http import Closed, Reader
from harness.wait import wait_for

LINE = b"POST /Microsoft-Server-ActiveSync?Cmd=Sync HTTP/1.1\r\n"
HOST = b"Host: mail.example.test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /owa/smuggled HTTP/1.1\r\nHost: mail.example.test\r\n\r\n"

REFUSED = {
    "length and chunked": LINE + HOST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunked and length": LINE + HOST + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths that differ": LINE + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two lengths that agree": LINE + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": LINE + HOST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": LINE + HOST + b"Content-Length: +3\r\n\r\nabc",
    "a negative length": LINE + HOST + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": LINE + HOST + b"Content-Length: 0x3\r\n\r\nabc",
    "a length with a blank inside": LINE + HOST + b"Content-Length: 1 1\r\n\r\nabc",
    "an empty length": LINE + HOST + b"Content-Length:\r\n\r\n",
    "an empty transfer coding": LINE + HOST + b"Transfer-Encoding:\r\nContent-Length: 3\r\n\r\nabc",
    "two transfer codings": LINE + HOST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
    "gzip before chunked": LINE + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity after chunked": LINE + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity": LINE + HOST + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
    "an unknown coding": LINE + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a comma before chunked": LINE + HOST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "a vertical tab before chunked": LINE + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": LINE + HOST + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    "chunked over HTTP/1.0": LINE.replace(b"1.1", b"1.0") + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "a folded line": LINE + HOST + b"X-A: 1\r\n Content-Length: 3\r\n\r\nabc",
    "a folded transfer coding": LINE + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a fold by tab": LINE + HOST + b"X-A: 1\r\n\tb\r\nContent-Length: 0\r\n\r\n",
    "white space before the first field": LINE + b" " + HOST + b"Content-Length: 0\r\n\r\n",
    "a bare line feed after a field": LINE + b"Host: mail.example.test\nContent-Length: 0\r\n\r\n",
    "a bare line feed inside a value": LINE + HOST + b"X-A: 1\nContent-Length: 3\r\n\r\nabc",
    "a bare carriage return inside a value": LINE + HOST + b"X-A: 1\rContent-Length: 3\r\n\r\nabc",
    "a bare carriage return at the end": LINE + HOST + b"Content-Length: 0\r\n\rX",
    "a NUL in a value": LINE + HOST + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a name": LINE + HOST + b"X\0A: 1\r\nContent-Length: 0\r\n\r\n",
    "a NUL in the target": b"GET /owa/\0x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank before the colon": LINE + HOST + b"Content-Length : 3\r\n\r\nabc",
    "a tab before the colon": LINE + HOST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "a line without a colon": LINE + HOST + b"Content-Length\r\n\r\n",
    "an empty field name": LINE + HOST + b": x\r\nContent-Length: 0\r\n\r\n",
    "a field name with a blank": LINE + HOST + b"X A: 1\r\nContent-Length: 0\r\n\r\n",
    "a field name beyond ASCII": LINE + HOST + b"X-\xe9: 1\r\nContent-Length: 0\r\n\r\n",
    "no host": LINE + b"Content-Length: 0\r\n\r\n",
    "two hosts": LINE + HOST + b"Host: evil.example.test\r\nContent-Length: 0\r\n\r\n",
    "two hosts that agree": LINE + HOST + HOST + b"Content-Length: 0\r\n\r\n",
    "a host with a path": LINE + b"Host: mail.example.test/owa\r\nContent-Length: 0\r\n\r\n",
    "a host with user information": LINE + b"Host: a@mail.example.test\r\nContent-Length: 0\r\n\r\n",
    "a host with a blank": LINE + b"Host: a b\r\nContent-Length: 0\r\n\r\n",
    "an absolute target with user information": b"GET http://a:b@mail.example.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute target of another scheme": b"GET ftp://mail.example.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute target without a host": b"GET http:///owa/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without a slash": b"GET owa/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a star for GET": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "an authority as a target": b"CONNECT mail.example.test:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank inside the target": b"GET /owa/ x HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab inside the target": b"GET /owa/\tx HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /owa/\r\n" + HOST + b"\r\n",
    "a lower-case version": b"GET /owa/ http/1.1\r\n" + HOST + b"\r\n",
    "another protocol": b"GET /owa/ RTSP/1.0\r\n" + HOST + b"\r\n",
    "a version with more digits": b"GET /owa/ HTTP/1.11\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
}

BAD_CHUNKS = {
    "a chunk size that is no number": b"zz\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a blank before the chunk size": b" 3\r\nabc\r\n0\r\n\r\n",
    "a chunk size of 2^64": b"10000000000000000\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than its size": b"3\r\nabcd\r\n0\r\n\r\n",
    "a chunk ended by a line feed": b"3\r\nabc\n0\r\n\r\n",
    "a chunk size ended by a line feed": b"3\nabc\r\n0\r\n\r\n",
    "a chunk size ended by a carriage return": b"3\rXabc\r\n0\r\n\r\n",
    "an empty chunk size": b"\r\nabc\r\n0\r\n\r\n",
    "a bare carriage return in an extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "a line feed in a trailer": b"0\r\nX: a\nb\r\n\r\n",
}


def read_status(connection):
    """The status of the one answer before the connection closes; None when it just closes."""
    try:
        message = connection.reader.response()
    except (Closed, ConnectionResetError):
        return None
    try:
        rest = connection.reader.rest()
    except ConnectionResetError:
        rest = b""
    assert rest == b"", "more than one answer: %r" % rest
    return message.status


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_and_never_forwarded(detect_pair, client, name):
    connection = client(detect_pair.proxy)
    connection.send(REFUSED[name] + NEXT)
    assert read_status(connection) in (400, 501, 505)
    assert detect_pair.exchange.raw == b""


@pytest.mark.parametrize("name", ["length and chunked", "two lengths that differ", "a folded line", "a blank before the colon",
                                  "a bare line feed inside a value", "a NUL in a value"])
def test_is_refused_in_one_byte_pieces_too(detect_pair, client, name):
    connection = client(detect_pair.proxy)
    try:
        connection.send_pieces(REFUSED[name])
    except OSError:
        pass  # it may close at the first bad byte
    assert read_status(connection) in (400, 501, None)
    assert detect_pair.exchange.raw == b""


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_bad_chunk_ends_the_connection_without_a_second_request(detect_pair, client, name):
    """The head was good, so the upstream may have seen it; the message must stay unfinished there."""
    upstream_ends = []

    def script(conn):
        conn.head()
        upstream_ends.append(conn.reader.rest())

    detect_pair.exchange.script = script
    connection = client(detect_pair.proxy)
    connection.send(LINE + HOST + CHUNKED + b"\r\n" + BAD_CHUNKS[name] + NEXT)
    assert read_status(connection) in (400, 413, 502, None)
    assert b"smuggled" not in detect_pair.exchange.raw
    for seen in upstream_ends:
        assert not seen.endswith(b"0\r\n\r\n"), "the broken body was completed at the upstream"


@pytest.mark.parametrize("name", ["length and chunked", "a NUL in a value", "no host"])
def test_a_refusal_is_logged_with_its_reason(detect_pair, client, name):
    connection = client(detect_pair.proxy)
    before = len([r for r in detect_pair.proxy.access() if r["end"] == "bad_request"])
    connection.send(REFUSED[name])
    read_status(connection)
    wait_for(lambda: len([r for r in detect_pair.proxy.access() if r["end"] == "bad_request"]) > before, "the record")


def test_a_header_that_looks_like_a_framing_header_is_not_forwarded_as_one(detect_pair, client):
    """IIS turns "_" and "-" into the same server variable."""
    connection = client(detect_pair.proxy)
    connection.send(LINE + HOST + b"Content_Length: 99\r\nTransfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc")
    message = connection.reader.response()
    if message.status == 200:
        seen = detect_pair.exchange.last()
        assert seen.get(b"Content_Length") == [] and seen.get(b"Transfer_Encoding") == []


def test_one_empty_line_before_a_request_is_tolerated(detect_pair, client):
    connection = client(detect_pair.proxy)
    connection.send(b"\r\nGET /owa/ HTTP/1.1\r\n" + HOST + b"\r\n")
    assert connection.read().status == 200


def test_many_empty_lines_before_a_request_are_refused(detect_pair, client):
    connection = client(detect_pair.proxy)
    connection.send(b"\r\n" * 1000 + NEXT)
    assert read_status(connection) in (400, None)
    assert detect_pair.exchange.raw == b""


def test_the_shape_of_the_forwarded_message_is_ours(detect_pair, client):
    """Tabs around values, odd chunk sizes: what goes out is one strict form."""
    connection = client(detect_pair.proxy)
    connection.send(LINE + b"Host:mail.example.test\r\nX-A:\t 1 \t\r\ntransfer-encoding: Chunked\r\n\r\n0003\r\nabc\r\n000\r\n\r\n")
    assert connection.read().status == 200
    message = detect_pair.exchange.last()
    assert message.framing() == "chunked" and message.body == b"abc" and message.one(b"X-A") == b"1"


def test_the_parser_of_these_tests_is_strict():
    """A guard for the suite itself: what the checks above read with refuses double framing."""

    class Fixed:
        def __init__(self, data):
            self.data = data

        def recv(self, _):
            data, self.data = self.data, b""
            return data

    reader = Reader(Fixed(LINE + HOST + b"Content-Length: 1\r\n" + CHUNKED + b"\r\n0\r\n\r\n"))
    with pytest.raises(AssertionError):
        reader.request()
