"""Takes down every request of a probe in compact arrays, and turns them into figures when the probe is over. Pure: the caller owns the clock."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loadtests import histogram
from loadtests.plan import Probe
from loadtests.result import Block, Endpoint, Generator, Latency, Measured, Stopped
from loadtests.visits import Step, Visit

# Outcomes that are no HTTP status.
CLOSED, REFUSED, TIMEOUT, TLS, NETWORK, UNANSWERED, LARGE = -1, -2, -3, -4, -5, -6, -7
WORDS = {
    CLOSED: "connection closed",
    REFUSED: "connection refused",
    TIMEOUT: "timeout",
    TLS: "tls",
    NETWORK: "network",
    UNANSWERED: "unanswered",
    LARGE: "more than 32 MB",
}
# Added to a status that was expected with a content that was not.
UNEXPECTED = 10_000
# Added to a redirect that was expected, but not to another host.
ELSEWHERE = 20_000
LIMITED = 429
BIN_S = 0.1
FEWEST_BINS = 30


@dataclass(frozen=True)
class Costs:
    """What the generator used for a probe: seconds of CPU over seconds of wall clock, how late its timers woke up."""

    cpu_s: float
    wall_s: float
    loop_lags_s: Sequence[float]
    client_addresses: int


@dataclass
class Recorder:
    """`endpoints` are the steps by index. Times are seconds since the probe began."""

    probe: Probe
    endpoints: Sequence[Step]
    limits_ms: tuple[float, ...]
    where: array[int] = field(default_factory=lambda: array("H"))
    due: array[float] = field(default_factory=lambda: array("d"))
    lag: array[float] = field(default_factory=lambda: array("d"))
    took: array[float] = field(default_factory=lambda: array("d"))
    outcome: array[int] = field(default_factory=lambda: array("h"))
    good: bytearray = field(default_factory=bytearray)

    def add(self, endpoint: int, due: float, started: float, ended: float, outcome: int, *, good: bool) -> None:
        """One request: when it was meant to start, when it did, when its answer was complete."""
        self.where.append(endpoint)
        self.due.append(due)
        self.lag.append(started - due)
        self.took.append(ended - due)
        self.outcome.append(outcome)
        self.good.append(good)

    def __len__(self) -> int:
        return len(self.good)

    def measured(self, costs: Costs, ended: float, stopped: Stopped) -> Measured:
        """The figures of the window from the warm-up's end to the probe's, or to `ended` when it was cut short.

        A probe that did not outlive its warm-up shows what there is: it broke down at once.
        """
        start = self.probe.warmup_s if ended > self.probe.warmup_s else 0.0
        end = min(self.probe.warmup_s + self.probe.seconds, ended)
        seconds, everything = end - start, Rows.of(self)
        rows = everything.only((everything.due >= start) & (everything.due < end))
        done = everything.due + everything.took
        answered = int(np.count_nonzero(everything.good & (start <= done) & (done < end)))
        return Measured(
            probe=self.probe, limits_ms=self.limits_ms, seconds=round(seconds, 3), stopped=stopped,
            offered_rps=_rate(len(rows), seconds), achieved_rps=_rate(answered, seconds),
            requests=len(rows), failed=rows.failed(), late=rows.late(self.limits_ms),
            limited=rows.count(LIMITED), unanswered=rows.count(UNANSWERED), statuses=rows.statuses(),
            latency=rows.latency(), service=rows.latency(from_due=False),
            in_flight=round(float(rows.took.sum()) / seconds, 3) if seconds else 0.0,
            endpoints=tuple(self._endpoints(rows)), blocks=tuple(self._blocks(rows, start, end)),
            generator=self._generator(costs, rows, start, end),
        )  # fmt: skip

    def _endpoints(self, rows: Rows) -> Iterable[Endpoint]:
        for index in np.unique(rows.where).tolist():
            step, mine = self.endpoints[index], rows.only(rows.where == index)
            yield Endpoint(
                name=step.shown, method=step.method, path=step.path, requests=len(mine), failed=mine.failed(),
                late=mine.late(self.limits_ms), statuses=mine.statuses(), latency=mine.latency(),
            )  # fmt: skip

    def _blocks(self, rows: Rows, start: float, end: float) -> Iterable[Block]:
        seconds = (rows.due - start).astype(np.int64)
        for second in range(max(0, round(end - start))):
            mine = rows.only(seconds == second)
            yield Block(requests=len(mine), failed=mine.failed(), late=mine.late(self.limits_ms))

    def _generator(self, costs: Costs, rows: Rows, start: float, end: float) -> Generator:
        scheduled = self.probe.kind == "open" and bool(len(rows))
        started = rows.due + rows.lag
        return Generator(
            client_addresses=costs.client_addresses,
            start_lag_p99_ms=_p99_ms(rows.lag) if scheduled else None,
            achieved_ratio=round(int(np.count_nonzero(started < end)) / len(rows), 5) if scheduled else None,
            loop_lag_p99_ms=_p99_ms(np.array(costs.loop_lags_s)),
            dispersion=dispersion(started.tolist(), start, end) if scheduled else None,
            cpu_seconds=round(costs.cpu_s, 3), cpu_share=round(costs.cpu_s / costs.wall_s, 4) if costs.wall_s else 0.0,
            requests_per_cpu_second=round(len(self) / costs.cpu_s, 1) if costs.cpu_s else 0.0,
        )  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Some of the requests, as columns of equal length."""

    where: NDArray[np.int64]
    due: NDArray[np.float64]
    lag: NDArray[np.float64]
    took: NDArray[np.float64]
    outcome: NDArray[np.int64]
    good: NDArray[np.bool_]

    @classmethod
    def of(cls, record: Recorder) -> Rows:
        return cls(
            np.array(record.where, dtype=np.int64), np.array(record.due), np.array(record.lag), np.array(record.took),
            np.array(record.outcome, dtype=np.int64), np.array(record.good, dtype=np.bool_),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.due)

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        return Rows(*(getattr(self, column)[chosen] for column in ("where", "due", "lag", "took", "outcome", "good")))

    def failed(self) -> int:
        return int(np.count_nonzero(~self.good))

    def late(self, limits_ms: Iterable[float]) -> tuple[int, ...]:
        """How many failed or took longer, for each limit."""
        return tuple(int(np.count_nonzero(~self.good | (self.took * 1000 > limit))) for limit in limits_ms)

    def count(self, outcome: int) -> int:
        return int(np.count_nonzero(self.outcome == outcome))

    def statuses(self) -> dict[str, int]:
        found, counts = np.unique(self.outcome, return_counts=True)
        return {word(outcome): count for outcome, count in zip(found.tolist()[::-1], counts.tolist()[::-1], strict=True)}

    def latency(self, *, from_due: bool = True) -> Latency | None:
        """Of good answers and of those that never came: an error that comes fast is no fast answer."""
        counted = self.only(self.good | (self.outcome == UNANSWERED))
        return latency((counted.took if from_due else counted.took - counted.lag) * 1e6)


