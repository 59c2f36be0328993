"""Before and after: what a plan shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from costs import books, report
from costs.change import compare
from costs.estimate import estimate
from errors import BadInput
from tests.costs.figures import LOADED, SEED, TODAY, WITH_ATLAS

FIRST, SECOND = (estimate(LOADED, phase, SEED) for phase in (1, 2))


def test_the_steps_of_the_documents() -> None:
    """From phase 1 to 2 the bill grows by $345, from 2 to 3 by $1,000."""
    third = estimate(LOADED, 3, SEED)
    assert report.change_line(compare(FIRST, SECOND)) == "$155 → $500 a month (+$345, +223 %)"
    assert report.change_line(compare(SECOND, third)) == "$500 → $1,500 a month (+$1,000, +200 %)"


def test_a_larger_tier_is_a_change_and_not_two_things() -> None:
    """A tier or machine that grows is one row with both sizes, what is new has a plus, what goes a minus."""
    kinds = {row.title: row.kind for row in compare(FIRST, SECOND).rows}
    assert kinds["MongoDB Atlas M20 → MongoDB Atlas M30"] == "~"
    assert kinds["monitor host, 2 GB"] == "+"
    assert {row.kind for row in compare(SECOND, FIRST).rows} == {"~", "-", "="}


def test_rows_add_up_to_the_difference() -> None:
    """The rows' differences are the totals' difference, both ways."""
    for change in (compare(FIRST, SECOND), compare(SECOND, FIRST)):
        assert sum(row.delta.amount for row in change.rows if row.delta) == change.delta.amount


def test_nothing_was_there() -> None:
    """Without anything before, all is new and no percentage is claimed."""
    change = compare(None, FIRST)
    assert change.percent is None
    assert {row.kind for row in change.rows} == {"+"}


def test_a_missing_price_makes_a_bound() -> None:
    """A change to a book with unknown prices shows ≥ and unknown rows, no number for them."""
    change = compare(FIRST, estimate(LOADED, 2, books.load("list-2026-11")))
    assert report.change_line(change).startswith("≥ $155 → ≥ $")
    assert any("unknown" in row for row in report.change_rows(change))


def test_two_currencies_are_not_compared() -> None:
    """Estimates in two currencies are refused."""
    with pytest.raises(BadInput, match="cannot be compared"):
        compare(replace(FIRST, currency="EUR"), SECOND)


def test_forms(golden: Callable[[str, str], None]) -> None:
    """The comment, the CSV and the JSON of an estimate are as agreed."""
    golden("costs/comment.md", report.markdown(compare(FIRST, SECOND), TODAY))
    golden("costs/phase2.csv", report.to_csv(SECOND))
    golden("costs/phase2.json", json.dumps(report.as_dict(SECOND, TODAY), indent=1) + "\n")
    golden("costs/phase2-atlas.txt", "\n".join(" | ".join(row) for row in report.rows(estimate(LOADED, 2, WITH_ATLAS))) + "\n")


def test_one_comment_is_found_again() -> None:
    """The comment starts with a mark, so that the next run replaces it."""
    assert report.markdown(compare(FIRST, SECOND), TODAY).startswith(report.MARKER)


@pytest.mark.parametrize(
    ("value", "largest", "drawn"), [(0, 100, ""), (100, 100, "█" * 16), (50, 100, "█" * 8), (1, 10000, "▏"), (5, 0, "")]
)
def test_bars(value: int, largest: int, drawn: str) -> None:
    """A bar is as long as its share, and nothing that costs something is invisible."""
    from decimal import Decimal

    assert report.bar(Decimal(value), Decimal(largest)) == drawn
