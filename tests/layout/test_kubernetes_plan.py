"""A Kubernetes phase is planned from its figures, and what cannot work is refused with all findings at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from environments.model import Cluster, Providers, Secrets
from errors import BadInput
from layout import kubernetes_checks as checks
from layout.kubernetes import ClusterPlan, plan
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform
from phases.model import Phase, Platform

LOADED = load_platform("codementee", PLATFORMS)
LOCAL = load_environment("local", ENVIRONMENTS)


def planned(**changes: Any) -> ClusterPlan:
    """Phase 3 with some facts changed: `user={...}` changes pods, `database={...}` and `hosts={...}` what they say."""
    facts = LOADED.phase(3).model_dump()
    for name, change in changes.items():
        where = facts if name in facts else facts["kubernetes"]["pods"]
        where[name] = {**where[name], **change}
    return plan(LOADED.platform, Phase.model_validate(facts), LOCAL)


def refused(found: ClusterPlan) -> str:
    with pytest.raises(BadInput) as caught:
        checks.check(found)
    return str(caught.value.what)


def test_the_guides_figures_work() -> None:
    """Phase 3 as it is written fits its five nodes and the database's tier."""
    found = planned()
    checks.check(found)
    assert [(one.service, one.scaling.min, one.scaling.max) for one in found.workloads] == [
        ("user", 3, 10), ("booking", 2, 8), ("payment", 2, 6), ("frontend", 2, 6),
    ]  # fmt: skip
    assert found.namespace == "codementee-local"


def test_a_gateway_lets_the_long_poll_wait() -> None:
    """A route that gives up before the long poll is over is refused, and the longest one that leads there is the one that counts."""
    facts = planned().facts.model_dump()
    ways = [way for way in facts["routes"] if way["path"] != "/api/time-slots/changes"]
    said = refused(planned(kubernetes={"routes": ways}))
    assert "route /api/time-slots gives up after 10 s, and long_poll waits 20 s" in said


def test_another_kind_of_phase_is_no_plan() -> None:
    """A phase on hosts has no cluster plan, and the text says what it runs on."""
    with pytest.raises(BadInput, match="phase 2 runs on compose"):
        plan(LOADED.platform, LOADED.phase(2), LOCAL)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(1, 8), st.integers(5, 200))
def test_connections_never_pass_the_tier(most: int, workers: int, pool: int) -> None:
    """Whatever replicas, workers and pools: a plan that is accepted cannot open more connections than a node allows."""
    facts = LOADED.phase(3).model_dump()
    user = {**facts["kubernetes"]["pods"]["user"], "workers": workers}
    user["scaling"] = {**user["scaling"], "min": 2, "max": most}
    pools = {kind: {**one, "max": pool} for kind, one in facts["database"]["pools"].items()}
    found = planned(user=user, database={"pools": pools})
    most_pods = {one.service: one.scaling.max + one.surge + 1 for one in found.workloads}
    asked = 2 * pool * (workers * most_pods["user"] + most_pods["booking"] + most_pods["payment"])
    assert checks.connections(found) == asked
    try:
        checks.check(found)
    except BadInput as error:
        assert asked <= 32000 or "M60 allows 32000" in error.what  # noqa: PT017 - accepted or refused, both are right
    else:
        assert asked <= 32000


def test_too_little_room_is_told_with_figures() -> None:
    """Autoscalers at their maximum have to fit the nodes that are bought, and the least number fewer nodes by one."""
    said = refused(planned(hosts={"node": {"count": 2, "memory_mb": 8192, "cpus": 4, "disk_gb": 80}}))
    assert "on 2 nodes: requests of 11820 m CPU, 6400 m are there" in said
    assert "on 1 nodes, while one is drained" in said


def test_a_pod_larger_than_a_node() -> None:
    """A pod that fits no node is named, even where the sum of all nodes would be enough."""
    pods = {"requests_cpu_m": 5000, "limits_cpu_m": 5000, "requests_memory_mb": 256, "limits_memory_mb": 512}
    said = refused(planned(user={**pods, "scaling": {"min": 2, "max": 2, "cpu_percent": 70}}))
    assert "one pod of user asks for 5000 m CPU and 256 MiB, a node has 3200 m" in said


def test_one_replica_cannot_be_drained() -> None:
    """A service with one pod is refused: no disruption budget lets its node go without an outage."""
    assert "payment: with 1 pod no disruption budget" in refused(planned(payment={"scaling": {"min": 1, "max": 6, "cpu_percent": 70}}))


