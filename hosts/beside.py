"""An asynchronous context around a block of plain code: it lives in a loop of its own, on a thread, and ends with the block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

Value = TypeVar("Value")


@contextlib.contextmanager
def beside(context: AbstractAsyncContextManager[Value]) -> Iterator[Value]:
    """Enter, run the block, leave. A block that raises is an error to the context too: it sees a cancelled task."""
    stay = _Stay(context)
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(asyncio.run, stay.live())
        done.add_done_callback(stay.ended)
        try:
            yield stay.entered.result()
        except BaseException:
            stay.cancel()
            wait([done])
            raise
        stay.leave()
        done.result()


class _Stay(Generic[Value]):
    def __init__(self, context: AbstractAsyncContextManager[Value]) -> None:
        self._context = context
        self._begun = threading.Event()
        self.entered: Future[Value] = Future()

    async def live(self) -> None:
        self._loop, self._task, self._over = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
        self._begun.set()
        async with self._context as value:
            self.entered.set_result(value)
            await self._over.wait()

    def ended(self, done: Future[None]) -> None:
        if not self.entered.done():
            self.entered.set_exception(done.exception() or RuntimeError("the context gave nothing"))

    def leave(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)

    def cancel(self) -> None:
        self._begun.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the context with it
            if self._task:
                self._loop.call_soon_threadsafe(self._task.cancel)
