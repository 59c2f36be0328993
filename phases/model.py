"""The types of a platform and its phases. Units stand in the names: `_mb` MiB, `_s` seconds, `_ms` milliseconds, `cpus` cores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,62}$")]
Positive = Annotated[int, Field(gt=0)]
Ratio = Annotated[float, Field(ge=0, le=1)]
UrlPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]


class Facts(BaseModel):
    """Base of everything read from a file: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Service(Facts):
    """One program of the platform, as every phase runs it. `image` is a name of the image catalogue."""

    kind: Literal["backend", "frontend"]
    image: Slug
    port: Positive
    ready: UrlPath
    live: UrlPath
    metrics: UrlPath | None = None
    environment: dict[str, str] = {}
    secrets: tuple[SecretName, ...] = ()
    stop_grace_s: Positive = 10


class Timeouts(Facts):
    connect_s: Positive
    send_s: Positive
    read_s: Positive


class RateLimit(Facts):
    """Requests per second for one client address; `burst` requests may come at once."""

    rate_per_s: Positive
    burst: Positive


class Route(Facts):
    """Where requests for `path` (a prefix; the longest wins) on a kind of domain go.

    `idempotent` routes may be retried on another instance whatever the method; others only for GET and HEAD.
    """

    domain: Literal["web", "api", "cdn"]
    path: UrlPath
    service: Slug
    limit: Slug | None = None
    timeouts: Timeouts
    body_mb: Positive = 1
    idempotent: bool = False
    websocket: bool = False
    immutable: bool = False


class Domains(Facts):
    """Names under the environment's domain; `@` is the domain itself."""

    web: tuple[str, ...]
    api: tuple[str, ...]
    cdn: tuple[str, ...] = ()


class Index(Facts):
    """`keys` in order; a leading `-` means descending."""

    collection: str
    keys: tuple[Annotated[str, Field(pattern=r"^-?[a-z_]+$")], ...]
    unique: bool = False
    origin: str


class Job(Facts):
    """A one-off command of a release, run in the new version's image on one host. It must suit old and new version at once."""

    name: Slug
    service: Slug
    command: tuple[str, ...]
    when: Literal["before-switch", "after-switch"]
    timeout_s: Positive


class Journey(Facts):
    """What a user does, as a load test plays it. Weights are shares of arrivals; steps are names the locustfile knows."""

    weight: Positive
    steps: tuple[str, ...]
    think_s: tuple[float, float]


class Session(Facts):
    ttl_s: Positive
    sliding: bool


class Platform(Facts):
    """The product that is operated."""

    name: Slug
    title: str
    version: str
    services: dict[Slug, Service]
    routes: tuple[Route, ...]
    limits: dict[Slug, RateLimit]
    domains: Domains
    session: Session
    cache_ttl_s: dict[str, Positive]
    secrets: tuple[SecretName, ...]
    indexes: tuple[Index, ...]
    jobs: tuple[Job, ...] = ()
    journeys: dict[Slug, Journey] = {}
    probes: tuple[UrlPath, ...]

    @model_validator(mode="after")
    def names_exist(self) -> Platform:
        _known("routes", (route.service for route in self.routes), self.services)
        _known("routes limit", (route.limit for route in self.routes if route.limit), self.limits)
        _known("jobs", (job.service for job in self.jobs), self.services)
        _known("service secrets", (name for service in self.services.values() for name in service.secrets), self.secrets)
        return self


class Target(Facts):
    users: Positive
    concurrent: Positive


class Slo(Facts):
    """p95 latency in ms, share of failed requests, share of time up per 30 days."""

    p95_ms: Positive
    error_ratio: Ratio
    availability: Ratio


class Size(Facts):
    """`count` machines of one role."""

    count: Positive
    memory_mb: Positive
    cpus: Positive
    disk_gb: Positive


class Workload(Facts):
    """How a phase runs a service: `replicas` instances, each with `workers` processes. `weights` has one figure per replica."""

    role: Slug
    replicas: Positive
    workers: Positive = 1
    memory_mb: Positive
    cpus: Annotated[float, Field(gt=0)]
    weights: tuple[Positive, ...] = ()

    @model_validator(mode="after")
    def one_weight_each(self) -> Workload:
        if self.weights and len(self.weights) != self.replicas:
            raise ValueError(f"{len(self.weights)} weights for {self.replicas} replicas")
        return self


