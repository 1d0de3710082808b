"""Strict reading of HTTP/1.1 messages from a socket. A test that reads through this also checks
that the message is framed in exactly one way."""

import re

STATUS_LINE = re.compile(rb"^HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t \x21-\x7e\x80-\xff]*))?$")
TOKEN = re.compile(rb"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")
CHUNK_SIZE = re.compile(rb"^[0-9A-Fa-f]{1,16}$")


class Closed(Exception):
    """The other side closed before the message was whole."""


class Malformed(AssertionError):
    """Bytes on the wire that the tests do not accept from the proxy."""


class Message:
    """One request or response. Field names and values are kept as they came."""

    def __init__(self, start, fields, head):
        self.start = start
        self.fields = fields
        self.head = head
        self.body = b""
        self.chunks = []
        self.trailers = []

    def get(self, name):
        """The values of every field of that name, in order."""
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def one(self, name):
        values = self.get(name)
        assert len(values) == 1, "%r has %d instances of %r" % (self.head, len(values), name)
        return values[0]

    def names(self):
        return [n for n, _ in self.fields]

    @property
    def method(self):
        return self.start.split(b" ")[0]

    @property
    def target(self):
        return b" ".join(self.start.split(b" ")[1:-1])

    @property
    def version(self):
        return self.start.split(b" ")[-1]

    @property
    def status(self):
        match = STATUS_LINE.match(self.start)
        if not match:
            raise Malformed("status line %r" % self.start)
        return int(match.group(2))

    def framing(self):
        """"chunked", a length, or None; both at once or either twice is an error."""
        lengths, codings = self.get(b"Content-Length"), self.get(b"Transfer-Encoding")
        if len(lengths) + len(codings) > 1:
            raise Malformed("framed more than once: %r" % self.head)
        if codings:
            if codings[0].lower() != b"chunked":
                raise Malformed("transfer coding %r" % codings[0])
            return "chunked"
        if lengths:
            if not lengths[0].isdigit():
                raise Malformed("length %r" % lengths[0])
            return int(lengths[0])
        return None


def parse_head(head):
    """head ends with the empty line."""
    lines = head[:-4].split(b"\r\n")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Malformed("field line %r" % line)
        if b"\r" in value or b"\n" in value or b"\0" in value:
            raise Malformed("field line %r" % line)
        fields.append((name, value.strip(b" \t")))
    return Message(lines[0], fields, head)


class Reader:
    """Buffered reading from a socket that keeps every byte it saw."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.seen = b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Closed("closed with %r unread" % self.buffer[:200])
        self.buffer += data
        self.seen += data

    def until(self, mark):
        while mark not in self.buffer:
            self.more()
        end = self.buffer.index(mark) + len(mark)
        out, self.buffer = self.buffer[:end], self.buffer[end:]
        return out

    def exactly(self, count):
        while len(self.buffer) < count:
            self.more()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def rest(self):
        """Everything up to the end of the stream."""
        try:
            while True:
                self.more()
        except Closed:
            pass
        out, self.buffer = self.buffer, b""
        return out

    def head(self):
        return parse_head(self.until(b"\r\n\r\n"))

    def chunked_body(self, message):
        while True:
            line = self.until(b"\r\n")[:-2]
            if not CHUNK_SIZE.match(line):
                raise Malformed("chunk size line %r" % line)
            size = int(line, 16)
            if size == 0:
                break
            message.chunks.append(self.exactly(size))
            if self.exactly(2) != b"\r\n":
                raise Malformed("chunk data not followed by CRLF")
        while True:
            line = self.until(b"\r\n")[:-2]
            if not line:
                break
            message.trailers.append(line)
        message.body = b"".join(message.chunks)

    def request(self):
        message = self.head()
        framing = message.framing()
        if framing == "chunked":
            self.chunked_body(message)
        elif framing:
            message.body = self.exactly(framing)
        return message

    def response(self, method=b"GET", interim=None):
        """A final response; 1xx responses before it are appended to the list `interim`."""
        while True:
            message = self.head()
            if message.status == 101 or message.status >= 200:
                break
            assert interim is not None, "unexpected interim response %r" % message.start
            interim.append(message)
        if method == b"HEAD" or message.status in (101, 204, 304):
            return message
        framing = message.framing()
        if framing == "chunked":
            self.chunked_body(message)
        elif framing is None:
            message.body = self.rest()
        else:
            message.body = self.exactly(framing)
        return message


def request(target="/owa/auth/logon.aspx", method="GET", fields=(), body=b"", host="mail.example.test", version="1.1"):
    """The bytes of a request. fields: "Name: value" strings, written as they are."""
    lines = ["%s %s HTTP/%s" % (method, target, version)]
    if host is not None:
        lines.append("Host: %s" % host)
    lines += fields
    names = {line.split(":")[0].lower() for line in fields}
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def response(status="200 OK", fields=("Content-Type: text/plain",), body=b"OK", framed=True):
    """The bytes of a response; with framed a Content-Length is added."""
    lines = ["HTTP/1.1 %s" % status, *fields]
    if framed:
        lines.append("Content-Length: %d" % len(body))
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
