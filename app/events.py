"""What one service tells the others, over a Redis stream: kept until it is sent, sent until it is handled, handled at least once.

An event is first written to the database beside the change it tells of, so that no restart of anything loses it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError, ResponseError

from app.parts import Parts, new_id, now
from app.store import Store

log = logging.getLogger("app")
USER_UPDATED = "user.updated"
# Longer than a day's changes of 100,000 users; Redis forgets older ones.
KEPT = 100_000
AGAIN_S = 5.0
BLOCK_MS = 2_000
# What another process began and did not end for this long is taken over.
TAKEN_OVER_MS = 60_000
BATCH = 50
Handler = Callable[[dict[str, Any]], Awaitable[None]]


async def tell(parts: Parts, stream: str, data: dict[str, Any]) -> None:
    """Write the event down, then send it; when Redis is away it is sent later."""
    event = {"id": new_id("event"), "stream": stream, "data": data, "created_at": now()}
    await parts.database.write.outbox.insert_one(dict(event))
    await _send(parts, event)


async def _send(parts: Parts, event: dict[str, Any]) -> bool:
    store = parts.session_store
    fields: dict[Any, Any] = {"id": event["id"], "data": json.dumps(event["data"])}
    sent = await store.ask(store.client.xadd(event["stream"], fields, maxlen=KEPT, approximate=True))
    if sent is not None:
        await parts.database.write.outbox.delete_one({"id": event["id"]})
    return sent is not None


async def send_leftovers(parts: Parts) -> int:
    """Send what is still written down, oldest first. Returns how many were sent."""
    rows = [row async for row in parts.database.write.outbox.find({}, {"_id": 0}).sort("created_at", 1).limit(BATCH)]
    sent = 0
    for row in rows:
        if not await _send(parts, row):
            break
        sent += 1
    return sent


async def keep_sending(parts: Parts) -> None:
    """For as long as the process lives."""
    while True:
        await asyncio.sleep(AGAIN_S)
        try:
            await send_leftovers(parts)
        except Exception as error:  # noqa: BLE001 - the database may be away; what is written down stays
            log.warning("events wait: %s", type(error).__name__)


class Listener:
    """Reads one stream as one of a group: each event is handled by one of its processes, and acknowledged only then."""

    def __init__(self, url: str, stream: str, group: str, me: str, handle: Handler) -> None:
        # A store of its own: its questions wait on purpose.
        self._store = Store(url, timeout_s=BLOCK_MS / 1000 + 1)
        self._stream, self._group, self._me, self._handle = stream, group, me, handle

    async def forever(self) -> None:
        while True:
            try:
                await self._join()
                while True:
                    await self.once()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("the stream %s is away: %s", self._stream, type(error).__name__)
                await asyncio.sleep(AGAIN_S)

    async def _join(self) -> None:
        try:
            await self._store.client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def once(self, block_ms: int = BLOCK_MS) -> int:
        """Handle what was left by a process that died, then what is new. Returns how many events were handled."""
        taken: Any = await self._store.client.xautoclaim(self._stream, self._group, self._me, min_idle_time=TAKEN_OVER_MS, count=BATCH)
        fresh: Any = await self._store.client.xreadgroup(self._group, self._me, {self._stream: ">"}, count=BATCH, block=block_ms)
        done = 0
        for number, fields in [*taken[1], *(entry for _, entries in fresh or [] for entry in entries)]:
            if fields and await self._handled(fields):
                await self._store.client.xack(self._stream, self._group, number)
                done += 1
        return done

    async def _handled(self, fields: dict[str, str]) -> bool:
        try:
            await self._handle(json.loads(fields["data"]))
        except (KeyError, ValueError, TypeError):
            # Nobody can ever handle it: it is let go, and said.
            log.exception("an event of %s cannot be read", self._stream)
        except Exception as error:  # noqa: BLE001 - the database may be away: the event stays and comes again
            log.warning("an event of %s waits: %s", self._stream, type(error).__name__)
            return False
        return True

    async def close(self) -> None:
        await self._store.close()


def remember_user(parts: Parts) -> Handler:
    """The booking service's own copy of what it shows of users; an older event never overwrites a newer one."""

    async def handle(data: dict[str, Any]) -> None:
        mentees = parts.database.write.mentees
        changed = {"name": str(data["name"]), "changed_at": str(data["changed_at"])}
        known = await mentees.find_one({"id": data["user_id"]}, {"changed_at": 1})
        if known is None or known["changed_at"] <= changed["changed_at"]:
            await mentees.update_one({"id": data["user_id"]}, {"$set": changed}, upsert=True)

    return handle
