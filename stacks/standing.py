"""What runs in an environment, read from its hosts. Needs no engine, so it answers at once."""

from __future__ import annotations

from dataclasses import dataclass

from hosts.observe import Observed
from phases.load import Loaded
from phases.model import Phase
from stacks.deployment import Facts, Wish, facts, facts_of_any, live_phase, observed
from templates import names


@dataclass(frozen=True)
class Standing:
    """`layers`: layer → host → what runs there; only layers that are there."""

    loaded: Loaded
    environment: str
    live: int | None
    layers: dict[str, dict[str, Observed]]
    urls: tuple[str, ...]


def _that_may_stand(found: Facts) -> tuple[Phase, ...]:
    """The phases that this environment's hosts can hold."""
    return () if found.in_cluster else found.layout("edge").phases


def standing(platform: str, environment: str) -> Standing:
    """What runs in an environment, read from its hosts."""
    any_phase = facts_of_any(platform, environment)
    found: dict[str, dict[str, Observed]] = {}
    for phase in _that_may_stand(any_phase):
        here = facts(Wish(platform, phase.number, environment))
        for layer in here.layers:
            if layer not in found and here.layout(layer).hosts:
                found[layer] = observed(here, [layer])[layer]
    there = {
        layer: seen
        for layer, seen in found.items()
        if any(one.state or one.containers or one.journal or one.holder for one in seen.values())
    }
    order = sorted(there, key=lambda layer: (layer == "edge", layer != "data", layer))
    return Standing(
        any_phase.loaded, environment, live_phase(any_phase), {layer: there[layer] for layer in order},
        names.urls(any_phase.loaded.platform, any_phase.environment),
    )  # fmt: skip
