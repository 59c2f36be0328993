"""Exchange rates with a date: those of the price book first, else the European Central Bank's history that is installed with the tool."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from costs.money import Money
from costs.price import Rate
from errors import BadInput

ECB = "European Central Bank reference rates"


@dataclass(frozen=True)
class Converted:
    """`money` after conversion at `rate` of `as_of`. Same currency: rate 1, no source."""

    money: Money
    rate: Decimal
    as_of: dt.date | None
    source: str


def convert(money: Money, currency: str, rates: tuple[Rate, ...] = ()) -> Converted:
    """`money` in `currency`, at the newest rate there is. Raises BadInput where no rate is known."""
    if money.currency == currency:
        return Converted(money, Decimal(1), None, "")
    own = _own(money.currency, currency, rates)
    if own is not None:
        return Converted(Money(money.amount * own[0], currency), *own)
    rate, as_of = _ecb(money.currency, currency)
    return Converted(Money(money.amount * rate, currency), rate, as_of, ECB)


def _own(base: str, quote: str, rates: tuple[Rate, ...]) -> tuple[Decimal, dt.date, str] | None:
    pairs = [one for one in rates if {one.base, one.quote} == {base, quote}]
    if not pairs:
        return None
    newest = max(pairs, key=lambda one: one.as_of)
    return newest.rate if newest.base == base else 1 / newest.rate, newest.as_of, newest.source


@cache
def _history() -> Any:
    from currency_converter import CurrencyConverter  # noqa: PLC0415 - 0.15 s that only a second currency needs

    return CurrencyConverter(
        decimal=True, fallback_on_wrong_date=True, fallback_on_missing_rate=True, fallback_on_missing_rate_method="last_known"
    )


@cache
def _ecb(base: str, quote: str) -> tuple[Decimal, dt.date]:
    history = _history()
    unknown = [code for code in (base, quote) if code not in history.currencies]
    if unknown:
        raise BadInput(
            f"no exchange rate for {' and '.join(unknown)}",
            why=f"{base} and {quote} are mixed, the price book has no rate for them, and the central bank publishes none",
            hint="add `rates: [{base: …, quote: …, rate: …, as_of: …, source: …}]` to the price book",
        )
    day: dt.date = min(history.bounds[code].last_date for code in (base, quote) if code != "EUR")
    return Decimal(history.convert(1, base, quote, date=day)), day
