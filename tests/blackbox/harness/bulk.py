"""Bodies too big to hold: sent and received by peers that count and sum instead of keeping them."""

import re
import zlib

from .client import Client, tls_context
from .http import request

MIB = 1024 * 1024
BLOCK = bytes(range(256)) * (MIB // 256)
DOWNLOAD = "/owa/auth/logon.aspx"
UPLOAD = "/Microsoft-Server-ActiveSync?Cmd=Sync"
CHUNKED_UPLOAD = "/ews/exchange.asmx"


def checksum(mib):
    total = 0
    for _ in range(mib):
        total = zlib.crc32(BLOCK, total)
    return total


def send_blocks(sock, mib, chunked=False):
    for _ in range(mib):
        if chunked:
            sock.sendall(b"%x\r\n" % MIB)
        sock.sendall(BLOCK)
        if chunked:
            sock.sendall(b"\r\n")
    if chunked:
        sock.sendall(b"0\r\n\r\n")


def receive(reader, size):
    """The checksum of so many bytes, of which the reader may have the first ones."""
    total = zlib.crc32(reader.buffer[:size])
    left = size - len(reader.buffer[:size])
    reader.buffer = reader.buffer[size:]
    space = memoryview(bytearray(MIB))
    while left:
        n = reader.sock.recv_into(space, min(left, MIB))
        assert n, "closed with %d bytes to come" % left
        total = zlib.crc32(space[:n], total)
        left -= n
    return total


def receive_chunked(reader):
    total = 0
    while True:
        size = int(reader.until(b"\r\n"), 16)
        if size == 0:
            reader.until(b"\r\n")
            return total
        piece = reader.exactly(size + 2)
        total = zlib.crc32(piece[:-2], total)
        reader.seen = b""  # it keeps what it saw, for tests with small bodies


def serve_bulk(mib):
    """A script: answers DOWNLOAD with so many MiB, an upload with its checksum."""

    def script(conn):
        while True:
            message = conn.head()
            framing = message.framing()
            if framing is None:
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (mib * MIB))
                send_blocks(conn.sock, mib)
            else:
                total = receive_chunked(conn.reader) if framing == "chunked" else receive(conn.reader, framing)
                conn.answer(body=b"%d" % total)

    return script


class Memory:
    """Resident memory of a process in KiB: now, and its peak since this was made."""

    def __init__(self, pid):
        self.pid = pid
        with open("/proc/%d/clear_refs" % pid, "w", encoding="ascii") as reset:
            reset.write("5")  # proc(5): the peak starts anew
        self.before = self.read("VmRSS")

    def read(self, name):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as status:
            return int(re.search(name + r":\s+(\d+) kB", status.read()).group(1))

    def peak(self):
        return self.read("VmHWM")

    def now(self):
        return self.read("VmRSS")


def transfer(proxy, kind, mib, tls=False):
    """Move one body through the proxy, prove that it arrived, and give the Memory it was watched with.

    kind   "download", "upload" or "chunked upload"
    """
    with Client(proxy.port, tls=tls_context() if tls else None, timeout=60) as client:
        assert client.ask(UPLOAD, "POST", body=b"warm").status == 200
        memory = Memory(proxy.process.pid)
        if kind == "download":
            client.send(request(DOWNLOAD))
            assert client.reader.head().framing() == mib * MIB
            total = receive(client.reader, mib * MIB)
        else:
            chunked = kind == "chunked upload"
            framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: %d" % (mib * MIB)
            client.send(request(CHUNKED_UPLOAD if chunked else UPLOAD, "POST", [framing]))
            send_blocks(client.sock, mib, chunked)
            total = int(client.read().body)
        assert total == checksum(mib), "another body arrived"
    return memory
