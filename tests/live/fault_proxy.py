"""A proxy in front of an API server that puts seeded faults between: too many requests, errors, and answers that never come."""

from __future__ import annotations

import http.client
import random
import ssl
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from stacks.kubernetes.kubeconfig import Connection

REFUSAL = b'{"kind":"Status","reason":"Fault","message":"a fault of the test"}'
KINDS = ("429", "500", "503", "cut-before", "cut-after", "500-after")


class FaultProxy:
    """Plain http on loopback to the server of `connection`. `share` of the calls meet a fault, chosen by `seed`; `met` counts them.

    `…-after` faults hit when the server has done what was asked: its answer is lost.
    """

    def __init__(self, connection: Connection, seed: int, share: float) -> None:
        self.met: Counter[str] = Counter()
        self._chance, self._share, self._lock = random.Random(seed), share, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"proxy": self, "connection_out": connection}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self) -> str:
        """The next call's fault, empty for none."""
        with self._lock:
            if self._chance.random() >= self._share:
                return ""
            chosen = self._chance.choice(KINDS)
            self.met[chosen] += 1
            return chosen


class Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    connection_out: Connection

    protocol_version = "HTTP/1.1"
    link: http.client.HTTPSConnection | None = None

    def finish(self) -> None:
        if self.link is not None:
            self.link.close()
        super().finish()

    def log_message(self, *_: Any) -> None:
        """Quiet: a fault is the point, not news."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.fault()
        if fault in {"429", "500", "503"}:
            self._answer(int(fault), REFUSAL, {"Retry-After": "0"})
        elif fault == "cut-before":
            self.close_connection = True
        else:
            self._forwarded(body, fault)

    def _forwarded(self, body: bytes, fault: str) -> None:
        self.link = self.link or opened(self.connection_out)
        content = self.headers.get("Content-Type") or "application/json"
        self.link.request(self.command, self.path, body or None, {**self.connection_out.headers, "Content-Type": content})
        answer = self.link.getresponse()
        status, data = answer.status, answer.read()
        if fault == "cut-after":
            self.close_connection = True
        elif fault == "500-after":
            self._answer(500, REFUSAL, {})
        else:
            self._answer(status, data, {})

    def _answer(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass  # noqa: N815 - the base class's names


def opened(connection: Connection) -> http.client.HTTPSConnection:
    address = urlsplit(connection.server)
    return http.client.HTTPSConnection(
        address.hostname or "", address.port, timeout=30, context=connection.tls or ssl.create_default_context()
    )
