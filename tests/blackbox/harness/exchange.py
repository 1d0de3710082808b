"""A scripted upstream. It records every byte that arrives and answers as the script says.

A script is a function of one Connection, run in a thread of its own for each connection. When it
returns the connection closes. An AssertionError in a script fails the test at its end."""

import socket
import ssl
import struct
import threading

from .http import Closed, Malformed, Reader, response
from .wait import PATIENCE_SECONDS, wait_for


class Connection:
    def __init__(self, exchange, sock, number):
        self.exchange = exchange
        self.sock = sock
        self.number = number  # from 0, in the order of arrival
        self.reader = Reader(sock)
        self.requests = []
        self.is_over = False  # the other side closed, or the script ended

    def request(self):
        """Read one whole request and record it."""
        message = self.reader.request()
        self.record(message)
        return message

    def head(self):
        """Read a request head only and record it."""
        message = self.reader.head()
        self.record(message)
        return message

    def record(self, message):
        self.requests.append(message)
        with self.exchange.lock:
            self.exchange.requests.append(message)

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, *args, **kwargs):
        self.send(response(*args, **kwargs))

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


def answer_all(conn):
    """Answer every request with 200 OK until the connection ends."""
    while True:
        message = conn.request()
        if message.method == b"HEAD":
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n")
        else:
            conn.answer()


def serve(*answers):
    """A script: one of `answers` (bytes, or a function of conn and request) for each request; the
    last one again and again."""

    def script(conn):
        index = 0
        while True:
            message = conn.request()
            answer = answers[min(index, len(answers) - 1)]
            index += 1
            if callable(answer):
                answer(conn, message)
            else:
                conn.send(answer)

    return script


class Exchange:
    def __init__(self, script=answer_all, tls=None, port=0, receive_buffer=None, address="127.0.0.1"):
        self.script = script
        self.tls = tls
        self.lock = threading.Lock()
        self.connections = []
        self.requests = []
        self.failures = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind((address, port))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.url = "%s://%s:%d" % ("https" if tls else "http", address, self.port)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.run, args=(sock,), daemon=True).start()

    def run(self, sock):
        sock.settimeout(PATIENCE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn = None
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with self.lock:
                conn = Connection(self, sock, len(self.connections))
                self.connections.append(conn)
            self.script(conn)
        except (Closed, ssl.SSLError, OSError):
            pass
        except (AssertionError, Malformed) as failure:
            self.failures.append(failure)
        finally:
            if conn is not None:
                conn.is_over = True
            sock.close()

    @property
    def raw(self):
        """Every byte that arrived, on all connections."""
        with self.lock:
            return b"".join(c.reader.seen for c in self.connections)

    def last(self, seconds=PATIENCE_SECONDS):
        """The newest request; waits for the first one."""
        wait_for(lambda: self.requests, "a request at the upstream", seconds)
        return self.requests[-1]

    def forget(self):
        with self.lock:
            self.connections, self.requests = [], []

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for conn in list(self.connections):
            conn.close()

    def check(self):
        if self.failures:
            raise AssertionError("in the upstream's script: %r" % self.failures[0])
