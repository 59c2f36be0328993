"""What a transaction tells while it runs, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class StepEvent:
    """One step begins, ends or fails. `number` of `total`; `detail` is a sentence for a person; `seconds` since the step began."""

    step: str
    number: int
    total: int
    state: Literal["begin", "end", "note"]
    detail: str = ""
    seconds: float = 0.0


Report = Callable[[StepEvent], None]


@dataclass(frozen=True)
class Outcome:
    """What a transaction did. `slot` is the live one of a layer with slots; `evidence` the gate's words; `moved_s` how long
    from the call until the traffic had moved.
    """

    release: str
    changed: bool
    slot: str = ""
    former: str = ""
    evidence: str = ""
    moved_s: float = 0.0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def silent(event: StepEvent) -> None:
    """A report that nobody reads."""
    del event
