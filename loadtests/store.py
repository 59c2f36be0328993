"""Results that later commands read: one capacity record per phase, and every run whole, under cmctl's home."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loadtests.result import CapacityResult, Verdict

RECORD = "cmctl/capacity/1"


def record(result: CapacityResult) -> dict[str, Any] | None:
    """The capacity record that `cost` reads; None for a result that says nothing (INVALID, INCONCLUSIVE, FAIL, interrupted)."""
    if result.verdict is not Verdict.PASS or result.interrupted or not result.capacities or result.users_p10_p50_p90 is None:
        return None
    low, middle, high = result.users_p10_p50_p90
    own = result.capacities[0]
    what = f"p95 over {own.limit.limit:.0f} ms" if own.binding == "p95" else f"more than {own.limit.limit:.1%} errors"
    where = result.binding.resource if result.binding and result.binding.resource else ""
    return {
        "schema": RECORD, "platform": result.platform, "environment": result.environment, "phase": result.phase, "run": result.run,
        "when": result.when, "machine": result.machine.text, "users": {"p10": low, "p50": middle, "p90": high},
        "rps": round(own.limit.rate, 1), "limit": what + (f", {where} used up" if where else ""),
    }  # fmt: skip


def keep(home: Path, result: CapacityResult) -> list[Path]:
    """Write the whole result into the history and, when it is an answer, the record of its phase. Gives the files written."""
    name = f"{result.platform}-{result.environment}-phase{result.phase}"
    stamp = result.when.replace(":", "").replace("-", "").partition("+")[0]
    written = [_write(home / "capacity" / "runs" / f"{name}-{stamp}-{result.run}.json", result.document())]
    found = record(result)
    if found is not None:
        written.append(_write(home / "capacity" / f"{name}.json", found))
    return written


def history(home: Path, platform: str, environment: str, phase: int) -> Iterator[CapacityResult]:
    """Kept results of a phase, oldest first. Files that cannot be read any more are left out."""
    for path in sorted((home / "capacity" / "runs").glob(f"{platform}-{environment}-phase{phase}-*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            document.pop("exit_code", None)
            yield CapacityResult.model_validate(document)
        except (OSError, ValueError, ValidationError):
            continue


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(document, indent=1), encoding="utf-8")
    beside.replace(path)
    return path
