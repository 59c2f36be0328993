"""The price of an SLO, questions asked backwards, and which guess matters."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costs import books, inverse, objectives
from costs.estimate import estimate
from costs.money import Money, shown, shown_unit
from costs.tornado import tornado
from errors import BadInput
from tests.costs.figures import LOADED, SEED, measured

LIST = books.load("list-2026-11")
PAIRS = [(estimate(LOADED, number, SEED), LOADED.phase(number).slo.availability) for number in (1, 2, 3)]


def dollars(amount: str) -> Money:
    return Money(Decimal(amount))


@pytest.mark.parametrize(("availability", "minutes"), [("0.995", "219"), ("0.999", "43.8"), ("0.9999", "4.38")])
def test_minutes_down(availability: str, minutes: str) -> None:
    """99.5, 99.9 and 99.99 % allow 219, 43.8 and 4.38 minutes in a month of 730 hours."""
    assert objectives.minutes_down(Decimal(availability)) == Decimal(minutes)


def test_a_minute_avoided() -> None:
    """From phase 1 to 2 a minute costs $1.97, from 2 to 3 $25.37; the seats that the money also buys explain all of the first step."""
    found = objectives.steps(objectives.targets(PAIRS))
    assert [shown(one.per_minute) for one in found if one.per_minute] == ["$1.97", "$25.37"]
    assert [shown(one.beyond) for one in found if one.beyond] == ["$0", "$12.68"]


def test_the_frontier_leaves_out_what_is_dearer_and_no_better() -> None:
    """Of two configurations with one availability only the cheaper is on the frontier, and nothing avoided has no price."""
    pairs = [(estimate(LOADED, 0, SEED), 0.995), *PAIRS]
    assert [one.name for one in objectives.frontier(objectives.targets(pairs))] == ["phase 0", "phase 2", "phase 3"]
    assert objectives.steps(objectives.targets(pairs))[0].per_minute is None


def test_what_a_pod_must_hold() -> None:
    """For $80 to $130 to carry 1,000,000 users on $25 pods, a pod must hold 500,000 to 1,000,000 of them."""
    assert inverse.users_for_each_pod(1_000_000, dollars("130"), dollars("80"), dollars("25")) == 500_000
    assert inverse.users_for_each_pod(1_000_000, dollars("80"), dollars("55"), dollars("25")) == 1_000_000
    assert inverse.users_for_each_pod(1_000_000, dollars("80"), dollars("80"), dollars("25")) is None


def test_users_for_a_cost() -> None:
    """$500 is $0.0155 for each from 32,259 users on."""
    assert inverse.users_for(dollars("500"), dollars("0.0155")) == 32_259
    with pytest.raises(BadInput):
        inverse.users_for(dollars("500"), dollars("0"))


def test_where_a_plan_overtakes() -> None:
    """Paying by command costs as much as the fixed 250 MB plan from 5.0 million commands a month on."""
    assert inverse.crossover(LIST.prices["upstash-commands"], LIST.prices["upstash-fixed-250mb"]) == 5_000_000
    assert inverse.crossover(LIST.prices["cloudflare-free"], LIST.prices["cloudflare-pro"]) is None
    with pytest.raises(BadInput):
        inverse.crossover(LIST.prices["upstash-commands"], LIST.prices["hetzner-cx33"])


def test_revenue_needs_a_price() -> None:
    """$500,000 from 15 % of 100,000 users is $33.33 for each payer; ₹1,999 is not enough at any conversion of theirs."""
    assert shown(inverse.price_for(dollars("500000"), 100_000, Decimal("0.15"))) == "$33.33"
    share = inverse.conversion_for(dollars("1500"), 100_000, dollars("21.05"), Decimal("2.36"))
    assert f"{share:.4%}" == "0.0730%"
    with pytest.raises(BadInput):
        inverse.conversion_for(dollars("1500"), 0, dollars("21.05"))


def test_the_widest_guess_is_on_top() -> None:
    """Swings are sorted, mail moves phase 2 most at list prices, and certain lines do not appear."""
    found = tornado(estimate(LOADED, 2, LIST))
    assert [one.input for one in found] == ["E-mail", "MongoDB Atlas M30: hours in a month"]
    assert [shown_unit(found[0].low), shown_unit(found[0].high)] == ["$0.01188", "$0.0146"]
    assert tornado(estimate(LOADED, 2, SEED)) == ()


def test_measured_capacity_is_an_input() -> None:
    """Three quantiles of capacity are a swing of their own; one run is none."""
    second = estimate(LOADED, 2, SEED)
    assert [one.input for one in tornado(second, measured(p10=2500, p50=3000, p90=4000))] == ["measured capacity"]
    assert tornado(second, measured(single=3000)) == ()
