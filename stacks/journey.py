"""One way through (DESIGN §3): look, decide, carry out, go back, stand, leave. What commands call; values in, values out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from environments import home as homes
from errors import BadInput, CmctlError
from hosts import door
from hosts.events import Outcome
from hosts.observe import Compared, Observed
from layout import checks
from stacks import cluster_release, history, operations, preflight, price, risk
from stacks.deployment import Deployment, Facts, Wish, facts, facts_of_any, live_phase, observed, prepare, sent_to, targets
from stacks.events import Event, OnEvent, Progress
from stacks.kubernetes import cluster
from stacks.kubernetes.spec import recorded
from stacks.plan import Change, Plan
from stacks.standing import standing
from stacks.way_back import Flipped
from stacks.workspace import Settings
from templates import names

Report = Callable[[str], None]


@dataclass(frozen=True)
class Look:
    """One plan over all layers. `plans`: layer → plan. `expected_s` is None where this environment has no history of it.

    `hosts`: layer → what runs there now, for the layers that run on hosts.
    """

    deployment: Deployment
    run: Settings = field(repr=False)
    plans: dict[str, Plan]
    live: int | None
    price: price.PriceChange
    risks: tuple[str, ...]
    expected_s: float | None
    plugins: dict[str, str]
    hosts: Mapping[str, Compared]
    refreshed: frozenset[str] = frozenset()

    @property
    def version(self) -> str:
        return self.deployment.facts.version

    @property
    def changes(self) -> list[Change]:
        return [change for plan in self.plans.values() for change in plan.changes]

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(layer for layer, plan in self.plans.items() if not plan.empty)


@dataclass(frozen=True)
class LayerDone:
    layer: str
    changed: bool
    release: str = ""
    slot: str = ""


@dataclass(frozen=True)
class Done:
    """What a deploy or rollback did. `former` is the release that the way back leads to."""

    platform: str
    environment: str
    phase: int
    version: str
    layers: tuple[LayerDone, ...]
    urls: tuple[str, ...]
    seconds: float
    former: str = ""
    evidence: str = ""
    moved_s: float | None = None


def look(wish: Wish, report: Report, *, refresh: bool = False) -> Look:
    """What a deploy would change. Raises what any wrong name, file, secret or image raises."""
    deployment = prepare(wish, report)
    found = deployment.facts
    run = operations.settings(found, report)
    with ThreadPoolExecutor() as meanwhile:
        # The hosts answer while the engine plans.
        asked = meanwhile.submit(_hosts, deployment)
        # A cluster that keeps no release may be another one than the engine remembers, as a lab's that was made anew.
        refresh = refresh or (found.in_cluster and asked.result().live is None)
        plans = {one.layer: one.plan for one in operations.plan(deployment, run, _quiet, refresh=refresh)}
        there = asked.result()
        refreshed = set(plans) if refresh else {layer for layer, plan in plans.items() if plan.empty and there.differ(layer)}
    for layer in refreshed if not refresh else ():
        # The state says "same", the hosts say otherwise.
        plans |= {one.layer: one.plan for one in operations.plan(deployment, run, _quiet, refresh=True, only=layer)}
    changed = tuple(layer for layer, plan in plans.items() if not plan.empty)
    if changed:
        preflight.check(found)
    entries = history.read(homes.home(), wish.platform, wish.environment)
    return Look(
        deployment, run, plans, there.live, price.change(found.loaded, there.live, found.phase.number, found.environment),
        (*risk.risks(change for plan in plans.values() for change in plan.changes), *_promises(found)),
        history.expected_s(entries, "deploy", wish.phase, changed), operations.plugins(operations.needed(found, f"phase{found.phase.number}", run)),
        there.layers, frozenset(refreshed),
    )  # fmt: skip


def _promises(found: Facts) -> tuple[str, ...]:
    """What the layout cannot keep of what the phase promises; a cluster moves its pods by itself."""
    return () if found.in_cluster else tuple(checks.promises(found.layout(found.layers[1])))


@dataclass(frozen=True)
class _There:
    """What really runs: the live phase, and layer → its hosts beside the release asked for."""

    live: int | None
    layers: Mapping[str, Compared]

    def differ(self, layer: str) -> bool:
        """Whether a layer's hosts are not as its release left them: an interrupted command, or somebody's hand. Raises Unreachable."""
        return layer in self.layers and bool(self.layers[layer].whole().differences)


def _hosts(deployment: Deployment) -> _There:
    if not deployment.specs:
        return _There(live_phase(deployment.facts), {})
    layers = door.compare_now(deployment.specs)
    return _There(sent_to(layers["edge"].whole().hosts) if "edge" in layers else None, layers)


def _quiet(event: Event) -> None:
    """Nothing that happens during a preview is worth a line."""
    del event


def carry_out(seen: Look, on_event: OnEvent) -> Done:
    """Bring up the layers that change. A failed release has gone back by itself; the error says what serves."""
    found = seen.deployment.facts
    heard = _Heard(on_event)
    with _recorded(found, "deploy", seen.layers) as started:
        if found.in_cluster:
            heard.evidence = cluster_release.carry_out(seen.deployment, seen.run, seen.layers, heard, refreshed=seen.refreshed)
        else:
            operations.carry_out(seen.deployment, seen.run, seen.layers, heard, refreshed=seen.refreshed)
    known = not seen.layers and not found.in_cluster
    there = {layer: seen.hosts[layer].hosts if layer in seen.hosts else {} for layer in found.layers} if known else None
    return _done(found, set(seen.layers), time.monotonic() - started, heard, there=there)


class _Heard:
    """Passes events on and keeps what the result needs: the gate's words."""

    def __init__(self, on_event: OnEvent) -> None:
        self._tell = on_event
        self.evidence = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and event.step.step == "watch" and event.step.state == "end":
            self.evidence = event.step.detail
        self._tell(event)


