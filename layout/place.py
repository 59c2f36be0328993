"""phase + environment → which container sits on which host, port and slot. Pure; refuses what cannot work."""

from __future__ import annotations

from environments.model import Environment
from errors import BadInput
from layout import addresses
from layout.model import SLOTS, Fixed, Instance, Layout, Slot
from phases.model import Balancer, Phase, Platform, Redis

HTTP, HTTPS = 8080, 8443
REDIS_PORT, MONGO_PORT, PROMETHEUS_PORT, NODE_PORT, REDIS_EXPORTER_PORT = 6379, 27017, 9090, 9100, 9121


def place(platform: Platform, phase: Phase, environment: Environment, layer: str) -> Layout:
    """The layout of one layer: `data`, `edge`, or the phase's own.

    Raises BadInput when a role has no host, the layer is unknown, or the block of addresses is full.
    """
    if layer == "data":
        fixed = _database(environment)
        return Layout(platform, phase, environment, layer, _used(fixed), (), fixed)
    if layer == "edge":
        fixed = _edge(environment)
        return Layout(platform, phase, environment, layer, _used(fixed), (), fixed)
    if layer != f"phase{phase.number}" or phase.runtime != "compose":
        raise BadInput(f"layer {layer!r} cannot be placed for phase {phase.number} ({phase.runtime})")
    fixed, instances = _fixed(phase, environment), _instances(platform, phase, environment)
    return Layout(platform, phase, environment, layer, _used((*fixed, *instances)), instances, fixed)


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
    """The hosts that play `role` in a phase: as many as it buys, in the file's order."""
    return hosts_of(environment, role)[: phase.hosts[role].count]


def _used(parts: tuple[Fixed | Instance, ...] | tuple[Fixed, ...]) -> tuple[str, ...]:
    return tuple(sorted({part.host for part in parts}))


def _database(environment: Environment) -> tuple[Fixed, ...]:
    if environment.providers.database != "container":
        return ()
    host = hosts_of(environment, "data")[0]
    return (Fixed("mongo", "mongo", host, addresses.shared(environment, "mongo"), MONGO_PORT, 1024, 1.0, stateful=True),)


def _edge(environment: Environment) -> tuple[Fixed, ...]:
    if environment.providers.edge != "local":
        return ()
    listen = environment.listen
    published = ((str(listen.address), listen.http, HTTP), (str(listen.address), listen.https, HTTPS))
    host = hosts_of(environment, "lb")[0]
    return (Fixed("edge", "nginx", host, addresses.shared(environment, "edge"), HTTPS, 128, 1.0, stateful=False, published=published),)


def _fixed(phase: Phase, environment: Environment) -> tuple[Fixed, ...]:
    found = [*_balancers(phase, environment)]
    found += [_redis(phase, environment, kind, redis) for kind, redis in phase.redis.items()]
    return (*found, *_monitoring(phase, environment))


def _balancers(phase: Phase, environment: Environment) -> list[Fixed]:
    balancer = _balancer(phase)
    listen = environment.listen
    public = environment.providers.edge != "local"
    published = ((str(listen.address), listen.http, HTTP), (str(listen.address), listen.https, HTTPS)) if public else ()
    address = addresses.fixed(environment, phase.number, "balancer")
    hosts = players(phase, environment, balancer.role)
    return [
        Fixed("balancer", "nginx", host, address, HTTPS, balancer.memory_mb, balancer.cpus, stateful=False, published=published)
        for host in hosts
    ]


def _balancer(phase: Phase) -> Balancer:
    if phase.balancer is None:
        raise BadInput(f"phase {phase.number} has no balancer")
    return phase.balancer


def _redis(phase: Phase, environment: Environment, kind: str, redis: Redis) -> Fixed:
    name = f"redis-{kind}"
    host = hosts_of(environment, redis.role)[0]
    return Fixed(
        name, "redis", host, addresses.fixed(environment, phase.number, name), REDIS_PORT, redis.memory_mb, redis.cpus, stateful=True
    )


def _monitoring(phase: Phase, environment: Environment) -> tuple[Fixed, ...]:
    if phase.monitoring is None:
        return ()
    host = hosts_of(environment, phase.monitoring.role)[0]
    port = environment.listen.prometheus
    published = (("127.0.0.1", port, PROMETHEUS_PORT),) if port else ()

    def at(name: str) -> str:
        return addresses.fixed(environment, phase.number, name)

    monitoring = phase.monitoring
    return (
        Fixed(
            "prometheus",
            "prometheus",
            host,
            at("prometheus"),
            PROMETHEUS_PORT,
            monitoring.memory_mb,
            monitoring.cpus,
            stateful=True,
            published=published,
        ),
        Fixed("node-exporter", "node-exporter", host, at("node-exporter"), NODE_PORT, 64, 0.25, stateful=False),
        Fixed("redis-exporter", "redis-exporter", host, at("redis-exporter"), REDIS_EXPORTER_PORT, 64, 0.25, stateful=False),
    )


def _instances(platform: Platform, phase: Phase, environment: Environment) -> tuple[Instance, ...]:
    found: list[Instance] = []
    balancers = {one.host for one in _balancers(phase, environment)}
    for slot in SLOTS:
        position = 0
        for service in phase.workloads:
            for index in range(phase.workloads[service].replicas):
                found.append(_instance(platform, phase, environment, service, index, slot, position, balancers))
                position += 1
    return tuple(found)


def _instance(
    platform: Platform, phase: Phase, environment: Environment, service: str, index: int, slot: Slot, position: int, balancers: set[str]
) -> Instance:
    work = phase.workloads[service]
    hosts = players(phase, environment, work.role)
    host = hosts[index % len(hosts)]
    beside = balancers == {host}
    own = addresses.slotted(environment, phase.number, slot, position)
    return Instance(
        service=service, index=index + 1, slot=slot, host=host,
        address=own if beside else str(environment.hosts[host].address),
        port=platform.services[service].port if beside else addresses.published(phase.number, slot, position),
        own_address=own, own_port=platform.services[service].port,
        memory_mb=work.memory_mb, cpus=work.cpus, workers=work.workers, weight=work.weights[index] if work.weights else 1,
    )  # fmt: skip
