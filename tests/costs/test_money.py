"""Money is exact, of one currency, and never rounded where a unit cost would vanish."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.exchange import ECB, convert
from costs.money import Money, shown, shown_unit
from costs.price import Rate
from errors import BadInput
from tests.costs.figures import cases

AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=4)

SHOWN = [
    ("500", "$500", "$500.00"),
    ("155.5", "$155.50", "$155.50"),
    ("0.0155", "$0.0155", "$0.0155"),
    ("0.01", "$0.01", "$0.0100"),
    ("0.013884", "$0.01388", "$0.01388"),
    ("0.00236", "$0.00236", "$0.00236"),
    ("33.333333", "$33.33", "$33.33"),
    ("31999", "$31,999", "$31,999"),
    ("393.19216", "$393.19", "$393.19"),
    ("-0.0155", "-$0.0155", "-$0.0155"),
    ("0", "$0", "$0"),
]


@pytest.mark.parametrize(("amount", "total", "unit"), SHOWN)
def test_no_digit_that_matters_is_lost(amount: str, total: str, unit: str) -> None:
    """Totals show cents, unit costs four significant digits: 0.0155 never reads 0.02."""
    assert shown(Money(Decimal(amount))) == total
    assert shown_unit(Money(Decimal(amount))) == unit


def test_rupees_are_grouped_as_in_india() -> None:
    """Lakh and crore grouping for rupees; a currency without a symbol keeps its code."""
    assert shown(Money(Decimal("1234567.5"), "INR")) == "₹12,34,567.50"
    assert shown_unit(Money(Decimal("0.0155"), "INR")) == "₹0.0155"
    assert shown(Money(Decimal(12), "BSD")) == "12 BSD"


def test_two_currencies_are_not_added() -> None:
    """Sums and comparisons of two currencies are refused with the way out."""
    with pytest.raises(BadInput, match="USD and INR cannot be added up"):
        Money(Decimal(1)) + Money(Decimal(1), "INR")
    with pytest.raises(BadInput):
        assert Money(Decimal(1)) < Money(Decimal(1), "INR")


@pytest.mark.parametrize("users", [0, -1, Decimal(0)])
def test_nobody_to_divide_by(users: int) -> None:
    """Zero or negative users are refused."""
    with pytest.raises(BadInput, match="at least one user"):
        Money(Decimal(155)).per(users)


def test_rates_have_their_date_and_source() -> None:
    """₹1,999 is $21.05 at the central bank's installed rate, and the rate says of which day it is."""
    found = convert(Money(Decimal(1999), "INR"), "USD")
    assert shown(found.money) == "$21.05"
    assert found.source == ECB
    assert found.as_of is not None


@cases(50)
@given(amount=AMOUNTS, rate=st.decimals(min_value="0.0001", max_value=10000, places=4))
def test_a_round_trip_loses_nothing_one_can_see(amount: Decimal, rate: Decimal) -> None:
    """There and back at a book's own rate gives the same amount to 12 digits."""
    rates = (Rate(base="BSD", quote="USD", rate=rate, as_of="2026-11-01", source="bank"),)
    there = convert(Money(amount, "BSD"), "USD", rates)
    back = convert(there.money, "BSD", rates).money.amount
    assert abs(back - amount) <= abs(amount) * Decimal("1e-12")


@pytest.mark.parametrize(("base", "quote"), [("USD", "INR"), ("EUR", "USD"), ("INR", "EUR")])
def test_the_banks_rates_go_both_ways(base: str, quote: str) -> None:
    """There and back at the central bank's rates gives the same amount."""
    back = convert(convert(Money(Decimal(100), base), quote).money, base).money.amount
    assert abs(back - 100) < Decimal("1e-20")


def test_the_newest_of_a_books_rates_counts() -> None:
    """Of two rates for one pair the newer one counts, whichever way round and in whichever order they stand."""
    old = Rate(base="EUR", quote="USD", rate=2, as_of="2020-01-01", source="old")
    new = Rate(base="USD", quote="EUR", rate="0.8", as_of="2026-11-01", source="new")
    for rates in ((old, new), (new, old)):
        assert convert(Money(Decimal(8), "EUR"), "USD", rates).money.amount == 10


def test_mixed_currencies_without_a_rate() -> None:
    """A currency that neither the book nor the bank has a rate for is named, with what to write."""
    with pytest.raises(BadInput, match="no exchange rate for BSD") as error:
        convert(Money(Decimal(1), "BSD"), "USD")
    assert "rates:" in error.value.hint


def test_an_amount_without_room_for_cents() -> None:
    """More digits than a decimal keeps are shown whole, and break nothing."""
    assert shown(Money(Decimal(10) ** 26)) == "$" + "100" + ",000" * 8
