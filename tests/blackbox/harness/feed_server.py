"""A web server that serves one document or a folder, well or badly, over TLS or without, and takes what is posted."""

import hashlib
import http.server
import json
import ssl
import threading


class FeedServer:
    """behave   what the next answers do: a function of the handler, or None to serve `document`
    folder   serve its files instead, each with an ETag; base is its URL
    seen     the headers of each request, in order
    paths    of each request, in order
    posted   (path, JSON) of each POST, in order"""

    def __init__(self, leaf=None):
        self.document = b""
        self.folder = None
        self.paths = []
        self.etag = None
        self.behave = None
        self.seen = []
        self.posted = []
        self.ended = threading.Event()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.seen.append(dict(self.headers))
                server.paths.append(self.path)
                self.close_connection = True
                if server.behave is not None:
                    server.behave(self)
                elif server.folder is not None:
                    self.answer_file()
                elif server.etag is not None and self.headers.get("If-None-Match") == server.etag:
                    self.answer(304)
                else:
                    self.answer(200, server.document, ETag=server.etag)

            def do_POST(self):
                server.seen.append(dict(self.headers))
                server.posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.close_connection = True
                if server.behave is not None:
                    server.behave(self)
                else:
                    self.answer(200)

            def answer_file(self):
                try:
                    body = (server.folder / self.path[len("/feed/"):]).read_bytes()
                except OSError:
                    self.answer(404, b"no such file")
                    return
                etag = '"%s"' % hashlib.sha256(body).hexdigest()[:16]
                if self.headers.get("If-None-Match") == etag:
                    self.answer(304, ETag=etag)
                else:
                    self.answer(200, body, ETag=etag)

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    if value is not None:
                        self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def drip(self, block, pause, most):
                """Without a length, until the peer goes away or `most` blocks are out."""
                self.send_response(200)
                self.send_header("Connection", "close")
                self.end_headers()
                for _ in range(most):
                    if server.ended.wait(pause):
                        return
                    try:
                        self.wfile.write(block)
                        self.wfile.flush()
                    except OSError:
                        return

            def stall(self):
                """Say nothing more, and keep the connection."""
                server.ended.wait(600)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that hang up are what the tests are about

        self.server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if leaf is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(leaf[0], leaf[1])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.base = "%s://127.0.0.1:%d/feed/" % (scheme, self.server.server_address[1])
        self.url = "%s://127.0.0.1:%d/GetExchangeMitigations" % (scheme, self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