@pytest.mark.parametrize(
    ("collection", "keys", "hashed", "accepted"),
    [
        ("users", ["_id"], True, False),
        ("users", ["email"], True, False),
        ("users", ["email"], False, False),
        ("booking_requests", ["mentee_id"], True, False),
        ("orders", ["id"], False, True),
        ("not_indexed", ["_id"], True, True),
    ],
)
def test_a_shard_key_and_a_unique_index(collection: str, keys: list[str], hashed: bool, accepted: bool) -> None:
    """The guide shards users by the hash of _id and keeps email unique: MongoDB refuses that, so it is refused here, and explained."""
    found = planned(database={"shard_keys": {collection: {"keys": keys, "hashed": hashed}}})
    if accepted:
        checks.check(found)
        return
    said = refused(found)
    assert f"{collection} is sharded by" in said
    assert "MongoDB refuses the two together" in said


@pytest.mark.parametrize(
    ("kept", "percent", "reason"), [(120, 80, ""), (200, 80, "never scale down"), (None, 80, "unknown what a pod keeps"), (None, None, "")]
)
def test_memory_is_a_target_only_where_it_can_scale_down(kept: int | None, percent: int | None, reason: str) -> None:
    """A memory target that a pod's own floor would hold up for ever is left out, and the plan says why."""
    scaling = (
        planned(user={"memory_after_load_mb": kept, "scaling": {"min": 3, "max": 10, "cpu_percent": 70, "memory_percent": percent}})
        .workload("user")
        .scaling
    )
    assert (scaling.memory_percent == percent) == (not reason)
    assert reason in scaling.left_out


def test_a_pod_outlives_its_requests() -> None:
    """SIGKILL comes after the time that gateways need to hear of the end plus the time that requests need to end."""
    for one in planned().workloads:
        stop = LOADED.platform.services[one.service].stop_grace_s
        assert one.grace_s >= one.propagation_s + stop


def test_all_findings_come_at_once() -> None:
    """A plan with several faults is refused once, with all of them."""
    said = refused(planned(database={"connections": 10}, payment={"scaling": {"min": 1, "max": 6, "cpu_percent": 70}}))
    assert len(said.splitlines()) == 2


def test_no_database_pod_in_production() -> None:
    """A database without a copy is for test clusters only."""
    cloud = LOCAL.model_copy(update={"kind": "cloud"})
    assert "for test clusters" in refused(plan(LOADED.platform, LOADED.phase(3), cloud))
    bought = cloud.model_copy(update={"providers": Providers(database="atlas", edge="cloudflare"), "cluster": Cluster()})
    checks.check(plan(LOADED.platform, LOADED.phase(3), bought))


def test_the_context_is_never_the_current_one() -> None:
    """Without kube_context there is no answer, only the way to one."""
    with pytest.raises(BadInput, match="names no kube_context") as caught:
        _ = planned().context
    assert "kubectl config get-contexts" in caught.value.hint


def test_routes_keep_the_guides_paths() -> None:
    """The guide's /auth, /booking and /payment reach a path that the service has; nothing is cut to a path nobody serves."""
    ways = {one.path: (one.service, one.to) for one in planned().routes if one.hosts == ("api.localhost",)}
    assert ways == {"/auth": ("user", "/api/auth"), "/booking": ("booking", "/api"), "/payment": ("payment", "/api/payment")}


def test_the_quota_has_room_for_pods_that_go() -> None:
    """While an update runs at the autoscalers' maximum, old pods that are ending count too: the quota must not stop the new ones."""
    found = planned()
    need = checks.allowed(found)
    assert need.pods == checks.most(found).pods + sum(one.scaling.max for one in found.workloads)
    assert need.cpu_m > checks.most(found).cpu_m


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("mongo", "an object of ours"),
        ("redis-cache", "an object of ours"),
        ("user-canary", "an object of ours"),
        ("job-indexes", "an object of ours"),
        ("api-", "end with a dash"),
    ],
)
def test_names_that_a_cluster_cannot_have(name: str, wrong: str) -> None:
    """A service called like an object that the phase brings itself, or as no object may be, is refused before anything is applied."""
    platform, facts = LOADED.platform.model_dump(by_alias=True), LOADED.phase(3).model_dump(by_alias=True)
    platform["services"][name] = platform["services"]["user"]
    facts["kubernetes"]["pods"][name] = facts["kubernetes"]["pods"]["user"]
    assert f"{name}: " in (said := refused(plan(Platform.model_validate(platform), Phase.model_validate(facts), LOCAL)))
    assert wrong in said


def test_a_redis_that_is_not_there() -> None:
    """A pod that wants the address of a Redis which the phase does not run is refused where secrets are made up."""
    facts = LOADED.phase(3).model_dump(by_alias=True)
    del facts["kubernetes"]["stores"]["sessions"]
    phase = Phase.model_validate(facts)
    assert "REDIS_SESSIONS_URL leads to a Redis that phase 3 does not run" in refused(plan(LOADED.platform, phase, LOCAL))
    checks.check(plan(LOADED.platform, phase, LOCAL.model_copy(update={"secrets": Secrets(origin="env")})))
