"""Spellings of framing and of everything else that two readers of a request may take differently. Each is sent with a second
request behind it. Legal ones arrive as exactly those two; others are refused, and nothing of the second one is ever served."""

import pytest

from harness.http import Closed

HOST = "Host: mail.example.test\r\n"
POST = "POST /t HTTP/1.1\r\n" + HOST
GET = "GET /t HTTP/1.1\r\n" + HOST
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = "5\r\nhello\r\n0\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: mail.example.test\r\n\r\n"
REFUSALS = (400, 413, 414, 417, 431, 501, 505)


def play(pair, client, message):
    """(statuses the client got, requests the upstream got) of the message and NEXT; then the client half-closes."""
    one = client(pair.proxy)
    statuses = []
    try:
        one.send(message.encode("latin-1") + NEXT)
        one.finish()
        while True:
            statuses.append(one.read(interim=[]).status)
    except (Closed, OSError):
        pass
    return statuses, [(m.method.decode(), m.target.decode("latin-1"), m.body.decode("latin-1")) for m in pair.exchange.requests]


def assert_refused(pair, client, message):
    statuses, requests = play(pair, client, message)
    assert len(statuses) <= 1 and all(s in REFUSALS for s in statuses), statuses
    assert requests == []


def assert_legal(pair, client, message, *wanted):
    statuses, requests = play(pair, client, message)
    assert requests == [*wanted, ("GET", "/next", "")]
    assert statuses == [200] * (len(wanted) + 1)


def rows(text):
    """Spellings one a line, written as in a string literal."""
    return [line.strip().encode("latin-1").decode("unicode_escape").replace("_SP_", " ") for line in text.strip().splitlines()]


BAD_LENGTHS = rows(r"""
    -0
    +5
    5-
    5 5
    5\t5
    5;
    5;a=b
    5.0
    5e0
    5, 6
    5, 5
    ,5
    5,
    5,,5
    5\x00
    5\x0b
    \x0b5
    \x0c5
    5\x1f
    5\x7f
    5\x85
    5\xa0
    \xa05
    '5'
    "5"
    (5)
    0x5
    0b101
    0o5
    5L
    5_
    five
    NaN
    %35
    5%0d
    \\5
    \xd9\xa5
    \xef\xbc\x95
    9223372036854775808
    18446744073709551615
    18446744073709551621
    99999999999999999999999999
    5\r
    \r5
    5\r\n_SP_
    \r\n_SP_5
""")
GOOD_LENGTHS = ["5", " 5", "\t5", " 5 ", " 5\t", " \t 5 \t ", " 05", " 0000000000005"]


@pytest.mark.parametrize("value", BAD_LENGTHS)
def test_a_length_that_is_not_one_number_is_refused(detect_pair, client, value):
    assert_refused(detect_pair, client, POST + "Content-Length: %s\r\n\r\nhello" % value)


@pytest.mark.parametrize("value", GOOD_LENGTHS)
def test_blanks_and_zeros_do_not_change_a_length(detect_pair, client, value):
    assert_legal(detect_pair, client, POST + "Content-Length:%s\r\n\r\nhello" % value, ("POST", "/t", "hello"))


BAD_CODINGS = rows(r"""
    chunked,
    ,chunked
    chunked, chunked
    chunked chunked
    chunked;
    chunked;q=1
    chunked ;q=0
    chunkedx
    xchunked
    x-chunked
    chunke
    'chunked'
    "chunked"
    (chunked)
    [chunked]
    chunked=1
    =chunked
    :chunked
    chunked/
    chunked#
    chunked\\
    %63hunked
    chunked%00
    chunked\x00
    \x00chunked
    chun\x00ked
    chunked\x0b
    \x0cchunked
    \x1fchunked
    chunked\x7f
    chunked\x85
    \xa0chunked
    chun\xe2\x84\xaaed
    \xef\xbb\xbfchunked
    identity
    identity, chunked
    chunked, identity
    gzip
    gzip, chunked
    cow, chunked
    trailers, chunked
    chunked\r
    \rchunked
    chunked\r\n_SP_
    \r\n\tchunked
    chunked\r\n_SP_, identity
""")


@pytest.mark.parametrize("value", BAD_CODINGS)
def test_a_coding_that_is_not_chunked_alone_is_refused(detect_pair, client, value):
    assert_refused(detect_pair, client, POST + "Transfer-Encoding: %s\r\n\r\n%s" % (value, CHUNKS))


