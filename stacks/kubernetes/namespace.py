"""The namespace with Pod Security "restricted", its quota and limits, and the phase's priority."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    Namespace,
    ResourceQuota,
    ResourceQuotaSpecArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.scheduling.v1 import PriorityClass

from layout.kubernetes_checks import allowed, room
from stacks.kubernetes.labels import MANAGED_BY, PART_OF
from stacks.kubernetes.pods import EPHEMERAL_MB, SCRATCH_MB
from stacks.kubernetes.scope import Scope

PRIORITY = 100_000
LIMITS_OVER_REQUESTS = 2


def priority(scope: Scope) -> str:
    return f"{scope.spec.namespace}-serving"


def namespace(scope: Scope) -> None:
    """Make the ground that everything else stands on. Modes are enforced at the cluster's own version."""
    spec = scope.spec
    modes = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    labels = {PART_OF: spec.plan.platform.name, MANAGED_BY: "cmctl", **modes}
    here = Namespace("namespace", metadata=ObjectMetaArgs(name=spec.namespace, labels=labels), opts=scope.after())
    rank = PriorityClass(
        "serving", metadata=scope.meta(priority(scope), everywhere=True), value=PRIORITY, global_default=False,
        preemption_policy="PreemptLowerPriority", description="Pods that answer users: batch work goes first when a node is full.",
        opts=scope.after(),
    )  # fmt: skip
    scope.ground += [here, rank]
    quota, limits = _quota(scope), _limits(scope)
    scope.ground += [quota, limits]


def _quota(scope: Scope) -> ResourceQuota:
    need = allowed(scope.spec.plan)
    hard = {
        "requests.cpu": f"{need.cpu_m}m", "requests.memory": f"{need.memory_mb}Mi", "pods": str(need.pods),
        "limits.cpu": f"{need.cpu_m * LIMITS_OVER_REQUESTS}m", "limits.memory": f"{need.memory_mb * LIMITS_OVER_REQUESTS}Mi",
        "services.nodeports": "0",
    }  # fmt: skip
    return ResourceQuota("quota", metadata=scope.meta("quota"), spec=ResourceQuotaSpecArgs(hard=hard), opts=scope.after())


def _limits(scope: Scope) -> LimitRange:
    """For a pod that somebody starts by hand: it gets small figures instead of none, and none larger than a node."""
    node = room(scope.spec.plan, 1)
    item = LimitRangeItemArgs(
        type="Container", min={"cpu": "5m", "memory": "8Mi"}, max={"cpu": f"{node.cpu_m}m", "memory": f"{node.memory_mb}Mi"}, default_request={"cpu": "50m", "memory": "64Mi", "ephemeral-storage": f"{SCRATCH_MB}Mi"},
        default={"cpu": "250m", "memory": "256Mi", "ephemeral-storage": f"{EPHEMERAL_MB}Mi"},
    )  # fmt: skip
    return LimitRange("limits", metadata=scope.meta("limits"), spec=LimitRangeSpecArgs(limits=[item]), opts=scope.after())
