"""What only makes sense when a Kubernetes phase is seen whole; all findings at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from errors import BadInput
from layout import kubernetes as figures
from layout.fixed import KINDS, redis_url
from layout.kubernetes import ClusterPlan
from phases.model import Index, ShardKey


@dataclass(frozen=True)
class Need:
    """CPU in millicores, memory in MiB."""

    cpu_m: int
    memory_mb: int
    pods: int

    def __add__(self, other: Need) -> Need:
        return Need(self.cpu_m + other.cpu_m, self.memory_mb + other.memory_mb, self.pods + other.pods)


def check(plan: ClusterPlan) -> None:
    """Raises BadInput that lists everything that cannot work in this plan."""
    checks = (_names, _stores, _fits, _largest, _connections, _drain, _sharding, _limits, _waits, _place)
    findings = [finding for one in checks for finding in one(plan)]
    if findings:
        raise BadInput("\n".join(findings), why=f"{plan.stack} cannot work like this", hint="correct the phase's or the environment's file")


def most(plan: ClusterPlan) -> Need:
    """The requests of everything at once: autoscalers at their maximum, an update under way, a canary, jobs."""
    return _sum(plan, [(one.requests_cpu_m, one.requests_memory_mb, one.most) for one in plan.workloads])


def allowed(plan: ClusterPlan) -> Need:
    """What the namespace's quota allows: pods that are told to go count until they are gone, so an update needs room for both."""
    going = [(one.requests_cpu_m, one.requests_memory_mb, one.scaling.max) for one in plan.workloads]
    return most(plan) + _total(going)


def least(plan: ClusterPlan) -> Need:
    """The requests of what runs when nobody is there."""
    return _sum(plan, [(one.requests_cpu_m, one.requests_memory_mb, one.scaling.min) for one in plan.workloads])


def _sum(plan: ClusterPlan, workloads: list[tuple[int, int, int]]) -> Need:
    return _total([*workloads, *_fixed(plan)])


def _total(rows: list[tuple[int, int, int]]) -> Need:
    total = Need(0, 0, 0)
    for cpu_m, memory_mb, pods in rows:
        total += Need(cpu_m * pods, memory_mb * pods, pods)
    return total


def _fixed(plan: ClusterPlan) -> list[tuple[int, int, int]]:
    rows = [(one.cpu_m + figures.SENTINEL_CPU_M, one.memory_mb + figures.SENTINEL_MEMORY_MB, one.replicas) for one in plan.stores]
    rows += [(figures.JOB_CPU_M, figures.JOB_MEMORY_MB, len(plan.platform.jobs))]
    if plan.facts.monitoring:
        rows.append((plan.facts.monitoring.cpu_m, plan.facts.monitoring.memory_mb, plan.facts.monitoring.replicas))
    if plan.own_database:
        rows.append((figures.DATABASE_CPU_M, figures.DATABASE_MEMORY_MB, 1))
    return rows


def room(plan: ClusterPlan, nodes: int | None = None) -> Need:
    """What `nodes` (by default all that the phase buys) have left for pods; 110 of them fit on a node."""
    size = plan.phase.hosts["node"]
    count = size.count if nodes is None else nodes
    share = (100 - plan.facts.reserved_percent) / 100
    return Need(int(size.cpus * 1000 * share) * count, int(size.memory_mb * share) * count, 110 * count)


def _names(plan: ClusterPlan) -> list[str]:
    """Names of objects: no two of one kind may have the same, and none may end with a dash."""
    own = {"prometheus", "prometheus-reader", "mongo", *(store.name for store in plan.stores)}
    own |= {f"{one.service}-{end}" for one in plan.workloads for end in ("pods", "canary")} | {
        f"job-{job.name}" for job in plan.platform.jobs
    }
    taken = [f"{one.service}: an object of ours in the cluster has that name" for one in plan.workloads if one.service in own]
    return taken + [f"{one.service}: a name in a cluster cannot end with a dash" for one in plan.workloads if one.service.endswith("-")]


def _stores(plan: ClusterPlan) -> list[str]:
    """The address of a Redis follows from the phase, or is given; nobody can make one up."""
    if plan.environment.secrets.origin != "generated":
        return []
    wanted = {name for one in plan.workloads for name in one.secrets}
    there = {store.kind for store in plan.stores}
    return [
        f"{redis_url(kind)} leads to a Redis that phase {plan.phase.number} does not run: it has no kubernetes.stores.{kind}"
        for kind in KINDS
        if redis_url(kind) in wanted and kind not in there
    ]


