"""What one user costs: every figure with its denominator, at measured capacity where there is one."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costs import capacity, live
from costs.estimate import estimate
from costs.money import shown, shown_unit
from costs.per_user import per_user
from errors import BadInput
from tests.costs.figures import LOADED, SEED, measured

SECOND = estimate(LOADED, 2, SEED)
HELD = measured(p10=2500, p50=3000, p90=4000)


def counted(**answers: Any) -> live.Denominators:
    """What the platform answers by basis; nothing for the others."""
    by_question = {live.QUESTIONS[basis]: answer for basis, answer in answers.items()}
    return live.denominators(by_question.get)


def test_four_denominators_side_by_side() -> None:
    """Provisioned, registered, active and paying users each have their own figure and source."""
    found = per_user(SECOND, HELD)
    figures = {row.basis: shown_unit(row.cost) for row in found.rows if row.cost}
    assert figures == {
        "provisioned": "$0.0100",
        "concurrent": "$0.1667",
        "registered": "$0.0100",
        "active": "$0.0250",
        "paying": "$0.06667",
    }
    assert all(row.source for row in found.rows)


def test_the_interval_is_not_symmetric() -> None:
    """Cost over capacity: the capacity's p10 is the dear end, and the two sides differ."""
    row = per_user(SECOND, HELD).row("concurrent")
    assert row.low is not None
    assert row.cost is not None
    assert row.high is not None
    assert (shown_unit(row.low), shown_unit(row.high)) == ("$0.1250", "$0.2000")
    assert row.high.amount - row.cost.amount != row.cost.amount - row.low.amount


def test_one_run_gives_no_interval() -> None:
    """A single run says so and prints no interval."""
    found = per_user(SECOND, measured(single=3000))
    assert found.row("provisioned").high is None
    assert any("one run" in note and "run-7" in note for note in found.notes)


def test_nothing_measured_is_said() -> None:
    """Without a record the provisioned figure is unknown, and the text says what to run."""
    row = per_user(SECOND).row("provisioned")
    assert row.cost is None
    assert row.source == "not measured: cmctl loadtest --phase 2"


def test_used_and_headroom_are_apart() -> None:
    """Of the total, what present users use and what stands ready add up to it."""
    now = counted(concurrent=600, active=900)
    found = per_user(SECOND, HELD, now)
    assert found.used is not None
    assert found.headroom is not None
    assert (shown(found.used), shown(found.headroom)) == ("$100", "$400")
    assert found.row("active").users == 900


def test_counted_users_take_the_place_of_declared_ones() -> None:
    """A counted figure is divided by as it is; counted zero has no cost for each, and is not the declared figure either."""
    now = counted(registered="812", paying=0)
    found = per_user(SECOND, HELD, now)
    registered, paying, active = (found.row(basis) for basis in ("registered", "paying", "active"))
    assert (registered.users, registered.source) == (812, "counted: accounts")
    assert registered.cost is not None
    assert shown_unit(registered.cost) == "$0.6158"
    assert (paying.users, paying.cost, paying.source) == (0, None, "counted: paid within 30 days")
    assert "assumed" in active.source


def test_more_users_than_measured_capacity() -> None:
    """More present users than were ever measured: no headroom, and a note."""
    found = per_user(SECOND, HELD, counted(concurrent=5000))
    assert found.headroom is not None
    assert found.headroom.amount == 0
    assert any("no headroom" in note for note in found.notes)


def test_a_target_beyond_the_measurement_is_said() -> None:
    """A phase that was measured to hold less than it declares says how much less, and on what it was measured."""
    notes = per_user(SECOND, measured(single=812)).notes
    assert any("3.7 times the measured 812" in note for note in notes)
    assert any("2 cores" in note for note in notes)


@pytest.mark.parametrize("answer", [None, "NaN", "+Inf", -1, "none"])
def test_a_metric_without_a_value_is_unknown(answer: object) -> None:
    """No answer, NaN, infinity, negative numbers and text are unknown, never 0."""
    found = counted(concurrent=answer)
    assert found.concurrent is None
    assert found.registered is None


def test_live_figures_are_exact() -> None:
    """What Prometheus answers as text is taken digit by digit."""
    assert live.denominators(lambda _: "812.5").concurrent == Decimal("812.5")


def record(tmp_path: Path, **changes: object) -> Path:
    document = {**json.loads(HELD.model_dump_json(by_alias=True)), **changes}
    path = capacity.path(tmp_path, "codementee", "local", 2)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    return path


def test_a_record_is_read_back(tmp_path: Path) -> None:
    """The record a load test leaves is found by platform, environment and phase; without one there is none."""
    assert capacity.read(tmp_path, "codementee", "local", 2) is None
    record(tmp_path)
    assert capacity.read(tmp_path, "codementee", "local", 2) == HELD


@pytest.mark.parametrize(
    "changes",
    [
        {"users": {"p10": 1}},
        {"users": {"p10": 5, "p50": 3, "p90": 9}},
        {"users": {"single": 1, "p10": 1}},
        {"users": {"single": 0}},
        {"extra": 1},
        {"phase": 3},
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """A record with half its quantiles, falling ones, no users, unknown keys or of another phase is exit 2 with its path."""
    record(tmp_path, **changes)
    with pytest.raises(BadInput, match=r"codementee-local-phase2\.json"):
        capacity.read(tmp_path, "codementee", "local", 2)


def test_text_that_is_no_record(tmp_path: Path) -> None:
    """A file that is not JSON is exit 2 with its path."""
    record(tmp_path).write_text("{")
    with pytest.raises(BadInput, match="no capacity record"):
        capacity.read(tmp_path, "codementee", "local", 2)


def test_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder in the record's place is exit 2 with its path, no failure of cmctl."""
    capacity.path(tmp_path, "codementee", "local", 2).mkdir(parents=True)
    with pytest.raises(BadInput, match=r"codementee-local-phase2\.json: is no capacity record"):
        capacity.read(tmp_path, "codementee", "local", 2)
