"""One probe at one rate: the smoke test, and whether a rate is fine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from commands import load_files, load_live, load_plan, load_view, ui
from loadtests import run, verdict
from loadtests.plan import Probe
from loadtests.result import SCHEMA

SHORTEST_S, LONGEST_S = 30.0, 300.0


@dataclass(frozen=True)
class Wish:
    """`seconds` of load that count; None: as long as the claim on errors needs at this rate."""

    profile: Literal["smoke", "rate"]
    rate: float
    seconds: float | None
    report: Path | None
    as_json: bool


def play(asked: load_plan.Asked, wish: Wish) -> int:
    """Play, judge, show; the exit code of the verdict."""
    folder = load_files.folder(wish.report)
    seconds = wish.seconds or enough_s(wish.rate, load_plan.phase(asked).slo.error_ratio)
    plan = load_plan.probes_plan(asked, Probe(name=wish.profile, rate_per_s=wish.rate, seconds=seconds))
    title = load_live.heading(plan, wish.profile)
    with load_plan.sent(asked, plan) as crewed, load_live.shown(title, seconds + 15, plan.slo.p95_ms) as on_progress:
        result = run.smoke(crewed, on_progress, wish.profile)
    files = load_files.of_probe(folder, result) if folder else []
    if wish.as_json:
        ui.emit(SCHEMA, result.document())
    else:
        load_view.show(result)
        if files:
            ui.say(f"report: {files[0].parent}")
        ui.hint(f"cmctl cost {asked.where}" if wish.profile == "smoke" else f"cmctl loadtest --quick {asked.where}")
    return result.exit_code


def enough_s(rate: float, error_ratio: float) -> float:
    """Seconds at this rate after which a clean run proves the error ratio, with a quarter more for the few errors it may have."""
    wanted = 1.25 * verdict.fewest(1, max(error_ratio, 1e-4)) / rate
    return float(min(LONGEST_S, max(SHORTEST_S, math.ceil(wanted))))
