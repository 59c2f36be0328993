"""phase + environment → which container sits on which host, port and slot. Pure; refuses what cannot work."""

from __future__ import annotations

from collections.abc import Iterable

from environments.model import Environment
from errors import BadInput
from layout import addresses, fixed, roles
from layout.model import SLOTS, Fixed, Instance, Layout, Slot
from phases.model import Phase, Platform


def place(platform: Platform, phase: Phase, environment: Environment, layer: str, phases: Iterable[Phase] = ()) -> Layout:
    """The layout of one layer: `data`, `edge`, or the phase's own.

    `phases` are all of the platform's: the data layer serves, and the edge finds, each that may stand beside this one.
    Raises BadInput when a role has no host, the layer is unknown, or the block of addresses is full.
    """
    beside = _compose({one.number: one for one in (*phases, phase)}.values(), environment)
    fixed.reachable(environment)
    if layer in {"data", "edge"}:
        found = fixed.database(platform, beside, environment) if layer == "data" else fixed.edges(environment)
        return Layout(platform, phase, environment, layer, _used(found), (), found, beside)
    if layer != f"phase{phase.number}" or phase.runtime != "compose":
        raise BadInput(f"layer {layer!r} cannot be placed for phase {phase.number} ({phase.runtime})")
    instances = _instances(platform, phase, environment)
    found = _fixed(platform, phase, environment, instances)
    return Layout(platform, phase, environment, layer, _used((*found, *instances)), instances, found, beside)


def _compose(phases: Iterable[Phase], environment: Environment) -> tuple[Phase, ...]:
    """The phases that run on the environment's hosts, in order; those whose roles nobody plays there cannot stand."""
    played = {role for host in environment.hosts.values() for role in host.roles}
    return tuple(sorted((one for one in phases if one.runtime == "compose" and set(one.hosts) <= played), key=lambda one: one.number))


def _used(parts: Iterable[Fixed | Instance]) -> tuple[str, ...]:
    return tuple(sorted({part.host for part in parts}))


def _fixed(platform: Platform, phase: Phase, environment: Environment, instances: tuple[Instance, ...]) -> tuple[Fixed, ...]:
    found = [
        *fixed.balancers(phase, environment),
        *(fixed.redis(platform, phase, environment, kind, facts) for kind, facts in phase.redis.items()),
    ]
    return (*found, *fixed.monitoring(phase, environment, _used((*found, *instances))))


def _instances(platform: Platform, phase: Phase, environment: Environment) -> tuple[Instance, ...]:
    found: list[Instance] = []
    for slot in SLOTS:
        position = 0
        for service in phase.workloads:
            for index in range(phase.workloads[service].replicas):
                found.append(_instance(platform, phase, environment, service, index, slot, position))
                position += 1
    return tuple(found)


def _instance(platform: Platform, phase: Phase, environment: Environment, service: str, index: int, slot: Slot, position: int) -> Instance:
    work, facts = phase.workloads[service], platform.services[service]
    hosts = roles.players(phase, environment, work.role)
    host = hosts[index % len(hosts)]
    callers = {*roles.balancer_hosts(phase, environment), *(roles.monitor_hosts(phase, environment) if facts.metrics else ())}
    port = addresses.slot_port(phase.number, slot, position)
    why = f"{service} of phase {phase.number}, for load balancers" + (" and Prometheus" if facts.metrics and phase.monitoring else "")
    return Instance(
        service=service, index=index + 1, slot=slot, host=host,
        address=addresses.slotted(environment, phase.number, slot, position), port=facts.port,
        memory_mb=work.memory_mb, cpus=work.cpus, workers=work.workers, weight=work.weights[index] if work.weights else 1,
        published=fixed.to_hosts(environment, host, port, facts.port, callers, why),
    )  # fmt: skip
