"""Which input moves the result most: each is set to its low and its high while the others stay typical."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from costs.capacity import Capacity
from costs.estimate import Estimate
from costs.money import Money

SHORT, LONG = Decimal(720), Decimal(744)


@dataclass(frozen=True)
class Swing:
    """The cost of one user with `input` at its low and its high; `text` names the two."""

    input: str
    text: str
    low: Money
    high: Money

    @property
    def width(self) -> Decimal:
        return abs(self.high.amount - self.low.amount)


def tornado(estimate: Estimate, capacity: Capacity | None = None) -> tuple[Swing, ...]:
    """Swings of the cost for each registered user, widest first. Inputs that are certain do not appear."""
    users = estimate.users.registered
    total = estimate.total
    found = []
    for line in estimate.lines:
        if line.amount is None or line.group != "infrastructure":
            continue
        if not line.amount.exact:
            low, high = (total - line.amount.typical + bound for bound in (line.amount.low, line.amount.high))
            text = f"{line.quantity.low:,.0f} to {line.quantity.high:,.0f} {line.unit}"
            found.append(Swing(line.title, text, low.per(users), high.per(users)))
        elif line.price is not None and line.price.unit == "hour" and line.price.cap is None:
            low, high = (total - line.amount.typical + line.amount.typical * (hours / line.price.hours_basis) for hours in (SHORT, LONG))
            found.append(Swing(f"{line.title}: hours in a month", f"{SHORT} to {LONG}", low.per(users), high.per(users)))
    if capacity is not None and capacity.users.p10 is not None and capacity.users.p90 is not None:
        ratio = users / estimate.users.concurrent
        text = f"{capacity.users.p10:,} to {capacity.users.p90:,} at once"
        found.append(Swing("measured capacity", text, total.per(capacity.users.p90 * ratio), total.per(capacity.users.p10 * ratio)))
    return tuple(sorted(found, key=lambda swing: swing.width, reverse=True))
