"""A spec of phase 3 for tests: every figure is the platform's, nothing is secret."""

from __future__ import annotations

from typing import Any

from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from environments.model import Cluster, Environment, Providers
from layout.kubernetes import plan
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform
from stacks.kubernetes.spec import Access, ClusterSpec, Release, wanted

LOADED = load_platform("codementee", PLATFORMS)
CANARY_VALUE = "not-to-be-seen-anywhere"
NAMES = ("backend", "frontend", "mongo", "prometheus", "redis")


def images(version: str) -> dict[str, str]:
    """References as a registry gives them; the digest says the version, so that each release has its own."""
    return {name: f"registry.example.com/codementee/{name}@sha256:{version.encode().hex():0<64}" for name in NAMES}


def environment(**changes: Any) -> Environment:
    """A cluster in the cloud with everything bought, unless `changes` say otherwise."""
    cluster = Cluster(controller="traefik", registry="registry.example.com/codementee", traces="http://jaeger-collector.tracing:4318")
    given = {
        "name": "production",
        "domain": "codementee.io",
        "providers": Providers(database="atlas", edge="cloudflare"),
        "kube_context": "codementee",
        "cluster": cluster,
    }
    return load_environment("local", ENVIRONMENTS).model_copy(update={**given, **changes})


def spec(version: str = "1.0.0", **changes: Any) -> ClusterSpec:
    """The spec of a release; `changes` are fields of ClusterSpec, or `environment`."""
    where = changes.pop("environment", None) or environment()
    found = plan(LOADED.platform, LOADED.phase(3), where)
    secrets = dict.fromkeys(wanted(found), CANARY_VALUE)
    given: dict[str, Any] = {"access": Access("", "codementee"), "secrets": secrets, "chain": "chain", "key": CANARY_VALUE}
    return ClusterSpec(found, Release(version, images(version)), **{**given, **changes})
