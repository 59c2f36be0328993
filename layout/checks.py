"""What only makes sense when all layers of a phase and an environment are seen together; all findings at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from environments.model import Environment
from errors import BadInput
from layout import roles
from layout.fixed import KINDS, redis_url
from layout.live import CANARY_SHARES
from layout.model import SLOTS, Fixed, Instance, Layout
from phases.model import Phase

# Docker, sshd, the kernel and the page cache of a host keep this share for themselves.
RESERVED = 0.1
# Limits are peaks that do not fall together: their sum may exceed a host's CPUs by this factor.
PEAKS = 1.25
# Above this share of time up, one balancer host that may fail is too few: a month's allowance is less than an hour.
TWO_NINES_AND_MORE = 0.999
# Where an authority that gives certificates looks for its proof (RFC 8555).
CHALLENGE = "/.well-known/acme-challenge/"
ANY = "0.0.0.0"  # noqa: S104 - compared with, not listened on


def check(*layouts: Layout) -> None:
    """Raises BadInput that lists everything that cannot work when these layers of one environment stand together."""
    findings = [*_room(layouts), *_ports(layouts)]
    for layout in layouts:
        findings += [*_connections(layout), *_routes(layout), *_jobs(layout), *_stores(layout), *_canary(layout)]
    if findings:
        stacks = ", ".join(layout.stack for layout in layouts)
        raise BadInput("\n".join(findings), why=f"{stacks} cannot work like this", hint="correct the phase's or the environment's file")


def strangers(environment: Environment, others: Iterable[Environment]) -> None:
    """Raises BadInput when another environment names one of this one's hosts: two files would be two truths about it.

    Two labs may, because their hosts are made anew for each.
    """
    findings = [finding for other in others if other.name != environment.name for finding in _shared(environment, other)]
    if findings:
        raise BadInput("\n".join(findings), why="a host belongs to one environment", hint="remove it from one of the two files")


def _shared(one: Environment, other: Environment) -> Iterator[str]:
    if one.kind == other.kind == "lab":
        return
    mine = {address: name for name, host in one.hosts.items() if host.connection == "ssh" for address in (host.address, host.private)}
    for name, host in other.hosts.items():
        for address in (host.address, host.private):
            if host.connection == "ssh" and address is not None and address in mine:
                yield f"host {mine[address]} ({address}) is also {name} of environment {other.name}"


def promises(layout: Layout) -> list[str]:
    """What a phase promises and its placement cannot keep; told, not refused, where it is the real thing."""
    balancers, wanted = layout.all("balancer"), layout.phase.slo.availability
    if layout.environment.kind != "cloud" or wanted < TWO_NINES_AND_MORE or len(balancers) > 1:
        return []
    return [
        f"phase {layout.phase.number} promises {wanted:.3%} up, and {balancers[0].host} alone takes its users: give a second host the role lb"
    ]


def host_size(phase: Phase, environment: Environment, host: str) -> tuple[int, float]:
    """What a phase buys for a host, (MiB, CPUs): the sizes of all its roles; fewer hosts than machines carry them together."""
    memory, cpus = 0, 0.0
    for role, size in phase.hosts.items():
        if not any(role in one.roles for one in environment.hosts.values()):
            continue
        playing = roles.players(phase, environment, role)
        if host in playing:
            share = max(1.0, size.count / len(playing))
            memory += int(size.memory_mb * share)
            cpus += size.cpus * share
    return memory, cpus


def _room(layouts: Sequence[Layout]) -> list[str]:
    """Both slots hold memory during a release; of their CPUs only one slot's are busy. What plays the cloud is not the phase's."""
    if not any(layout.instances for layout in layouts):
        return []
    counted = [layout for layout in layouts if layout.instances or layout.environment.kind == "cloud"]
    findings = []
    for host in sorted({host for layout in counted for host in layout.hosts}):
        phase, environment = counted[0].phase, counted[0].environment
        memory, cpus = host_size(phase, environment, host)
        here = [one for layout in counted for one in layout.on(host)]
        needed = sum(one.memory_mb for one in here)
        if needed > memory * (1 - RESERVED):
            findings.append(
                f"host {host}: both slots and the fixed containers need {needed} MiB of {memory} MiB ({RESERVED:.0%} are the host's own)"
            )
        findings += _busy(host, here, cpus)
    return findings


def _busy(host: str, here: Sequence[Fixed | Instance], cpus: float) -> list[str]:
    fixed = sum(one.cpus for one in here if isinstance(one, Fixed))
    slot = max(sum(one.cpus for one in here if isinstance(one, Instance) and one.slot == slot) for slot in SLOTS)
    findings = [f"host {host}: {one.name} may use {one.cpus:g} CPUs, it has {cpus:g}" for one in here if one.cpus > cpus]
    if fixed + slot > cpus * PEAKS:
        findings.append(f"host {host}: one slot and the fixed containers may use {fixed + slot:g} CPUs, it has {cpus:g}")
    return findings


def _connections(layout: Layout) -> list[str]:
    phase = layout.phase
    needed = connections(layout)
    if needed > phase.database.connections:
        return [
            f"database: pools of {_per_process(phase)} x processes of both slots = {needed} connections, {phase.database.tier} allows {phase.database.connections} per node"
        ]
    return []


def connections(layout: Layout) -> int:
    """The most connections that both slots' pools can open to one database node."""
    backends = [one for one in layout.instances if layout.platform.services[one.service].kind == "backend"]
    return _per_process(layout.phase) * sum(one.workers for one in backends)


