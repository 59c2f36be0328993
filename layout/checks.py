"""What only makes sense when a phase and an environment are seen together; all findings at once."""

from __future__ import annotations

from collections import Counter

from errors import BadInput
from layout.model import Instance, Layout
from phases.model import Phase

# Docker, sshd, the kernel and the page cache of a host keep this share for themselves.
RESERVED = 0.1


def check(layout: Layout) -> None:
    """Raises BadInput that lists everything that cannot work in this layout."""
    findings = [*_memory(layout), *_connections(layout), *_published(layout), *_routes(layout)]
    if findings:
        raise BadInput(
            "\n".join(findings), why=f"{layout.stack} cannot work like this", hint="correct the phase's or the environment's file"
        )


def host_memory_mb(layout: Layout, host: str) -> int:
    """What a phase buys for a host: the sizes of all its roles, each shared over the hosts that play it."""
    environment, phase = layout.environment, layout.phase
    total = 0
    for role, size in phase.hosts.items():
        playing = [name for name, one in environment.hosts.items() if role in one.roles][: size.count]
        if host in playing:
            total += size.memory_mb * size.count // len(playing)
    return total


def _memory(layout: Layout) -> list[str]:
    """Both slots run at once during a release, so both count."""
    findings = []
    for host in layout.hosts:
        bought = host_memory_mb(layout, host)
        needed = sum(one.memory_mb for one in layout.on(host))
        if layout.instances and needed > bought * (1 - RESERVED):
            findings.append(
                f"host {host}: both slots and the fixed containers need {needed} MiB of {bought} MiB ({RESERVED:.0%} are the host's own)"
            )
    return findings


def _connections(layout: Layout) -> list[str]:
    phase = layout.phase
    needed = connections(phase, layout.instances)
    if needed > phase.database.connections:
        return [
            f"database: pools of {_per_process(phase)} x processes of both slots = {needed} connections, {phase.database.tier} allows {phase.database.connections} per node"
        ]
    return []


def connections(phase: Phase, instances: tuple[Instance, ...]) -> int:
    """The most connections that both slots' pools can open to one database node."""
    backends = [one for one in instances if one.service != "frontend"]
    return _per_process(phase) * sum(one.workers for one in backends)


def _per_process(phase: Phase) -> int:
    return sum(pool.max for pool in phase.database.pools.values())


def _published(layout: Layout) -> list[str]:
    taken = Counter((one.host, published[:2]) for one in layout.fixed for published in one.published)
    taken += Counter((one.host, (one.address, one.port)) for one in layout.instances if one.address != one.own_address)
    return [f"host {host}: {address}:{port} is published {times} times" for (host, (address, port)), times in taken.items() if times > 1]


def _routes(layout: Layout) -> list[str]:
    if not layout.instances:
        return []
    placed = {one.service for one in layout.instances}
    missing = sorted({route.service for route in layout.platform.routes} - placed)
    return [f"routes lead to {', '.join(missing)}, which phase {layout.phase.number} does not place"] if missing else []


def declared_ports(layouts: tuple[Layout, ...]) -> set[tuple[str, int]]:
    """Every (address, port) that a deploy opens on the hosts."""
    fixed = {(address, port) for layout in layouts for one in layout.fixed for address, port, _ in one.published}
    slotted = {(one.address, one.port) for layout in layouts for one in layout.instances if one.address != one.own_address}
    return fixed | slotted
