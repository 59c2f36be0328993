"""The app's client and its events with real Redis, real sentinels and a primary that dies."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import events
from app.store import Store

pytestmark = [pytest.mark.live, pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")]
PASSWORD, NAME, DOWN_MS = "made-up", "store", 1500


@dataclass
class Watched:
    """A primary, a replica and three sentinels on loopback."""

    url: str
    primary: subprocess.Popen[bytes]
    processes: list[subprocess.Popen[bytes]]


def free(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def start(folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    path = folder / f"{port}.conf"
    path.write_text(
        "\n".join((f"port {port}", "bind 127.0.0.1", f"dir {folder}", f"requirepass {PASSWORD}", *more)) + "\n", encoding="utf-8"
    )
    argv = ["redis-server", str(path), *(["--sentinel"] if "sentinel" in more[0] else [])]
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    first, second, *watchers = free(5)
    plain = ('save ""', f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0")
    primary, replica = start(tmp_path, first, *plain), start(tmp_path, second, *plain, f"replicaof 127.0.0.1 {first}")
    watch = (
        f"sentinel sentinel-pass {PASSWORD}", f"sentinel monitor {NAME} 127.0.0.1 {first} 2", f"sentinel auth-pass {NAME} {PASSWORD}",
        f"sentinel down-after-milliseconds {NAME} {DOWN_MS}", f"sentinel failover-timeout {NAME} 5000",
    )  # fmt: skip
    processes = [primary, replica, *(start(tmp_path, port, *watch) for port in watchers)]
    places = ",".join(f"127.0.0.1:{port}" for port in watchers)
    try:
        yield Watched(f"redis+sentinel://:{PASSWORD}@{places}/{NAME}/0", primary, processes)
    finally:
        for one in processes:
            one.kill()
            one.wait()


async def until(store: Store, question: Any, limit_s: float) -> float:
    """Seconds until `question` has an answer that is yes."""
    begun = time.monotonic()
    while not await store.ask(question()):
        assert time.monotonic() - begun < limit_s, "no answer in time"
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


async def whole(store: Store) -> None:
    """Wait for the primary, a replica whose copy is whole, and sentinels that know of it."""

    async def asked() -> bool:
        info = await store.client.info("replication")
        known = await store.client.connection_pool.sentinel_manager.discover_slaves(NAME)
        return bool(known) and info.get("slave0", {}).get("state") == "online"

    await until(store, asked, 30)


async def test_a_dead_primary_is_followed_and_no_event_is_lost(watched: Watched) -> None:
    """The primary is killed: writes go on at the new one within seconds, what was written is there, and every event arrives."""
    store, seen = Store(watched.url), []

    async def handle(data: dict[str, Any]) -> None:
        seen.append(data["n"])

    await whole(store)
    listener = events.Listener(watched.url, events.USER_UPDATED, "booking", "me", handle)
    listening = asyncio.create_task(listener.forever())
    try:
        await until(store, lambda: store.client.set("session", "kept"), 10)
        for number in range(3):
            await send(store, number)
        await asyncio.sleep(DOWN_MS / 1000)  # the sentinels hear of each other in their own time
        watched.primary.kill()
        gap = await until(store, lambda: store.client.set("after", "1"), 40)
        assert await store.ask(store.client.get("session")) == "kept"
        for number in range(3, 6):
            await send(store, number)
        end = time.monotonic() + 30
        while sorted(set(seen)) != list(range(6)):
            assert time.monotonic() < end, seen
            await asyncio.sleep(0.1)
        print(f"\nwrites again {gap:.1f} s after the primary was killed (declared dead after {DOWN_MS / 1000} s); events {seen}")
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await store.close()
        await listener.close()


async def send(store: Store, number: int) -> None:
    fields: dict[Any, Any] = {"id": str(number), "data": json.dumps({"n": number})}
    await until(store, lambda: store.client.xadd(events.USER_UPDATED, fields), 10)
