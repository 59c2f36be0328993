"""What is said twice in different ways: paid for in two lines, a step at two moments, one size in two phases, one saving of two things."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from costs.audit.model import Facts, Finding, Item, Moment, Role, Table
from costs.audit.sums import money


def findings(facts: Facts) -> list[Finding]:
    twice = [finding for table in facts.tables for finding in _twice(table, facts.roles)]
    return [*twice, *_moments(facts.moments), *_sizes(facts), *_savings(facts)]


def _twice(table: Table, roles: Iterable[Role]) -> list[Finding]:
    """A line for something that is made of what another line of the table pays for."""
    done = []
    priced = [item for item in table.items if item.amount is not None and item.amount.high > 0 and item.words]
    for item in priced:
        for role in roles:
            other = _other(item, priced, role) if item.words <= role.name else None
            if other is not None and item.amount and other.amount:
                text = f'{item.name}, {money(item.amount.high, table.currency)}: by "{role.text}" ({role.where}) it is {other.name}, which line {other.where.line} pays for with {money(other.amount.high, table.currency)}'
                done.append(Finding("twice", item.where, text))
                break
    return done


def _other(item: Item, priced: Iterable[Item], role: Role) -> Item | None:
    made_of = role.made_of - role.name
    if item.words & made_of:
        return None
    return next((one for one in priced if one is not item and one.words & made_of and not one.words & item.words), None)


def _moments(moments: Iterable[Moment]) -> list[Finding]:
    """One step at two numbers of users in one document; a moment inside a range is said, and is no contradiction."""
    done = []
    for one, other in combinations(moments, 2):
        if (one.thing, one.act, one.where.file) != (other.thing, other.act, other.where.file) or one.low == other.low:
            continue
        apart = one.high < other.low or other.high < one.low
        text = f"{one.thing} {one.act} at {_users(other)} users here and at {_users(one)} in line {one.where.line}"
        done.append(Finding("moment" if apart else "implies", other.where, text))
    return done


def _users(one: Moment) -> str:
    return f"{one.low:,.0f}" if one.low == one.high else f"{one.low:,.0f}-{one.high:,.0f}"


def _sizes(facts: Facts) -> list[Finding]:
    """A phase that moves up to the size which the document gives to an earlier one."""
    done = []
    for choice in facts.choices:
        for other in facts.choices:
            same = choice.upgrade and (other.sku, other.where.file) == (choice.sku, choice.where.file)
            if same and other.thing < choice.thing:
                text = f"{choice.thing} moves to {choice.sku} here, which {other.thing} has already (line {other.where.line})"
                done.append(Finding("two choices", choice.where, text))
    return done


def _savings(facts: Facts) -> list[Finding]:
    """The same share saved by the same thing, of two different things."""
    return [
        Finding("claim", other.where, f"{other.share} % less {other.what} here, {one.share} % less {one.what} in {one.where}")
        for one, other in combinations(facts.savings, 2)
        if one.share == other.share and one.what != other.what and one.subject & other.subject
    ]
