"""Plans, unit prices and capacity against a price book: what a plan holds, for whom a price is, what the smallest size costs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from costs.audit.aims import of
from costs.audit.model import Facts, Finding, Goal, Item, Quota, Table
from costs.audit.sums import agree, between, known, money
from costs.audit.use import main_table
from costs.audit.words import NUMBER, number, words
from costs.books import Book
from costs.price import Price

CAPACITY = "CU-hours"
HOLDS = re.compile(rf"^({NUMBER})\s+[a-z]+")
MONTHLY = "month to month"


def findings(facts: Facts, book: Book | None) -> list[Finding]:
    """Nothing without a book. Only vendors that the document names are compared, in the currency of its figures."""
    prices = [price for price in (book.prices if book else {}).values() if price.currency == "USD"]
    return [*_plans(facts, prices), *_units(facts, prices), *_free(facts, prices), *_capacity(facts, prices)]


def _plans(facts: Facts, prices: Iterable[Price]) -> list[Finding]:
    """A plan of the listed price that holds another quantity than the document says."""
    done = []
    for quota in (one for one in facts.quotas if not one.each):
        for price in prices:
            holds = HOLDS.match(price.quota)
            if holds and price.vendor in quota.words and price.price is not None and agree(quota.amount, price.price, near=False):
                listed = number(holds[1])
                if listed != quota.quantity:
                    text = f"{price.title}: {money(quota.amount)} is for {price.quota} ({_source(price)}), stated {quota.quantity:,.0f}"
                    done.append(Finding("list price", quota.where, text))
    return done


def _units(facts: Facts, prices: Iterable[Price]) -> list[Finding]:
    """A unit price that the book knows only for some customers."""
    done = []
    for quota in (one for one in facts.quotas if one.each):
        own = [price for price in prices if price.price and price.vendor in quota.words and _unit(price, quota)]
        same = [price for price in own if price.price and price.price / price.per == quota.amount / quota.quantity]
        if not same or any(price.applies_to == "all" for price in same):
            continue
        others = ", ".join(
            f"{money((one.price or Decimal(0)) * quota.quantity / one.per)} for {one.applies_to}" for one in own if one not in same
        )
        text = f"{same[0].title}: {money(quota.amount)} for {quota.quantity:,.0f} {quota.unit} holds for {same[0].applies_to}; {others} ({_source(same[0])})"
        done.append(Finding("list price", quota.where, text))
    return done


def _unit(price: Price, quota: Quota) -> bool:
    """Whether two names mean one unit: `emails` are `mails`, `gb` is a `GB-month`."""
    unit = price.unit.lower()
    return quota.unit.endswith(unit) or unit.startswith(quota.unit)


def _free(facts: Facts, prices: Iterable[Price]) -> list[Finding]:
    """A free plan that ends."""
    return [
        Finding("list price", goal.where, f"{price.title}: {goal.thing} is a {price.term} ({_source(price)})")
        for goal in of(facts, "free tier")
        for price in prices
        if price.vendor in words(goal.text) and price.price == 0 and price.term != MONTHLY
    ]


def _source(price: Price) -> str:
    return f"{price.source}, {price.as_of}"


def _capacity(facts: Facts, prices: Iterable[Price]) -> list[Finding]:
    """Databases that are paid by capacity × hours: an endpoint for the primary and one for each replica, all awake, of the smallest size."""
    table = main_table(facts)
    done = []
    for item in table.items if table else ():
        listed = [price for price in prices if price.unit == CAPACITY and price.smallest and price.vendor in item.words]
        if table and item.amount is not None and listed:
            replicas = next((goal for goal in of(facts, "replicas") if words(goal.text) & item.words), None)
            found = _endpoints(table, item, listed, replicas)
            done += [found] if found is not None else []
    return done


def _endpoints(table: Table, item: Item, listed: list[Price], replicas: Goal | None) -> Finding | None:
    count = 1 + (replicas.low if replicas else Decimal(0))
    size = listed[0].smallest or Decimal(0)
    costs = [(price, count * size * price.hours_basis * (price.price or Decimal(0))) for price in listed]
    least = min(cost for _, cost in costs)
    if item.amount is None or least <= item.amount.high:
        return None
    named = " or ".join(f"{money(cost)} ({price.title})" for price, cost in costs)
    of_what = f"1 and {replicas.low:f} replicas (line {replicas.where.line})" if replicas else "1 endpoint"
    total = known(table)[0] - item.amount.low + least
    text = (
        f"{item.name}: {of_what}, each of {size.normalize():f} CU at least, awake for {listed[0].hours_basis:f} h, cost {named} before storage; "
        f"the line has {between(item.amount.low, item.amount.high)}; the total would be at least {money(total)}"
    )
    return Finding("usage", item.where, text)
