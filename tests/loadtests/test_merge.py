"""Figures of several processes or windows as one."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests import merge
from loadtests.plan import Probe
from loadtests.progress import Second
from loadtests.recorder import Costs, Recorder
from loadtests.result import Measured
from loadtests.visits import Step
from tests.loadtests import figures

STEPS = [Step("landing", "GET", "/", frozenset({200})), Step("login", "POST", "/login", frozenset({200}))]


def record(*seeds: int) -> Measured:
    """A probe of 20 s with the requests of these seeds."""
    found = Recorder(Probe(name="p", rate_per_s=50, warmup_s=0, seconds=20), STEPS, (200.0, 300.0))
    for seed in seeds:
        random = Random(seed)
        for number in range(1000):
            due = number / 50
            good = random.random() > 0.02
            found.add(random.randrange(2), due, due + 0.001, due + random.expovariate(1 / 0.1), 200 if good else 500, good=good)
    return found.measured(Costs(1.0, 20.0, [0.001], 1000), 20.0, "")


def test_two_processes_are_one_with_both_loads() -> None:
    """Merged side by side, counts and percentiles are those of all requests in one process, percentiles within 0.1 %."""
    merged, pooled = merge.side_by_side([record(1), record(2)]), record(1, 2)
    for name in ("requests", "failed", "late", "statuses", "seconds", "blocks", "offered_rps", "achieved_rps", "limited"):
        assert getattr(merged, name) == getattr(pooled, name), name
    for one, other in zip(merged.endpoints, pooled.endpoints, strict=True):
        assert (one.name, one.requests, one.failed, one.late, one.statuses) == (
            other.name,
            other.requests,
            other.failed,
            other.late,
            other.statuses,
        )
    assert merged.latency is not None
    assert pooled.latency is not None
    for percentile in ("p50_ms", "p95_ms", "p99_ms", "max_ms"):
        assert getattr(merged.latency, percentile) == pytest.approx(getattr(pooled.latency, percentile), rel=0.001)
    assert merged.in_flight == pytest.approx(pooled.in_flight, rel=0.001)
    assert (merged.generator.processes, merged.generator.cpu_seconds, merged.generator.cpu_share) == (2, 2.0, 0.1)


def test_windows_one_after_the_other() -> None:
    """Merged one after the other, seconds add up and rates are the mean."""
    merged = merge.one_after_the_other([record(1), record(2)])
    assert (merged.seconds, merged.requests, len(merged.blocks)) == (40.0, 2000, 40)
    assert merged.offered_rps == pytest.approx(50)
    assert merged.generator.cpu_share == 0.05


def test_the_worst_generator_counts() -> None:
    """How late requests left, how late timers woke and what was sent in time are those of the worst process."""
    parts = [
        figures.measured(100, 0, 0, how=how)
        for how in (figures.generator(lag_ms=40, achieved=0.9), figures.generator(loop_lag_ms=30, dispersion=3))
    ]
    merged = merge.side_by_side(parts).generator
    assert (merged.start_lag_p99_ms, merged.loop_lag_p99_ms, merged.achieved_ratio, merged.dispersion) == (40, 30, 0.9, 3)


@settings(max_examples=20, deadline=None)
@given(counts=st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_nothing_is_lost(counts: list[int]) -> None:
    """However many parts there are, every request is counted once."""
    parts = [figures.measured(count, min(count, 3), min(count, 2)) for count in counts]
    merged = merge.side_by_side(parts)
    assert (merged.requests, merged.failed) == (sum(counts), sum(min(count, 2) for count in counts))


@given(rate=st.floats(1, 10_000), users=st.integers(1, 500), parts=st.integers(1, 32))
def test_a_split_load_is_the_whole_load(rate: float, users: int, parts: int) -> None:
    """However many parts, their rates or users add up to the probe's, and nobody plays a part without a load."""
    shares = merge.split(Probe(name="p", rate_per_s=rate, seconds=5), parts)
    assert sum(share.rate_per_s for share in shares if share) == pytest.approx(rate)
    closed = [share for share in merge.split(Probe(name="p", kind="closed", users=users, seconds=5), parts) if share]
    assert sum(share.users for share in closed) == users
    assert max(share.users for share in closed) - min(share.users for share in closed) <= 1


def test_nobody_plays_nothing() -> None:
    """A load for nobody is an error, not an empty list."""
    with pytest.raises(ValueError, match="somebody"):
        merge.split(Probe(name="p", rate_per_s=1, seconds=5), 0)


def test_one_line_a_second_for_all() -> None:
    """Counts of a second add up; p95 and lag are the worst."""
    one = Second(
        probe="p",
        at_s=3,
        left_s=2,
        warming_up=False,
        offered=10,
        answered=9,
        failed=1,
        p95_ms=50,
        in_flight=2,
        start_lag_ms=1,
        cpu_share=0.1,
    )
    other = one.model_copy(update={"p95_ms": 90.0, "start_lag_ms": 0.2, "offered": 12})
    both = merge.seconds([one, other])
    assert (both.offered, both.answered, both.failed, both.in_flight, both.p95_ms, both.start_lag_ms, both.cpu_share) == (
        22,
        18,
        2,
        4,
        90,
        1,
        0.2,
    )
