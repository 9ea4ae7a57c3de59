# SPDX-License-Identifier: Apache-2.0
"""A local server that answers for files as the Hugging Face Hub does."""

import hashlib
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the server holds and what it was asked."""

    def __init__(self, files):
        self.files = files
        self.requests = []
        self.cut_after_bytes = None
        """If set, the next download breaks off after so many bytes."""
        self.ends_after_cut = False
        """Whether downloads break off at once from then on."""
        self.before_answer = None
        """If set, called once, before the next request is answered."""


@contextmanager
def serve_hub(files):
    """Serve {file name: bytes} on this machine; yields the Hub and its endpoint."""
    hub = Hub(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, *, with_body):
            name = self.path.split("?")[0].rsplit("/", 1)[-1]
            wanted = self.headers.get("Range")
            hub.requests.append((self.command, name, wanted))
            if hub.before_answer is not None:
                call, hub.before_answer = hub.before_answer, None
                call()
            content = hub.files.get(name)
            if content is None or "/resolve/" not in self.path:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(re.match(r"bytes=(\d+)-", wanted).group(1)) if wanted else 0
            body = content[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body)))
            if wanted:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            if not with_body:
                return
            cut = hub.cut_after_bytes
            hub.cut_after_bytes = 0 if cut is not None and hub.ends_after_cut else None
            self.wfile.write(body[:cut])
            if cut is not None:
                self.close_connection = True
                self.wfile.flush()
                self.connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
