"""The types of a platform and its phases. Units stand in the names: `_mb` MiB, `_s` seconds, `_ms` milliseconds, `cpus` cores."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from documents import broken, did_you_mean
from phases.kubernetes import Kubernetes, Pods, Scaling
from phases.routes import Domains, LimitName, RateLimit, Route, Timeouts
from phases.steps import Request, StepName

__all__ = ["Domains", "Kubernetes", "Pods", "RateLimit", "Route", "Scaling", "Timeouts"]

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,62}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
# Strict: `yes` is no 1, and `"600"` no 600.
# The bound is that of the programs which read these figures: nginx does not start with one of twenty digits.
Positive = Annotated[int, Field(gt=0, le=10**9, strict=True)]
Count = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Ratio = Annotated[float, Field(ge=0, le=1, strict=True)]
# What a container engine takes at least: a hundredth of a core, 6 MiB.
Cpus = Annotated[float, Field(ge=0.01, strict=True, allow_inf_nan=False)]
Memory = Annotated[int, Field(ge=6, le=10**9, strict=True)]
Seconds = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Port = Annotated[int, Field(gt=0, lt=65536, strict=True)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f]*$")]
Attribute = Annotated[str, Field(pattern=r"^-?[A-Za-z_][A-Za-z0-9_.]*$")]
UrlPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]
Question = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*(\?[A-Za-z0-9._~=&-]*)?$")]


class Facts(BaseModel):
    """Base of everything read from a file: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Service(Facts):
    """One program of the platform, as every phase runs it. `image` is a name of the image catalogue."""

    kind: Literal["backend", "frontend"]
    image: Slug
    port: Port
    ready: UrlPath
    live: UrlPath
    metrics: UrlPath | None = None
    environment: dict[SecretName, Text] = {}
    secrets: tuple[SecretName, ...] = ()
    stop_grace_s: Positive = 10


class Index(Facts):
    """`keys` in order; a leading `-` means descending."""

    collection: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")]
    keys: Annotated[tuple[Attribute, ...], Field(min_length=1)]
    unique: bool = False
    origin: str


class Job(Facts):
    """A one-off command of a release, run in the new version's image on one host. It must suit old and new version at once."""

    name: Slug
    service: Slug
    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    when: Literal["before-switch", "after-switch"]
    timeout_s: Positive


class Journey(Facts):
    """What a user does, as a load test plays it. Weights are shares of arrivals; steps are the platform's, known ones, or `GET /path`."""

    weight: Positive
    steps: Annotated[tuple[Text, ...], Field(min_length=1)]
    think_s: tuple[Seconds, Seconds]

    @model_validator(mode="after")
    def shortest_first(self) -> Journey:
        if self.think_s[0] > self.think_s[1]:
            raise broken("the shortest think time comes first", "think_s")
        return self


class LongPoll(Facts):
    """A GET that waits on purpose until there is news, `wait_s` at most: `url` is its path with the query that asks for the wait.

    Anybody may ask it. `--prove` holds one open; gates count its failures, and do not take its time for slowness.
    """

    url: Question
    wait_s: Annotated[int, Field(gt=0, le=300, strict=True)]

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]


class Session(Facts):
    ttl_s: Positive
    sliding: bool


class Platform(Facts):
    """The product that is operated."""

    name: Slug
    title: Title
    version: Version
    services: dict[Slug, Service]
    routes: tuple[Route, ...]
    limits: dict[LimitName, RateLimit]
    domains: Domains
    session: Session
    cache_ttl_s: dict[Key, Positive]
    secrets: tuple[SecretName, ...]
    indexes: tuple[Index, ...]
    jobs: tuple[Job, ...] = ()
    journeys: dict[Slug, Journey] = {}
    steps: dict[StepName, Request] = {}
    probes: tuple[UrlPath, ...]
    long_poll: LongPoll | None = None

    @model_validator(mode="after")
    def names_exist(self) -> Platform:
        for index, route in enumerate(self.routes):
            _known(route.service, self.services, "routes", index, "service")
            if route.limit:
                _known(route.limit, self.limits, "routes", index, "limit")
            if not getattr(self.domains, route.domain):
                raise broken(f"there are no names under domains.{route.domain}", "routes", index, "domain")
        for index, job in enumerate(self.jobs):
            _known(job.service, self.services, "jobs", index, "service")
        for name, service in self.services.items():
            for index, secret in enumerate(service.secrets):
                _known(secret, self.secrets, "services", name, "secrets", index)
        return self

    @model_validator(mode="after")
    def long_poll_may_wait(self) -> Platform:
        """Its route lets it wait: a proxy that gives up first turns every quiet poll into a failure."""
        if self.long_poll is None:
            return self
        poll = self.long_poll
        ways = [route for route in self.routes if route.domain == "web" and poll.path.startswith(route.path)]
        if not ways:
            raise broken(f"no route of the web domain leads to {poll.path}", "long_poll", "url")
        way = max(ways, key=lambda route: len(route.path))
        if way.timeouts.read_s <= poll.wait_s:
            raise broken(f"route {way.path} gives up after read_s {way.timeouts.read_s}: it has to be longer", "long_poll", "wait_s")
        return self

    @model_validator(mode="after")
    def nothing_twice(self) -> Platform:
        _once("routes", ((route.domain, route.path) for route in self.routes))
        _once("indexes", ((index.collection, index.keys) for index in self.indexes))
        _once("jobs", (job.name for job in self.jobs))
        _once("secrets", self.secrets)
        return self