@pytest.mark.parametrize("value", ["chunked", " Chunked", "\t\tCHUNKED", " chunKed \t"])
def test_case_and_blanks_do_not_change_chunked(detect_pair, client, value):
    assert_legal(detect_pair, client, POST + "Transfer-Encoding:%s\r\n\r\n%s" % (value, CHUNKS), ("POST", "/t", "hello"))


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("line", [
    "Transfer-Encoding: chunked", "transfer-encoding:chunked", "Transfer-Encoding:", "Transfer-Encoding: identity",
    "Transfer-Encoding: x", "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding: chunked\r\nX: y",
    "Transfer_Encoding: chunked", "Transfer-Encoding: \"\"", "Transfer-Encoding: ,", "\x0bTransfer-Encoding: chunked",
    "Transfer-Encoding\0: chunked", "X: y\nTransfer-Encoding: chunked", "X: y\rTransfer-Encoding: chunked"])
def test_a_coding_beside_a_length_is_refused_however_it_is_written(detect_pair, client, line, is_first):
    lines = [line, "Content-Length: 5"]
    assert_refused(detect_pair, client, POST + "\r\n".join(lines if is_first else lines[::-1]) + "\r\n\r\n" + CHUNKS)


BAD_CHUNKS = rows(r"""
    5 \r\nhello\r\n0\r\n\r\n
    5\t\r\nhello\r\n0\r\n\r\n
    5 5\r\nhello\r\n0\r\n\r\n
    -5\r\nhello\r\n0\r\n\r\n
    5h\r\nhello\r\n0\r\n\r\n
    5,\r\nhello\r\n0\r\n\r\n
    5\x00\r\nhello\r\n0\r\n\r\n
    5\x0b\r\nhello\r\n0\r\n\r\n
    5\xa0\r\nhello\r\n0\r\n\r\n
    1_0\r\nhello\r\n0\r\n\r\n
    5\n\rhello\r\n0\r\n\r\n
    5\r\r\nhello\r\n0\r\n\r\n
    \n5\r\nhello\r\n0\r\n\r\n
    5\r\nhello \r\n0\r\n\r\n
    5\r\nhello\r\n\r\n0\r\n\r\n
    5\r\nhello\r\n0 \r\n\r\n
    5\r\nhello\r\n-0\r\n\r\n
    5\r\nhello\r\n0x0\r\n\r\n
    5\r\nhello\r\n0\r\r\n\r\n
    5\r\nhello\r\n0\n\r\n
    5\r\nhello\r\n0\r\n\n
    5\r\nhello\r\n0\r\n\r\r\n
    8000000000000000\r\nhello\r\n0\r\n\r\n
    fffffffffffffffb\r\nhello\r\n0\r\n\r\n
    100000000000000000000005\r\nhello\r\n0\r\n\r\n
    5;\r\nhello\r\n0\r\n\r\n
    5;a\x00\r\nhello\r\n0\r\n\r\n
    5;a="b\nc"\r\nhello\r\n0\r\n\r\n
    5;a="b\r\nc"\r\nhello\r\n0\r\n\r\n
    5;a=b\nhello\r\n0\r\n\r\n
    5\r\nhello\r\n0;\x00\r\n\r\n
    5\r\nhello\r\n0\r\nX : y\r\n\r\n
    5\r\nhello\r\n0\r\n_SP_X: y\r\n\r\n
    5\r\nhello\r\n0\r\nX: y\n\r\n
    5\r\nhello\r\n0\r\nX\x00: y\r\n\r\n
    5\r\nhello\r\n0\r\nX: \x00\r\n\r\n
    5\r\nhello\r\n0\r\nno colon\r\n\r\n
""")
GOOD_CHUNKS = rows(r"""
    05\r\nhello\r\n000\r\n\r\n
    5;a=b;c=d\r\nhello\r\n0\r\n\r\n
    5;a;b="c;d";e\r\nhello\r\n0;x=y;z\r\n\r\n
    5;a="\\"\\\\"\r\nhello\r\n0\r\n\r\n
    1\r\nh\r\n4;a=b;c\r\nello\r\n0\r\n\r\n
    5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n
    5\r\nhello\r\n0\r\nContent-Length: 5\r\nHost: other.test\r\nConnection: close\r\n\r\n
""")


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_a_malformed_chunk_or_trailer_is_refused(detect_pair, client, chunks):
    assert_refused(detect_pair, client, CHUNKED + chunks)


@pytest.mark.parametrize("chunks", GOOD_CHUNKS)
def test_extensions_and_trailers_end_here_and_the_next_request_is_found(detect_pair, client, chunks):
    assert_legal(detect_pair, client, CHUNKED + chunks, ("POST", "/t", "hello"))
    assert detect_pair.exchange.requests[0].trailers == [] and b"other.test" not in detect_pair.exchange.raw


