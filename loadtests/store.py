"""Results that later commands read: one capacity record per phase, and every run whole, under cmctl's home."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtests.result import CapacityResult, Verdict, percent

RECORD = "cmctl/capacity/1"
# Older runs say less about the service of today.
MOST_RUNS = 10


def answers(result: CapacityResult) -> bool:
    """Whether a result says how many users there may be: not INVALID, INCONCLUSIVE, FAIL or interrupted."""
    return result.verdict is Verdict.PASS and not result.interrupted and bool(result.capacities) and result.users_p10_p50_p90 is not None


def record(result: CapacityResult, former: Iterable[CapacityResult] = ()) -> dict[str, Any] | None:
    """The capacity record that `cost` reads; None for a result that is no answer.

    Of `former` runs those of the same version, machine, SLO and target count too: one run alone gives no interval, whatever it
    believes of itself. Between runs caches, neighbours and schedulers differ, which no single run can see.
    """
    if not answers(result):
        return None
    same = [one for one in former if answers(one) and _circumstances(one) == _circumstances(result) and one.run != result.run]
    runs = [*same[1 - MOST_RUNS :], result]
    own = result.capacities[0]
    what = f"p95 over {own.limit.limit:.0f} ms" if own.binding == "p95" else f"more than {percent(own.limit.limit)} errors"
    where = result.binding.resource if result.binding and result.binding.resource else ""
    return {
        "schema": RECORD, "platform": result.platform, "environment": result.environment, "phase": result.phase, "run": result.run,
        "when": result.when, "machine": result.machine.text, "users": _users(runs), "runs": [one.run for one in runs],
        "rps": round(own.limit.rate, 1), "limit": what + (f", {where} used up" if where else ""),
    }  # fmt: skip


def _circumstances(result: CapacityResult) -> tuple[object, ...]:
    return result.version, result.machine.fingerprint, result.slo, result.target


def _users(runs: Sequence[CapacityResult]) -> dict[str, int]:
    """Users of one run, or the quantiles of all runs' own quantiles together: both what a run leaves open and how runs differ."""
    points = sorted(count for one in runs if one.users_p10_p50_p90 for count in one.users_p10_p50_p90)
    if len(runs) == 1:
        return {"single": points[1]}
    tenths = statistics.quantiles(points, n=10, method="inclusive")
    return {"p10": math.floor(tenths[0]), "p50": math.floor(tenths[4]), "p90": math.floor(tenths[8])}


def keep(home: Path, result: CapacityResult) -> list[Path]:
    """Write the whole result into the history and, when it is an answer, the record of its phase. Gives the files written."""
    name = f"{result.platform}-{result.environment}-phase{result.phase}"
    stamp = result.when.replace(":", "").replace("-", "").partition("+")[0]
    written = [_write(home / "capacity" / "runs" / f"{name}-{stamp}-{result.run}.json", result.document())]
    found = record(result, history(home, result.platform, result.environment, result.phase))
    if found is not None:
        written.append(_write(home / "capacity" / f"{name}.json", found))
    return written


def history(home: Path, platform: str, environment: str, phase: int) -> Iterator[CapacityResult]:
    """Kept results of a phase, oldest first. Files that cannot be read any more are left out."""
    for path in sorted((home / "capacity" / "runs").glob(f"{platform}-{environment}-phase{phase}-*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found = CapacityResult.model_validate({key: value for key, value in dict(document).items() if key != "exit_code"})
        except (OSError, ValueError, TypeError):
            continue
        # `shop-eu` in `local` has the same file names as `shop` in `eu-local`.
        if (found.platform, found.environment, found.phase) == (platform, environment, phase):
            yield found


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(document, indent=1), encoding="utf-8")
    beside.replace(path)
    return path
