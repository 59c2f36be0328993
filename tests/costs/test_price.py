"""What a quantity costs: hours, caps, minima, tiers; and the same as a curve."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from costs.curves import of_price, value
from costs.price import Price, monthly
from tests.costs.figures import cases

HEAD = {
    "id": "x",
    "title": "X",
    "vendor": "v",
    "sku": "s",
    "currency": "USD",
    "as_of": "2026-11-01",
    "source": "s",
    "method": "doc",
    "confidence": "A",
}


def price(**given_: Any) -> Price:
    return Price(**{**HEAD, "unit": "month", **given_})


CASES = [
    ("a month is a month", {"price": 80}, 2, "160"),
    ("an hour is 730 hours", {"unit": "hour", "price": "0.54"}, 1, "394.20"),
    ("another basis of hours", {"unit": "hour", "price": "0.54", "hours_basis": 720}, 1, "388.80"),
    ("a cap of 672 hours is billed, not 730", {"unit": "hour", "price": "0.0714285714", "cap_hours": 672}, 1, "47.9999999808"),
    ("a cap in money holds for each piece", {"unit": "hour", "price": "0.07143", "cap": 48}, 2, "96"),
    ("a year is twelve months", {"unit": "year", "price": 12}, 1, "1"),
    ("a minimum is paid for each piece", {"unit": "hour", "price": "0.001", "minimum": 5}, 3, "15"),
    ("a percentage is of money", {"unit": "percent", "price": "2.36"}, 500000, "11800"),
    ("what is included is free", {"unit": "GB", "price": "0.25", "included": 10}, 14, "1"),
    ("a price for many units", {"unit": "commands", "price": "0.20", "per": 100000}, 5_000_000, "10"),
    ("a price for many hours", {"unit": "hour", "price": 80, "per": 1000}, 1, "58.4"),
    ("the first tier", {"unit": "mails", "tiers": [{"up_to": 3000, "price": 0}, {"price": "0.0004"}]}, 3000, "0"),
    ("over the first tier", {"unit": "mails", "tiers": [{"up_to": 3000, "price": 0}, {"price": "0.0004"}]}, 53000, "20"),
]


@pytest.mark.parametrize(("claim", "given_", "quantity", "cost"), CASES)
def test_what_a_quantity_costs(claim: str, given_: dict[str, Any], quantity: int, cost: str) -> None:
    """Each rule of billing, by an example worked out by hand."""
    assert monthly(price(**given_), Decimal(quantity)) == Decimal(cost), claim


def test_an_unknown_price_costs_nothing_known() -> None:
    """A null price is unknown, never 0."""
    assert monthly(price(price=None), Decimal(1)) is None


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({}, "price is missing"),
        ({"price": 1, "tiers": [{"price": 1}]}, "not both"),
        ({"tiers": [{"up_to": 10, "price": 1}, {"up_to": 5, "price": 2}]}, "must rise"),
        ({"tiers": [{"price": 1}, {"price": 2}]}, "must rise"),
        ({"price": -1}, "greater than or equal"),
        ({"price": "NaN"}, "finite"),
        ({"price": 1, "as_of": None}, "as_of"),
    ],
)
def test_a_price_that_says_nothing_is_refused(given_: dict[str, Any], reason: str) -> None:
    """Missing, doubled, falling, negative and endless prices are refused with the reason."""
    with pytest.raises(ValidationError, match=reason):
        price(**given_)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    amounts = st.decimals(min_value=0, max_value=100, places=4)
    wide = st.decimals(min_value=1, max_value=10**6, places=0)
    given_: dict[str, Any] = {
        "unit": draw(st.sampled_from(["GB", "commands"])),
        "per": draw(wide),
        "included": draw(st.sampled_from([0, 10, 5000])),
    }
    ends = sorted(set(draw(st.lists(wide, max_size=3))))
    if ends:
        given_["tiers"] = [{"up_to": end, "price": draw(amounts)} for end in ends] + [{"price": draw(amounts)}]
    else:
        given_["price"] = draw(amounts)
    given_["minimum"] = draw(st.sampled_from([0, 0, 3]))
    given_["cap"] = draw(st.sampled_from([None, None, 50]))
    return price(**given_)


@cases(50)
@given(one=prices(), less=st.integers(0, 10**7), more=st.integers(0, 10**7))
def test_more_never_costs_less(one: Price, less: int, more: int) -> None:
    """The cost of a quantity never falls as the quantity grows, whatever tiers, quota, minimum and cap."""
    low, high = sorted((less, more))
    first, second = monthly(one, Decimal(low)), monthly(one, Decimal(high))
    assert first is not None
    assert second is not None
    assert first <= second


@cases(50)
@given(one=prices(), quantity=st.integers(0, 10**7))
def test_the_curve_is_the_price(one: Price, quantity: int) -> None:
    """A price as straight pieces gives the same cost at every quantity."""
    cost = monthly(one, Decimal(quantity))
    assert cost is not None
    assert abs(value(of_price(one), quantity) - Fraction(cost)) < Fraction(1, 10**15)
