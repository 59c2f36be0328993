"""What really runs beside what was left there: found by the engine's refresh, brought back by a deploy of the very same version."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from environments import home as homes
from errors import BadInput
from hosts.bootstrap import door as bootstrap
from layout.machine import Machine, differences
from stacks import engine, journey, operations
from stacks.deployment import Deployment, Facts, Wish, facts, observed, prepare
from stacks.events import OnEvent
from stacks.journey import Look
from stacks.machines import machines
from stacks.plan import Change, Field
from stacks.workspace import Settings
from templates import release

Report = Callable[[str], None]
DOCKER = "services.docker"


@dataclass(frozen=True)
class Drift:
    """`changes`: layer → what is not as it was left; a host stands once, in the first layer that uses it. `silent`: hosts whose
    engine does not run, with their differences: what runs on them cannot be told.
    """

    deployment: Deployment
    run: Settings = field(repr=False)
    changes: dict[str, tuple[Change, ...]]
    silent: dict[str, tuple[Field, ...]] = field(default_factory=dict)

    @property
    def fields(self) -> list[tuple[str, str, Field]]:
        """(layer, resource, difference), all of them."""
        seen = [
            (layer, f"{one.resource.kind.rpartition(':')[2]} {one.resource.name}", field)
            for layer, changes in self.changes.items()
            for one in changes
            for field in one.fields
        ]
        return [*(("", f"Host {name}", one) for name, fields in self.silent.items() for one in fields), *seen]


def look(wish: Wish, report: Report) -> Drift:
    """Read everything and compare. Changes nothing, the engine's state neither."""
    deployment = prepare(_serving(wish), report)
    run = operations.settings(deployment.facts, report)
    silent = _silent(deployment.facts)
    if silent:
        return Drift(deployment, run, {}, silent)
    changes: dict[str, tuple[Change, ...]] = {}
    known: set[str] = set()
    for layer in operations.drift(deployment, run):
        told = tuple(one for one in layer.plan.changes if one.resource.name not in known or not one.resource.kind.endswith(":Host"))
        known |= {one.resource.name for one in told if one.resource.kind.endswith(":Host")}
        changes |= {layer.layer: told} if told else {}
    return Drift(deployment, run, changes)


def mend(wish: Wish, found: Drift, report: Report, on_event: OnEvent) -> Drift:
    """Bring back what was left; returns what is still different. Raises BadInput when the files ask for more than that."""
    serving = _serving(wish)
    _same_files(found)
    if found.silent:
        _wake(found.deployment.facts, list(found.silent), report)
    seen: Look = journey.look(serving, report, refresh=True)
    journey.carry_out(seen, on_event)
    return look(wish, report)


def _same_files(found: Drift) -> None:
    asked = [one.layer for one in operations.plan(found.deployment, found.run, engine.nothing) if not one.plan.empty]
    if asked:
        name = found.deployment.facts
        raise BadInput(
            f"the files ask for another {', '.join(asked)} than what was deployed",
            why="--fix brings back what was deployed, and nothing else",
            hint=f"cmctl deploy --phase {name.phase.number} --env {name.environment.name} does both",
        )


def _serving(wish: Wish) -> Wish:
    """The wish for the version that serves: what the platform's file says by now is a matter of the next deploy."""
    found = facts(wish)
    if wish.version is not None or found.in_cluster:
        return wish
    layer = f"phase{wish.phase}"
    states = [one.state for one in observed(found, [layer])[layer].values() if one.state]
    if not states:
        raise BadInput(
            f"phase {wish.phase} is not deployed in {wish.environment}",
            why="there is nothing to compare with", hint=f"cmctl deploy --phase {wish.phase} --env {wish.environment}",
        )  # fmt: skip
    return dataclasses.replace(wish, version=states[0].version)


def _silent(found: Facts) -> dict[str, tuple[Field, ...]]:
    """Hosts whose engine does not run, asked directly: the engine's refresh would end at the first of them."""
    asked = {} if found.in_cluster else machines(found)

    async def ask(name: str, wanted: Machine) -> tuple[str, dict[str, tuple[object, object]]]:
        target = release.target(found.layout("data"), name, homes.home())
        return name, differences(await bootstrap.look(name, target, wanted), wanted)

    async def all_of_them() -> list[tuple[str, dict[str, tuple[object, object]]]]:
        return list(await asyncio.gather(*(ask(name, wanted) for name, wanted in asked.items())))

    seen = asyncio.run(all_of_them()) if asked else []
    return {
        name: tuple(Field(f"machine.{path}", "update", new, old, drift=True) for path, (old, new) in told.items())
        for name, told in seen
        if DOCKER in told
    }


def _wake(found: Facts, names: list[str], report: Report) -> None:
    asked = machines(found)
    for name in names:
        report(f"{name}: its engine does not run; making the machine right first")
        target = release.target(found.layout("data"), name, homes.home())
        asyncio.run(bootstrap.make(name, target, asked[name]))
