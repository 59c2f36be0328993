"""Histograms lose nothing when they are merged."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests import histogram

LATENCIES = st.lists(st.integers(1, 60_000_000), min_size=1, max_size=200)


@settings(max_examples=40)
@given(parts=st.lists(LATENCIES, min_size=1, max_size=4))
def test_merged_percentiles_are_pooled_percentiles(parts: list[list[int]]) -> None:
    """Histograms of several processes, written out, read back and merged, give the percentiles of all values in one."""
    merged = histogram.merged(histogram.text(histogram.of(part)) for part in parts)
    pooled = histogram.of([value for part in parts for value in part])
    percents = (50, 95, 99, 100)
    assert histogram.quantiles_ms(merged, percents) == histogram.quantiles_ms(pooled, percents)
    assert merged.get_total_count() == sum(len(part) for part in parts)


@settings(max_examples=40)
@given(values=st.lists(st.integers(100, 60_000_000), min_size=1, max_size=300))
def test_percentiles_are_exact_to_a_thousandth(values: list[int]) -> None:
    """A percentile is within 0.1 % of the value that NumPy finds in the sorted list."""
    found = histogram.quantiles_ms(histogram.of(values), (95,))[95]
    rank = max(int(len(values) * 0.95 + 0.5), 1)
    exact = float(numpy.sort(values)[rank - 1]) / 1000
    assert abs(found - exact) <= exact * 0.001


def test_nothing_measured_has_no_percentile() -> None:
    """An empty histogram has no p95: nothing is not zero."""
    assert histogram.quantiles_ms(histogram.empty(), (95,)) == {}


def test_beyond_the_scale_counts_as_its_end() -> None:
    """A latency above ten minutes is kept as ten minutes, not dropped."""
    found = histogram.of([10**12, -5])
    assert found.get_total_count() == 2
    assert found.get_max_value() == pytest.approx(histogram.HIGHEST_US, rel=0.001)
