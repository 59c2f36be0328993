"""The edge layer: a local edge that knows the live phase, or Cloudflare's names, settings and cache rule for the zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from environments.model import Cloudflare, Environment
from errors import BadInput
from layout.machine import Machine
from layout.release import ReleaseSpec
from layout.roles import balancer_hosts
from phases.model import Phase, Platform
from stacks import compose_phase
from templates import names

AUTOMATIC_TTL = 1
YEAR_S = 31_536_000

# Zone settings every phase needs: TLS to the visitor and, checked, to the balancer.
SETTINGS = {"ssl": "strict", "always_use_https": "on", "min_tls_version": "1.2", "tls_1_3": "on", "http3": "on", "brotli": "on"}


def program(
    environment: Environment, phase: Phase, platform: Platform, spec: ReleaseSpec | None, machines: Mapping[str, Machine] | None = None
) -> Callable[[], None]:
    """The layer's program. `spec` is the local edge's release, where there is one.

    Raises BadInput when the edge is to be Cloudflare and the environment does not name the zone, or no host is a balancer.
    """
    if environment.providers.edge == "local":
        if spec is None:
            raise BadInput("the edge is to be local, but no host places it", hint="give a host the role lb")
        return compose_phase.program(spec, machines)
    if environment.cloudflare is None:
        raise BadInput(
            f"environment {environment.name}: providers.edge is cloudflare, but cloudflare: is missing",
            hint=f"cloudflare: {{zone_id: <32 hex digits>, account_id: <32 hex digits>}} in environments/{environment.name}.yaml",
        )
    return _cloudflare(environment, environment.cloudflare, platform, balancers(environment, phase))


def balancers(environment: Environment, phase: Phase) -> tuple[str, ...]:
    """The public addresses of the live phase's load balancers, or of the cluster's gateway."""
    if phase.kubernetes is not None:
        if not environment.cluster.addresses:
            raise BadInput(
                f"environment {environment.name}: cluster.addresses is missing", why="names have to lead to the gateway",
                hint="the addresses that `kubectl get gateway -A` shows",
            )  # fmt: skip
        return tuple(str(address) for address in environment.cluster.addresses)
    if phase.balancer is None:
        raise BadInput(f"phase {phase.number} has no balancer that names could lead to")
    return tuple(str(environment.hosts[host].address) for host in balancer_hosts(phase, environment))


def _cloudflare(environment: Environment, zone: Cloudflare, platform: Platform, addresses: tuple[str, ...]) -> Callable[[], None]:
    def run() -> None:
        import pulumi
        import pulumi_cloudflare as cloudflare

        for name in names.all_domains(platform, environment):
            for number, address in enumerate(addresses, 1):
                _record(cloudflare, zone, name, number, address)
        for setting, value in SETTINGS.items():
            cloudflare.ZoneSetting(setting.replace("_", "-"), zone_id=zone.zone_id, setting_id=setting, value=value)
        _cache_rule(cloudflare, zone, platform, environment)
        pulumi.export("names", list(names.all_domains(platform, environment)))
        pulumi.export("addresses", list(addresses))

    return run


def _record(cloudflare: Any, zone: Cloudflare, name: str, number: int, address: str) -> None:
    """Proxied, so that the balancer's address is not what the world resolves."""
    cloudflare.DnsRecord(
        f"{name}-{number}", zone_id=zone.zone_id, name=name, type="A", content=address, ttl=AUTOMATIC_TTL, proxied=True, comment="cmctl"
    )


def _cache_rule(cloudflare: Any, zone: Cloudflare, platform: Platform, environment: Environment) -> None:
    """Hashed assets never change under one name: a year at the edge and in the browser. Everything else is the origin's word."""
    expression = asset_expression(platform, environment)
    if not expression:
        return
    year = {"mode": "override_origin", "default": YEAR_S}
    cloudflare.Ruleset(
        "assets",
        zone_id=zone.zone_id, kind="zone", phase="http_request_cache_settings", name="cmctl: hashed assets",
        rules=[{
            "ref": "hashed_assets", "action": "set_cache_settings", "expression": expression, "enabled": True,
            "description": "assets whose name carries their hash",
            "action_parameters": {"cache": True, "edge_ttl": year, "browser_ttl": year},
        }],
    )  # fmt: skip


def asset_expression(platform: Platform, environment: Environment) -> str:
    """The requests for hashed assets, in Cloudflare's rule language; empty when the platform has none."""
    clauses = []
    for route in platform.routes:
        if route.immutable:
            hosts = " ".join(f'"{name}"' for name in names.domains(platform, environment, route.domain))
            clauses.append(f'(http.host in {{{hosts}}} and starts_with(http.request.uri.path, "{route.path}"))')
    return " or ".join(clauses)
