"""The steps of a transaction as lines on stderr."""

from __future__ import annotations

import sys
import time

from commands import ui
from hosts.events import StepEvent


class StepLines:
    """A listener for step events: one line when a step ends, and on a terminal one when it begins."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __call__(self, step: StepEvent) -> None:
        place = f"[{step.number}/{step.total}] " if step.total else ""
        if step.state == "end":
            self.line(f"  {place}{step.step}: {step.detail} ({step.seconds:.1f} s)")
        elif step.state == "note" or sys.stderr.isatty():
            self.line(f"  {place}{step.step} {step.detail or '…'}")

    def line(self, text: str) -> None:
        ui.say(f"{time.monotonic() - self.started:6.1f} s  {text}")
