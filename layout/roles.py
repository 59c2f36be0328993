"""Which hosts of an environment play a phase's roles, and by which addresses they are reached."""

from __future__ import annotations

from environments.model import Environment
from errors import BadInput
from phases.model import Balancer, Phase, Platform


def hosts_of(environment: Environment, role: str) -> list[str]:
    """The hosts that may play `role`, in the file's order. Raises BadInput when there is none."""
    found = [name for name, host in environment.hosts.items() if role in host.roles]
    if not found:
        raise BadInput(
            f"environment {environment.name} has no host for role {role!r}",
            why="the phase places containers on it",
            hint=f"add {role} to a host's roles in environments/{environment.name}.yaml",
        )
    return found


def players(phase: Phase, environment: Environment, role: str) -> list[str]:
    """The hosts that play `role` in a phase: as many as it buys, in the file's order.

    A role that only load balancers play is played by every host that the environment gives it: a second balancer is a
    decision about availability, not about size.
    """
    found = hosts_of(environment, role)
    shared = {part.role for part in (*phase.workloads.values(), *phase.redis.values(), phase.monitoring) if part}
    alone = phase.balancer is not None and phase.balancer.role == role and role not in shared
    return found if alone else found[: phase.hosts[role].count]


def balancer(phase: Phase) -> Balancer:
    if phase.balancer is None:
        raise BadInput(f"phase {phase.number} has no balancer")
    return phase.balancer


def balancer_hosts(phase: Phase, environment: Environment) -> list[str]:
    return players(phase, environment, balancer(phase).role)


def edge_hosts(environment: Environment) -> list[str]:
    """Where the local edge stands: on every host for load balancers, so that it is no single point either."""
    return hosts_of(environment, "lb") if environment.providers.edge == "local" else []


def callers(platform: Platform, phase: Phase, environment: Environment, secret: str) -> set[str]:
    """The hosts of services that know a secret such as MONGO_URL, so that they call what it leads to."""
    found: set[str] = set()
    for service, work in phase.workloads.items():
        if secret in platform.services[service].secrets:
            playing = players(phase, environment, work.role)
            found |= {playing[index % len(playing)] for index in range(work.replicas)}
    return found


def monitor_hosts(phase: Phase, environment: Environment) -> set[str]:
    """The host of Prometheus, if the phase has one."""
    return {players(phase, environment, phase.monitoring.role)[0]} if phase.monitoring else set()


def inside(environment: Environment, host: str) -> str:
    """The address by which the environment's other hosts reach this one."""
    facts = environment.hosts[host]
    return str(facts.private or facts.address)


def door(environment: Environment, host: str) -> str:
    """The address on which a host takes users: the environment's, unless that is another host's own."""
    others = {address for name, one in environment.hosts.items() if name != host for address in (one.address, one.private)}
    listen = environment.listen.address
    return str(environment.hosts[host].address if listen in others else listen)
