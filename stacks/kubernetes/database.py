"""The MongoDB-compatible database of test clusters: one pod, no copy. Everywhere else the database is bought."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import ProbeArgs, TCPSocketActionArgs

from layout.kubernetes import APP_UID, DATABASE_CPU_M, DATABASE_MEMORY_MB, DATABASE_PORT
from stacks.kubernetes import network, pods
from stacks.kubernetes.scope import Scope
from stacks.kubernetes.stateful import DATA, Set, stateful

STORAGE_GB = 2


def database(scope: Scope) -> None:
    """Part of the ground: a release's jobs need it."""
    if not scope.spec.plan.own_database:
        return
    network.of_database(scope)
    ask = ProbeArgs(tcp_socket=TCPSocketActionArgs(port=DATABASE_PORT), period_seconds=5, timeout_seconds=2, failure_threshold=6)
    start = ProbeArgs(tcp_socket=TCPSocketActionArgs(port=DATABASE_PORT), period_seconds=1, timeout_seconds=2, failure_threshold=60)
    main = pods.container(
        scope.spec.plan.environment, "mongo", scope.spec.release.images["mongo"], APP_UID,
        pods.resources(DATABASE_CPU_M, DATABASE_MEMORY_MB, 4 * DATABASE_CPU_M), ports={"mongo": DATABASE_PORT}, writable={DATA: "/data"},
        probes={"startup": start, "live": ask, "ready": ask},
    )  # fmt: skip
    scope.ground.append(stateful(scope, Set("mongo", 1, APP_UID, (main,), {"mongo": DATABASE_PORT}, STORAGE_GB, 30)))
