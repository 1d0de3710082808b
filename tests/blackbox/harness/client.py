"""A client that puts exactly the bytes on the wire that the test gives it."""

import socket
import ssl
import struct

from .http import Closed, Reader, request
from .wait import PATIENCE_SECONDS


class Client:
    """TCP or TLS connection to 127.0.0.1:port.

    tls  None, or an ssl.SSLContext; certificates are only checked when the context says so"""

    def __init__(self, port, tls=None, timeout=PATIENCE_SECONDS, name="mail.example.test", source=None, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            # An end without close_notify is an error here, not the end of a message.
            self.sock = tls.wrap_socket(self.sock, server_hostname=name, suppress_ragged_eofs=False)
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_pieces(self, data, size=1):
        """In pieces of `size` bytes, each in its own segment as far as the kernel allows."""
        for at in range(0, len(data), size):
            self.sock.sendall(data[at:at + size])

    def read(self, method=b"GET", interim=None):
        return self.reader.response(method, interim)

    def ask(self, *args, **kwargs):
        """Send one request (see http.request) and read its response."""
        self.send(request(*args, **kwargs))
        method = kwargs.get("method", args[1] if len(args) > 1 else "GET")
        return self.read(method.encode())

    def is_closed(self):
        """Wait until the other side closes; False when it sends something instead."""
        try:
            self.reader.more()
        except (Closed, ConnectionResetError, ssl.SSLError):
            return True
        return False

    def finish(self):
        """No more bytes from us, but we still read."""
        socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


def tls_context(ca=None, alpn=None):
    """Without ca no certificate is checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(ca)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context
