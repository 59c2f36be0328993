"""Phase 3, Kubernetes: the services, frontend, Redis, gateway, autoscaling, network policies and monitoring, released as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stacks.kubernetes.spec import ClusterSpec, record

if TYPE_CHECKING:
    from pulumi_kubernetes import Provider

RELEASE = "release"


def program(spec: ClusterSpec) -> Callable[[], None]:
    """The layer's program. What it makes first stands on nothing, what it records last stands on everything."""

    def run() -> None:
        # The SDK takes a quarter of a second: it loads in the program that needs it.
        import pulumi
        from pulumi_kubernetes.core.v1 import ConfigMap

        from stacks.kubernetes import autoscaling, database, gateway, monitoring, network, redis, secrets, workloads
        from stacks.kubernetes.namespace import namespace
        from stacks.kubernetes.scope import Scope

        scope = Scope(spec, _provider(spec))
        namespace(scope)
        network.deny(scope)
        database.database(scope)
        redis.stores(scope)
        for job in spec.plan.platform.jobs:
            network.of_job(scope, f"job-{job.name}")
        workloads.jobs(scope)
        secrets.certificate(scope)
        for workload in spec.plan.workloads:
            network.of_workload(scope, workload)
            workloads.services(scope, workload)
            autoscaling.autoscaler(scope, workload)
        gateway.way_in(scope)
        monitoring.monitoring(scope)
        if not spec.rendered:
            kept = {"current": record(spec), "former": spec.former}
            ConfigMap(RELEASE, metadata=scope.meta(RELEASE), data=kept, opts=scope.after(*scope.made))
        pulumi.export("version", spec.release.version)
        pulumi.export("namespace", spec.namespace)

    return run


def _provider(spec: ClusterSpec) -> Provider:
    from pulumi_kubernetes import Provider

    access = spec.access
    if access.render_to:
        return Provider("rendered", render_yaml_to_directory=access.render_to)
    return Provider(
        "cluster", kubeconfig=access.kubeconfig, context=access.context, cluster_identifier=access.identity or access.context,
        enable_server_side_apply=True, enable_config_map_mutable=True, enable_secret_mutable=True,
        # A create that was cut off after the API server had done it is taken over, not refused.
        upsert_existing_objects=True,
        # What the program names is the program's: another hand's change is drift, shown in the plan and put back. Replicas are
        # the autoscalers' and not named.
        enable_patch_force=True,
    )  # fmt: skip
