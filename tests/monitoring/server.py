"""A server that answers as Prometheus does, or as something else in its place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

AT = 1_763_700_000.5


class Server(ThreadingHTTPServer):
    """Answers each expression with a (status, body) from `answers`; any other with an empty vector. Remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self.headers: list[dict[str, str]] = []
        self.silent = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.server.asked.append((parts.path, query))
        self.server.headers.append(dict(self.headers))
        status, body = self.server.answers.get(query["query"][0], (200, vector()))
        if body is None:
            self.server.silent.wait(5)
            return
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


def vector(*samples: tuple[dict[str, str], str], warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    result = [{"metric": labels, "value": [AT, value]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": result}, "warnings": list(warnings)}


def refused(kind: str, text: str) -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": text}


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.silent.set()
        server.shutdown()
        thread.join(2)
        server.server_close()


def aged(server: Server, selector: str, body: Any, status: int = 200) -> None:
    """Lets the server answer the question how old the newest sample of `selector` is."""
    question = f"time() - (max(timestamp({selector})) or max(max_over_time(timestamp({selector})[1h:5s])))"
    server.answers[question] = (status, body)
