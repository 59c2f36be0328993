"""Long work as it goes: one line for every resource and step, with the time since the start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from commands import ui
from commands.steps_view import StepLines
from stacks.events import Began, Ended, Event, Failed, Progress, Said

TOLD = {"info", "warning", "info#err"}


class Lines:
    """Turns engine events into lines on stderr."""

    def __init__(self) -> None:
        self.steps = StepLines()
        self.began: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.steps(event.step)
        elif isinstance(event, Began):
            self.began[event.resource.urn] = time.monotonic()
            self.steps.line(f"{event.operation} {event.resource.kind.rpartition(':')[2]} {event.resource.name}")
        elif isinstance(event, Ended) and event.resource.urn in self.began:
            self.steps.line(f"done {event.resource.name} after {ui.took(time.monotonic() - self.began[event.resource.urn])}")
        elif isinstance(event, Failed):
            self.steps.line(f"failed {event.resource.name}")
        elif isinstance(event, Said) and event.error is None and event.severity in TOLD and event.text.strip():
            self.steps.line(event.text.strip())


@contextmanager
def shown() -> Iterator[Callable[[Event], None]]:
    """A listener for engine events that shows them."""
    yield Lines()