class Target(Facts):
    users: Positive
    concurrent: Positive

    @model_validator(mode="after")
    def no_more_at_once_than_there_are(self) -> Target:
        if self.concurrent > self.users:
            raise broken(f"{self.concurrent} concurrent of {self.users} users", "concurrent")
        return self


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
    memory_mb: Memory
    cpus: Cpus
    weights: tuple[Positive, ...] = ()

    @model_validator(mode="after")
    def one_weight_each(self) -> Workload:
        if self.weights and len(self.weights) != self.replicas:
            raise broken(f"{len(self.weights)} weights for {self.replicas} replicas", "weights")
        return self


class Balancer(Facts):
    """The nginx in front of the slots. A dead instance is left out for `fail_timeout_s` after `max_fails` failures."""

    role: Slug
    algorithm: Literal["least_conn", "round_robin"]
    keepalive: Positive
    max_fails: Count
    fail_timeout_s: Positive
    memory_mb: Memory
    cpus: Cpus


class Redis(Facts):
    """One Redis instance. `memory_mb` is the container's limit, of which `maxmemory_mb` may be at most 75 %."""

    role: Slug
    maxmemory_mb: Positive
    memory_mb: Memory
    cpus: Cpus
    policy: Literal["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl", "noeviction"]
    append_only: bool

    @model_validator(mode="after")
    def fork_fits(self) -> Redis:
        if self.maxmemory_mb > 0.75 * self.memory_mb:
            raise broken(f"{self.maxmemory_mb} is more than 75 % of memory_mb {self.memory_mb}: a rewrite would be killed", "maxmemory_mb")
        return self


class Pool(Facts):
    """A MongoDB driver pool, per process and server."""

    max: Positive
    min: Count
    idle_ms: Positive
    select_ms: Positive

    @model_validator(mode="after")
    def smallest_fits(self) -> Pool:
        if self.min > self.max:
            raise broken(f"{self.min} is more than max {self.max}", "min")
        return self


class ShardKey(Facts):
    """How a collection is spread over shards: by the values of `keys`, or by the hash of the only one."""

    keys: Annotated[tuple[Attribute, ...], Field(min_length=1)]
    hashed: bool = False

    @model_validator(mode="after")
    def one_key_is_hashed(self) -> ShardKey:
        if self.hashed and len(self.keys) > 1:
            raise broken("a hashed shard key has one field here", "keys")
        return self


class Database(Facts):
    """The Atlas tier, its connection limit per node, and the pools the application opens to it."""

    tier: Annotated[str, Field(pattern=r"^M\d+$")]
    memory_mb: Positive
    storage_gb: Positive
    connections: Positive
    pools: dict[Literal["write", "read"], Pool]
    query_ms: Positive
    shard_keys: dict[str, ShardKey] = {}


class Cdn(Facts):
    plan: Literal["none", "free", "pro", "business"]


class Monitoring(Facts):
    """Prometheus on `role`: scrape interval, days kept, limits of its container."""

    role: Slug
    scrape_s: Positive
    retention_days: Positive
    memory_mb: Memory
    cpus: Cpus


class Gate(Facts):
    """What the watch step asks of a new release: at least `min_requests` in `window_s`, errors and p95 below the limits.

    `canary`: shares in per cent that the new version gets before all, one after the other, each for `canary_s`.
    """

    window_s: Positive
    min_requests: Positive
    error_ratio: Ratio
    p95_ms: Positive
    ready_s: Positive
    keep_warm_s: Count
    canary: tuple[Annotated[int, Field(gt=0, lt=100, strict=True)], ...] = ()
    canary_s: Positive = 5


class Phase(Facts):
    """One numbered stage of a platform's growth."""

    number: Annotated[int, Field(ge=0, le=9, strict=True)]
    name: Slug
    title: Title
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
        for section, parts in (("workloads", self.workloads), ("redis", self.redis)):
            for name, part in parts.items():
                _known(part.role, self.hosts, section, name, "role")
        if self.balancer:
            _known(self.balancer.role, self.hosts, "balancer", "role")
        if self.monitoring:
            _known(self.monitoring.role, self.hosts, "monitoring", "role")
        return self

    @model_validator(mode="after")
    def runtime_is_described(self) -> Phase:
        if self.runtime == "compose" and (self.balancer is None or not self.workloads):
            raise broken("a compose phase needs balancer and workloads", "runtime")
        if self.runtime == "kubernetes" and self.kubernetes is None:
            raise broken("a kubernetes phase needs kubernetes", "runtime")
        return self


def _known(name: str, known: Collection[str], *at: str | int) -> None:
    if name not in known:
        raise broken(f"unknown {name}{did_you_mean(name, list(known))}", *at)


def _once(section: str, things: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for index, thing in enumerate(things):
        if thing in seen:
            raise broken("is there twice", section, index)
        seen.add(thing)
