"""The verbs of a phase that runs on Kubernetes, where they differ from those of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commands import options, ui

if TYPE_CHECKING:
    from stacks.cluster_standing import ClusterStanding, ServiceStanding


def concerns(platform: str, phase: int | None, env: str) -> bool:
    """Whether the phase runs on a cluster; without a phase the hosts are asked, as ever."""
    from phases.load import load

    return phase is not None and env != "" and load(platform).phase(phase).runtime == "kubernetes"


def roll_back(platform: str, phase: int | None, env: str, to: str | None, *, as_json: bool) -> None:
    from commands import plan_view, progress
    from stacks import journey

    with progress.shown() as on_event:
        done = journey.roll_back(platform, phase or 0, env, to, ui.say, on_event)
    if as_json:
        ui.emit("cmctl/rollback/1", plan_view.outcome(done))
        return
    plan_view.show_outcome(done)
    ui.hint(f"cmctl status {options.where(platform, phase or 0, env)}")


def status(platform: str, phase: int | None, env: str, *, as_json: bool) -> None:
    from stacks.cluster_standing import standing

    seen = standing(platform, phase or 0, env)
    if as_json:
        ui.emit("cmctl/status/1", document(seen))
        return
    show(seen)
    ui.hint(f"cmctl {'preview' if seen.version else 'deploy'} {options.where(platform, phase or 0, env)}")


def show(seen: ClusterStanding) -> None:
    ui.say(
        f"{seen.namespace} on {seen.context}: {seen.version or 'nothing'} serves" + (f", {seen.former} was before" if seen.former else "")
    )
    if seen.services:
        ui.table(("service", "version", "ready", "pods now", "min", "max", "CPU", "why"), [_row(one) for one in seen.services])
    for problem in seen.problems:
        ui.say(f"✗ {problem}", style="red")


def _row(one: ServiceStanding) -> tuple[object, ...]:
    return one.name, one.version, f"{one.ready} of {one.wanted}", one.wanted, one.min, one.max, one.utilisation, one.why


def document(seen: ClusterStanding) -> dict[str, Any]:
    """`status --phase 3 --json`."""
    return {
        "namespace": seen.namespace, "context": seen.context, "version": seen.version, "former": seen.former,
        "services": [vars(one) for one in seen.services], "problems": list(seen.problems),
    }  # fmt: skip
