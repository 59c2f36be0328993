"""Usage against what a line pays for: quantity × unit price, a plan's quota, and what a line means for one request or user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costs.audit.model import Facts, Finding, Item, Quota, Table, Usage, Where
from costs.audit.sums import agree, between, known, money
from costs.audit.words import A_MONTH, number
from costs.books import Book
from costs.money import significant
from costs.price import PIECES, Price

MILLION = Decimal(10**6)
Plan = tuple[Price, Decimal]
TRAFFIC = re.compile(r"^(\d{1,6}) GB of traffic")


def main_table(facts: Facts) -> Table | None:
    """The table that usage belongs to: the one for most users whose lines all have amounts; the last of equals is a list of steps."""
    found = [table for table in facts.tables if table.whole and any(item.amount for item in table.items)]
    return max(found, key=lambda table: table.users[0] if table.users else Decimal(0), default=None)


def findings(facts: Facts, book: Book | None) -> list[Finding]:
    """Every line of the main table against the usage the document names for it."""
    table = main_table(facts)
    if table is None:
        return []
    plans = _plans(book)
    done: list[Finding] = []
    for item in table.items:
        if item.amount is None:
            continue
        own = [quota for quota in facts.quotas if quota.words & item.words and quota.amount]
        prices = [quota for quota in own if quota.each] or _of_book(item, book)
        found = [*_priced(table, item, prices, facts, plans), *_full(item, own, facts.usages)]
        done += found or _implied(table, item, prices, facts.usages)
    return done


def _of_book(item: Item, book: Book | None) -> list[Quota]:
    """Unit prices of the book for the vendor that the line names."""
    found = []
    for price in (book.prices if book else {}).values():
        usage = price.unit not in PIECES and price.unit != "percent" and price.price
        if (
            usage
            and price.price
            and price.vendor in item.words
            and price.currency == "USD"
            and price.unit in {"commands", "mails", "requests"}
        ):
            found.append(Quota(price.price, price.per, price.unit, frozenset({price.vendor}), Where(price.source, 0), -1, each=True))
    return found


def _meant(item: Item, quota: Quota, usages: Sequence[Usage]) -> Iterable[Usage]:
    """Usage for a line: named in the section of its unit price, or by a word of the line's own name."""
    return (one for one in usages if (one.section, one.where.file) == (quota.section, quota.where.file) or one.words & item.words)


def _priced(table: Table, item: Item, prices: Sequence[Quota], facts: Facts, plans: Sequence[Plan]) -> list[Finding]:
    for quota in prices:
        for usage in _meant(item, quota, facts.usages):
            cost = usage.quantity / quota.quantity * quota.amount
            if item.amount is not None and cost > item.amount.high * Decimal("1.03"):
                text = (
                    f"{item.name}: {usage.quantity:,.0f} {usage.unit} a month (line {usage.where.line}) at {_price(quota)} is {money(cost)}, "
                    f"the line has {between(item.amount.low, item.amount.high)}{_corrected(table, item, cost)}"
                    f"{_less(item, quota, usage, facts)}; the line buys {_buys(table, item, quota)}{_plan(item, plans, usage)}"
                )
                return [Finding("usage", item.where, text)]
    return []


def _less(item: Item, quota: Quota, usage: Usage, facts: Facts) -> str:
    """What is left of it when only what the pods serve arrives, or a tenth of the time is busy."""
    served = next((goal for goal in facts.goals if goal.kind == "serves" and goal.where.file == usage.where.file), None)
    if served is not None and served.low * A_MONTH["s"] < usage.quantity:
        cost = served.low * A_MONTH["s"] / quota.quantity * quota.amount
        return f"; at the {served.low:,.0f} a second that line {served.where.line} serves {money(cost)}"
    tenth = usage.quantity / 10 / quota.quantity * quota.amount
    return f"; a tenth of it is still {money(tenth)}" if item.amount is not None and tenth > item.amount.high else ""


def _buys(table: Table, item: Item, quota: Quota) -> str:
    """How many units the line's amount pays for: a month, for each user, a second."""
    ends = (item.amount.low, item.amount.high) if item.amount else (Decimal(0), Decimal(0))
    low, high = (amount / quota.amount * quota.quantity for amount in ends)
    each = f", {_pair(low / table.users[0], high / table.users[0])} for each user" if table.users else ""
    return f"{_pair(low, high)} {quota.unit}{each}, {_pair(low / A_MONTH['s'], high / A_MONTH['s'])} a second"


