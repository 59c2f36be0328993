"""Secrets as files in the pods that need them, each service its own; the certificate for the gateway."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

import pulumi
from pulumi_kubernetes.core.v1 import KeyToPathArgs, Secret, SecretVolumeSourceArgs, VolumeArgs

from stacks.kubernetes.scope import Scope
from stacks.kubernetes.spec import REDIS_PASSWORD, fingerprint

FOLDER = "/run/secrets"
TLS = "gateway-tls"


def secret(scope: Scope, name: str, names: Iterable[str]) -> dict[str, str]:
    """Make the Secret of one workload. Returns the annotation that starts its pods anew when a value changes.

    Nothing secret is rendered: who applies rendered manifests makes the Secrets.
    """
    if scope.spec.rendered:
        return {}
    values = {one: scope.spec.secret(one) for one in sorted(set(names))}
    _made(scope, f"{name}-secrets", "Opaque", values)
    return {"cmctl.io/secrets": fingerprint(values)}


def volume(name: str, names: Iterable[str]) -> VolumeArgs:
    """The Secret's files, readable by the pod's group only."""
    items = [KeyToPathArgs(key=one, path=one) for one in sorted(set(names))]
    return VolumeArgs(name="secrets", secret=SecretVolumeSourceArgs(secret_name=f"{name}-secrets", default_mode=0o440, items=items))


def certificate(scope: Scope) -> None:
    if not scope.spec.rendered:
        _made(scope, TLS, "kubernetes.io/tls", {"tls.crt": scope.spec.chain, "tls.key": scope.spec.key})


def redis_password(scope: Scope) -> dict[str, str]:
    return secret(scope, "redis", [REDIS_PASSWORD])


def _made(scope: Scope, name: str, kind: str, values: Mapping[str, str]) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    made = Secret(name, metadata=scope.meta(name), type=kind, data=pulumi.Output.secret(data), opts=scope.after())
    # Pods that mount it wait for it.
    scope.ground.append(made)
