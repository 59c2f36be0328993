"""Views for the nginx templates: everything is decided here, the templates only write it down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from layout import addresses, fixed, live, roles
from layout.fixed import HTTP, HTTPS
from layout.live import CANARY_SHARES
from layout.model import SLOTS, Layout
from layout.release import CERTIFICATE
from phases.model import Balancer, Phase, Route
from templates import engine, names

TLS_FOLDER, ACME_FOLDER = "/run/cmctl/tls", "/etc/cmctl/acme"
STATUS_PORT = 8081
PROBE_PORT = 8082
# What nginx answers on `/config` of its status port: this and a digest of the files that it has read.
MARK = "config-"
EDGE_FAIL_TIMEOUT_S = 3
# A TLS handshake twice a minute is no burden; a balancer that is made anew waits that long for busy clients to leave it.
KEEPALIVE_S = 30
RETRY_AFTER_S = 60
# A longer name does not fit into nginx' own hash of server names, whose buckets are a cache line; the longest there can be fits into 512 bytes.
LONG_NAME = 40
# What stands around the longest read timeout of a route: the edge before it, and the end of a container, wait a little longer.
EDGE_READ_S, STOP_S, MARGIN_S = 30, 15, 5
# nginx' version as numbers. The oldest that is supported, Debian 12's: newer ones take its directives too, with a warning.
Version = tuple[int, ...]
OLDEST: Version = (1, 22, 1)
# From here on HTTP/2 is a directive of its own, and `listen … http2` is deprecated.
HTTP2_DIRECTIVE: Version = (1, 25, 1)
# From here on a reload can let idle connections end with an answer, as keepalive_time does, instead of closing them at once. So
# long after its last request one is kept: it holds up the end of a container too, whose entrance is closed meanwhile.
KEEPALIVE_MIN: Version = (1, 27, 4)
KEEPALIVE_MIN_S = 2
# TLS: the "intermediate" profile 5.8 of Mozilla's server-side TLS recommendations, read 2026-11: 1.2 and 1.3, ECDHE with AEAD only.
TLS_CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}" for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305") for key in ("ECDSA", "RSA")
)
HEADERS = (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "strict-origin-when-cross-origin"))
# Two years, as browsers' preload lists ask. Not on localhost: a browser would then refuse every other local project without TLS.
HSTS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")


@dataclass(frozen=True)
class Upstream:
    name: str
    servers: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """A phase as an edge sees it: its load balancers, and where a relief can stand in, that one first and the flag that says so."""

    name: str
    servers: tuple[str, ...]
    relief: tuple[str, ...] = ()
    flag: str = ""


@dataclass(frozen=True)
class Location:
    """One `location` block. `match` is what stands behind the word; `headers` are complete, because nginx does not add to them."""

    match: str
    service: str
    limit: str
    burst: int
    connect_s: int
    send_s: int
    read_s: int
    body_mb: int
    retry: str
    tries: int
    websocket: bool
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Server:
    server_names: str
    locations: tuple[Location, ...]


def balancer(layout: Layout, host: str, version: Version) -> str:
    """nginx.conf of a phase's load balancer on `host`, for an nginx of `version`."""
    facts = layout.phase.balancer
    if facts is None:
        raise ValueError(f"{layout.stack} has no balancer")
    return engine.text(
        "balancer.conf.j2",
        **_shared(layout, _behind(layout, host), version),
        algorithm="" if facts.algorithm == "round_robin" else f"{facts.algorithm};",
        keepalive=facts.keepalive,
        upstreams=_upstreams(layout, facts, host),
        limits=[(name, limit.rate_per_s) for name, limit in layout.platform.limits.items()],
        servers=_servers(layout),
        probe_port=PROBE_PORT,
        shares=CANARY_SHARES,
        without=[live.without(one) for one in layout.drainable()],
        slots=SLOTS,
        retry_after_s=RETRY_AFTER_S,
    )


def edge(layout: Layout, host: str, version: Version) -> str:
    """nginx.conf of the local edge on `host`, which stands where Cloudflare stands: TLS, client addresses, and which phase is live."""
    origins = [_origin(layout, phase, host) for phase in layout.phases]
    declared = [str(network) for network in layout.environment.trusted_proxies]
    # Connections to a published port may reach the container from its network's first address.
    trusted = [*declared, str(layout.environment.network[1])] if declared else []
    return engine.text(
        "edge.conf.j2",
        **_shared(layout, trusted, version),
        origins=origins,
        tries=max(len(one.servers) for one in origins),
        own_authority=layout.environment.tls.origin == "generated",
        read_s=max(EDGE_READ_S, _longest_s(layout) + MARGIN_S),
    )


def stop_s(layout: Layout) -> int:
    """Seconds that a proxy which is asked to end gives the requests under way."""
    return max(STOP_S, _longest_s(layout) + MARGIN_S)


def _longest_s(layout: Layout) -> int:
    return max((route.timeouts.read_s for route in layout.platform.routes), default=0)