def _fits(plan: ClusterPlan) -> list[str]:
    if "node" not in plan.phase.hosts:
        return ["hosts: there is no role node, so nobody can say what fits"]
    count = plan.phase.hosts["node"].count
    found = _over(f"all autoscalers at their maximum, with an update under way, on {count} nodes", most(plan), room(plan))
    return found + _over(f"the least number of pods on {count - 1} nodes, while one is drained", least(plan), room(plan, count - 1))


def _over(what: str, need: Need, there: Need) -> list[str]:
    found = []
    if need.cpu_m > there.cpu_m:
        found.append(f"{what}: requests of {need.cpu_m} m CPU, {there.cpu_m} m are there")
    if need.memory_mb > there.memory_mb:
        found.append(f"{what}: requests of {need.memory_mb} MiB, {there.memory_mb} MiB are there")
    if need.pods > there.pods:
        found.append(f"{what}: {need.pods} pods, nodes take {there.pods}")
    return found


def _largest(plan: ClusterPlan) -> list[str]:
    if "node" not in plan.phase.hosts:
        return []
    node = room(plan, 1)
    rows = [(one.service, one.requests_cpu_m, one.requests_memory_mb) for one in plan.workloads]
    rows += [(one.name, one.cpu_m + figures.SENTINEL_CPU_M, one.memory_mb + figures.SENTINEL_MEMORY_MB) for one in plan.stores]
    return [
        f"one pod of {name} asks for {cpu_m} m CPU and {memory_mb} MiB, a node has {node.cpu_m} m and {node.memory_mb} MiB"
        for name, cpu_m, memory_mb in rows
        if cpu_m > node.cpu_m or memory_mb > node.memory_mb
    ]


def connections(plan: ClusterPlan) -> int:
    """The most connections that all pools of all pods can open to one database node."""
    each = sum(pool.max for pool in plan.phase.database.pools.values())
    return each * sum(one.workers * one.most for one in plan.workloads if one.kind == "backend")


def _connections(plan: ClusterPlan) -> list[str]:
    database, needed = plan.phase.database, connections(plan)
    if needed <= database.connections:
        return []
    each = sum(pool.max for pool in database.pools.values())
    pods = " + ".join(f"{one.service} {one.workers} x {one.most}" for one in plan.workloads if one.kind == "backend")
    return [f"database: pools of {each} x ({pods}) = {needed} connections, {database.tier} allows {database.connections} per node"]


def _drain(plan: ClusterPlan) -> list[str]:
    return [
        f"{one.service}: with {one.scaling.min} pod no disruption budget lets its node be drained without an outage; scaling.min is 2 at least"
        for one in plan.workloads
        if one.scaling.min < 2
    ]


def _sharding(plan: ClusterPlan) -> list[str]:
    keys = plan.phase.database.shard_keys
    return [said for index in plan.platform.indexes if index.unique and (said := _unique(index, keys.get(index.collection)))]


def _unique(index: Index, key: ShardKey | None) -> str:
    """A shard can only keep unique what it sees whole: the index has to begin with the shard key, by value and not by hash."""
    if key is None:
        return ""
    names = tuple(name.removeprefix("-") for name in index.keys)
    if not key.hashed and names[: len(key.keys)] == key.keys:
        return ""
    shown = ", ".join(key.keys)
    hashed = "the hash of " if key.hashed else ""
    return (
        f"{index.collection} is sharded by {hashed}{shown} and {', '.join(names)} has to be unique: MongoDB refuses the two together, "
        f"because no shard sees the others' values. Shard by {names[0]}, keep unique values in a collection of their own, or do not shard"
    )


def _limits(plan: ClusterPlan) -> list[str]:
    known = plan.platform.limits
    return [
        f"route {one.path}: {one.limit} is no limit of {plan.platform.name}" for one in plan.routes if one.limit and one.limit not in known
    ]


def _waits(plan: ClusterPlan) -> list[str]:
    """A gateway that gives up before a long poll is over turns every quiet one into a failure."""
    poll = plan.platform.long_poll
    ways = [one for one in plan.routes if "web" in one.domains and poll and f"{poll.path}/".startswith(f"{one.path.rstrip('/')}/")]
    if poll is None or not ways:
        return []
    way = max(ways, key=lambda one: len(one.path))
    early = way.timeout_s <= poll.wait_s
    return [f"route {way.path} gives up after {way.timeout_s} s, and long_poll waits {poll.wait_s} s"] if early else []


def _place(plan: ClusterPlan) -> list[str]:
    if plan.own_database and plan.environment.kind == "cloud":
        return ["providers.database is container: a database in a pod without replicas is for test clusters, not for a cloud environment"]
    return []
