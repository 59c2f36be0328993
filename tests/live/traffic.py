"""Steady open-loop traffic over keep-alive TLS, for live suites: every request is sent on schedule, every failure is kept.

A stale keep-alive connection is retried once for GET, never for POST, as browsers do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

GETS = ("/api/companies", "/api/pricing-plans", "/api/interview-types", "/")
TIMEOUT_S = 15.0


@dataclass
class Tally:
    """What became of the requests. Times in s, from the planned start of each request."""

    times: list[tuple[float, float]] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    failed_at: list[float] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return len(self.times) + sum(self.failures.values())

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def quantile(self, share: float) -> float:
        ordered = sorted(spent for _, spent in self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    def worst(self) -> float:
        return max((spent for _, spent in self.times), default=float("nan"))

    def line(self) -> str:
        why = f" ({dict(self.failures)})" if self.failures else ""
        return f"{self.sent} requests, {self.failed} failed{why}, p50 {self.quantile(0.5) * 1000:.0f} ms, p99 {self.quantile(0.99) * 1000:.0f} ms, worst {self.worst() * 1000:.0f} ms"


class Traffic:
    """Traffic from a thread of its own: `with Traffic(port, ca) as traffic: …`; then `traffic.tally`."""

    def __init__(
        self, port: int, authority: str, rate: float = 200, posts: float = 0.3, name: str = "localhost", address: str = "127.0.0.1"
    ) -> None:
        self.port, self.rate, self.posts, self.name, self.address = port, rate, posts, name, address
        self.context = ssl.create_default_context(cadata=authority)
        self.tally = Tally()
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._random = random.Random(7)
        self._token = ""

    def __enter__(self) -> Traffic:
        self._thread.start()
        assert self._ready.wait(TIMEOUT_S), "the platform does not answer"
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(TIMEOUT_S + 5)

    async def _register(self) -> None:
        body = {"name": "Traffic", "email": f"traffic-{random.getrandbits(60):x}@example.com", "password": "traffic-password"}
        status, text, _ = await self._exchange("POST", "/api/auth/register-free", json.dumps(body))
        assert status == 201, (status, text)
        self._token = json.loads(text)["token"]

    async def _run(self) -> None:
        await self._register()
        self._ready.set()
        start, number = time.perf_counter(), 0
        under_way: set[asyncio.Task[None]] = set()
        while not self._stop.is_set():
            planned = start + number / self.rate
            await asyncio.sleep(max(0.0, planned - time.perf_counter()))
            task = asyncio.create_task(self._one(planned))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            number += 1
        await asyncio.gather(*under_way)
        for _, writer in self._idle:
            await _closed(writer)

    async def _one(self, planned: float) -> None:
        post = self._random.random() < self.posts
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, _, version = await (self._post() if post else self._get(self._random.choice(GETS)))
        except (OSError, EOFError, TimeoutError, ssl.SSLError, ValueError) as error:
            self.tally.failures[f"{'POST' if post else 'GET'} {type(error).__name__}"] += 1
            self.tally.failed_at.append(time.time())
            return
        if status >= 400:
            self.tally.failures[f"{'POST' if post else 'GET'} {status}"] += 1
            self.tally.failed_at.append(time.time())
            return
        self.tally.versions[version] += 1
        self.tally.times.append((planned, time.perf_counter() - planned))

    async def _get(self, path: str) -> tuple[int, str, str]:
        try:
            return await self._exchange("GET", path)
        except (OSError, EOFError):
            return await self._exchange("GET", path, fresh=True)

    async def _post(self) -> tuple[int, str, str]:
        body = {"company_id": "company-1", "interview_type": "coding", "slot_ids": ["slot-1"]}
        return await self._exchange("POST", "/api/booking-requests", json.dumps(body))

    async def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """An idle connection that the other side has not closed meanwhile (it does so after 75 s), as every client looks first."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            await _closed(writer)
        return None

    async def _exchange(self, method: str, path: str, body: str = "", *, fresh: bool = False) -> tuple[int, str, str]:
        kept = None if fresh else await self._kept()
        reader, writer = kept or await asyncio.open_connection(self.address, self.port, ssl=self.context, server_hostname=self.name)
        client = f"10.{self._random.randrange(1, 250)}.{self._random.randrange(250)}.{self._random.randrange(1, 250)}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.name}", f"X-Forwarded-For: {client}", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/json"] if body else []
        lines += [f"Authorization: Bearer {self._token}"] if self._token else []
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        try:
            status, headers, text = await _answer(reader)
        except BaseException:
            await _closed(writer)
            raise
        if headers.get("connection", "").lower() == "close":
            await _closed(writer)
        else:
            self._idle.append((reader, writer))
        return status, text, headers.get("x-version", "")


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split()[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name}
    if headers.get("transfer-encoding") == "chunked":
        chunks = []
        while size := int((await reader.readline()).strip() or b"0", 16):
            chunks.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return status, headers, b"".join(chunks).decode(errors="replace")
    return status, headers, (await reader.readexactly(int(headers.get("content-length", "0")))).decode(errors="replace")
