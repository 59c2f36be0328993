"""Prometheus, two of a kind: each scrapes every pod by its own address, found by the headless Services' names."""

from __future__ import annotations

from typing import Any

import yaml
from pulumi_kubernetes.core.v1 import Service, ServicePortArgs, ServiceSpecArgs

from layout.kubernetes import PROMETHEUS_PORT, PROMETHEUS_UID
from stacks.kubernetes import network, pods
from stacks.kubernetes.scope import Scope
from stacks.kubernetes.stateful import DATA, Set, stateful
from stacks.kubernetes.workloads import config

FOLDER = "/etc/prometheus"
READER = "prometheus-reader"


def monitoring(scope: Scope) -> None:
    watching = scope.spec.plan.facts.monitoring
    if watching is None:
        return
    network.of_prometheus(scope)
    files = config(scope, "prometheus", {"prometheus.yml": configuration(scope)})
    arguments = [
        f"--config.file={FOLDER}/prometheus.yml", f"--storage.tsdb.path=/{DATA}", f"--storage.tsdb.retention.time={watching.retention_days}d",
        f"--storage.tsdb.retention.size={watching.storage_gb * 4 // 5}GB", f"--web.listen-address=0.0.0.0:{PROMETHEUS_PORT}",
    ]  # fmt: skip
    main = pods.container(
        scope.spec.plan.environment, "prometheus", scope.spec.release.images["prometheus"], PROMETHEUS_UID,
        pods.resources(watching.cpu_m, watching.memory_mb, 2 * watching.cpu_m), args=arguments, ports={"http": PROMETHEUS_PORT},
        mounts={"files": FOLDER}, writable={DATA: f"/{DATA}"}, probes=pods.http_probes("/-/healthy", "/-/ready", PROMETHEUS_PORT, 120),
    )  # fmt: skip
    stateful(
        scope,
        Set(
            "prometheus",
            watching.replicas,
            PROMETHEUS_UID,
            (main,),
            {"http": PROMETHEUS_PORT},
            watching.storage_gb,
            60,
            files,
        ),
    )
    port = ServicePortArgs(name="http", port=PROMETHEUS_PORT, target_port="http", protocol="TCP")
    # Questions about the past go to one and the same, so that two answers agree.
    spec = ServiceSpecArgs(type="ClusterIP", selector=scope.pod_labels("prometheus"), ports=[port], session_affinity="ClientIP")
    scope.keep(Service(READER, metadata=scope.meta(READER), spec=spec, opts=scope.after()))


def configuration(scope: Scope) -> str:
    """prometheus.yml: one job per service, its pods by name look-up; rules are files that may be put beside it."""
    plan = scope.spec.plan
    interval = f"{plan.facts.monitoring.scrape_s}s" if plan.facts.monitoring else "15s"
    document: dict[str, Any] = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval, "external_labels": {"stack": plan.stack}},
        "rule_files": [f"{FOLDER}/rules-*.yml"],
        "scrape_configs": [_job(one.service, f"{one.service}-pods", one.port, one.metrics) for one in plan.workloads if one.metrics]
        + [_job("prometheus", "prometheus", PROMETHEUS_PORT, "/metrics")],
    }
    return yaml.safe_dump(document, sort_keys=False, width=140)


def _job(name: str, service: str, port: int, path: str) -> dict[str, Any]:
    found = [{"names": [service], "type": "A", "port": port, "refresh_interval": "10s"}]
    return {"job_name": name, "metrics_path": path, "dns_sd_configs": found}
