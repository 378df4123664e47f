"""A FHIR server that misbehaves in every way that a test names."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class MisbehavingFhir:
    """Answers each path with what `answers` has for it: a resource, or a function that is given the handler.

    asked: the paths, with queries, and the Authorization header of each. sent: bytes that `endless` could send.
    """

    def __init__(self):
        outer = self
        self.answers, self.asked, self.sent = {}, [], 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers["Authorization"]))
                answer = outer.answers.get(self.path.removeprefix("/fhir/").partition("?")[0], 404)
                if callable(answer):
                    answer(self)
                else:
                    self.tell(answer)

            def tell(self, answer):
                status = answer if isinstance(answer, int) else 200
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"{}" if status != 200 else json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._http.server_port}/fhir"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def endless(self, handler):
        """Five gigabytes, unless whoever reads them stops."""
        handler.send_response(200)
        handler.send_header("Content-Length", str(5 * 2**30))
        handler.end_headers()
        part = b" " * 2**16
        try:
            while self.sent < 5 * 2**30:
                handler.wfile.write(part)
                self.sent += len(part)
        except OSError:
            return

    def close(self):
        self._http.shutdown()
        self._http.server_close()


def slow(handler):
    """A byte now and then, for longer than anybody waits."""
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(60):
            handler.wfile.write(b" ")
            time.sleep(0.1)
    except OSError:
        return


def redirecting(to):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return redirect


def saying(content, **headers):
    """Exactly these bytes."""

    def say(handler):
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return say


def breaking_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True
