"""Names that containers, projects, networks and URLs have everywhere."""

from __future__ import annotations

from environments.model import Environment
from layout.model import Fixed, Instance, Layout
from phases.model import Platform


def network(platform: Platform, environment: Environment) -> str:
    return f"cmctl-{platform.name}-{environment.name}"


def project(layout: Layout, part: str) -> str:
    return f"{layout.stack}-{part}"


def container(layout: Layout, one: Fixed | Instance) -> str:
    part = one.slot if isinstance(one, Instance) else "base"
    return f"{layout.stack}-{part}-{one.name}"


def domains(platform: Platform, environment: Environment, kind: str) -> tuple[str, ...]:
    """Full names of one kind of domain (`web`, `api`, `cdn`) in an environment."""
    prefixes: tuple[str, ...] = getattr(platform.domains, kind)
    return tuple(environment.domain if prefix == "@" else f"{prefix}.{environment.domain}" for prefix in prefixes)


def all_domains(platform: Platform, environment: Environment) -> tuple[str, ...]:
    return tuple(name for kind in ("web", "api", "cdn") for name in domains(platform, environment, kind))


def urls(platform: Platform, environment: Environment) -> tuple[str, ...]:
    """What a person types: one URL for the pages, one for the API."""
    port = "" if environment.listen.https == 443 else f":{environment.listen.https}"
    firsts = [names[0] for kind in ("web", "api") if (names := domains(platform, environment, kind))]
    return tuple(f"https://{name}{port}/" for name in firsts)
