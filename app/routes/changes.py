"""The long poll: who waits for a free time slot asks once, and is answered when the free ones change or the wait is over."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from app import metrics

router = APIRouter()
# How soon a change is seen. However many wait, each process asks the database at most twice in this time.
LOOK_S = 1.0
LONGEST_S = 20
Mark = Annotated[str, Query(pattern=r"^[0-9a-f]{16}$")]
Wait = Annotated[int, Query(ge=0, le=LONGEST_S)]
Slots = list[dict[str, Any]]


class Board:
    """The free slots as this process last saw them. `mark` names what they are: the same slots have the same one everywhere.

    `stop` is set when the process is asked to end.
    """

    def __init__(self, free: Callable[[], Awaitable[Slots]], stop: asyncio.Event) -> None:
        self._free, self.stop = free, stop
        self._lock, self._seen_at = asyncio.Lock(), float("-inf")
        self.mark = ""
        self.slots: Slots = []

    async def look(self, age_s: float = 0.0) -> str:
        """The mark of what is there, seen at most `age_s` before this call."""
        wanted = time.monotonic() - age_s
        async with self._lock:
            if self._seen_at < wanted:
                begun = time.monotonic()
                self.slots = await self._free()
                self.mark, self._seen_at = mark(self.slots), begun
        return self.mark


def mark(slots: Slots) -> str:
    return hashlib.sha256(json.dumps(slots, sort_keys=True, default=str).encode()).hexdigest()[:16]


@router.get("/api/time-slots/changes")
async def changes(request: Request, since: Mark | None = None, wait: Wait = LONGEST_S) -> JSONResponse:
    """The free slots once they are others than those of the mark `since` (by default: than now); nothing new after `wait` seconds.

    Answered early, as if nothing were new, when this process is asked to stop: the next question goes to one that stays.
    """
    board: Board = request.app.state.board
    found = await board.look()
    known, end = since or found, time.monotonic() + wait
    while found == known and (left := end - time.monotonic()) > 0 and not board.stop.is_set() and not await request.is_disconnected():
        await _pause(request, board.stop, min(LOOK_S, left))
        found = await board.look(LOOK_S / 2)
    news = found != known
    ending = {"Connection": "close"} if board.stop.is_set() else {}
    body = {"mark": found, "changed": news, "slots": board.slots if news else None}
    return JSONResponse(body, headers={"Cache-Control": "no-store", **ending})


async def _pause(request: Request, stop: asyncio.Event, seconds: float) -> None:
    begun = time.perf_counter()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    # A timer that woke up late is slowness, and stays in the figures.
    metrics.waited(request.scope, min(seconds, time.perf_counter() - begun))
