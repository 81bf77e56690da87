"""An application that knows nothing of the mesh: it serves HTTP on one port and ends cleanly when told to."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    # Connections stay open between requests, and callers are told for how many seconds.
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self):
        known = self.path in ("/", "/healthz")
        body = json.dumps({"service": "my-service", "path": self.path}).encode() + b"\n"
        self.send_response(200 if known else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("keep-alive", f"timeout={self.timeout}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """The sidecar writes an access log."""


class Server(ThreadingHTTPServer):
    # Requests that are being answered are finished before the process ends.
    daemon_threads = False


def main():
    # Loopback alone: others come through the sidecar.
    server = Server(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Handler)
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended.wait()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
