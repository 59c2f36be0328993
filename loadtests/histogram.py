"""Latency histograms that can be merged without loss: HdrHistogram, microseconds, three digits (0.1 %)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 600_000_000
DIGITS = 3
# Three digits need 2,048 steps in each power of two: longer values lose their last bits.
STEP_BITS = 11


def empty() -> HdrHistogram:
    return HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)


def of(values_us: Iterable[float]) -> HdrHistogram:
    """The histogram of latencies in microseconds; longer ones than ten minutes count as ten minutes."""
    histogram = empty()
    values = np.clip(np.fromiter(values_us, dtype=np.float64).astype(np.int64), LOWEST_US, HIGHEST_US)
    if not values.size:
        return histogram
    lost = np.maximum(0, np.frexp(values)[1] - STEP_BITS)
    steps, counts = np.unique(values >> lost << lost, return_counts=True)
    # Recorded one by one, a hundred thousand values take seconds; the extremes stay as they are.
    steps[0], steps[-1] = values.min(), values.max()
    for step, count in zip(steps.tolist(), counts.tolist(), strict=True):
        histogram.record_value(step, count)
    return histogram


def text(histogram: HdrHistogram) -> str:
    """Base64 in HdrHistogram's own V2 format, which tools of other languages read too."""
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")


def merged(texts: Iterable[str]) -> HdrHistogram:
    histogram = empty()
    for one in texts:
        histogram.decode_and_add(one.encode("ascii"))
    return histogram


def quantiles_ms(histogram: HdrHistogram, percents: Iterable[float]) -> Mapping[float, float]:
    """Percentile → milliseconds; nothing for an empty histogram."""
    if not histogram.get_total_count():
        return {}
    found: dict[float, int] = histogram.get_percentile_to_value_dict(list(percents))
    # The upper end of a bucket may lie above the largest value seen.
    return {percent: min(value, histogram.get_max_value()) / 1000 for percent, value in found.items()}