def outcome_of(visit: Visit, step: Step, status: int, *, good: bool) -> int:
    """The status, and where that was expected but the answer was not good, what was wrong with it."""
    if good or status not in step.expects:
        return status
    return status + (ELSEWHERE if visit.left else UNEXPECTED)


def word(outcome: int) -> str:
    """How an outcome is called: `200`, `timeout`, `200 with unexpected content`."""
    if outcome >= ELSEWHERE:
        return f"{outcome - ELSEWHERE} to another host"
    if outcome >= UNEXPECTED:
        return f"{outcome - UNEXPECTED} with unexpected content"
    return WORDS.get(outcome, str(outcome))


def latency(values_us: Iterable[float]) -> Latency | None:
    """Percentiles of microseconds; None for none."""
    whole = histogram.of(values_us)
    found = histogram.quantiles_ms(whole, (50, 95, 99))
    if not found:
        return None
    return Latency(
        p50_ms=found[50], p95_ms=found[95], p99_ms=found[99], max_ms=whole.get_max_value() / 1000, histogram=histogram.text(whole)
    )


def dispersion(starts: Sequence[float], start: float, end: float) -> float | None:
    """Variance over mean of starts per 100 ms: 1 for Poisson arrivals, many for users who march in step. None for too few."""
    bins = int((end - start) / BIN_S)
    if bins < FEWEST_BINS or len(starts) < bins:
        return None
    counts = [0] * bins
    for moment in starts:
        at = int((moment - start) / BIN_S)
        if 0 <= at < bins:
            counts[at] += 1
    mean = sum(counts) / bins
    return round(sum((count - mean) ** 2 for count in counts) / (bins - 1) / mean, 3) if mean else None


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 3) if seconds else 0.0


def _p99_ms(values_s: NDArray[np.float64]) -> float:
    if not len(values_s):
        return 0.0
    at = min(len(values_s) - 1, int(len(values_s) * 0.99))
    return round(float(np.partition(values_s, at)[at]) * 1000, 3)
