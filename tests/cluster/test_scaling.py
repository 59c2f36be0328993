"""The documented autoscaling algorithm, and that a timeline which breaks it is found."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cluster.scaling import Policy, Rules, Sample, breaches, desired, resting, steps, table, turns

RULES = Rules(70, 3, 10, up=(Policy(15, pods=4), Policy(15, percent=100)), down=(Policy(60, percent=10),), down_window_s=60)


@pytest.mark.parametrize(
    ("replicas", "utilisation", "wanted"),
    [(3, 70, 3), (3, 77, 3), (3, 78, 4), (3, 140, 6), (3, 63, 3), (5, 62, 5), (5, 40, 3), (4, 20, 3), (9, 500, 10), (3, 0, 3)],
)
def test_desired_is_the_documented_formula(replicas: int, utilisation: int, wanted: int) -> None:
    """ceil(current × metric ÷ target) inside the bounds, and nothing while the ratio is within a tenth of 1."""
    assert desired(RULES, replicas, utilisation) == wanted


@given(load=st.integers(0, 5000), request=st.integers(50, 500))
def test_a_constant_load_comes_to_rest_once(load: int, request: int) -> None:
    """Whatever the load, the counts it may rest at are some, and the formula's own fixed points."""
    rest = resting(RULES, load, request)
    assert len(rest) >= 1
    assert RULES.low <= rest[0] <= rest[-1] <= RULES.high
    exact = max(RULES.low, min(RULES.high, math.ceil(load / (request * RULES.target / 100))))
    assert rest[0] <= exact + 1


def timeline(*looks: tuple[float, int, int]) -> list[Sample]:
    return [Sample(at, load, replicas, replicas) for at, load, replicas in looks]


RIGHT = timeline((0, 300, 3), (20, 1400, 3), (40, 1400, 7), (120, 300, 7), (185, 300, 6), (245, 300, 5))


def test_a_timeline_that_keeps_the_rules_has_no_breach() -> None:
    """Up at once, down after the window and by the policy: nothing is found, and it turned once."""
    assert breaches(RULES, RIGHT, 5) == []
    assert turns(RIGHT) == 1
    assert steps(RIGHT)[0] == (40, 3, 7)


@pytest.mark.parametrize(
    ("looks", "word"),
    [
        (((0, 300, 3), (20, 3000, 3), (35, 3000, 11)), "outside"),
        (((0, 300, 3), (20, 3000, 3), (35, 3000, 8)), "more than 4 up"),
        (((0, 1400, 7), (50, 300, 7), (70, 300, 6)), "only 20 s after"),
        (((0, 1400, 7), (50, 300, 7), (150, 300, 4)), "more than 1 down"),
        (((0, 300, 4), (50, 300, 3)), "did not fall"),
    ],
)
def test_each_broken_rule_is_found(looks: tuple[tuple[float, int, int], ...], word: str) -> None:
    """Bounds, policies and the stabilisation window: each is found alone."""
    assert any(word in one for one in breaches(RULES, timeline(*looks), 5))


def test_flapping_is_more_turns_than_the_loads() -> None:
    """Up, down and up again under one rise and fall is two turns."""
    assert turns(timeline((0, 300, 3), (1, 300, 5), (2, 300, 4), (3, 300, 5))) == 2
    assert turns(RIGHT[:3]) == 0


def test_the_table_has_a_row_per_change() -> None:
    """A look that saw the same is no row."""
    twice = [one for sample in RIGHT for one in (sample, dataclasses.replace(sample, at=sample.at + 1))]
    assert len(table(twice).splitlines()) == len(RIGHT) + 1
