"""phase + environment → what runs on the cluster: figures, probes, stores, routes, edges of the network. Pure, no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from environments.model import Environment
from errors import BadInput
from phases.kubernetes import Kubernetes, Pods, Store
from phases.model import Phase, Platform, Service

APP_UID, REDIS_UID, PROMETHEUS_UID = 10001, 10999, 10534
REDIS_PORT, SENTINEL_PORT, PROMETHEUS_PORT, DATABASE_PORT = 6379, 26379, 9090, 27017
SENTINEL_CPU_M, SENTINEL_MEMORY_MB = 20, 32
DATABASE_CPU_M, DATABASE_MEMORY_MB = 250, 512
JOB_CPU_M, JOB_MEMORY_MB = 250, 256
# What a HorizontalPodAutoscaler leaves alone around its target (kube-controller-manager's default).
TOLERANCE = 0.1


@dataclass(frozen=True)
class Autoscaling:
    """`memory_percent` is None where a target on memory could never scale down; `left_out` says why."""

    min: int
    max: int
    cpu_percent: int
    memory_percent: int | None
    left_out: str = ""


@dataclass(frozen=True)
class Workload:
    """One service as a Deployment. CPU in millicores, memory in MiB; `surge` pods more may run during an update."""

    service: str
    kind: Literal["backend", "frontend"]
    image: str
    port: int
    ready: str
    live: str
    metrics: str | None
    requests_cpu_m: int
    requests_memory_mb: int
    limits_cpu_m: int
    limits_memory_mb: int
    workers: int
    scaling: Autoscaling
    surge: int
    propagation_s: int
    grace_s: int
    start_s: int
    secrets: tuple[str, ...]

    @property
    def most(self) -> int:
        """The most pods at once: all that the autoscaler may want, the surge of an update, and one canary."""
        return self.scaling.max + self.surge + 1


@dataclass(frozen=True)
class RedisStore:
    name: str
    kind: str
    replicas: int
    maxmemory_mb: int
    memory_mb: int
    cpu_m: int
    storage_gb: int
    policy: str
    append_only: bool

    @property
    def quorum(self) -> int:
        return self.replicas // 2 + 1

    def hosts(self, namespace: str) -> tuple[str, ...]:
        """The name of every pod, which stays the same when the pod is made anew."""
        return tuple(f"{self.name}-{index}.{self.name}.{namespace}.svc" for index in range(self.replicas))


@dataclass(frozen=True)
class Route:
    """Requests for `path` (a prefix) on `hosts` go to `service`; `to` replaces the prefix; `limit` names a limit of the platform."""

    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    path: str
    service: str
    to: str | None
    limit: str | None
    timeout_s: int


@dataclass(frozen=True)
class ClusterPlan:
    """A Kubernetes phase in an environment. `calls`: caller → called, both names of workloads."""

    platform: Platform
    phase: Phase
    environment: Environment
    facts: Kubernetes
    workloads: tuple[Workload, ...]
    stores: tuple[RedisStore, ...]
    routes: tuple[Route, ...]
    calls: tuple[tuple[str, str], ...]

    @property
    def namespace(self) -> str:
        return f"{self.platform.name}-{self.environment.name}"

    @property
    def stack(self) -> str:
        return f"{self.namespace}-phase{self.phase.number}"

    @property
    def own_database(self) -> bool:
        """Whether the database is a pod of the phase: only where nothing is bought."""
        return self.environment.providers.database == "container"

    @property
    def context(self) -> str:
        """The kubeconfig context; the environment names it, never the file's current one."""
        if not self.environment.kube_context:
            raise BadInput(
                f"environment {self.environment.name} names no kube_context",
                why="phase 3 never takes kubectl's current context: it may be anybody's",
                hint=f"kube_context: <one of `kubectl config get-contexts -o name`> in environments/{self.environment.name}.yaml",
            )
        return self.environment.kube_context

    def workload(self, service: str) -> Workload:
        return next(one for one in self.workloads if one.service == service)


def plan(platform: Platform, phase: Phase, environment: Environment) -> ClusterPlan:
    """The plan of a Kubernetes phase. Raises BadInput for another kind of phase."""
    facts = phase.kubernetes
    if phase.runtime != "kubernetes" or facts is None:
        raise BadInput(f"phase {phase.number} runs on {phase.runtime}, not on Kubernetes", hint="cmctl phases")
    workloads = tuple(_workload(service, platform.services[service], pods, phase, facts) for service, pods in facts.pods.items())
    stores = tuple(_store(kind, store) for kind, store in facts.stores.items())
    calls = tuple((caller, called) for caller, every in facts.calls.items() for called in every)
    return ClusterPlan(platform, phase, environment, facts, workloads, stores, _routes(platform, environment, facts), calls)


def _workload(name: str, service: Service, pods: Pods, phase: Phase, facts: Kubernetes) -> Workload:
    draining = facts.draining
    return Workload(
        service=name, kind=service.kind, image=service.image, port=service.port, ready=service.ready, live=service.live,
        metrics=service.metrics, requests_cpu_m=pods.requests_cpu_m, requests_memory_mb=pods.requests_memory_mb,
        limits_cpu_m=pods.limits_cpu_m, limits_memory_mb=pods.limits_memory_mb, workers=pods.workers, scaling=_scaling(pods),
        surge=math.ceil(pods.scaling.max * facts.surge_percent / 100), propagation_s=draining.propagation_s,
        grace_s=draining.propagation_s + service.stop_grace_s + draining.margin_s, start_s=phase.gate.ready_s, secrets=service.secrets,
    )  # fmt: skip


def _scaling(pods: Pods) -> Autoscaling:
    scaling, left_out = pods.scaling, ""
    if scaling.memory_percent is not None:
        left_out = _never_down(pods, scaling.memory_percent)
    return Autoscaling(scaling.min, scaling.max, scaling.cpu_percent, None if left_out else scaling.memory_percent, left_out)


def _never_down(pods: Pods, percent: int) -> str:
    """Why a memory target would hold the largest number for ever; empty when it can scale down."""
    kept = pods.memory_after_load_mb
    if kept is None:
        return f"memory {percent} %: unknown what a pod keeps after a peak (memory_after_load_mb)"
    used = 100 * kept / pods.requests_memory_mb
    # Two pods that keep this much must be fewer than two by the documented formula, else nothing ever goes.
    if used >= percent * (1 - TOLERANCE):
        return f"memory {percent} %: a pod keeps {used:.0f} % of its request after a peak, so it would never scale down"
    return ""


def _store(kind: str, store: Store) -> RedisStore:
    return RedisStore(name=f"redis-{kind}", kind=kind, **store.model_dump())


def _routes(platform: Platform, environment: Environment, facts: Kubernetes) -> tuple[Route, ...]:
    return tuple(
        Route(way.domains, _hosts(platform, environment, way.domains), way.path, way.service, way.to, way.limit, way.timeout_s)
        for way in facts.routes
    )


def _hosts(platform: Platform, environment: Environment, domains: tuple[str, ...]) -> tuple[str, ...]:
    prefixes = [prefix for domain in domains for prefix in getattr(platform.domains, domain)]
    return tuple(environment.domain if prefix == "@" else f"{prefix}.{environment.domain}" for prefix in prefixes)
