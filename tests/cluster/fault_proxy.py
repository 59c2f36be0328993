"""An API server that is sometimes busy, sometimes broken and sometimes does what it was asked and never says so."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

BUSY, BROKEN, BROKEN_AFTER, CUT, CUT_AFTER, SILENT_AFTER = "429", "500", "500 after", "cut", "cut after", "silent after"
FAULTS = (BUSY, BROKEN, BROKEN_AFTER, CUT, CUT_AFTER, SILENT_AFTER)
KEPT = ("Content-Type", "Accept", "User-Agent")


@dataclass
class Faults:
    """Which request suffers what, from one seed. No path suffers more than `row` times one after the other: it would be an outage."""

    seed: int
    share: float = 0.3
    row: int = 3
    kinds: tuple[str, ...] = FAULTS
    counted: Counter[str] = field(default_factory=Counter)
    _random: random.Random = field(init=False)
    _rows: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next(self, method: str, path: str) -> str:
        """The fault of this request, or "" for none. Reads are never executed twice, so they suffer nothing "after"."""
        with self._lock:
            key = f"{method} {path.partition('?')[0]}"
            struck, kind = self._random.random() < self.share, self._random.choice(self.kinds)
            if not struck or self._rows[key] >= self.row:
                self._rows[key] = 0
                return ""
            self._rows[key] += 1
            self.counted[kind] += 1
            return kind


class FaultProxy:
    """Between a client and the API server at `upstream`, on loopback, with the server's own certificate. A context manager.

    `tls` serves, `client` is how the server behind is reached and by whom: whoever comes through is that user.
    """

    def __init__(self, upstream: str, tls: ssl.SSLContext, client: ssl.SSLContext, faults: Faults, silence_s: float = 2.0) -> None:
        self.faults = faults
        self._server = _Server(upstream, client, faults, silence_s)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.close_links()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: str, client: ssl.SSLContext, faults: Faults, silence_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream, self.client, self.faults, self.silence_s = urlsplit(upstream), client, faults, silence_s
        self._links: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, object]:
        link, address = super().get_request()
        self._links.add(link)
        return link, address

    def close_links(self) -> None:
        for link in self._links:
            link.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is its own business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_PUT(self) -> None:
        self._pass()

    def do_PATCH(self) -> None:
        self._pass()

    def do_DELETE(self) -> None:
        self._pass()

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.faults.next(self.command, self.path)
        if fault == CUT:
            self._cut()
        elif fault in {BUSY, BROKEN}:
            self._refuse(int(fault))
        else:
            status, kind, said = self._ask(body)
            self._after(fault, status, kind, said)

    def _after(self, fault: str, status: int, kind: str, said: bytes) -> None:
        if fault == SILENT_AFTER:
            time.sleep(self.server.silence_s)
        if fault in {CUT_AFTER, SILENT_AFTER}:
            self._cut()
        elif fault == BROKEN_AFTER:
            self._refuse(500)
        else:
            self._answer(status, kind, said)

    def _ask(self, body: bytes) -> tuple[int, str, bytes]:
        target = self.server.upstream
        link = http.client.HTTPSConnection(str(target.hostname), target.port, timeout=30, context=self.server.client)
        try:
            link.request(self.command, self.path, body or None, {name: self.headers[name] for name in KEPT if self.headers[name]})
            answer = link.getresponse()
            return answer.status, answer.headers.get("Content-Type", "application/json"), answer.read()
        finally:
            link.close()

    def _refuse(self, status: int) -> None:
        reason = "TooManyRequests" if status == 429 else "InternalError"
        said = f'{{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "{reason}", "message": "put in on purpose", "code": {status}}}'
        self._answer(status, "application/json", said.encode())

    def _answer(self, status: int, kind: str, said: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Its counts are its log."""
