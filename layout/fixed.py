"""The containers that are never in a slot, and which of their ports other hosts need."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from environments.model import Environment
from errors import BadInput
from layout import addresses, roles
from layout.model import Fixed, Published
from phases.model import Phase, Platform, Redis

HTTP, HTTPS = 8080, 8443
REDIS_PORT, MONGO_PORT, PROMETHEUS_PORT, NODE_PORT, REDIS_EXPORTER_PORT = 6379, 27017, 9090, 9100, 9121
EXPORTER_MB, EXPORTER_CPUS = 64, 0.25
DATABASE_URL = "MONGO_URL"
KINDS = ("cache", "sessions")


def redis_url(kind: str) -> str:
    """The name of the secret that leads to a kind of Redis."""
    return f"REDIS_{kind.upper()}_URL"


def to_hosts(environment: Environment, host: str, port: int, inside: int, callers: Iterable[str], why: str) -> tuple[Published, ...]:
    """A port on `host` for containers on other hosts; none when every caller is on `host` itself."""
    sources = tuple(str(one) for one in sorted(ip_address(roles.inside(environment, caller)) for caller in set(callers) - {host}))
    return (Published(roles.inside(environment, host), port, inside, sources, why),) if sources else ()


def database(platform: Platform, phases: Iterable[Phase], environment: Environment) -> tuple[Fixed, ...]:
    """The container that plays the database, reachable from the services of every phase that may stand."""
    if environment.providers.database != "container":
        return ()
    host = roles.hosts_of(environment, "data")[0]
    callers: set[str] = set()
    for phase in phases:
        callers |= roles.callers(platform, phase, environment, DATABASE_URL)
    published = to_hosts(environment, host, MONGO_PORT, MONGO_PORT, callers, "the database, for backends")
    address = addresses.shared(environment, "mongo")
    return (Fixed("mongo", "mongo", host, address, MONGO_PORT, 1024, 1.0, stateful=True, published=published),)


def edges(environment: Environment) -> tuple[Fixed, ...]:
    address = addresses.shared(environment, "edge")
    return tuple(
        Fixed("edge", "nginx", host, address, HTTPS, 128, 1.0, stateful=False, published=_web(environment, host))
        for host in roles.edge_hosts(environment)
    )


def _web(environment: Environment, host: str) -> tuple[Published, ...]:
    """HTTPS and HTTP for users: from anywhere, or behind a CDN only from its own networks."""
    behind_cdn = environment.providers.edge == "cloudflare"
    sources = tuple(str(network) for network in environment.trusted_proxies) if behind_cdn else ()
    why = "users, through the CDN" if behind_cdn else "users"
    address, listen = roles.door(environment, host), environment.listen
    return (Published(address, listen.http, HTTP, sources, why), Published(address, listen.https, HTTPS, sources, why))


def balancers(phase: Phase, environment: Environment) -> tuple[Fixed, ...]:
    """Users' way in, or behind the local edge the edge's."""
    facts = roles.balancer(phase)
    address = addresses.fixed(environment, phase.number, "balancer")
    return tuple(
        Fixed("balancer", "nginx", host, address, HTTPS, facts.memory_mb, facts.cpus, stateful=False, published=published)
        for host in roles.balancer_hosts(phase, environment)
        for published in (_entrance(phase, environment, host),)
    )


def _entrance(phase: Phase, environment: Environment, host: str) -> tuple[Published, ...]:
    edge = roles.edge_hosts(environment)
    if not edge:
        return _web(environment, host)
    port = addresses.fixed_port(phase.number, "balancer")
    return to_hosts(environment, host, port, HTTPS, edge, f"the load balancer of phase {phase.number}, for the edge")


def redis(platform: Platform, phase: Phase, environment: Environment, kind: str, facts: Redis) -> Fixed:
    name = f"redis-{kind}"
    host = roles.players(phase, environment, facts.role)[0]
    callers = roles.callers(platform, phase, environment, redis_url(kind)) | roles.monitor_hosts(phase, environment)
    port = addresses.fixed_port(phase.number, name)
    published = to_hosts(environment, host, port, REDIS_PORT, callers, f"{name} of phase {phase.number}, for backends and its exporter")
    address = addresses.fixed(environment, phase.number, name)
    return Fixed(name, "redis", host, address, REDIS_PORT, facts.memory_mb, facts.cpus, stateful=True, published=published)


def monitoring(phase: Phase, environment: Environment, used: Iterable[str]) -> tuple[Fixed, ...]:
    """Prometheus on one host, with an exporter for Redis where there is one; an exporter of its own figures on every host in use."""
    if phase.monitoring is None:
        return ()
    (host,) = roles.monitor_hosts(phase, environment)
    facts, port = phase.monitoring, environment.listen.prometheus
    opened = (Published("127.0.0.1", port, PROMETHEUS_PORT, (), "Prometheus, on this host only"),) if port else ()
    at = addresses.fixed(environment, phase.number, "prometheus")
    node_port = addresses.fixed_port(phase.number, "node-exporter")
    why = f"figures of the host in phase {phase.number}, for Prometheus"
    return (
        Fixed("prometheus", "prometheus", host, at, PROMETHEUS_PORT, facts.memory_mb, facts.cpus, stateful=True, published=opened),
        *(
            _exporter(phase, environment, "node-exporter", one, NODE_PORT, to_hosts(environment, one, node_port, NODE_PORT, {host}, why))
            for one in sorted({host, *used})
        ),
        *((_exporter(phase, environment, "redis-exporter", host, REDIS_EXPORTER_PORT),) if phase.redis else ()),
    )


def _exporter(phase: Phase, environment: Environment, name: str, host: str, port: int, published: tuple[Published, ...] = ()) -> Fixed:
    address = addresses.fixed(environment, phase.number, name)
    return Fixed(name, name, host, address, port, EXPORTER_MB, EXPORTER_CPUS, stateful=False, published=published)


def reachable(environment: Environment) -> None:
    """Raises BadInput when a host has no address of its own by which the environment's other hosts could call its containers."""
    if len(environment.hosts) < 2:
        return
    places: dict[str, list[str]] = {}
    for name in environment.hosts:
        places.setdefault(roles.inside(environment, name), []).append(name)
    findings = [
        f"host {', '.join(names)}: {address} is "
        + ("reached by no other host" if ip_address(address).is_loopback else "no address of its own")
        for address, names in places.items()
        if ip_address(address).is_loopback or len(names) > 1
    ]
    if findings:
        raise BadInput(
            "\n".join(findings), why="the hosts call each other's containers", hint="give each an address, or private:, of its own"
        )
