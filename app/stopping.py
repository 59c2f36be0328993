"""The word that this process is asked to stop, for those who wait on purpose: they answer at once instead of holding the stop up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def heard(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` when the process is signalled to end, and hand the signal on to who handled it before.

    The server itself tells the application only after the last request has ended, which is too late for a request that waits.
    """
    before = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
    if threading.current_thread() is not threading.main_thread() or not before:
        yield
        return
    loop = asyncio.get_running_loop()

    def tell(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)
        before[signal.Signals(number)](number, frame)

    for number in before:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
