"""Reads through two levels: this process for a moment, Redis for the facts' time to live, then the database.

Keys are stable across processes, values are JSON, and an expired key is filled once per process however many ask for it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from app import metrics
from app.store import Store

LOCAL_S = 5.0
LOCAL_KEYS = 1024
Fill = Callable[[], Awaitable[Any]]


def key(name: str, *parts: object) -> str:
    """`cache:<name>:<part>:…`, the same in every process; `:` and `%` in a part are escaped."""
    return ":".join(["cache", name, *(str(part).replace("%", "%25").replace(":", "%3A") for part in parts)])


class Cache:
    def __init__(self, store: Store, ttl_s: dict[str, int], clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._ttl_s, self._clock = store, ttl_s, clock
        self._local: dict[str, tuple[float, Any]] = {}
        self._filling: dict[str, asyncio.Task[Any]] = {}

    async def get(self, name: str, parts: tuple[object, ...], fill: Fill) -> Any:
        """The value of `name` for `parts`, from the nearest level that has it."""
        wanted = key(name, *parts)
        kept = self._local.get(wanted)
        if kept and kept[0] > self._clock():
            metrics.CACHE.labels(name, "local").inc()
            return kept[1]
        if wanted not in self._filling:
            # A task of its own: a client that hangs up ends its request, not the filling that others wait for.
            task = asyncio.create_task(self._far(name, wanted, fill))
            self._filling[wanted] = task
            task.add_done_callback(lambda done: self._filled(wanted, done))
        return await asyncio.shield(self._filling[wanted])

    def _filled(self, wanted: str, done: asyncio.Task[Any]) -> None:
        del self._filling[wanted]
        if not done.cancelled() and done.exception() is None and done.result():
            self._keep(wanted, done.result())

    async def _far(self, name: str, wanted: str, fill: Fill) -> Any:
        text = await self._store.ask(self._store.client.get(wanted))
        if text is not None:
            metrics.CACHE.labels(name, "redis").inc()
            return json.loads(text)
        metrics.CACHE.labels(name, "miss").inc()
        value = await fill()
        if not value:
            # Nothing there yet is not a fact to keep: the next read asks again.
            return value
        ttl = self._ttl_s.get(name, self._ttl_s["default"])
        await self._store.ask(self._store.client.set(wanted, json.dumps(value), ex=ttl))
        return value

    def _keep(self, wanted: str, value: Any) -> None:
        if len(self._local) >= LOCAL_KEYS:
            self._local.clear()
        self._local[wanted] = (self._clock() + LOCAL_S, value)

    async def forget(self, name: str, *parts: object) -> None:
        """Drop one key on both levels; other processes follow within LOCAL_S."""
        wanted = key(name, *parts)
        self._local.pop(wanted, None)
        await self._store.ask(self._store.client.delete(wanted))