def roll_back(platform: str, phase: int, environment: str, to: str | None, report: Report, on_event: OnEvent) -> Done:
    """The way back on a cluster: the release before is applied again, and awaited. Raises BadInput when there is none."""
    deployment = cluster_release.back(facts(Wish(platform, phase, environment)), to)
    found, layer, heard = deployment.facts, f"phase{phase}", _Heard(on_event)
    with _recorded(found, "rollback", (layer,)) as started:
        operations.carry_out(deployment, operations.settings(found, report), [layer], heard)
    return _done(found, {layer}, time.monotonic() - started, heard)


def in_cluster(platform: str, phase: int | None, environment: str) -> bool:
    """Whether a phase runs on Kubernetes. Raises BadInput for unknown names."""
    return phase is not None and facts(Wish(platform, phase, environment)).in_cluster


def _done(
    found: Facts, changed: set[str], seconds: float, heard: _Heard, outcome: Outcome | None = None,
    there: Mapping[str, Mapping[str, Observed]] | None = None,
) -> Done:  # fmt: skip
    """`there`: what runs, where that is known already."""
    layers, former = _kept(found, changed) if found.in_cluster else ([], "")
    for layer, seen in (there or observed(found, found.layers if not found.in_cluster else ())).items():
        state = next((one.state for one in seen.values() if one.state), None)
        slotted = layer.startswith("phase")
        layers.append(LayerDone(layer, layer in changed, state.release if state else "", state.live if state and slotted else ""))
        if slotted and state:
            former = next((one for one in state.history if one != state.release), "")
    return Done(
        found.loaded.platform.name, found.environment.name, found.phase.number, found.version, tuple(layers),
        names.urls(found.loaded.platform, found.environment), seconds, former, heard.evidence, outcome.moved_s if outcome else None,
    )  # fmt: skip


def _kept(found: Facts, changed: set[str]) -> tuple[list[LayerDone], str]:
    """Layers and the release before, as the cluster keeps them."""
    there = cluster.kept(found.plan, cluster.api(found.plan))
    versions = [recorded(text, found.environment)[1].version if text else "" for text in (there.current, there.former)]
    own = f"phase{found.phase.number}"
    return [LayerDone(layer, layer in changed, versions[0] if layer == own else "") for layer in found.layers], versions[1]


@contextmanager
def _recorded(found: Facts, command: str, layers: tuple[str, ...]) -> Iterator[float]:
    """One line in the history, however it ends."""
    started = time.monotonic()
    code = 1
    try:
        yield started
        code = 0
    except CmctlError as error:
        code = error.exit_code
        raise
    finally:
        entry = history.Entry(history.now(), command, found.phase.number, found.version, layers, round(time.monotonic() - started, 2), code)
        if layers:
            history.add(homes.home(), found.loaded.platform.name, found.environment.name, entry)


def follow(flipped: Flipped, on_event: OnEvent) -> Done:
    """After the hosts went back: bring the engine's state to what runs, and write the history."""
    found, layer = flipped.facts, flipped.layer
    heard = _Heard(on_event)
    with _recorded(found, "rollback", (layer,)):
        deployment = Deployment(found, {layer: flipped.spec}, {}, {})
        operations.follow(deployment, operations.settings(found, lambda _: None), layer, heard)
    return _done(found, {layer}, time.monotonic() - flipped.started, heard, flipped.outcome)


def leave(platform: str, phase: int | None, environment: str, *, everything: bool) -> list[str]:
    """The layers that a destroy would remove, users' way in first. Raises BadInput for the live phase alone, or for no choice."""
    if phase is None and not everything:
        raise BadInput("destroy what?", hint="--phase N for one phase, --all for everything")
    if phase is not None and not everything and in_cluster(platform, phase, environment):
        cluster.api(facts(Wish(platform, phase, environment)).plan).close()  # says so where there is no way to it
        return [f"phase{phase}"]
    there = [*standing(platform, environment).layers, *_on_clusters(platform, environment)]
    if phase is None or everything:
        return [
            layer for layer in ("edge", *(one for one in sorted(there, reverse=True) if one.startswith("phase")), "data") if layer in there
        ]
    live = live_phase(facts_of_any(platform, environment))
    if live == phase:
        raise BadInput(
            f"phase {phase} is live: users would get nothing",
            hint=f"deploy another phase first, or: cmctl destroy --env {environment} --all",
        )
    return [f"phase{phase}"] if f"phase{phase}" in there else []


def _on_clusters(platform: str, environment: str) -> list[str]:
    """The phases that a cluster of this environment keeps a release of; a lab's cluster that does not run keeps none."""
    any_phase = facts_of_any(platform, environment)
    if any_phase.environment.kube_context is None or cluster.taken_down(any_phase.environment):
        return []
    wanted = [number for number, phase in any_phase.loaded.phases.items() if phase.runtime == "kubernetes"]
    return [f"phase{number}" for number in wanted if live_phase(facts(Wish(platform, number, environment))) is not None]


def remove(platform: str, environment: str, layers: list[str], on_event: OnEvent) -> list[str]:
    """Remove the layers through the engine; what it does not know of is removed from the hosts directly."""
    for layer in layers:
        own = layer.startswith("phase")
        found = facts(Wish(platform, int(layer.removeprefix("phase")), environment)) if own else facts_of_any(platform, environment)
        run = operations.settings(found, lambda _: None)
        with _recorded(found, "destroy", (layer,)):
            operations.destroy(found, run, [layer], on_event)
            if found.in_cluster:
                continue
            door.remove_now(found.stack(layer), targets(found, layer), names.network(found.loaded.platform, found.environment))
    return layers
