"""What a phase makes somebody buy: machines by role and size, the database tier, the cluster's volumes, the CDN plan.

Read from the facts, not from a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phases.model import Phase, Size

if TYPE_CHECKING:
    from environments.model import Environment


@dataclass(frozen=True)
class Thing:
    """`count` pieces of one kind. `key` is host/<role>/<memory>, database/<tier>, volumes/gb or cdn/<plan>; `slot` is the key without its size."""

    key: str
    slot: str
    component: str
    title: str
    count: int


def of(phase: Phase, environment: Environment | None = None) -> tuple[Thing, ...]:
    """Everything billable that the phase's facts name, as many machines as they (or a cloud environment's file) declare."""
    counts = _declared(phase) if environment is None or environment.kind != "cloud" else _listed(phase, environment)
    hosts = [_host(role, phase.hosts[role], count) for role, count in counts.items() if count]
    database = Thing(f"database/{phase.database.tier}", "database", "database", f"MongoDB Atlas {phase.database.tier}", 1)
    cdn = [] if phase.cdn.plan == "none" else [Thing(f"cdn/{phase.cdn.plan}", "cdn", "edge", f"Cloudflare {phase.cdn.plan}", 1)]
    return (*hosts, database, *_volumes(phase, environment), *cdn)


def _volumes(phase: Phase, environment: Environment | None) -> list[Thing]:
    """GB that the cluster's pods claim: each replica has a volume of its own. None in a cluster whose storage is the nodes'."""
    cluster = phase.kubernetes
    if cluster is None or (environment is not None and environment.cluster.storage == "ephemeral"):
        return []
    claims = [(store.replicas, store.storage_gb) for store in cluster.stores.values()]
    claims += [(cluster.monitoring.replicas, cluster.monitoring.storage_gb)] if cluster.monitoring else []
    gigabytes = sum(replicas * each for replicas, each in claims)
    return [Thing("volumes/gb", "volumes", "storage", f"Volumes of the cluster, {gigabytes} GB", gigabytes)] if gigabytes else []


def _host(role: str, size: Size, count: int) -> Thing:
    gigabytes = f"{size.memory_mb // 1024}gb"
    return Thing(f"host/{role}/{gigabytes}", f"host/{role}", "machines", f"{role} host, {size.memory_mb // 1024} GB", count)


def _declared(phase: Phase) -> Mapping[str, int]:
    return {role: size.count for role, size in phase.hosts.items()}


def _listed(phase: Phase, environment: Environment) -> Mapping[str, int]:
    """Machines of the environment by role; one that plays several roles is bought once, as the phase's first of them.

    A role that no listed host plays is bought as the phase declares it: a cluster's nodes stand in no environment's file.
    """
    played = {role for host in environment.hosts.values() for role in host.roles}
    counts = {role: 0 if role in played else size.count for role, size in phase.hosts.items()}
    for host in environment.hosts.values():
        role = next((role for role in phase.hosts if role in host.roles), None)
        if role is not None:
            counts[role] += 1
    return counts
