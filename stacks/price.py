"""What a change of phase does to the monthly bill, by the price books."""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal

from costs import bills, books
from costs import change as changes
from costs import estimate as estimates
from costs.money import Money, shown
from environments.model import Environment
from phases.load import Loaded

# The same variable and default as `cmctl cost --book`, so that a plan and a report agree.
BOOK_VARIABLE, BOOK = "CMCTL_BOOK", "seed"


@dataclass(frozen=True)
class PriceChange:
    """Monthly totals as text (`≥` where a price is unknown); `before` is empty where nothing is live.

    `delta` is in the book's currency; None where the platform has no bill, which `after` then says.
    """

    before: str
    after: str
    delta: Decimal | None
    rows: tuple[tuple[str, str, str], ...]
    book: str


def change(loaded: Loaded, live: int | None, phase: int, environment: Environment) -> PriceChange:
    """From the live phase to `phase`, component by component; the hosts of an environment in the cloud are counted."""
    book = books.load(os.environ.get(BOOK_VARIABLE) or BOOK)
    if not bills.place(loaded).exists():
        # Nobody has to write a bill before the first deploy.
        return PriceChange("", f"not known: platform {loaded.platform.name} has no bill.yaml", None, (), book.name)
    before = estimates.estimate(loaded, live, book, environment=environment) if live is not None and live in loaded.phases else None
    return _told(changes.compare(before, estimates.estimate(loaded, phase, book, environment=environment)))


def _told(found: changes.Change) -> PriceChange:
    def text(value: Money | None) -> str:
        return "" if value is None else shown(value)

    rows = tuple((row.title, text(row.before), text(row.after)) for row in found.rows if row.kind != "=")
    before = found.before.at_least(found.total_before) if found.before else ""
    return PriceChange(before, found.after.at_least(found.total_after), found.delta.amount, rows, found.after.book)
