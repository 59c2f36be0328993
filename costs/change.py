"""Price before → after, by component: what a plan shows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costs.estimate import Estimate
from costs.lines import Line
from costs.money import ZERO, Money
from errors import BadInput

Kind = Literal["+", "-", "~", "="]


@dataclass(frozen=True)
class Row:
    """One thing: added (+), removed (-), changed (~) or the same (=). An amount is None where its price is not known or it is absent."""

    kind: Kind
    component: str
    title: str
    before: Money | None
    after: Money | None
    usage: bool

    @property
    def delta(self) -> Money | None:
        """The amount after minus the one before; None when a price on either side is not known."""
        if self.kind == "+":
            return self.after
        if self.kind == "-":
            return None if self.before is None else self.before * -1
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Change:
    """Two estimates beside each other. `before` is None where nothing was there. `exact`: no price is missing on either side."""

    before: Estimate | None
    after: Estimate
    rows: tuple[Row, ...]

    @property
    def total_before(self) -> Money:
        return self.before.total if self.before else Money(ZERO, self.after.currency)

    @property
    def total_after(self) -> Money:
        return self.after.total

    @property
    def delta(self) -> Money:
        """Difference of the known infrastructure lines; a bound only when not `exact`."""
        return self.total_after - self.total_before

    @property
    def percent(self) -> Decimal | None:
        """The difference in percent of before; None when nothing was paid before."""
        before = self.total_before.amount
        return self.delta.amount / before * 100 if before else None

    @property
    def exact(self) -> bool:
        return not self.after.unknown and not (self.before and self.before.unknown)


def compare(before: Estimate | None, after: Estimate) -> Change:
    """The change from `before` to `after`, in `after`'s order, removed things last. Raises BadInput for two currencies."""
    if before is not None and before.currency != after.currency:
        raise BadInput(
            f"an estimate in {before.currency} cannot be compared with one in {after.currency}", hint="use the same --book for both"
        )
    old = {_slot(line): line for line in before.lines} if before else {}
    new = {_slot(line): line for line in after.lines}
    rows = [_row(old.get(slot), line) for slot, line in new.items()]
    gone = [Row("-", line.component, line.title, _amount(line), None, line.usage) for slot, line in old.items() if slot not in new]
    return Change(before, after, (*rows, *gone))


def _slot(line: Line) -> str:
    """The key without its size, so that a larger machine or tier is a change and not one thing gone and another come."""
    parts = line.key.split("/")
    return "/".join(parts[:-1]) if len(parts) > 1 else line.key


def _row(old: Line | None, new: Line) -> Row:
    if old is None:
        return Row("+", new.component, new.title, None, _amount(new), new.usage)
    same = (old.sku, old.quantity, _amount(old)) == (new.sku, new.quantity, _amount(new))
    title = new.title if old.title == new.title else f"{old.title} → {new.title}"
    return Row("=" if same else "~", new.component, title, _amount(old), _amount(new), new.usage)


def _amount(line: Line) -> Money | None:
    return line.amount.typical if line.amount else None
