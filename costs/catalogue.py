"""Price books looked after: how old each price is, which has none, and how one book differs from another."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costs.books import Book
from costs.estimate import AHEAD, FAIL_DAYS, WARN_DAYS
from costs.exchange import convert
from costs.money import Money, significant
from costs.price import PIECES, Price, monthly

State = Literal["fresh", "stale", "too old", "not yet", "unknown"]
CHECK_COLUMNS = ("id", "vendor", "price", "as of", "days", "method", "confidence", "state", "where")
DIFF_COLUMNS = ("id", "what", "before", "after", "times", "confidence", "source")


@dataclass(frozen=True)
class Checked:
    price: Price
    days: int
    state: State
    where: str


def check(book: Book, today: dt.date) -> tuple[Checked, ...]:
    """Every price with its age: stale after 90 days, too old after 180, "not yet" with a date to come, unknown without an amount; the worst first."""
    order: dict[State, int] = {"unknown": 0, "not yet": 1, "too old": 2, "stale": 3, "fresh": 4}
    found = [_checked(book, price, today) for price in book.prices.values()]
    return tuple(sorted(found, key=lambda one: (order[one.state], -one.days, one.price.id)))


def _checked(book: Book, price: Price, today: dt.date) -> Checked:
    days = (today - price.as_of).days
    if price.known and days < AHEAD:
        return Checked(price, days, "not yet", book.where.get(price.id, ""))
    state: State = "unknown" if not price.known else "too old" if days > FAIL_DAYS else "stale" if days > WARN_DAYS else "fresh"
    return Checked(price, days, state, book.where.get(price.id, ""))


def exit_code(found: tuple[Checked, ...]) -> int:
    """3 when a price is older than 180 days or dated ahead, 6 when one has no amount, else 0."""
    states = Counter(one.state for one in found)
    return 3 if states["too old"] or states["not yet"] else 6 if states["unknown"] else 0


def check_rows(found: tuple[Checked, ...]) -> list[tuple[str, ...]]:
    return [
        (one.price.id, one.price.vendor, spoken(one.price), one.price.as_of.isoformat(), str(one.days), one.price.method, one.price.confidence, one.state, one.where)
        for one in found
    ]  # fmt: skip


def spoken(price: Price) -> str:
    """`0.54 USD/hour`, `0.20 USD/100,000 commands`, `0.015 USD/GB-month, 10 free`, `10.99 USD/month, then 14.99`, `unknown`."""
    if not price.known:
        return "unknown"
    amount = f"{price.price:f}" if price.price is not None else " / ".join(f"{tier.price:f}" for tier in price.tiers)
    per = "" if price.per == 1 else f"{price.per.normalize():,f} "
    free = f", {price.included.normalize():,f} free" if price.included else ""
    later = f", then {price.renewal:f}" if price.renewal not in {None, price.price} else ""
    return (f"{amount} %" if price.unit == "percent" else f"{amount} {price.currency}/{per}{price.unit}") + free + later


@dataclass(frozen=True)
class Differs:
    """One id in two books. `times` is after over before, a month's cost where pieces are billed by time; None where one has no amount."""

    id: str
    before: Price | None
    after: Price | None
    times: Decimal | None


def diff(before: Book, after: Book) -> tuple[Differs, ...]:
    """What differs from one book to the other, in the second one's order, then what only the first has."""
    ids = dict.fromkeys([*after.prices, *before.prices])
    found = [Differs(key, before.prices.get(key), after.prices.get(key), _times(before, after, key)) for key in ids]
    return tuple(one for one in found if not _same(one))


def _same(one: Differs) -> bool:
    """Whether the two cost the same, also beyond the first unit and after the first term; two that nobody knows do not differ."""
    if one.before is None or one.after is None:
        return False
    if not one.before.known and not one.after.known:
        return True
    before, after = ((price.tiers, price.included, price.renewal) for price in (one.before, one.after))
    return one.times == 1 and before == after


def _times(before: Book, after: Book, key: str) -> Decimal | None:
    if key not in before.prices or key not in after.prices:
        return None
    first, second = before.prices[key], after.prices[key]
    most = max((tier.up_to for price in (first, second) for tier in price.tiers if tier.up_to), default=Decimal(0)) * 2
    costs = [_unit(first, before, most), _unit(second, before, most)]
    if costs[0] is None or costs[1] is None:
        return None
    if costs[0] == 0:
        return Decimal(1) if costs[1] == 0 else None
    return costs[1] / costs[0]


def _unit(price: Price, book: Book, most: Decimal) -> Decimal | None:
    """The monthly cost of one piece, or the cost of one unit, on an average of `most` where there are tiers, in the book's currency."""
    if not price.known:
        return None
    quantity = Decimal(1) if price.unit in PIECES else most or price.included + price.per
    cost = monthly(price, quantity)
    if cost is None:
        return None
    each = cost if price.unit in PIECES else cost / (most or price.per)
    return convert(Money(each, price.currency), book.currency, book.rates).money.amount


def diff_rows(found: tuple[Differs, ...]) -> list[tuple[str, ...]]:
    return [_diff_row(one) for one in found]


def _diff_row(one: Differs) -> tuple[str, ...]:
    price = one.after or one.before
    title, confidence, source = (price.title, price.confidence, price.source) if price else ("", "", "")
    before = spoken(one.before) if one.before else "-"
    after = spoken(one.after) if one.after else "-"
    return (one.id, title, before, after, "" if one.times is None else f"×{significant(one.times, 3)}", confidence, source)