BAD_LINES = rows(r"""
    GET  /t HTTP/1.1
    GET\t/t HTTP/1.1
    GET /t  HTTP/1.1
    GET /t HTTP/1.1\t
    GET /t HTTP/1.1 x
    GET /t HTTP/1.1\x00
    GET /t HTTP/1.1\r
    GET\x0b/t HTTP/1.1
    GET\r/t HTTP/1.1
    \x00GET /t HTTP/1.1
    G(T /t HTTP/1.1
    GET: /t HTTP/1.1
    GET /t HTTP/1.2
    GET /t HTTP/1.01
    GET /t HTTP/01.1
    GET /t HTTP/1.1.1
    GET /t HTTP/1,1
    GET /t HTTP/+1.1
    GET /t HTTP\\1.1
    GET /t HTTPS/1.1
    GET /t HTTP/2.0
    GET /t
    GET /t#x HTTP/1.1
    GET /t\x01 HTTP/1.1
    GET /t\xff HTTP/1.1
    GET /t\r HTTP/1.1
    GET \\t HTTP/1.1
    GET ?x HTTP/1.1
    GET @other.test/t HTTP/1.1
    GET :80/t HTTP/1.1
    GET mail.example.test:80 HTTP/1.1
    GET http:/t HTTP/1.1
    GET http:///t HTTP/1.1
    GET http://@/t HTTP/1.1
    GET http://:80/t HTTP/1.1
    GET http://other.test/t HTTP/1.1
    GET http://mail.example.test@other.test/t HTTP/1.1
    GET http://mail.example.test:81/t HTTP/1.1
    GET http://mail.example.test%00/t HTTP/1.1
    GET http://mail.example.test\\@other.test/t HTTP/1.1
    GET file:///t HTTP/1.1
    GET ws://mail.example.test/t HTTP/1.1
    OPTIONS *x HTTP/1.1
    OPTIONS ** HTTP/1.1
    TRACE /t HTTP/1.1
    CONNECT /t HTTP/1.1
    CONNECT mail.example.test:443 HTTP/1.1
    get /t HTTP/1.1
""")


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_request_line_that_is_not_of_three_plain_parts_is_refused(detect_pair, client, line):
    assert_refused(detect_pair, client, line + "\r\n" + HOST + "\r\n")


@pytest.mark.parametrize("line, target", [
    ("GET http://mail.example.test/t HTTP/1.1", "/t"), ("GET HTTPS://MAIL.example.test/t HTTP/1.1", "/t"),
    ("GET http://mail.example.test HTTP/1.1", "/"), ("GET http://mail.example.test?x HTTP/1.1", "/?x"),
    ("OPTIONS http://mail.example.test HTTP/1.1", "*"), ("OPTIONS * HTTP/1.1", "*"), ("GET //other.test/t HTTP/1.1", "//other.test/t"),
    ("GET /t?a=%0d%0a%00 HTTP/1.1", "/t?a=%0d%0a%00"), ("GET /../t;x?? HTTP/1.1", "/../t;x??")])
def test_a_target_arrives_in_origin_form_and_nothing_in_it_is_decoded(detect_pair, client, line, target):
    assert_legal(detect_pair, client, line + "\r\n" + HOST + "\r\n", (line.split()[0], target, ""))


BAD_HOSTS = rows(r"""
    mail.example.test/
    mail.example.test?x
    mail.example.test#x
    http://mail.example.test
    a:b@mail.example.test
    mail.example.test:80:81
    mail.example.test:abc
    mail.example.test:-1
    mail.example.test:99999
    mail.example.test, other.test
    mail .test
    mail\x00
    mail\x01
    mail\x7f
    mail\xe9
    mail\\other
    "mail"
    <mail>
    mail^
    mail%zz
    [::1
    ::1
    []
    [::g]
    [::1]x
    :80
    @
    mail\r\n_SP_other
""")


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_not_a_name_and_a_port_is_refused(detect_pair, client, host):
    assert_refused(detect_pair, client, "GET /t HTTP/1.1\r\nHost: %s\r\n\r\n" % host)


@pytest.mark.parametrize("host", ["mail", "MAIL.example.test.", "mail.example.test:443", "127.0.0.1:80", "[::1]", "[::1]:8080", "a_b-c.test"])
def test_a_legal_host_arrives_as_it_is(detect_pair, client, host):
    assert_legal(detect_pair, client, "GET /t HTTP/1.1\r\nHost:%s\r\n\r\n" % host, ("GET", "/t", ""))
    assert detect_pair.exchange.requests[0].one(b"Host") == host.encode()


@pytest.mark.parametrize("lines", rows(r"""
    X y: z
    X\t: z
    X(: z
    \xe9: z
    X: a\x01b
    X: a\x08b
    X: a\x7fb
    X: \x00
    X: a\rb
    X: a\n
    X\r: a
    \rX: a
    _SP_X: a
    X
    : a
    :
    X: a\r\n\t
    X: a\r\n_SP__SP_b
    GET /smuggled HTTP/1.1
    Host: other.test
    hOST:
    X_Forwarded_For: 192.0.2.1
    X-Forwarded_For: 192.0.2.1
    X_Forwarded_Proto: https
    content_length: 5
    Expect: y 100-continue
    Expect: 100-continue, x
    Expect: 200-ok
"""))
def test_a_field_line_that_may_be_read_in_two_ways_is_refused(detect_pair, client, lines):
    assert_refused(detect_pair, client, GET + lines + "\r\n\r\n")


