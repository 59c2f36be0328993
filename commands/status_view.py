"""What runs, for people and as a document."""

from __future__ import annotations

import datetime
from typing import Any

from commands import ui
from hosts.observe import Observed
from stacks.standing import Standing


def show(seen: Standing) -> None:
    live = "nothing is live" if seen.live is None else f"phase {seen.live} is live: {', '.join(seen.urls)}"
    ui.say(f"{seen.loaded.platform.title} in {seen.environment}: {live}")
    if not seen.layers:
        return
    ui.table(
        ("layer", "host", "release", "slot", "former", "containers", "since"),
        [_row(layer, one) for layer, hosts in seen.layers.items() for one in hosts.values()],
    )
    for layer, hosts in seen.layers.items():
        for one in hosts.values():
            _remarks(layer, one)


def _row(layer: str, one: Observed) -> tuple[object, ...]:
    state = one.state
    running = sum(container.state == "running" for container in one.containers)
    if state is None:
        return layer, one.host, "—", "", "", f"{running} of {len(one.containers)}", ""
    former = next((release for release in state.history if release != state.release), "")
    warm = " (warm)" if former in state.slots.values() else ""
    since = datetime.datetime.fromtimestamp(state.settled_at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return layer, one.host, state.release, one.live if state.slots else "", former + warm, f"{running} of {len(one.containers)}", since


def _remarks(layer: str, one: Observed) -> None:
    for container in one.containers:
        if container.state != "running" or "unhealthy" in container.status:
            ui.say(f"✗ {container.name}: {container.state}, {container.status}", style="red")
    if one.holder:
        ui.say(f"running now on {one.host}: {one.holder.operation}, by {one.holder.person()}, since {one.holder.since}", style="yellow")
    elif one.journal:
        ui.say(
            f"{layer} on {one.host}: {one.journal.operation} of {one.journal.release} was interrupted at {one.journal.step}; the next command clears it up",
            style="yellow",
        )


def document(seen: Standing) -> dict[str, Any]:
    """`status --json`."""
    return {
        "platform": seen.loaded.platform.name, "environment": seen.environment, "live_phase": seen.live, "urls": list(seen.urls),
        "layers": {layer: {host: _host(one) for host, one in hosts.items()} for layer, hosts in seen.layers.items()},
    }  # fmt: skip


def _host(one: Observed) -> dict[str, Any]:
    return {
        "release": one.state.release if one.state else None, "version": one.state.version if one.state else None,
        "slot": one.live if one.state and one.state.slots else None, "flags": list(one.flags), "releases": list(one.releases),
        "containers": [vars(container) for container in one.containers],
        "operation": vars(one.holder) if one.holder else None,
        "interrupted": one.journal.model_dump(mode="json", exclude={"former", "next"}) if one.journal else None,
    }  # fmt: skip
