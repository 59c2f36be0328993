"""Phase 3 on a real API server with simulated nodes: every object accepted, moved, taken back and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.standin.kubernetes.objects import quantity
from tests.live.cluster_driver import ClusterDriver
from tests.live.driver import wait_for
from tools.cluster import Cluster

# The timeline that the scaling suite judges is recorded meanwhile.
pytestmark = [pytest.mark.live, pytest.mark.usefixtures("timeline")]
PHASE = ("--phase", "3")
NAME = "cluster3"
NAMESPACE = f"codementee-{NAME}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


@pytest.fixture(scope="module")
def driver(simulated_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterDriver]:
    one = ClusterDriver(tmp_path_factory.mktemp("phase3"), name=NAME, kubeconfig=str(simulated_cluster.kubeconfig))
    yield one
    one.run("destroy", *PHASE, "--yes")


def images(cluster: Cluster) -> dict[str, str]:
    """Deployment → image that is asked for."""
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"] for one in cluster.api.items(DEPLOYMENTS)}


def test_1_an_empty_cluster_gets_all_of_it(driver: ClusterDriver, simulated_cluster: Cluster) -> None:
    """Every object is accepted under "restricted" by the real API server and ready; the second deploy changes nothing."""
    first = driver.must("deploy", *PHASE, "--yes", "--json")
    assert first.document["version"] == "1.0.0"
    labels = simulated_cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    second = driver.must("deploy", *PHASE, "--yes", "--json")
    assert second.document["changed"] is False
    preview = driver.must("preview", *PHASE, "--json", "--check")
    print(f"\nfirst deploy {first.seconds:.1f} s, no-change deploy {second.seconds:.1f} s, preview {preview.seconds:.1f} s")


def test_2_autoscalers_reach_their_minimum(driver: ClusterDriver, simulated_cluster: Cluster) -> None:
    """The autoscalers own the number of pods: user three, the others two; status says so with the reason."""
    wanted = {"user": 3, "booking": 2, "payment": 2, "frontend": 2}

    def reached() -> bool:
        return {one["metadata"]["name"]: one["spec"]["replicas"] for one in simulated_cluster.api.items(DEPLOYMENTS)} == wanted

    wait_for(reached, 90, "every service at its minimum")
    status = driver.must("status", *PHASE, "--json").document
    shown = {one["name"]: (one["wanted"], one["min"], one["max"]) for one in status["services"] if one["max"]}
    assert shown == {"user": (3, 3, 10), "booking": (2, 2, 8), "payment": (2, 2, 6), "frontend": (2, 2, 6)}
    assert all(one["why"] for one in status["services"] if one["max"])


def test_3_drift_is_found_and_mended(driver: ClusterDriver, simulated_cluster: Cluster) -> None:
    """What another hand changed shows in a refreshed preview as that field alone, and the next deploy puts it back."""
    simulated_cluster.api.merge(f"{DEPLOYMENTS}/user", {"spec": {"minReadySeconds": 77}})
    found = driver.run("preview", *PHASE, "--refresh", "--json", "--check")
    assert found.code == 3
    (change,) = json.loads(found.out.partition("\n}\n")[0] + "\n}")["changes"]
    assert (change["name"], [field["path"] for field in change["fields"]]) == ("user", ["spec.minReadySeconds"])
    driver.must("deploy", *PHASE, "--yes", "--version", "1.0.1")
    assert simulated_cluster.api.get(f"{DEPLOYMENTS}/user")["spec"]["minReadySeconds"] == 2


def test_4_a_release_moves_and_comes_back(driver: ClusterDriver, simulated_cluster: Cluster) -> None:
    """A new version with canary steps reaches every service, and rollback brings the former images; each is recorded."""
    moved = driver.must("deploy", *PHASE, "--yes", "--version", "1.1.0", "--canary", "10,50", "--json")
    assert moved.document["former"] == "1.0.1"
    assert {image.rpartition(":")[2] for image in images(simulated_cluster).values()} == {"1.1.0"}
    assert not any(name.endswith("-canary") for name in images(simulated_cluster))
    back = driver.must("rollback", *PHASE, "--yes", "--json")
    assert back.document["version"] == "1.0.1"
    assert {image.rpartition(":")[2] for image in images(simulated_cluster).values()} == {"1.0.1"}
    print(f"\nrelease with two canary steps {moved.seconds:.1f} s, rollback {back.seconds:.1f} s")


def test_5_a_quota_too_small_rolls_back(driver: ClusterDriver, simulated_cluster: Cluster) -> None:
    """New pods that a quota refuses: the former images come back by themselves, exit 4, and the quota is the reason on one screen.

    There is room for a release's jobs (256 MiB) and not for one more pod of a service (512 MiB).
    """
    path = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas/quota"
    whole = simulated_cluster.api.get(path)
    used = quantity(whole["status"]["used"]["limits.memory"])
    assert used is not None
    change: dict[str, Any] = {"spec": {"hard": {"limits.memory": f"{int(used) // 2**20 + 300}Mi"}}}
    simulated_cluster.api.merge(path, change)
    try:
        failed = driver.run("deploy", *PHASE, "--yes", "--version", "1.2.0")
    finally:
        simulated_cluster.api.merge(path, {"spec": {"hard": whole["spec"]["hard"]}})
    print(f"\nrolled back after {failed.seconds:.1f} s:\n" + failed.err[failed.err.rindex("✗") :])
    assert failed.code == 4
    assert "exceeded quota" in failed.err
    assert len(failed.err[failed.err.rindex("✗") :].splitlines()) < 40
    assert {image.rpartition(":")[2] for image in images(simulated_cluster).values()} == {"1.0.1"}
    assert driver.must("status", *PHASE, "--json").document["version"] == "1.0.1"


def test_6_what_cannot_be_is_refused_before_anything(driver: ClusterDriver, tmp_path: Path, simulated_cluster: Cluster) -> None:
    """An unknown context and another cluster's identity are exit 2, with the command that shows it; nothing is applied."""
    unknown = ClusterDriver(tmp_path, name="other", kubeconfig=str(simulated_cluster.kubeconfig), context="nobody")
    answer = unknown.run("deploy", *PHASE, "--yes")
    assert (answer.code, "there is no context 'nobody'" in answer.err) == (2, True)
    facts = driver.facts() | {"name": "other"}
    facts["cluster"] = {**facts["cluster"], "identity": "01234567-89ab-cdef-0123-456789abcdef"}
    unknown.write_environment(facts)
    answer = unknown.run("deploy", *PHASE, "--yes")
    assert (answer.code, "leads to another cluster" in answer.err, "kube-system" in answer.err) == (2, True, True)
    assert simulated_cluster.api.find("/api/v1/namespaces/codementee-other") is None


def test_7_destroy_leaves_nothing(driver: ClusterDriver, simulated_cluster: Cluster) -> None:
    """Afterwards there is no namespace, no priority, no state, and a second destroy is fine."""
    driver.must("destroy", *PHASE, "--yes")
    assert simulated_cluster.api.find(f"/api/v1/namespaces/{NAMESPACE}") is None
    priorities = [one["metadata"]["name"] for one in simulated_cluster.api.items("/apis/scheduling.k8s.io/v1/priorityclasses")]
    assert all(name.startswith("system-") for name in priorities)
    driver.must("destroy", *PHASE, "--yes")
