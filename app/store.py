"""A Redis that may be gone: short timeouts, and after a failure it is left alone for a moment, so that its absence costs nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

Value = TypeVar("Value")
TIMEOUT_S = 0.25
PAUSE_S = 2.0
WATCHED = "redis+sentinel"


class Store:
    """`ask` answers None when Redis is away; it never raises for that.

    `redis://[:password@]host:port/db` is one Redis. `redis+sentinel://[:password@]host:port,host:port/name/db` is the primary
    that the sentinels at these addresses name: after a failover new connections go to the new one.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.client = client(url, timeout_s)
        self._again = 0.0

    @property
    def away(self) -> bool:
        return time.monotonic() < self._again

    async def ask(self, question: Awaitable[Value]) -> Value | None:
        if self.away:
            if hasattr(question, "close"):
                question.close()
            return None
        try:
            return await question
        except (RedisError, OSError, TimeoutError):
            self._again = time.monotonic() + PAUSE_S
            return None

    async def close(self) -> None:
        watchers = getattr(self.client.connection_pool, "sentinel_manager", None)
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
        for one in watchers.sentinels if watchers else ():
            await one.aclose()


def client(url: str, timeout_s: float) -> redis.Redis:
    """A client for either kind of URL. Raises ValueError for a sentinel URL without addresses or name."""
    common: dict[str, Any] = {
        "socket_timeout": timeout_s, "socket_connect_timeout": min(timeout_s, TIMEOUT_S), "decode_responses": True, "max_connections": 64,
        "retry": Retry(NoBackoff(), 0),
    }  # fmt: skip
    if not url.startswith(f"{WATCHED}://"):
        return redis.Redis.from_url(url, **common)
    parts = urlsplit(url)
    login, _, places = parts.netloc.rpartition("@")
    name, _, number = parts.path.strip("/").partition("/")
    addresses = [(host, int(port)) for host, _, port in (one.rpartition(":") for one in places.split(",")) if host]
    if not addresses or not name:
        raise ValueError("a sentinel URL is redis+sentinel://:password@host:port,host:port/name/db")
    password = unquote(login.partition(":")[2]) or None
    asked = {"password": password, "socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
    watchers = Sentinel(addresses, sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    found: redis.Redis = watchers.master_for(name, password=password, db=int(number or 0), **common)
    return found