@pytest.mark.parametrize("nominated, lines", [
    ("Host", ""), ("Content-Length", "Content-Length: 5\r\n"), ("Transfer-Encoding", "Transfer-Encoding: chunked\r\n"),
    ("Authorization", "Authorization: Basic eDp5\r\n"), ("Cookie", "Cookie: a=b\r\n"), ("X-Forwarded-For, close", ""),
    ("\"Host\"", ""), (",, Host ,", "")])
def test_connection_takes_away_nothing_that_matters(detect_pair, client, nominated, lines):
    """Apache once let a client remove X-Forwarded-For, or its own Authorization, in this way (CVE-2022-31813)."""
    body = {"Content-Length": "hello", "Transfer-Encoding": CHUNKS}.get(nominated, "")
    play(detect_pair, client, POST + "Connection: %s\r\n%s\r\n%s" % (nominated, lines, body))
    first = detect_pair.exchange.requests[0]
    assert first.one(b"Host") == b"mail.example.test" and first.one(b"X-Forwarded-For") == b"127.0.0.1"
    assert first.body == (b"hello" if body else b"")
    for line in lines.split("\r\n")[:-1]:
        assert first.one(line.split(":")[0].encode()) == line.split(": ")[1].encode()


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PROPFIND", "SEARCH", "PUT", "LOCK", "POLL"])
@pytest.mark.parametrize("framed", ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n" + CHUNKS])
def test_a_body_arrives_with_its_framing_whatever_the_method(detect_pair, client, method, framed):
    """Android's ActiveSync sends GET with a length."""
    assert_legal(detect_pair, client, "%s /t HTTP/1.1\r\n%s%s" % (method, HOST, framed), (method, "/t", "hello"))
    assert detect_pair.exchange.requests[0].framing() == (5 if "Length" in framed else "chunked")


@pytest.mark.parametrize("message, wanted", [
    (GET.replace("1.1", "1.0") + "\r\n", ("GET", "/t", "")),
    (POST.replace("1.1", "1.0") + "\r\n", ("POST", "/t", "")),
    (POST.replace("1.1", "1.0") + "Content-Length: 5\r\n\r\nhello", ("POST", "/t", "hello")),
    (POST.replace("1.1", "1.0") + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", ("POST", "/t", "hello")),
    (GET + "Connection: x, CLOSE\t\r\n\r\n", ("GET", "/t", "")),
    (GET + "Connection: keep-alive\r\nConnection: close\r\n\r\n", ("GET", "/t", ""))])
def test_what_follows_the_last_request_of_a_connection_is_never_a_request(detect_pair, client, message, wanted):
    statuses, requests = play(detect_pair, client, message)
    assert (statuses, requests) == ([200], [wanted])


@pytest.mark.parametrize("message", [
    "HEAD /t HTTP/1.1\r\n\r\n", "HEAD /t HTTP/1.1\r\nHost: a b\r\n\r\n", "HEAD /t HTTP/1.1\r\nX : y\r\n" + HOST + "\r\n", "HEAD /t HTTP/1.9\r\n\r\n",
    "HEAD t HTTP/1.1\r\n\r\n", "HEAD /t HTTP/1.1\r\n" + HOST + "Content-Length: x\r\n\r\n", "HEAD /" + "t" * 100000])
def test_a_refused_head_gets_no_body(detect_pair, client, message):
    """RFC 9110 9.3.2: never one. A proxy in front would take it for the next answer."""
    one = client(detect_pair.proxy)
    one.send(message.encode())
    answer = one.read(b"HEAD")
    assert answer.status in REFUSALS and int(answer.one(b"Content-Length")) > 0
    one.finish()
    assert one.reader.rest() == b""


@pytest.mark.parametrize("bad", ["GET /b HTTP/1.1\r\n\r\n", POST + "Content-Length: x\r\n\r\n", CHUNKED + "zz\r\n", "BAD\r\n\r\n"])
def test_requests_before_a_bad_one_are_answered_and_those_behind_it_are_not(detect_pair, client, bad):
    statuses, requests = play(detect_pair, client, GET + "\r\n" + POST + "Content-Length: 5\r\n\r\nhello" + bad)
    assert statuses[:2] == [200, 200] and len(statuses) == 3 and statuses[2] in REFUSALS
    assert requests == [("GET", "/t", ""), ("POST", "/t", "hello")]
