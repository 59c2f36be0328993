"""Running work on hosts: each call has a loop in its own thread, and all of it can be cancelled from another one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from errors import Interrupted

Value = TypeVar("Value")


class Tasks:
    """The work under way. After `cancel` nothing new is begun."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}
        self._changed = threading.Condition()
        self._cancelled = False

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run `work` to its end in this thread. Raises Interrupted when it was cancelled and raised nothing of its own."""
        try:
            return asyncio.run(self._watched(work))
        except asyncio.CancelledError as error:
            raise Interrupted("interrupted before anything was changed", hint="the same command starts again") from error

    async def _watched(self, work: Coroutine[Any, Any, Value]) -> Value:
        task = asyncio.ensure_future(work)
        with self._changed:
            if self._cancelled:
                task.cancel()
            self._running[task] = asyncio.get_running_loop()
        try:
            return await task
        finally:
            with self._changed:
                del self._running[task]
                self._changed.notify_all()

    def cancel(self) -> None:
        """Ask everything that runs to take itself back."""
        with self._changed:
            self._cancelled = True
            for task, loop in self._running.items():
                loop.call_soon_threadsafe(task.cancel)

    def idle(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False when the time is over before."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout_s)
