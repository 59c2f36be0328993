"""What a Kubernetes phase says: pods, scaling, Redis with failover, routes, who calls whom. CPU in millicores, memory in MiB."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from documents import broken

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Positive = Annotated[int, Field(gt=0, le=10**9, strict=True)]
Count = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Percent = Annotated[int, Field(gt=0, le=100, strict=True)]
UrlPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]
Release = Annotated[str, Field(pattern=r"^1\.\d{1,3}$")]


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Scaling(Facts):
    """A HorizontalPodAutoscaler: replicas and utilisation targets in percent of requests."""

    min: Positive
    max: Positive
    cpu_percent: Positive
    memory_percent: Positive | None = None

    @model_validator(mode="after")
    def smallest_fits(self) -> Scaling:
        if self.min > self.max:
            raise broken(f"{self.min} is more than max {self.max}", "min")
        return self


class Pods(Facts):
    """One service on Kubernetes. `workers` are processes of a pod; `memory_after_load_mb` is what a pod keeps after a peak."""

    requests_cpu_m: Positive
    requests_memory_mb: Positive
    limits_cpu_m: Positive
    limits_memory_mb: Positive
    scaling: Scaling
    workers: Positive = 1
    memory_after_load_mb: Positive | None = None

    @model_validator(mode="after")
    def limits_hold_requests(self) -> Pods:
        if self.requests_cpu_m > self.limits_cpu_m:
            raise broken(f"{self.requests_cpu_m} is more than limits_cpu_m {self.limits_cpu_m}", "requests_cpu_m")
        if self.requests_memory_mb > self.limits_memory_mb:
            raise broken(f"{self.requests_memory_mb} is more than limits_memory_mb {self.limits_memory_mb}", "requests_memory_mb")
        return self


class Store(Facts):
    """One Redis with failover: `replicas` pods, each with a sentinel beside it; a majority of sentinels chooses the primary."""

    replicas: Annotated[int, Field(ge=3, strict=True)]
    maxmemory_mb: Positive
    memory_mb: Positive
    cpu_m: Positive
    storage_gb: Positive
    policy: Literal["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl", "noeviction"]
    append_only: bool

    @model_validator(mode="after")
    def fork_fits(self) -> Store:
        if self.maxmemory_mb > 0.75 * self.memory_mb:
            raise broken(f"{self.maxmemory_mb} is more than 75 % of memory_mb {self.memory_mb}: a rewrite would be killed", "maxmemory_mb")
        return self

    @model_validator(mode="after")
    def majority_exists(self) -> Store:
        if self.replicas % 2 == 0:
            raise broken(f"{self.replicas} sentinels have no majority more than {self.replicas - 1}", "replicas")
        return self


class Way(Facts):
    """Requests for `path` (a prefix) on these domains go to `service`; with `to` the prefix is replaced before they arrive."""

    path: UrlPath
    service: Slug
    domains: Annotated[tuple[Literal["web", "api", "cdn"], ...], Field(min_length=1)]
    to: UrlPath | None = None
    limit: Slug | None = None
    timeout_s: Positive = 10


class Draining(Facts):
    """`propagation_s`: until no gateway or proxy sends to a pod that is going; `margin_s`: between the end of draining and SIGKILL."""

    propagation_s: Positive
    margin_s: Positive


class Watching(Facts):
    """Prometheus in the cluster: two that scrape the same pods, so that the loss of a node leaves one."""

    replicas: Annotated[int, Field(ge=2, strict=True)]
    scrape_s: Positive
    retention_days: Positive
    memory_mb: Positive
    cpu_m: Positive
    storage_gb: Positive


class Kubernetes(Facts):
    """`version` is the oldest API server that knows all that is used. `calls`: service → services it talks to.

    `reserved_percent` is the share of a node that the system keeps; `surge_percent` how many pods more a rolling update may run.
    """

    version: Release
    pods: Annotated[dict[Slug, Pods], Field(min_length=1)]
    reserved_percent: Percent
    surge_percent: Percent
    draining: Draining
    calls: dict[Slug, tuple[Slug, ...]] = {}
    routes: tuple[Way, ...] = ()
    stores: dict[Literal["cache", "sessions"], Store] = {}
    monitoring: Watching | None = None

    @model_validator(mode="after")
    def names_exist(self) -> Kubernetes:
        for index, way in enumerate(self.routes):
            if way.service not in self.pods:
                raise broken(f"{way.service} has no pods", "routes", index, "service")
        for caller, called in self.calls.items():
            for name in (caller, *called):
                if name not in self.pods:
                    raise broken(f"{name} has no pods", "calls", caller)
        return self

    @model_validator(mode="after")
    def no_way_twice(self) -> Kubernetes:
        seen: set[tuple[str, str]] = set()
        for index, way in enumerate(self.routes):
            for domain in way.domains:
                if (domain, way.path) in seen:
                    raise broken(f"{way.path} on {domain} is there twice", "routes", index)
                seen.add((domain, way.path))
        return self
