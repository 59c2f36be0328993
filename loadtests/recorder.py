"""Takes down every request of a probe in compact arrays, and turns them into figures when the probe is over. Pure: the caller owns the clock."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadtests import histogram
from loadtests.plan import Probe
from loadtests.result import Block, Endpoint, Generator, Latency, Measured, Stopped
from loadtests.visits import Step

# Outcomes that are no HTTP status.
CLOSED, REFUSED, TIMEOUT, TLS, NETWORK, UNANSWERED = -1, -2, -3, -4, -5, -6
WORDS = {
    CLOSED: "connection closed",
    REFUSED: "connection refused",
    TIMEOUT: "timeout",
    TLS: "tls",
    NETWORK: "network",
    UNANSWERED: "unanswered",
}
# Added to a status that was expected with a content that was not.
UNEXPECTED = 10_000
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
        rows = [row for row, due in enumerate(self.due) if start <= due < end]
        seconds = end - start
        answered = sum(1 for row in range(len(self)) if self.good[row] and start <= self.due[row] + self.took[row] < end)
        return Measured(
            probe=self.probe, limits_ms=self.limits_ms, seconds=round(seconds, 3), stopped=stopped,
            offered_rps=_rate(len(rows), seconds), achieved_rps=_rate(answered, seconds),
            requests=len(rows), failed=self._failed(rows), late=self._late(rows),
            limited=sum(1 for row in rows if self.outcome[row] == LIMITED),
            unanswered=sum(1 for row in rows if self.outcome[row] == UNANSWERED),
            statuses=self._statuses(rows), latency=self._latency(rows), service=self._latency(rows, from_due=False),
            in_flight=round(sum(self.took[row] for row in rows) / seconds, 3) if seconds else 0.0,
            endpoints=tuple(self._endpoints(rows)), blocks=tuple(self._blocks(rows, start, end)),
            generator=self._generator(costs, rows, start, end),
        )  # fmt: skip

    def _is_late(self, row: int, limit_ms: float) -> bool:
        return not self.good[row] or self.took[row] * 1000 > limit_ms

    def _late(self, rows: Sequence[int]) -> tuple[int, ...]:
        return tuple(sum(1 for row in rows if self._is_late(row, limit)) for limit in self.limits_ms)

    def _failed(self, rows: Iterable[int]) -> int:
        return sum(1 for row in rows if not self.good[row])

    def _statuses(self, rows: Iterable[int]) -> dict[str, int]:
        return {word(outcome): count for outcome, count in sorted(Counter(self.outcome[row] for row in rows).items(), reverse=True)}

    def _latency(self, rows: Iterable[int], *, from_due: bool = True) -> Latency | None:
        """Of good answers and of those that never came: an error that comes fast is no fast answer."""
        counted = [row for row in rows if self.good[row] or self.outcome[row] == UNANSWERED]
        return latency((self.took[row] - (0.0 if from_due else self.lag[row])) * 1e6 for row in counted)

    def _endpoints(self, rows: Sequence[int]) -> Iterable[Endpoint]:
        by_step: dict[int, list[int]] = {}
        for row in rows:
            by_step.setdefault(self.where[row], []).append(row)
        for index, mine in sorted(by_step.items()):
            step = self.endpoints[index]
            yield Endpoint(
                name=step.name, method=step.method, path=step.path, requests=len(mine), failed=self._failed(mine),
                late=self._late(mine), statuses=self._statuses(mine), latency=self._latency(mine),
            )  # fmt: skip

    def _blocks(self, rows: Sequence[int], start: float, end: float) -> Iterable[Block]:
        by_second: list[list[int]] = [[] for _ in range(max(0, round(end - start)))]
        for row in rows:
            second = int(self.due[row] - start)
            if second < len(by_second):
                by_second[second].append(row)
        for mine in by_second:
            yield Block(requests=len(mine), failed=self._failed(mine), late=self._late(mine))

    def _generator(self, costs: Costs, rows: Sequence[int], start: float, end: float) -> Generator:
        scheduled = self.probe.kind == "open" and bool(rows)
        in_time = sum(1 for row in rows if self.due[row] + self.lag[row] < end)
        return Generator(
            client_addresses=costs.client_addresses,
            start_lag_p99_ms=_p99_ms([self.lag[row] for row in rows]) if scheduled else None,
            achieved_ratio=round(in_time / len(rows), 5) if scheduled else None,
            loop_lag_p99_ms=_p99_ms(costs.loop_lags_s),
            dispersion=dispersion([self.due[row] + self.lag[row] for row in rows], start, end) if scheduled else None,
            cpu_seconds=round(costs.cpu_s, 3), cpu_share=round(costs.cpu_s / costs.wall_s, 4) if costs.wall_s else 0.0,
            requests_per_cpu_second=round(len(self) / costs.cpu_s, 1) if costs.cpu_s else 0.0,
        )  # fmt: skip


def word(outcome: int) -> str:
    """How an outcome is called: `200`, `timeout`, `200 with unexpected content`."""
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


def _p99_ms(values_s: Sequence[float]) -> float:
    if not values_s:
        return 0.0
    ordered = sorted(values_s)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3)
