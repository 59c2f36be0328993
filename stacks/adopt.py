"""A lost state is rebuilt from what the hosts themselves know: every release lies on them with all its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from environments import home as homes
from environments import secrets as secret_store
from errors import BadInput
from hosts import door
from layout.release import ReleaseSpec
from stacks import operations
from stacks.deployment import Deployment, Facts, Wish, facts, facts_of_any, targets
from stacks.events import OnEvent
from stacks.standing import standing
from templates import secrets as secret_values

Report = Callable[[str], None]


@dataclass(frozen=True)
class Adopted:
    """Layer → the release that the state knows now; `secrets`: names of made-up secrets that were read back."""

    releases: Mapping[str, str]
    secrets: tuple[str, ...]
    left: tuple[str, ...]


def adopt(platform: str, environment: str, report: Report, on_event: OnEvent) -> Adopted:
    """Bring the engine's state to what serves on the hosts, which stay as they are.

    Raises BadInput when nothing serves there, or when a host differs from its own books: then a deploy decides, not this.
    """
    found = {layer: _facts(platform, layer, environment) for layer in standing(platform, environment).layers}
    specs = {layer: spec for layer, one in found.items() if (spec := door.settled_now(one.stack(layer), targets(one, layer)))}
    if not specs:
        raise BadInput(f"nothing of {platform} has settled on the hosts of {environment}", hint="cmctl deploy --phase 2")
    drift = [line for one in door.compare_now(specs).values() for line in one.whole().differences]
    if drift:
        phase = max(one.phase.number for one in found.values())
        hint = f"cmctl deploy --phase {phase} --env {environment}"
        raise BadInput("the hosts differ from their own books", why="\n".join(drift), hint=hint)
    any_facts = next(iter(found.values()))
    secrets = secret_store.restore(any_facts.environment, platform, _secrets(specs, found), homes.home())
    for layer in sorted(specs, key=lambda one: (one == "edge", one != "data", one)):
        report(f"{layer}: {specs[layer].release_id()}")
        deployment = Deployment(found[layer], {layer: specs[layer]}, {}, {})
        operations.follow(deployment, operations.settings(found[layer], report), layer, on_event)
    left = tuple(layer for layer in any_facts.layers if layer in {"data", "edge"} and layer not in specs)
    return Adopted({layer: spec.release_id() for layer, spec in specs.items()}, tuple(secrets), left)


def _facts(platform: str, layer: str, environment: str) -> Facts:
    if not layer.startswith("phase"):
        return facts_of_any(platform, environment)
    return facts(Wish(platform, int(layer.removeprefix("phase")), environment))


def _secrets(specs: Mapping[str, ReleaseSpec], found: Mapping[str, Facts]) -> dict[str, str]:
    given = {name for one in found.values() for name in secret_values.given(one.loaded.platform, one.phase, one.environment)}
    files = [bundle.secret_files for spec in specs.values() for bundle in spec.bundles.values()]
    return {name: value for one in files for name, value in secret_values.recovered(one).items() if name in given}
