"""One long poll held open at a time, on a thread beside an operation: what a person with an open page would notice of it."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.plan import Target
from loadtests.result import Polls
from phases.model import LongPoll

CONNECT_S = 5.0
# Beyond the wait itself: a proxy that is made anew meanwhile asks once more for its client.
MARGIN_S = 15.0
# After an answer: news come in bunches, and a failure is no reason to hurry.
PAUSE_S = 0.5
MOST_BYTES = 1_000_000
FINE = {*range(200, 300), 304}


@contextmanager
def held(target: Target, poll: LongPoll) -> Iterator[Poller]:
    """Hold the poll while the block runs. Leaving it ends the last one at once."""
    poller = Poller(target, poll)
    try:
        yield poller
    finally:
        poller.end()


class Poller:
    """Asks again and again, each time on a connection of its own, until `end`. `polls` are the figures so far."""

    def __init__(self, target: Target, poll: LongPoll) -> None:
        self._target, self._poll, self._limit_s = target, poll, poll.wait_s + MARGIN_S
        self._context = ssl.create_default_context(cadata=target.authority or None) if target.tls else None
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._open: socket.socket | None = None
        self._answered, self._reasons, self._held = 0, Counter[str](), False
        self._thread = threading.Thread(target=self._forever, daemon=True)
        self._thread.start()

    @property
    def polls(self) -> Polls:
        with self._lock:
            return Polls(answered=self._answered, failed=self._reasons.total(), held=self._held, reasons=dict(self._reasons))

    def end(self) -> Polls:
        """Cut the poll that is held, which is then neither answered nor failed."""
        with self._lock:
            self._ended.set()
            if self._open is not None:
                _cut(self._open)
        self._thread.join(CONNECT_S + 1)
        return self.polls

    def _forever(self) -> None:
        while not self._ended.is_set():
            reason = self._once()
            with self._lock:
                if self._ended.is_set() and reason:
                    self._held = True
                elif reason:
                    self._reasons[reason] += 1
                else:
                    self._answered += 1
            self._ended.wait(PAUSE_S)

    def _once(self) -> str:
        """Why a poll failed; empty when it was answered well."""
        begun = time.monotonic()
        connection = self._connection()
        try:
            connection.sock = self._connected()
            connection.request("GET", self._poll.url)
            answer = connection.getresponse()
            cut = len(answer.read(MOST_BYTES)) < MOST_BYTES and bool(answer.length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _word(error)
        finally:
            with self._lock:
                self._open = None
            connection.close()
        if answer.status not in FINE:
            return str(answer.status)
        return "an answer cut short" if cut else "" if time.monotonic() - begun < self._limit_s else "no answer in time"

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._target.host, self._target.named_port
        return http.client.HTTPSConnection(host, port, context=self._context) if self._context else http.client.HTTPConnection(host, port)

    def _connected(self) -> socket.socket:
        there = (self._target.address or self._target.host, self._target.port or self._target.named_port)
        plain = socket.create_connection(there, CONNECT_S)
        found = plain
        if self._context is not None:
            found = self._context.wrap_socket(plain, server_hostname=self._target.host)
        found.settimeout(self._limit_s)
        with self._lock:
            self._open = found
            if self._ended.is_set():
                _cut(found)
        return found


def _cut(one: socket.socket) -> None:
    """The connection itself, not TLS's farewell: another thread is reading."""
    try:
        socket.socket.shutdown(one, socket.SHUT_RDWR)
    except OSError:
        return


def _word(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a certificate that is not trusted: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    closed = (ConnectionError, http.client.RemoteDisconnected, http.client.IncompleteRead, ssl.SSLEOFError)
    return "connection closed" if isinstance(error, closed) else type(error).__name__
