"""Which secrets a layer needs from outside, and those that follow from where its containers are."""

from __future__ import annotations

import json
from collections.abc import Mapping

from environments.model import Environment
from layout import addresses
from layout.model import Layout
from layout.place import MONGO_PORT, REDIS_PORT
from phases.model import Phase, Platform

REDIS_PASSWORD = "REDIS_PASSWORD"  # noqa: S105 - the name of a secret


def given(platform: Platform, environment: Environment) -> tuple[str, ...]:
    """Names that the operator or the data layer has to give: all of the platform's but those that follow from the layout."""
    derived = {"REDIS_CACHE_URL", "REDIS_SESSIONS_URL"}
    if environment.providers.database == "container":
        derived.add("MONGO_URL")
    return (*(name for name in platform.secrets if name not in derived), REDIS_PASSWORD)


def complete(layout: Layout, secrets: Mapping[str, str]) -> dict[str, str]:
    """All secrets of the platform's services, the derived ones filled in."""
    environment, phase = layout.environment, layout.phase
    values = {name: secrets[name] for name in given(layout.platform, environment)}
    for kind in phase.redis:
        values[f"REDIS_{kind.upper()}_URL"] = f"redis://:{values[REDIS_PASSWORD]}@{_redis(environment, phase, kind)}/0"
    if environment.providers.database == "container":
        values["MONGO_URL"] = f"mongodb://{addresses.shared(environment, 'mongo')}:{MONGO_PORT}/"
    return values


def _redis(environment: Environment, phase: Phase, kind: str) -> str:
    return f"{addresses.fixed(environment, phase.number, f'redis-{kind}')}:{REDIS_PORT}"


def redis_auth(secrets: Mapping[str, str]) -> str:
    return f"requirepass {secrets[REDIS_PASSWORD]}\n"


def redis_exporter_passwords(layout: Layout, secrets: Mapping[str, str]) -> str:
    """The exporter's file: address of each Redis → password."""
    found = {f"redis://{one.address}:{one.port}": secrets[REDIS_PASSWORD] for one in layout.fixed if one.image == "redis"}
    return json.dumps(found, indent=1, sort_keys=True)
