"""When to move: exact at every number of users."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs import books, variants
from costs.curves import Option, Piece, envelope, flat
from costs.decide import break_evens, decide, hysteresis, marginal, of_phases
from costs.money import Money, shown, shown_unit
from errors import BadInput
from tests.costs.figures import LOADED, SEED, cases

DECISION = of_phases(LOADED, SEED)
ALONE = [one for one in DECISION.options if one.name != "phase 0"]


def dollars(amount: str) -> Money:
    return Money(Decimal(amount))


def test_switching_points_of_the_documents() -> None:
    """User 1,001 costs +$58, user 10,001 +$345, user 50,001 +$1,000, each because the former phase is full."""
    assert [(one.at, shown(one.step), one.forced) for one in DECISION.switches] == [
        (1001, "$58", True),
        (10001, "$345", True),
        (50001, "$1,000", True),
    ]


def test_average_break_evens() -> None:
    """Phase 2 beats phase 1's best average from 32,259 users, phase 3 from 96,775; phase 3 never beats phase 2's."""
    found = {(one.earlier, one.later): (one.users, one.never) for one in break_evens(ALONE, "USD")}
    assert found == {("phase 1", "phase 2"): (32259, False), ("phase 1", "phase 3"): (96775, False), ("phase 2", "phase 3"): (150000, True)}


def test_break_evens_of_the_texts_totals() -> None:
    """With the documents' other totals, 400 and 1,200: 25,807, 77,420 and still never."""
    options = [
        Option("1", 10_000, flat(Fraction(155))),
        Option("2", 50_000, flat(Fraction(400))),
        Option("3", 100_000, flat(Fraction(1200))),
    ]
    assert [(one.users, one.never) for one in break_evens(options, "USD")] == [(25807, False), (77420, False), (150000, True)]


def test_a_plan_that_costs_more_for_each_user_than_the_best_never_wins() -> None:
    """Where every user costs more than the other's average, no number of users is enough."""
    options = [Option("a", 100, flat(Fraction(1))), Option("b", 1000, (Piece(Fraction(0), Fraction(5), Fraction(1)),))]
    assert [(one.users, one.never) for one in break_evens(options, "USD")] == [(None, True)]


def test_the_next_user() -> None:
    """At 10,000 users the next one costs $345, $0.008625 for each seat it adds; at 8,000 nothing, with 2,000 seats left."""
    full = marginal(DECISION, 10_000)
    assert (shown(full.next_user), full.seats) == ("$345", 0)
    assert full.mean is not None
    assert shown_unit(full.mean) == "$0.008625"
    free = marginal(DECISION, 8_000, Decimal("0.08"))
    assert (free.next_user.amount, free.seats, free.months) == (0, 2000, Decimal("2.9"))


def test_the_mean_of_the_second_step() -> None:
    """The step to phase 3 costs $0.0200 for each seat it adds."""
    after = marginal(DECISION, 50_000)
    assert after.mean is not None
    assert shown_unit(after.mean) == "$0.0200"


def test_the_last_user_has_no_next_step() -> None:
    """At the largest capacity there is no switch, and one user more is held by nothing."""
    assert marginal(DECISION, 100_000).switch is None
    with pytest.raises(BadInput, match="no phase holds 100,001"):
        DECISION.best(100_001)


@pytest.mark.parametrize("users", [0, -1])
def test_nobody_is_not_a_number_of_users(users: int) -> None:
    """Zero and negative users are refused."""
    with pytest.raises(BadInput):
        DECISION.best(users)


def test_going_back_must_pay() -> None:
    """Both moves are counted: $2,000 each against $345 a month pay after 11.6 months, so at 8 % growth only below 4,097 users."""
    found = hysteresis(DECISION.switches[1], dollars("2000"), Decimal("0.08"))
    assert found.payback is not None
    assert f"{found.payback:.1f}" == "11.6"
    assert found.down_at == 4097
    assert hysteresis(DECISION.switches[1], dollars("2000")).down_at == 10_000


def test_measured_capacities_move_the_points() -> None:
    """A phase measured to hold 7,000 users is left at user 7,001."""
    assert of_phases(LOADED, SEED, capacities={1: 7000}).switches[1].at == 7001


def test_lower_bounds_are_named() -> None:
    """A decision that rests on missing prices says which phases are lower bounds."""
    assert of_phases(LOADED, books.load("list-2026-11")).bounds == ("phase 0", "phase 1", "phase 2", "phase 3")


def test_variants_hold_what_they_cost() -> None:
    """More machines and other tiers are dominated or chosen exactly; four application hosts with M60 hold 100,000 for $1,060."""
    found = variants.decide_among(LOADED, SEED)
    assert found.decision.segments[-1].option.name == "phase 2, 4 app, M60"
    assert shown(found.decision.cost(100_000)) == "$1,060"
    assert found.skipped == ()
    assert any("in proportion" in text for text in found.assumed)


def test_nothing_to_choose_from() -> None:
    """No option at all is refused."""
    with pytest.raises(BadInput):
        decide([], "USD")


AMOUNT = st.fractions(min_value=0, max_value=1000, max_denominator=50)


@st.composite
def curves(draw: st.DrawFn) -> tuple[Piece, ...]:
    starts = sorted({Fraction(0), *draw(st.lists(st.fractions(min_value=0, max_value=60, max_denominator=7), max_size=2))})
    return tuple(Piece(start, draw(AMOUNT), draw(AMOUNT)) for start in starts)


OPTIONS = st.lists(st.tuples(st.integers(1, 60), curves()), min_size=1, max_size=5)


@cases(30)
@given(OPTIONS)
def test_the_envelope_is_the_cheapest_everywhere(found: list[tuple[int, tuple[Piece, ...]]]) -> None:
    """At every number of users the envelope names an option that holds them, and none that holds them is cheaper."""
    options = [Option(str(index), capacity, curve) for index, (capacity, curve) in enumerate(found)]
    segments = envelope(options)
    assert [one.start for one in segments] == [1, *(one.end + 1 for one in segments[:-1])]
    assert segments[-1].end == max(option.capacity for option in options)
    for segment in segments:
        for users in range(segment.start, segment.end + 1):
            assert segment.option.capacity >= users
            assert segment.option.cost(users) == min(option.cost(users) for option in options if option.capacity >= users)
