"""Steady open-loop traffic straight at the cluster's Services: a new connection per request, so that every one meets the routing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.live.traffic import Tally

TIMEOUT_S = 15.0
PASSWORD = "traffic-password"
ERRORS = (OSError, EOFError, TimeoutError, ValueError)


@dataclass(frozen=True)
class Request:
    """One request to `address:port`; `share` of all requests are such."""

    name: str
    address: str
    port: int
    path: str
    share: float
    method: str = "GET"
    body: str = ""
    token: str = ""


def asked(one: Request) -> int:
    """The status of one request; 0 when there was no answer."""
    try:
        return asyncio.run(exchange(one))[0]
    except ERRORS:
        return 0


def account(address: str, port: int, email: str = "") -> tuple[str, str]:
    """A new account's user id and session token, from user-service at `address`."""
    body = {"name": "Traffic", "email": email or f"traffic-{random.getrandbits(60):x}@example.com", "password": PASSWORD}
    status, text = asyncio.run(exchange(Request("register", address, port, "/api/auth/register-free", 1, "POST", json.dumps(body))))
    assert status == 201, (status, text)
    said = json.loads(text)
    return said["user"]["id"], said["token"]


class Traffic:
    """From a thread of its own: `with Traffic(requests, rate) as traffic: …`; then `traffic.tally`, failures named by request."""

    def __init__(self, requests: list[Request], rate: float) -> None:
        self.requests, self.rate = requests, rate
        self.tally = Tally()
        self.by_name: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._random = random.Random(7)
        self.began = self.took = 0.0

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(2 * TIMEOUT_S)

    @property
    def real_rate(self) -> float:
        """Requests per second that were sent in fact."""
        return self.tally.sent / self.took if self.took else 0.0

    def must_have_kept_up(self) -> None:
        """A generator that fell behind its rate measured something else than it says: no verdict here, and a failure in CI."""
        if self.real_rate < 0.95 * self.rate:
            pytest.skip(
                f"INVALID: {self.real_rate:.0f} of {self.rate:.0f} requests/s were sent: this machine is too busy; {self.tally.line()}"
            )

    def elapsed(self) -> float:
        """Seconds since the first request, on the clock of `tally.failed_at`."""
        return time.perf_counter() - self.began

    async def _run(self) -> None:
        with contextlib.suppress(PermissionError):
            # A generator that waits for a turn behind what it loads would measure itself.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
        self.began, number = time.perf_counter(), 0
        under_way: set[asyncio.Task[None]] = set()
        weights = [one.share for one in self.requests]
        while not self._ended.is_set():
            planned = self.began + number / self.rate
            await asyncio.sleep(max(0.0, planned - time.perf_counter()))
            task = asyncio.create_task(self._one(self._random.choices(self.requests, weights)[0], planned))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            number += 1
        self.took = time.perf_counter() - self.began
        await asyncio.gather(*under_way)

    async def _one(self, asked: Request, planned: float) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, _ = await exchange(asked)
            why = "" if status < 400 else str(status)
        except ERRORS as error:
            why = type(error).__name__
        self.by_name[asked.name] += 1
        if why:
            self.tally.failures[f"{asked.name} {why}"] += 1
            self.tally.failed_at.append(time.perf_counter() - self.began)
        else:
            self.tally.times.append((planned, time.perf_counter() - planned))


async def exchange(asked: Request) -> tuple[int, str]:
    """Status and body. The answer has to be the platform's: an address that something else answers on is a failure."""
    reader, writer = await asyncio.open_connection(asked.address, asked.port)
    try:
        lines = [f"{asked.method} {asked.path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(asked.body)}"]
        lines += ["Content-Type: application/json"] if asked.body else []
        lines += [f"Authorization: Bearer {asked.token}"] if asked.token else []
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + asked.body).encode())
        whole = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _, text = whole.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 "):
        raise EOFError("no answer")
    return int(head.split(b" ", 2)[1]), text.decode("utf-8", "replace")
