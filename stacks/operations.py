"""A whole deployment through the engine: one plan over all layers, then only the layers that change, in order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from environments import home as homes
from environments.backend import backend_url
from environments.passphrase import passphrase
from errors import CmctlError
from stacks import compose_phase, data, edge, engine, phase3, remembered
from stacks.deployment import Deployment, Facts
from stacks.engine import Program, Request, Result
from stacks.events import OnEvent
from stacks.machines import machines
from stacks.plan import Plan
from stacks.plugins import which
from stacks.workspace import Settings
from stacks.workspace import settings as engine_settings
from tools import toolchain

Report = Callable[[str], None]


@dataclass(frozen=True)
class LayerPlan:
    layer: str
    plan: Plan


@dataclass(frozen=True)
class LayerResult:
    layer: str
    result: Result


def settings(facts: Facts, report: Report) -> Settings:
    """How the engine runs for an environment: its CLI, its state, its passphrase."""
    environment = facts.environment
    home = homes.home()
    cli = toolchain.pulumi(report)
    return engine_settings(environment, home, homes.cache(), cli, passphrase(environment, home), backend_url(environment, home))


def program(deployment: Deployment, layer: str) -> Program:
    facts, spec = deployment.facts, deployment.specs.get(layer)
    hosts = machines(facts)
    if layer == "data":
        return data.program(facts.environment, facts.phase, facts.loaded.platform, spec, hosts)
    if layer == "edge":
        return edge.program(facts.environment, facts.phase, facts.loaded.platform, spec, hosts)
    if deployment.cluster:
        return phase3.program(deployment.cluster)
    if spec is None:
        raise CmctlError(f"layer {layer} has no release")
    return compose_phase.program(spec, hosts)


def plan(deployment: Deployment, run: Settings, on_event: OnEvent, *, refresh: bool = False, only: str = "") -> list[LayerPlan]:
    """What a deploy would change, layer by layer (or in one layer). Nothing is changed."""
    layers = [layer for layer in deployment.facts.layers if only in {"", layer}]
    return [LayerPlan(layer, _preview(deployment, layer, run, on_event, refresh=refresh)) for layer in layers]


def _preview(deployment: Deployment, layer: str, run: Settings, on_event: OnEvent, *, refresh: bool) -> Plan:
    answer = None if refresh else _question(deployment, layer, run)
    if answer is not None and answer.exists():
        return Plan(deployment.facts.stack(layer), (), {}, 0.0)
    found = engine.preview(_request(deployment, layer, run), on_event, refresh=refresh)
    if answer is not None and found.empty:
        remembered.keep(answer)
    return found


def _question(deployment: Deployment, layer: str, run: Settings) -> Path | None:
    """Where the engine's word stands that a layer would not change; None for a layer that is more than a release on hosts."""
    facts, spec = deployment.facts, deployment.specs.get(layer)
    if spec is None or run.packages:
        return None
    values = (spec, *machines(facts).values(), facts.environment, facts.phase, facts.loaded.platform)
    asked = [one.model_dump_json() for one in values]
    return remembered.question(homes.cache() / "answers", run.backend, facts.stack(layer), asked, run.passphrase)


def drift(deployment: Deployment, run: Settings) -> list[LayerPlan]:
    """How what runs differs from what was left there, layer by layer. Nothing is changed, the state neither."""
    return [LayerPlan(layer, engine.drift(_request(deployment, layer, run))) for layer in deployment.facts.layers]


def plugins(run: Settings) -> dict[str, str]:
    """Which provider plugins an environment needs beside cmctl's own, and whether the official one or a stand-in plays it."""
    return {package: way for package, way in which(run).items() if package != "cmctl"}


def carry_out(
    deployment: Deployment, run: Settings, layers: Iterable[str], on_event: OnEvent, *, refreshed: Collection[str] = ()
) -> list[LayerResult]:
    """Bring the given layers up, in order. The first failure ends it; layers before it stay as they are now.

    For layers in `refreshed` the state first learns what really runs, because their plan was made so.
    """
    done = []
    for layer in layers:
        request = _request(deployment, layer, run)
        if layer in refreshed:
            engine.refresh(request, on_event)
        done.append(LayerResult(layer, engine.up(request, on_event)))
        if answer := _question(deployment, layer, run):
            remembered.keep(answer)
    return done


def follow(deployment: Deployment, run: Settings, layer: str, on_event: OnEvent) -> Result:
    """After the hosts moved by themselves (a rollback): bring the engine's state to what runs."""
    return engine.up(_request(deployment, layer, run), on_event)


def destroy(facts: Facts, run: Settings, layers: Iterable[str], on_event: OnEvent) -> list[LayerResult]:
    return [
        LayerResult(layer, engine.destroy(Request(facts.stack(layer), _empty, needed(facts, layer, run)), on_event)) for layer in layers
    ]


def _request(deployment: Deployment, layer: str, run: Settings) -> Request:
    return Request(deployment.facts.stack(layer), program(deployment, layer), needed(deployment.facts, layer, run))


def needed(facts: Facts, layer: str, run: Settings) -> Settings:
    """The plugins that one layer needs."""
    return replace(run, packages=("kubernetes",)) if facts.in_cluster and layer.startswith("phase") else run


def _empty() -> None:
    """A program that declares nothing; only used where the engine reads no program."""