def _per_process(phase: Phase) -> int:
    return sum(pool.max for pool in phase.database.pools.values())


def _ports(layouts: Iterable[Layout]) -> list[str]:
    """A port that two containers want on one host; an address of it clashes with every address."""
    taken: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for layout in layouts:
        for one in layout.everything:
            name = f"{one.name} of {layout.layer}" + (f" ({one.slot})" if isinstance(one, Instance) else "")
            for opened in one.published:
                taken.setdefault((one.host, opened.port), []).append((opened.address, name))
    findings = []
    for (host, port), wanted in sorted(taken.items()):
        per_address = Counter(address for address, _ in wanted)
        if len(wanted) > 1 and (ANY in per_address or max(per_address.values()) > 1):
            findings.append(f"host {host}: port {port} is wanted by {' and '.join(name for _, name in wanted)}")
    return findings


def _routes(layout: Layout) -> list[str]:
    if not layout.instances:
        return []
    placed = {one.service for one in layout.instances}
    missing = sorted({route.service for route in layout.platform.routes} - placed)
    findings = [f"routes lead to {', '.join(missing)}, which phase {layout.phase.number} does not place"] if missing else []
    if layout.environment.tls.origin == "acme" and any(route.path == CHALLENGE for route in layout.platform.routes):
        findings.append(f"route {CHALLENGE}: load balancers answer the certificate's authority there")
    return findings


def _jobs(layout: Layout) -> list[str]:
    placed = {one.service for one in layout.instances}
    return [
        f"job {job.name} runs in {job.service}, which phase {layout.phase.number} does not place"
        for job in layout.platform.jobs
        if placed and job.service not in placed
    ]


def _stores(layout: Layout) -> list[str]:
    """The address of a Redis follows from the phase, or is given; nobody can make one up."""
    if layout.environment.secrets.origin != "generated":
        return []
    wanted = {name for one in layout.instances for name in layout.platform.services[one.service].secrets}
    return [
        f"{redis_url(kind)} leads to a Redis that phase {layout.phase.number} does not run: it has no redis.{kind}"
        for kind in KINDS
        if redis_url(kind) in wanted and kind not in layout.phase.redis
    ]


def _canary(layout: Layout) -> list[str]:
    steps = layout.phase.gate.canary if layout.instances else ()
    known = ", ".join(str(one) for one in CANARY_SHARES)
    findings = [f"gate.canary: no step of {share} %, load balancers know {known} %" for share in steps if share not in CANARY_SHARES]
    return findings + (["gate.canary: each step takes more than the one before"] if list(steps) != sorted(set(steps)) else [])
