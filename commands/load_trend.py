"""`loadtest trend`: the kept limits of a phase, and since when they are others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commands import options

if TYPE_CHECKING:
    from loadtests.trend import Change


def trend(
    phase: options.Phase,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when the latest change is a fall.")] = False,
    as_json: options.Json = False,
) -> None:
    """The limits that earlier load tests found. With the runs since which they are higher or lower; needs ten runs on one machine."""
    from commands import ui
    from environments.home import home
    from errors import BadInput
    from loadtests import store, trend
    from phases.load import load

    load(platform).phase(phase)
    points = trend.points(list(store.history(home(), platform, env, phase)))
    if not points:
        raise BadInput(f"no load test of phase {phase} in {env} is kept", hint=f"cmctl loadtest {options.where(platform, phase, env)}")
    found = trend.changes([point.rate for point in points])
    if as_json:
        changes = [{"run": points[one.index].run, "before": one.before, "after": one.after, "change": one.change} for one in found]
        ui.emit(
            "cmctl/loadtest-trend/1",
            {"runs": [vars(point) for point in points], "changes": changes, "enough": len(points) >= trend.FEWEST_RUNS},
        )
    else:
        at = {one.index: one for one in found}
        rows = [(point.when, point.version, f"{point.rate:.0f}", mark(at.get(index))) for index, point in enumerate(points)]
        ui.table(("when", "version", "requests/s", "change"), rows, right=("requests/s",))
        few = f"{len(points)} runs on this machine are too few to see a change ({trend.FEWEST_RUNS} are needed)"
        ui.say(few if len(points) < trend.FEWEST_RUNS else f"{len(found)} change{'' if len(found) == 1 else 's'} in {len(points)} runs")
    raise typer.Exit(3 if check and found and found[-1].change < 0 else 0)


def mark(change: Change | None) -> str:
    """What stands beside the run since which the limit is another."""
    return (
        ""
        if change is None
        else f"{'▲' if change.change > 0 else '▼'} {change.change:+.0%} since here ({change.before:.0f} → {change.after:.0f})"
    )


def register(group: typer.Typer) -> None:
    group.command("trend")(trend)
