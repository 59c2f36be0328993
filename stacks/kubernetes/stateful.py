"""What Redis, Prometheus and the test clusters' database share: pods with a name of their own, their data, their budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi_kubernetes.apps.v1 import (
    RollingUpdateStatefulSetStrategyArgs,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicyArgs,
    StatefulSetSpecArgs,
    StatefulSetUpdateStrategyArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    PersistentVolumeClaimArgs,
    PersistentVolumeClaimSpecArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from stacks.kubernetes import pods
from stacks.kubernetes.namespace import priority
from stacks.kubernetes.scope import Scope
from stacks.kubernetes.workloads import account

DATA = "data"


@dataclass(frozen=True)
class Set:
    """A StatefulSet. `files`: the ConfigMap behind its volume `files`; `ports`: name → number."""

    name: str
    replicas: int
    uid: int
    containers: Sequence[ContainerArgs]
    ports: Mapping[str, int]
    storage_gb: int
    grace_s: int
    files: ConfigMap | None = None
    volumes: Sequence[VolumeArgs] = ()
    marks: Mapping[str, str] = field(default_factory=dict)


def stateful(scope: Scope, one: Set) -> StatefulSet:
    """The set with its account, its headless Service (every pod keeps its name) and its disruption budget.

    Its pods start together. In order, the controller would wait for a pod that cannot come up before it looks at the next: a
    corrected release would never reach the broken one. Updates still go pod by pod.
    """
    who = account(scope, one.name)
    ports = [ServicePortArgs(name=name, port=port, target_port=name, protocol="TCP") for name, port in one.ports.items()]
    named = ServiceSpecArgs(
        type="ClusterIP", cluster_ip="None", selector=scope.pod_labels(one.name), ports=ports, publish_not_ready_addresses=True
    )
    service = Service(one.name, metadata=scope.meta(one.name), spec=named, opts=scope.after())
    spec = StatefulSetSpecArgs(
        service_name=one.name, replicas=one.replicas, selector=scope.selector(one.name), revision_history_limit=5, min_ready_seconds=2,
        pod_management_policy="Parallel", template=_template(scope, one),
        update_strategy=StatefulSetUpdateStrategyArgs(type="RollingUpdate", rolling_update=RollingUpdateStatefulSetStrategyArgs(partition=0)),
        volume_claim_templates=_claims(scope, one) or None, persistent_volume_claim_retention_policy=_retention(scope),
    )  # fmt: skip
    made = StatefulSet(
        one.name, metadata=scope.meta(one.name), spec=spec, opts=scope.after(who, service, *([one.files] if one.files else []))
    )
    scope.keep(made, _budget(scope, one))
    return made


def _budget(scope: Scope, one: Set) -> PodDisruptionBudget:
    """One pod at a time. A single pod may always go: it would only keep a node from being drained."""
    spec = PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=scope.selector(one.name), unhealthy_pod_eviction_policy="AlwaysAllow")
    return PodDisruptionBudget(one.name, metadata=scope.meta(one.name), spec=spec, opts=scope.after())


def _retention(scope: Scope) -> StatefulSetPersistentVolumeClaimRetentionPolicyArgs | None:
    if scope.spec.plan.environment.cluster.storage == "ephemeral":
        return None
    return StatefulSetPersistentVolumeClaimRetentionPolicyArgs(when_deleted="Delete", when_scaled="Retain")


def _template(scope: Scope, one: Set) -> PodTemplateSpecArgs:
    selector = scope.selector(one.name)
    volumes = [pods.scratch(), *one.volumes]
    if one.files:
        held = ConfigMapVolumeSourceArgs(name=one.files.metadata.name, default_mode=0o555)
        volumes.append(VolumeArgs(name="files", config_map=held))
    if scope.spec.plan.environment.cluster.storage == "ephemeral":
        volumes.append(VolumeArgs(name=DATA, empty_dir=EmptyDirVolumeSourceArgs(size_limit=f"{one.storage_gb}Gi")))
    spec = PodSpecArgs(
        service_account_name=one.name, automount_service_account_token=False, enable_service_links=False,
        priority_class_name=priority(scope), security_context=pods.security(one.uid), termination_grace_period_seconds=one.grace_s,
        containers=list(one.containers), volumes=volumes, affinity=pods.apart(selector),
        topology_spread_constraints=pods.spread(selector, hashed=False),
    )  # fmt: skip
    return PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=scope.pod_labels(one.name), annotations=dict(one.marks) or None), spec=spec)


def _claims(scope: Scope, one: Set) -> list[PersistentVolumeClaimArgs]:
    cluster = scope.spec.plan.environment.cluster
    if cluster.storage == "ephemeral":
        return []
    spec = PersistentVolumeClaimSpecArgs(
        access_modes=["ReadWriteOnce"], storage_class_name=cluster.storage_class,
        resources=VolumeResourceRequirementsArgs(requests={"storage": f"{one.storage_gb}Gi"}),
    )  # fmt: skip
    return [PersistentVolumeClaimArgs(metadata=ObjectMetaArgs(name=DATA), spec=spec)]
