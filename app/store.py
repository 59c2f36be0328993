"""A Redis that may be gone: short timeouts, and after a failure it is left alone for a moment, so that its absence costs nothing."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TypeVar

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

Value = TypeVar("Value")
TIMEOUT_S = 0.25
PAUSE_S = 2.0


class Store:
    """`ask` answers None when Redis is away; it never raises for that."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            decode_responses=True,
            max_connections=64,
            retry=Retry(NoBackoff(), 0),
        )
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
        await self.client.aclose()
