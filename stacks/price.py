"""What a change of phase does to the monthly bill, by the price books."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from costs import books
from costs import change as changes
from costs import estimate as estimates
from costs.money import Money, shown
from phases.load import Loaded

BOOK = "seed"


@dataclass(frozen=True)
class PriceChange:
    """Monthly totals as text (`≥` where a price is unknown); `before` is empty where nothing is live. `delta` in the book's currency."""

    before: str
    after: str
    delta: Decimal
    rows: tuple[tuple[str, str, str], ...]
    book: str = BOOK


def change(loaded: Loaded, live: int | None, phase: int) -> PriceChange:
    """From the live phase to `phase`, component by component."""
    book = books.load(BOOK)
    before = estimates.estimate(loaded, live, book) if live is not None and live in loaded.phases else None
    return _told(changes.compare(before, estimates.estimate(loaded, phase, book)))


def _told(found: changes.Change) -> PriceChange:
    def text(value: Money | None) -> str:
        return "" if value is None else shown(value)

    rows = tuple((row.title, text(row.before), text(row.after)) for row in found.rows if row.kind != "=")
    before = found.before.at_least(found.total_before) if found.before else ""
    return PriceChange(before, found.after.at_least(found.total_after), found.delta.amount, rows)
