"""Searches for what a phase holds: the command's part between the files, the search and what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from commands import load_files, load_live, load_plan, load_view, load_watch, ui
from environments.home import home
from environments.load import load as load_environment
from loadtests import capacity, hunt, run, store
from loadtests.result import CAPACITY_SCHEMA, CapacityResult, Verdict
from phases.load import load as load_phases

WEEKS_A_MONTH = 52 / 12


@dataclass(frozen=True)
class Terms:
    """How a search is done and what is made of it. `growth` in percent a month, `users` registered now."""

    profile: hunt.Profile
    allow_overload: bool
    users: int | None
    growth: float
    report: Path | None
    as_json: bool


def search(asked: load_plan.Asked, terms: Terms) -> int:
    """Search, keep, show; the exit code of the verdict."""
    folder = load_files.folder(terms.report)
    plan, target = load_plan.search_plan(asked), load_plan.phase(asked).target
    before, watch = last(asked), load_watch.watching(asked)
    title = load_live.heading(plan, terms.profile.name)
    with load_plan.sent(asked, plan) as crewed, load_live.shown(title, terms.profile.budget_s, plan.slo.p95_ms) as on_progress:
        result = run.capacity(
            crewed, on_progress, profile=terms.profile, allow_overload=terms.allow_overload, ratios=ratios(asked), watch=watch,
        )  # fmt: skip
    result = result.model_copy(
        update={
            "watched": watch.told(),
            "notes": (
                *result.notes,
                *load_view.notes(result, target, advice(result, terms), shared=load_plan.one_machine(load_environment(asked.environment))),
            ),
        }
    )
    kept = store.keep(home(), result)
    page = kept[0].with_suffix(".html")
    load_files.page(page, result, before)
    files = load_files.of_search(folder, result, plan.slos, before) if folder else []
    if terms.as_json:
        ui.emit(CAPACITY_SCHEMA, result.document())
    else:
        load_view.show_search(result)
        ui.say(f"report: {files[0] if files else page}")
        ui.hint(next_command(asked, result))
    return result.exit_code


def next_command(asked: load_plan.Asked, result: CapacityResult) -> str:
    """A record leads to costs, a missed SLO to what the application says, no answer to the way to one."""
    if result.verdict is Verdict.FAIL:
        return f"cmctl logs {asked.where}"
    if store.record(result) is not None:
        return f"cmctl cost {asked.where} --per-user"
    return f"cmctl loadtest {asked.where} --allow-overload"


def last(asked: load_plan.Asked) -> CapacityResult | None:
    """The latest kept answer for the phase, to be drawn beside the new one."""
    kept = [one for one in store.history(home(), asked.platform, asked.environment, asked.phase) if one.capacities]
    return kept[-1] if kept else None


def ratios(asked: load_plan.Asked) -> dict[int, capacity.Ratio]:
    """Phase → registered users for each one at its peak, as each phase's own target says."""
    phases = load_phases(asked.platform).phases
    return {
        number: capacity.Ratio(one.target.users / one.target.concurrent, f"the target of phase {number}") for number, one in phases.items()
    }


def advice(result: CapacityResult, terms: Terms) -> capacity.Advice | None:
    """Stay or move, where somebody said how many users there are."""
    if terms.users is None or not result.capacities:
        return None
    weekly = (1 + terms.growth / 100) ** (1 / WEEKS_A_MONTH) - 1
    return capacity.advise(result.capacities[0].registered.low, terms.users, weekly)
