"""A bill against an estimate: for each component how much of the difference is price, how much quantity, how much nobody can tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from costs.estimate import Estimate
from costs.focus.bill import Charge, FocusBill
from costs.lines import LARGEST, PLACES, Count, Line
from costs.money import ZERO, Money, shown
from costs.price import HOURS
from errors import BadInput

COLUMNS = ("component", "estimate", "bill", "difference", "by price", "by quantity", "cannot tell", "rows")
AND = " + "
MONTHS = {"months", "month"}
HOURLY = {"hours", "hour", "hrs", "instance-hours", "server hours", "server-hours"}


@dataclass(frozen=True)
class Variance:
    """One component, or charges that no line of the estimate names (component `not estimated`). price + quantity + unknown = bill - estimate."""

    component: str
    estimate: Money
    bill: Money
    price: Money
    quantity: Money
    unknown: Money
    rows: int

    @property
    def difference(self) -> Money:
        return self.bill - self.estimate


def variance(estimate: Estimate, bill: FocusBill) -> tuple[Variance, ...]:
    """Every component with an amount on either side, in the estimate's order, charges without a line last.

    A bill for part of the vendors leaves the others' components out. Raises BadInput for two currencies.
    """
    if bill.currency != estimate.currency:
        raise BadInput(
            f"the bill is in {bill.currency}, the estimate in {estimate.currency}", hint="use a price book in the bill's currency"
        )
    estimate = replace(estimate, lines=tuple(_together(estimate.lines)))
    matched: dict[str, list[Charge]] = {}
    for charge in bill.charges:
        matched.setdefault(_key(estimate, charge), []).append(charge)
    found = [_line(line, matched[line.key]) for line in estimate.lines if line.key in matched]
    rest = matched.get("", [])
    if rest:
        total = _sum(rest, bill.currency)
        nothing = Money(ZERO, bill.currency)
        found.append(Variance("not estimated", nothing, total, nothing, nothing, total, len(rest)))
    return tuple(found)


def _together(lines: Iterable[Line]) -> list[Line]:
    """Lines of one price as one: a bill does not say which of three equal machines is the balancer."""
    done: dict[object, Line] = {}
    for line in lines:
        price = line.price
        same = (price.vendor, price.sku, price.region, price.unit, price.price) if price and line.amount and not line.usage else line.key
        first = done.get(same)
        if first is None or first.amount is None or line.amount is None:
            done[same] = line
            continue
        quantity = Count.exactly(first.quantity.typical + line.quantity.typical)
        done[same] = replace(first, title=f"{first.title}{AND}{line.title}", quantity=quantity, amount=first.amount + line.amount)
    return list(done.values())


def missing(estimate: Estimate, found: Iterable[Variance]) -> list[str]:
    """Titles of lines that cost something and that no charge was matched with."""
    told = {title for row in found for title in row.component.split(AND)}
    return [line.title for line in estimate.lines if line.amount and line.amount.typical.amount and line.title not in told]


def _key(estimate: Estimate, charge: Charge) -> str:
    """The key of the line that a charge belongs to: its vendor is named and the most words of its sku; empty where none fits."""
    kind = charge.category.lower()
    if kind == "credit":
        return ""
    if kind == "tax":
        return next((line.key for line in estimate.lines if line.group == "tax" and _sells(line, charge)), "")
    best = max(estimate.lines, key=lambda line: _score(line, charge), default=None)
    return best.key if best is not None and _score(best, charge) > 0 else ""


def _score(line: Line, charge: Charge) -> int:
    if line.price is None:
        return 0
    words = set(re.findall(r"[a-z0-9]+", f"{line.price.sku} {line.sku}".lower())) - {"a", "of", "the"}
    said = set(re.findall(r"[a-z0-9]+", charge.text))
    return len(words & said) if _sells(line, charge) else 0


def _sells(line: Line, charge: Charge) -> bool:
    """Whether the charge names the line's vendor."""
    return line.price is not None and line.price.vendor.split("-")[0] in charge.text


def _line(line: Line, charges: list[Charge]) -> Variance:
    currency = charges[0].cost.currency
    billed = _sum(charges, currency)
    nothing = Money(ZERO, currency)
    planned = line.amount.typical if line.amount else nothing
    by_price = _by_price(line, charges)
    if by_price is None or line.amount is None:
        return Variance(line.title, planned, billed, nothing, nothing, billed - planned, len(charges))
    price = Money(by_price.quantize(PLACES) if by_price.adjusted() < LARGEST else by_price, currency)
    return Variance(line.title, planned, billed, price, billed - planned - price, nothing, len(charges))


def _by_price(line: Line, charges: list[Charge]) -> Decimal | None:
    """The billed quantity at the price's difference; the rest is the quantity's difference at the old price. None: cannot be told."""
    if line.price is None or line.price.price is None or line.rate is not None:
        return None
    units = {charge.unit.lower() for charge in charges}
    if any(charge.quantity is None for charge in charges) or len(units) != 1:
        return None
    planned = _planned(line, units.pop())
    used = sum((charge.quantity for charge in charges if charge.quantity is not None), ZERO)
    billed = _sum(charges, charges[0].cost.currency).amount
    if planned is None or used <= 0 or not planned or line.amount is None:
        return None
    return billed - line.amount.typical.amount / planned * used


def _planned(line: Line, unit: str) -> Decimal | None:
    """The estimate's quantity in the bill's unit; None where the two do not speak of the same."""
    count = line.quantity.typical
    own = line.price.unit if line.price else ""
    if unit in HOURLY and own in {"hour", "month"}:
        basis = line.price.hours_basis if line.price else HOURS
        return count * min(basis, line.price.cap_hours or basis if line.price else basis)
    if unit in MONTHS and own in {"month", "hour"}:
        return count
    return count if unit.rstrip("s") == own.rstrip("s").lower() else None


def _sum(charges: Iterable[Charge], currency: str) -> Money:
    return sum((charge.cost for charge in charges), Money(ZERO, currency))


def rows(found: tuple[Variance, ...]) -> list[tuple[str, ...]]:
    return [
        (
            one.component,
            *(shown(money) for money in (one.estimate, one.bill, one.difference, one.price, one.quantity, one.unknown)),
            str(one.rows),
        )
        for one in found
    ]