def _origin(layout: Layout, phase: Phase, host: str) -> Origin:
    """The balancer on this host first, its relief after it; other hosts' take over while it is dead."""
    balancers = fixed.balancers(phase, layout.environment)
    nearest = [one for one in balancers if one.host == host]
    watched = f"max_fails=1 fail_timeout={EDGE_FAIL_TIMEOUT_S}s" if len(balancers) > 1 else "max_fails=0"
    name, own = f"phase{phase.number}", [f"{one.seen_from(host)} {watched}" for one in nearest]
    others = [f"{one.seen_from(host)} {watched}" for one in balancers if one not in nearest]
    if not nearest:
        return Origin(name, tuple(others))
    stand_in = f"{addresses.relief(layout.environment, phase.number)}:{HTTPS} {watched}"
    last = [f"{one} backup" for one in others]
    flag = live.relief(layout.stack_of(name))
    return Origin(name, (*own, f"{stand_in} backup", *last), (stand_in, *(f"{one} backup" for one in own), *last), flag)


def _behind(layout: Layout, host: str) -> list[str]:
    """Who may tell a balancer on `host` what a client's address is: the local edges with their relief, or the declared proxies."""
    environment = layout.environment
    found = fixed.edges(environment)
    if found:
        own = [address for one in found if one.host == host for address in (one.address, addresses.relief(environment, 0))]
        return [*own, *(roles.inside(environment, one.host) for one in found if one.host != host)]
    declared = [str(network) for network in environment.trusted_proxies]
    return [*declared, str(environment.network[1])] if declared else []


def _shared(layout: Layout, trusted: list[str], version: Version) -> dict[str, object]:
    port = layout.environment.listen.https
    every = names.all_domains(layout.platform, layout.environment)
    return {
        "http": HTTP, "https": HTTPS, "status_port": STATUS_PORT, "ciphers": TLS_CIPHERS,
        "public_port": "" if port == 443 else f":{port}",
        "all_names": " ".join(every),
        "names_hash": "server_names_hash_bucket_size 512;" if max(map(len, every)) > LONG_NAME else "",
        "trusted": trusted,
        "pair": f"{TLS_FOLDER}/{PurePosixPath(CERTIFICATE).name}",
        "acme": ACME_FOLDER if layout.environment.tls.origin == "acme" else "",
        "listen_http2": "" if version >= HTTP2_DIRECTIVE else " http2",
        "http2": "http2 on;" if version >= HTTP2_DIRECTIVE else "",
        "network": str(layout.environment.network),
        "keepalive_s": KEEPALIVE_S,
        "keepalive_min": f"keepalive_min_timeout {KEEPALIVE_MIN_S}s;" if version >= KEEPALIVE_MIN else "",
        "mark": MARK,
        "headers": _headers(layout),
    }  # fmt: skip


def _headers(layout: Layout) -> tuple[tuple[str, str], ...]:
    return HEADERS if layout.environment.kind == "local" else (*HEADERS, HSTS)


def _upstreams(layout: Layout, facts: Balancer, host: str) -> list[Upstream]:
    found = []
    for service in layout.phase.workloads:
        for slot in SLOTS:
            servers = tuple(
                f"{one.seen_from(host)} weight={one.weight} max_fails={facts.max_fails} fail_timeout={facts.fail_timeout_s}s"
                for one in layout.of(service, slot)
            )
            found.append(Upstream(f"{service}_{slot}", servers))
            for left_out in layout.drainable():
                others = tuple(text for text, one in zip(servers, layout.of(service, slot), strict=True) if one.host != left_out)
                found.append(Upstream(f"{service}_{slot}_{live.without(left_out)}", others))
    return found


def _servers(layout: Layout) -> list[Server]:
    found = []
    for kind in ("web", "api", "cdn"):
        routes = [route for route in layout.platform.routes if route.domain == kind]
        server_names = names.domains(layout.platform, layout.environment, kind)
        if routes and server_names:
            found.append(Server(" ".join(server_names), tuple(_location(layout, route) for route in routes)))
    return found


def _location(layout: Layout, route: Route) -> Location:
    limit = layout.platform.limits[route.limit] if route.limit else None
    immutable = (("Cache-Control", "public, max-age=31536000, immutable"),) if route.immutable else ()
    return Location(
        match=f"^~ {route.path}" if route.path != "/" else "/", service=route.service,
        limit=route.limit or "", burst=limit.burst if limit else 0,
        connect_s=route.timeouts.connect_s, send_s=route.timeouts.send_s, read_s=route.timeouts.read_s, body_mb=route.body_mb,
        retry="error timeout http_502 http_503" + (" non_idempotent" if route.idempotent else ""),
        # One more than there are servers, so that a request meets a living one even when all but one are dead.
        tries=len(layout.of(route.service, "blue")) + 1,
        websocket=route.websocket, headers=(*_headers(layout), *immutable),
    )  # fmt: skip
