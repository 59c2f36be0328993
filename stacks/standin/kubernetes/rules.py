"""Which changes need a new object, as the API server and the official plugin have it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

ALWAYS = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
# Kind → paths whose change the API server refuses in place; everything below a path counts too.
REPLACING: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    "Job": ("spec.selector", "spec.template", "spec.completions", "spec.completionMode"),
    "Pod": ("spec",),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.selector", "spec.volumeMode"),
    "Service": ("spec.clusterIP",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "StorageClass": ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
    "PriorityClass": ("value", "preemptionPolicy", "globalDefault"),
    "Secret": ("type",),
    "Ingress": (),
}
# Unless the provider's configuration says that they may be changed in place.
UNLESS_MUTABLE = {"ConfigMap": ("data", "binaryData", "immutable"), "Secret": ("data", "stringData", "immutable")}


def replacing(kind: str, paths: Iterable[str], *, mutable: bool, immutable: bool) -> tuple[str, ...]:
    """Those of the changed `paths` that need a new object. `immutable`: the object itself says that it never changes."""
    rules = (*ALWAYS, *REPLACING.get(kind, ()))
    if not mutable or immutable:
        rules = (*rules, *UNLESS_MUTABLE.get(kind, ()))
    return tuple(path for path in paths if any(_below(path, rule) for rule in rules))


def _below(path: str, rule: str) -> bool:
    plain = re.sub(r'\["([^"]*)"\]', r".\1", path)
    return plain == rule or plain.startswith((f"{rule}.", f"{rule}["))
