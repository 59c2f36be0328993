"""Figures of several windows as one: what processes measured side by side, or one after the other. Pure.

Histograms merge without loss. What no sum can say (how late requests left at the 99th percentile) is the worst of the parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from loadtests import histogram
from loadtests.result import Block, Endpoint, Generator, Latency, Measured


def side_by_side(parts: Sequence[Measured]) -> Measured:
    """One probe that several processes played at the same time: rates add up, seconds do not."""
    blocks = tuple(_block(one) for one in zip(*(part.blocks for part in parts), strict=False))
    return _merged(parts, max(part.seconds for part in parts), blocks, _together([part.generator for part in parts], len(parts)), rates=1.0)


def one_after_the_other(parts: Sequence[Measured]) -> Measured:
    """Probes of the same load one after the other: seconds add up, rates are their mean."""
    seconds = sum(part.seconds for part in parts)
    generator = _together([part.generator for part in parts], parts[0].generator.processes)
    share = sum(part.generator.cpu_share for part in parts) / len(parts)
    blocks = tuple(block for part in parts for block in part.blocks)
    return _merged(parts, seconds, blocks, generator.model_copy(update={"cpu_share": round(share, 4)}), rates=1 / len(parts))


def _merged(parts: Sequence[Measured], seconds: float, blocks: tuple[Block, ...], generator: Generator, rates: float) -> Measured:
    first = parts[0]
    return first.model_copy(update={
        "seconds": seconds, "offered_rps": round(sum(part.offered_rps for part in parts) * rates, 3),
        "achieved_rps": round(sum(part.achieved_rps for part in parts) * rates, 3), "requests": sum(part.requests for part in parts),
        "failed": sum(part.failed for part in parts), "late": _sums(part.late for part in parts), "limited": sum(part.limited for part in parts),
        "unanswered": sum(part.unanswered for part in parts), "statuses": _counts(part.statuses for part in parts),
        "latency": latency(part.latency for part in parts), "service": latency(part.service for part in parts),
        "in_flight": round(sum(part.in_flight for part in parts) * rates, 3), "endpoints": tuple(_endpoints(parts)), "blocks": blocks,
        "generator": generator, "stopped": next((part.stopped for part in parts if part.stopped), ""),
        "recovery_s": max((part.recovery_s for part in parts if part.recovery_s is not None), default=None),
    })  # fmt: skip


def latency(parts: Iterable[Latency | None]) -> Latency | None:
    """Percentiles of all values together, not of percentiles."""
    there = [part for part in parts if part is not None]
    whole = histogram.merged(part.histogram for part in there)
    found = histogram.quantiles_ms(whole, (50, 95, 99))
    if not found:
        return None
    highest = max(part.max_ms for part in there)
    return Latency(p50_ms=found[50], p95_ms=found[95], p99_ms=found[99], max_ms=highest, histogram=histogram.text(whole))


def _endpoints(parts: Sequence[Measured]) -> Iterable[Endpoint]:
    for name in dict.fromkeys(one.name for part in parts for one in part.endpoints):
        mine = [one for part in parts for one in part.endpoints if one.name == name]
        yield mine[0].model_copy(update={
            "requests": sum(one.requests for one in mine), "failed": sum(one.failed for one in mine), "late": _sums(one.late for one in mine),
            "statuses": _counts(one.statuses for one in mine), "latency": latency(one.latency for one in mine),
        })  # fmt: skip


def _block(parts: Sequence[Block]) -> Block:
    return Block(
        requests=sum(part.requests for part in parts), failed=sum(part.failed for part in parts), late=_sums(part.late for part in parts)
    )


def _together(parts: Sequence[Generator], processes: int) -> Generator:
    requests = sum(part.requests_per_cpu_second * part.cpu_seconds for part in parts)
    cpu_s = sum(part.cpu_seconds for part in parts)
    return Generator(
        processes=processes, client_addresses=max(part.client_addresses for part in parts),
        start_lag_p99_ms=_worst(part.start_lag_p99_ms for part in parts), achieved_ratio=min((part.achieved_ratio for part in parts if part.achieved_ratio is not None), default=None),
        loop_lag_p99_ms=max(part.loop_lag_p99_ms for part in parts), dispersion=_worst(part.dispersion for part in parts), cpu_seconds=round(cpu_s, 3),
        cpu_share=round(sum(part.cpu_share for part in parts), 4), requests_per_cpu_second=round(requests / cpu_s, 1) if cpu_s else 0.0,
    )  # fmt: skip


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sums(rows: Iterable[Sequence[int]]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*rows, strict=True))


def _counts(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    return dict(sum((Counter(part) for part in parts), Counter[str]()))