class Balancer(Facts):
    """The nginx in front of the slots. A dead instance is left out for `fail_timeout_s` after `max_fails` failures."""

    role: Slug
    algorithm: Literal["least_conn", "round_robin"]
    keepalive: Positive
    max_fails: Annotated[int, Field(ge=0)]
    fail_timeout_s: Positive
    memory_mb: Positive
    cpus: Annotated[float, Field(gt=0)]


class Redis(Facts):
    """One Redis instance. `memory_mb` is the container's limit, of which `maxmemory_mb` may be at most 75 %."""

    role: Slug
    maxmemory_mb: Positive
    memory_mb: Positive
    cpus: Annotated[float, Field(gt=0)]
    policy: Literal["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl", "noeviction"]
    append_only: bool

    @model_validator(mode="after")
    def fork_fits(self) -> Redis:
        if self.maxmemory_mb > 0.75 * self.memory_mb:
            raise ValueError(f"maxmemory_mb {self.maxmemory_mb} is more than 75 % of memory_mb {self.memory_mb}: a rewrite would be killed")
        return self


class Pool(Facts):
    """A MongoDB driver pool, per process and server."""

    max: Positive
    min: Annotated[int, Field(ge=0)]
    idle_ms: Positive
    select_ms: Positive


class Database(Facts):
    """The Atlas tier, its connection limit per node, and the pools the application opens to it."""

    tier: Annotated[str, Field(pattern=r"^M\d+$")]
    memory_mb: Positive
    storage_gb: Positive
    connections: Positive
    pools: dict[Literal["write", "read"], Pool]
    query_ms: Positive


class Cdn(Facts):
    plan: Literal["none", "free", "pro", "business"]


class Monitoring(Facts):
    """Prometheus on `role`: scrape interval, days kept, limits of its container."""

    role: Slug
    scrape_s: Positive
    retention_days: Positive
    memory_mb: Positive
    cpus: Annotated[float, Field(gt=0)]


class Gate(Facts):
    """What the watch step asks of a new release: at least `min_requests` in `window_s`, errors and p95 below the limits."""

    window_s: Positive
    min_requests: Positive
    error_ratio: Ratio
    p95_ms: Positive
    ready_s: Positive
    keep_warm_s: Annotated[int, Field(ge=0)]


class Scaling(Facts):
    """A HorizontalPodAutoscaler: replicas and utilisation targets in percent of requests."""

    min: Positive
    max: Positive
    cpu_percent: Positive
    memory_percent: Positive | None = None


class Pods(Facts):
    """One service on Kubernetes. CPU in millicores, memory in MiB."""

    requests_cpu_m: Positive
    requests_memory_mb: Positive
    limits_cpu_m: Positive
    limits_memory_mb: Positive
    scaling: Scaling


class Kubernetes(Facts):
    pods: dict[Slug, Pods]


class Phase(Facts):
    """One numbered stage of a platform's growth."""

    number: Annotated[int, Field(ge=0, le=9)]
    name: Slug
    title: str
    runtime: Literal["compose", "kubernetes"]
    target: Target
    slo: Slo
    gate: Gate
    hosts: dict[Slug, Size]
    workloads: dict[Slug, Workload] = {}
    balancer: Balancer | None = None
    redis: dict[Literal["cache", "sessions"], Redis] = {}
    database: Database
    cdn: Cdn
    monitoring: Monitoring | None = None
    kubernetes: Kubernetes | None = None

    @model_validator(mode="after")
    def roles_exist(self) -> Phase:
        roles = [part.role for part in self.workloads.values()] + [part.role for part in self.redis.values()]
        roles += [self.balancer.role] if self.balancer else []
        roles += [self.monitoring.role] if self.monitoring else []
        _known("roles", roles, self.hosts)
        return self

    @model_validator(mode="after")
    def runtime_is_described(self) -> Phase:
        if self.runtime == "compose" and (self.balancer is None or not self.workloads):
            raise ValueError("a compose phase needs balancer and workloads")
        if self.runtime == "kubernetes" and self.kubernetes is None:
            raise ValueError("a kubernetes phase needs kubernetes")
        return self


def _known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    missing = sorted(set(names) - set(known))
    if missing:
        raise ValueError(f"{what}: unknown {', '.join(missing)} (known: {', '.join(sorted(known))})")
