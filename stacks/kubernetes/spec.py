"""What the program of a Kubernetes phase is made from: the plan, one release of it, and what is secret. A value, no Pulumi."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from environments.model import Environment
from layout.kubernetes import DATABASE_PORT, SENTINEL_PORT, ClusterPlan, RedisStore, plan
from phases.model import Phase, Platform

REDIS_PASSWORD = "REDIS_PASSWORD"  # noqa: S105 - the name of a secret
STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True)
class Release:
    """`images`: catalogue name → the reference that nodes pull."""

    version: str
    images: Mapping[str, str]


@dataclass(frozen=True)
class Canary:
    """A release beside the stable one that gets `percent` of the requests."""

    release: Release
    percent: int


@dataclass(frozen=True)
class Access:
    """How the provider reaches the cluster; with `render_to` it writes manifests there instead."""

    kubeconfig: str = ""
    context: str = ""
    identity: str = ""
    render_to: str = ""


@dataclass(frozen=True)
class ClusterSpec:
    """`secrets`: every name that `wanted` asks for. `former`: the record of the release before, for the way back. `steps`: shares
    in percent that the release gets beside the one before, until it gets all.
    """

    plan: ClusterPlan
    release: Release
    access: Access
    secrets: Mapping[str, str] = field(repr=False)
    chain: str = ""
    key: str = field(default="", repr=False)
    canary: Canary | None = None
    former: str = ""
    steps: tuple[int, ...] = ()

    @property
    def namespace(self) -> str:
        return self.plan.namespace

    @property
    def rendered(self) -> bool:
        return bool(self.access.render_to)

    def secret(self, name: str) -> str:
        """The value of one secret of the platform; addresses of what the phase runs itself follow from the plan."""
        for store in self.plan.stores:
            if name == f"REDIS_{store.kind.upper()}_URL":
                return self._redis(store)
        if name == "MONGO_URL" and self.plan.own_database:
            return f"mongodb://mongo.{self.namespace}.svc:{DATABASE_PORT}/"
        return self.secrets[name]

    def _redis(self, store: RedisStore) -> str:
        hosts = ",".join(f"{host}:{SENTINEL_PORT}" for host in store.hosts(self.namespace))
        return f"redis+sentinel://:{self.secrets[REDIS_PASSWORD]}@{hosts}/{store.name}/0"


def wanted(found: ClusterPlan) -> tuple[str, ...]:
    """The secrets that have to be given: all of the platform's but those that follow from the plan."""
    derived = {f"REDIS_{store.kind.upper()}_URL" for store in found.stores}
    if found.own_database:
        derived.add("MONGO_URL")
    return (*(name for name in found.platform.secrets if name not in derived), *((REDIS_PASSWORD,) if found.stores else ()))


def fingerprint(values: Mapping[str, str]) -> str:
    """Ten hex digits that change when any value does."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:10]


def record(spec: ClusterSpec) -> str:
    """A release as the cluster keeps it: all that the program needs to come back to it, without anything secret."""
    parts = {
        "version": spec.release.version,
        "images": dict(sorted(spec.release.images.items())),
        "platform": spec.plan.platform.model_dump(mode="json", by_alias=True),
        "phase": spec.plan.phase.model_dump(mode="json", by_alias=True),
    }
    return json.dumps(parts)


def recorded(text: str, environment: Environment) -> tuple[ClusterPlan, Release]:
    """Plan and release of a record, in the environment as it is described now."""
    kept = json.loads(text)
    found = plan(
        Platform.model_validate_json(json.dumps(kept["platform"])), Phase.model_validate_json(json.dumps(kept["phase"])), environment
    )
    return found, Release(kept["version"], kept["images"])