def _plans(book: Book | None) -> list[Plan]:
    """Plans of the book that hold a number of GB of traffic."""
    found = [(price, TRAFFIC.match(price.quota)) for price in (book.prices if book else {}).values()]
    return [(price, number(match[1])) for price, match in found if match and price.price]


def _plan(item: Item, plans: Sequence[Plan], usage: Usage) -> str:
    """The plan that the line's amount buys, and the bytes that it leaves for each use."""
    for price, gigabytes in plans:
        if price.price and item.amount and price.vendor in item.words and agree(item.amount.low, price.price, near=False):
            return f"; {price.title} holds {gigabytes:f} GB, {gigabytes * 10**9 / usage.quantity:,.0f} bytes for each of them"
    return ""


def _corrected(table: Table, item: Item, cost: Decimal) -> str:
    if item.amount is None:
        return ""
    total = known(table)[0] - item.amount.low + cost
    each = f", ${significant(total / table.users[0])} for each user" if table.users else ""
    return f"; the total would be {money(total)}{each}"


def _price(quota: Quota) -> str:
    per = f"{quota.quantity:,.0f} " if quota.quantity != 1 else ""
    place = f"line {quota.where.line}" if quota.where.line else quota.where.file
    return f"{money(quota.amount)} for {per}{quota.unit} ({place})"


def _full(item: Item, own: Sequence[Quota], usages: Sequence[Usage]) -> list[Finding]:
    """A plan of the line's price whose quota is smaller than the usage."""
    for quota in own:
        if quota.each or item.amount is None or not agree(item.amount.low, quota.amount, near=True):
            continue
        for usage in _meant(item, quota, usages):
            if usage.unit == quota.unit and usage.quantity > quota.quantity:
                text = (
                    f"{item.name}: {usage.quantity:,.0f} {usage.unit} a month (line {usage.where.line}), the plan of {money(quota.amount)} "
                    f"has {quota.quantity:,.0f} (line {quota.where.line}): {usage.quantity / quota.quantity:.2f} times"
                )
                return [Finding("usage", item.where, text)]
    return []


@dataclass(frozen=True)
class _Bought:
    low: Decimal
    high: Decimal


def _implied(table: Table, item: Item, prices: Sequence[Quota], usages: Sequence[Usage]) -> list[Finding]:
    """What a line buys for each user, or pays for each million requests."""
    if item.amount is None or not item.amount.high:
        return []
    for quota in prices:
        bought = _Bought(*(amount / quota.amount * quota.quantity for amount in (item.amount.low, item.amount.high)))
        each = f", {_pair(bought.low / table.users[0], bought.high / table.users[0])} for each user" if table.users else ""
        text = f"{item.name}: {between(item.amount.low, item.amount.high)} at {_price(quota)} is {_pair(bought.low, bought.high)} {quota.unit} a month{each}"
        return [Finding("implies", item.where, text)]
    for usage in usages:
        if usage.words & item.words and usage.unit in {"requests", "req"}:
            rate = item.amount.high / (usage.quantity / MILLION)
            text = f"{item.name}: {money(item.amount.high)} for {usage.quantity:,.0f} requests a month (line {usage.where.line}) is ${significant(rate)} a million; at $1 a million it pays for {item.amount.high * MILLION / A_MONTH['s']:,.0f} a second"
            return [Finding("implies", item.where, text)]
    return []


def _pair(low: Decimal, high: Decimal) -> str:
    texts = [f"{one:,.0f}" if one >= 1000 else f"{float(one):.3g}" for one in (low, high)]
    return texts[0] if texts[0] == texts[1] else "-".join(texts)


def tallies(facts: Facts) -> list[Finding]:
    """Parts of counts against their total."""
    done = []
    for tally in facts.tallies:
        parts = sum(tally.parts, Decimal(0))
        if not agree(tally.total, parts, near=tally.near):
            text = f"{' + '.join(f'{part:,.0f}' for part in tally.parts)} = {parts:,.0f}, stated {tally.total:,.0f}{'/' + tally.unit if tally.unit else ''} ({tally.name})"
            done.append(Finding("count", tally.where, text))
    return done
