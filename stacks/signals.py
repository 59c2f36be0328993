"""Ctrl-C and SIGTERM while the engine runs: the first is a request to stop in order, the second ends the CLI at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from stacks.workspace import Cli

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def passed_on(cli: Cli, report: Callable[[str], None]) -> Iterator[None]:
    """Within the block signals go to the CLI through `cli.interrupt`. Only the main thread can do that; elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        cli.interrupt()
        name = signal.Signals(number).name
        report(
            f"{name}: stopping in order, what was begun is taken back (once more ends at once)"
            if cli.interrupted == 1
            else f"{name}: ending at once"
        )

    # What a caller ignores (nohup) stays ignored.
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    former = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
