"""Change points in a history of limits."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests import trend
from loadtests.result import Machine, Verdict
from tests.loadtests.figures import searched


def series(*parts: tuple[int, float], seed: int = 1, noise: float = 0.03) -> list[float]:
    random = np.random.default_rng(seed)
    return [rate * float(np.exp(random.normal(0, noise))) for count, rate in parts for _ in range(count)]


@pytest.mark.parametrize("fall", [0.10, 0.20])
def test_a_fall_is_found_where_it_happened(fall: float) -> None:
    """Of 50 histories with 3 % of noise, a fall by 10 % after 12 of 24 runs is found within a run or two of its place in at least 45."""
    hits = 0
    for seed in range(50):
        found = trend.changes(series((12, 400), (12, 400 * (1 - fall)), seed=seed))
        hits += any(abs(one.index - 12) <= 2 and one.change == pytest.approx(-fall, abs=0.04) for one in found)
    assert hits >= 45


def test_noise_is_no_change() -> None:
    """Of 100 steady histories with 3 % of noise at most two show a change point."""
    assert sum(bool(trend.changes(series((24, 400), seed=seed))) for seed in range(100)) <= 2


def test_a_single_outlier_is_no_change() -> None:
    """One bad run among good ones makes no change point."""
    rates = series((24, 400))
    rates[11] *= 0.6
    assert trend.changes(rates) == []


def test_two_changes_are_two() -> None:
    """In at least 17 of 20 histories a fall and a recovery are told apart, in order, and nothing else."""
    found = [trend.changes(series((12, 400), (12, 320), (12, 410), seed=seed)) for seed in range(20)]
    assert sum([round(one.change, 1) for one in changes] == [-0.2, 0.3] for changes in found) >= 17


def test_few_runs_and_equal_runs_say_nothing() -> None:
    """Below ten runs, and in a history without any scatter or change, there is nothing to say; a clean step is found."""
    assert trend.changes([400.0] * 5 + [300.0] * 4) == []
    assert trend.changes([400.0] * 20) == []
    assert [one.index for one in trend.changes([400.0] * 10 + [300.0] * 10)] == [10]


def test_only_what_can_be_compared_is() -> None:
    """Runs that are no answer, of another machine, SLO or target are left out."""
    runs = [searched(f"{number:08x}", (900, 1000, 1100), version="1.0.0") for number in range(5)]
    runs[0] = runs[0].model_copy(update={"verdict": Verdict.INCONCLUSIVE})
    runs[1] = runs[1].model_copy(update={"machine": Machine(text="other", fingerprint="other")})
    runs[2] = runs[2].model_copy(update={"slo": runs[2].slo.model_copy(update={"p95_ms": 77})})
    runs[3] = runs[3].model_copy(update={"target": "https://other.example"})
    assert [one.run for one in trend.points(runs)] == ["00000004"]
    assert trend.points([]) == []
