"""Tables whose lines are in several currencies: the lines in the total's own, at the central bank's rates, which are named."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from costs.audit.model import Amount, Table
from costs.exchange import convert
from costs.money import Money, significant


def in_one(table: Table) -> Table:
    """`table` with every amount in its own currency; `converted` says what was converted and how. One currency: as it is."""
    own = table.currency
    foreign = dict.fromkeys(item.amount.currency for item in table.items if item.amount is not None and item.amount.currency != own)
    if table.per_user is not None and table.per_user.currency != own:
        foreign[table.per_user.currency] = None
    if not foreign:
        return table
    rates = {code: convert(Money(Decimal(1), code), own) for code in foreign}

    def here(amount: Amount | None) -> Amount | None:
        rate = rates.get(amount.currency) if amount is not None else None
        return (
            amount
            if amount is None or rate is None
            else replace(amount, low=amount.low * rate.rate, high=amount.high * rate.rate, currency=own)
        )

    items = tuple(replace(item, amount=here(item.amount)) for item in table.items)
    named = ", ".join(f"{code} at {significant(one.rate)} {own} ({one.source}, {one.as_of})" for code, one in rates.items())
    return replace(table, items=items, per_user=here(table.per_user), converted=named)
