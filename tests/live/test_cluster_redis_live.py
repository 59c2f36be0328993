"""The app's client and its events with real Redis, real sentinels and a primary that dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import events
from app.store import Store
from images.resolve import resolve
from tests.live.driver import docker, wait_for

pytestmark = pytest.mark.live
PASSWORD, NAME, DOWN_MS = "made-up", "store", 1500
CONTAINER = "cmctl-redis-live"
READY_S = 20


@dataclass
class Watched:
    """A primary, a replica and three sentinels on loopback, each in a container of the image that the phase runs."""

    url: str
    primary: str


def free(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def start(folder: Path, image: str, port: int, *more: str) -> str:
    """The container's name."""
    path = folder / f"{port}.conf"
    lines = (f"port {port}", "bind 127.0.0.1", "dir /tmp", f"requirepass {PASSWORD}", *more)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o644)
    name, kind = f"{CONTAINER}-{port}", "--sentinel" if "sentinel" in more[0] else ""
    # A sentinel writes into its own file.
    script = f"cat /given/{port}.conf > /tmp/own.conf && exec redis-server /tmp/own.conf {kind}"
    docker(
        "run", "--detach", "--name", name, "--network", "host", "--volume", f"{folder}:/given:ro", "--entrypoint", "sh", image, "-c", script
    )
    wait_for(lambda: listens(port), READY_S, f"{name} listens")
    return name


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    image = resolve(["redis"], "1.0.0", {}, print)["redis"].reference
    first, second, *watchers = free(5)
    tmp_path.chmod(0o755)
    plain = ('save ""', f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0")
    watch = (
        f"sentinel sentinel-pass {PASSWORD}", f"sentinel monitor {NAME} 127.0.0.1 {first} 2", f"sentinel auth-pass {NAME} {PASSWORD}",
        f"sentinel down-after-milliseconds {NAME} {DOWN_MS}", f"sentinel failover-timeout {NAME} 5000",
    )  # fmt: skip
    places = ",".join(f"127.0.0.1:{port}" for port in watchers)
    try:
        primary = start(tmp_path, image, first, *plain)
        start(tmp_path, image, second, *plain, f"replicaof 127.0.0.1 {first}")
        for port in watchers:
            start(tmp_path, image, port, *watch)
        yield Watched(f"redis+sentinel://:{PASSWORD}@{places}/{NAME}/0", primary)
    finally:
        left = docker("ps", "--all", "--quiet", "--filter", f"name={CONTAINER}-")
        if left:
            docker("rm", "--force", "--volumes", *left)


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
        await asyncio.to_thread(docker, "kill", watched.primary)
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
