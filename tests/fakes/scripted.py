"""A server on 127.0.0.1 that answers by a script."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class Server(BaseHTTPRequestHandler):
    """Answers by a script; `asked` is what it was asked for."""

    script: ClassVar[dict[str, list[tuple[int, Any]]]] = {}
    asked: ClassVar[list[str]] = []

    def answer(self) -> None:
        what = f"{self.command} {self.path}"
        self.asked.append(what)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        replies = self.script[what]
        status, body = replies.pop(0) if len(replies) > 1 else replies[0]
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def __getattr__(self, name: str) -> Any:
        """The methods `do_GET` and so on, all the same."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def answering(script: dict[str, list[tuple[int, Any]]]) -> Iterator[str]:
    """Answers each "METHOD path" with its replies in turn, the last one again and again; where it is."""
    Server.asked.clear()
    Server.script = script
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
