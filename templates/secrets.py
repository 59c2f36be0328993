"""Which secrets a layer needs from outside, and those that follow from where its containers are."""

from __future__ import annotations

import json
from collections.abc import Mapping

from environments.model import Environment
from layout import fixed
from layout.model import Layout
from phases.model import Phase, Platform

REDIS_PASSWORD = "REDIS_PASSWORD"  # noqa: S105 - the name of a secret


def given(platform: Platform, phase: Phase, environment: Environment) -> tuple[str, ...]:
    """Names that the operator or the data layer has to give: all of the platform's but those that follow from the layout.

    The address of a Redis that the phase does not run is given too, where a service of the phase asks for it; a password, where it
    runs one.
    """
    asked = {name for service in phase.workloads for name in platform.services[service].secrets}
    derived = {fixed.redis_url(kind) for kind in fixed.KINDS if kind in phase.redis or fixed.redis_url(kind) not in asked}
    if environment.providers.database == "container":
        derived.add(fixed.DATABASE_URL)
    return (*(name for name in platform.secrets if name not in derived), *((REDIS_PASSWORD,) if phase.redis else ()))


def complete(layout: Layout, secrets: Mapping[str, str], host: str) -> dict[str, str]:
    """All secrets of the platform's services as containers on `host` need them, the derived ones filled in."""
    environment = layout.environment
    values = {name: secrets[name] for name in given(layout.platform, layout.phase, environment)}
    wanted = {name for one in layout.instances if one.host == host for name in layout.platform.services[one.service].secrets}
    for kind in layout.phase.redis:
        name = fixed.redis_url(kind)
        if name in wanted:
            (redis,) = layout.all(f"redis-{kind}")
            values[name] = f"redis://:{values[REDIS_PASSWORD]}@{redis.seen_from(host)}/0"
    if fixed.DATABASE_URL in wanted:
        for database in fixed.database(layout.platform, layout.phases, environment):
            values[fixed.DATABASE_URL] = f"mongodb://{database.seen_from(host)}/"
    return values


def recovered(files: Mapping[str, str]) -> dict[str, str]:
    """Secrets by name, read back from the secret files of a bundle."""
    found = {path.removeprefix("secrets/"): text for path, text in files.items() if path.startswith("secrets/")}
    auth = files.get("base/secrets/redis-auth", "")
    return found | ({REDIS_PASSWORD: auth.split()[1]} if auth else {})


def redis_auth(secrets: Mapping[str, str]) -> str:
    return f"requirepass {secrets[REDIS_PASSWORD]}\n"


def redis_exporter_passwords(layout: Layout, secrets: Mapping[str, str]) -> str:
    """The exporter's file: address of each Redis → password."""
    (here,) = (one.host for one in layout.all("redis-exporter"))
    found = {f"redis://{one.seen_from(here)}": secrets[REDIS_PASSWORD] for one in layout.fixed if one.image == "redis"}
    return json.dumps(found, indent=1, sort_keys=True)
