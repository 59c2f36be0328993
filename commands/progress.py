"""Long work as it goes: one line a step, with time; on a terminal the running step is a spinner."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from commands import ui
from stacks.events import Began, Ended, Event, Failed, Progress, Said

STILL_S = 10


class Lines:
    """Turns engine and step events into lines on stderr."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.started = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._step(event)
        elif isinstance(event, Began):
            self.began[event.resource.urn] = time.monotonic()
            self._line(f"{event.operation} {event.resource.kind.rpartition(':')[2]} {event.resource.name}")
        elif isinstance(event, Ended) and event.resource.urn in self.began:
            self._line(f"done {event.resource.name} after {ui.took(time.monotonic() - self.began[event.resource.urn])}")
        elif isinstance(event, Failed):
            self._line(f"failed {event.resource.name}")
        elif isinstance(event, Said) and event.error is None and event.severity in {"info", "warning", "info#err"} and event.text.strip():
            self._line(event.text.strip())

    def _step(self, event: Progress) -> None:
        step = event.step
        place = f"[{step.number}/{step.total}] " if step.total else ""
        if step.state == "end":
            self._line(f"  {place}{step.step}: {step.detail} ({step.seconds:.1f} s)")
        elif step.state == "note" or sys.stderr.isatty():
            self._line(f"  {place}{step.step} {step.detail or '…'}")

    def _line(self, text: str) -> None:
        ui.say(f"{time.monotonic() - self.started:6.1f} s  {text}")


@contextmanager
def shown() -> Iterator[Callable[[Event], None]]:
    """A listener for engine events that shows them."""
    yield Lines()
