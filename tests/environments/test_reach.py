"""The question whether a server answers ends within its limit, whatever the server does."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from environments.reach import reaches


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.mark.parametrize(("status", "answers"), [(200, True), (401, True), (404, True), (500, False), (503, False)])
def test_any_sensible_answer_counts(server: str, status: int, answers: bool) -> None:
    """A registry says 401 to a stranger, and that is an answer; a broken one is none."""
    assert reaches(f"{server}/{status}", 2) is answers


def test_a_closed_port_is_no_answer() -> None:
    """Refused at once."""
    assert reaches("http://127.0.0.1:1/") is False


def test_a_server_that_takes_the_connection_and_says_nothing_is_no_answer() -> None:
    """A proxy that swallows connections costs the limit and no more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        assert reaches(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.2) is False
        assert time.monotonic() - start < 2


def test_a_name_look_up_that_hangs_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for the name look-up too, which no socket's timeout bounds."""
    free = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: free.wait(10) and [])
    start = time.monotonic()
    assert reaches("http://registry.invalid/", 0.1) is False
    assert time.monotonic() - start < 2
    free.set()
