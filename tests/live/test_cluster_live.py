"""A real control plane on this machine: it comes up, is a conformant API server, and leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from errors import CmctlError, Locked, Unreachable
from tests.live.conftest import SIMULATED
from tools.cluster import Cluster, space
from tools.cluster.api import Refused, wait
from tools.cluster.place import Place
from tools.cluster.runtime import SANDBOX

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab cluster needs root")]
# One that comes and goes, beside the suites' shared ones.
NUMBER = 31


def test_the_control_plane_is_the_real_one(simulated_cluster: Cluster) -> None:
    """Version, nodes, Gateway API and metrics API answer as a conformant cluster's do."""
    status = simulated_cluster.status()
    print(
        f"\nready after {simulated_cluster.seconds['ready']:.1f} s, of it the control plane {simulated_cluster.seconds['control plane']:.1f} s"
    )
    print(f"memory: {_memory(simulated_cluster):.0f} MiB resident, {len(space.pids(simulated_cluster.place))} processes")
    assert status["version"].startswith("v1.36.")
    assert all(status["programs"].values())
    assert [one["ready"] for one in status["nodes"]] == ["True"] * 3
    assert simulated_cluster.api.get("/apis/gateway.networking.k8s.io/v1")["resources"]
    assert simulated_cluster.api.get("/apis/metrics.k8s.io/v1beta1")["resources"]


def _memory(simulated_cluster: Cluster) -> float:
    return sum(psutil.Process(pid).memory_info().rss for pid in space.pids(simulated_cluster.place)) / 2**20


def test_a_restricted_namespace_refuses_a_root_pod(simulated_cluster: Cluster) -> None:
    """Pod Security is enforced by the API server itself, and it says what is wrong."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    simulated_cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": labels}})
    spec = {"containers": [{"name": "c", "image": "localhost/any:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": spec}
    with pytest.raises(Refused, match="403") as refused:
        simulated_cluster.api.call("POST", "/api/v1/namespaces/strict/pods", pod)
    assert "allowPrivilegeEscalation" in refused.value.why


def test_a_second_cluster_of_the_same_number_is_refused(simulated_cluster: Cluster, tmp_path: Path) -> None:
    """Another home cannot take a running cluster's addresses, and the running one does not notice."""
    with pytest.raises(Locked):
        Cluster(Place(tmp_path, SIMULATED)).up()
    assert all(simulated_cluster.status()["programs"].values())


def test_kubectl_inside_answers(simulated_cluster: Cluster) -> None:
    """The cluster brings its own kubectl; a refusal keeps its words."""
    assert "simulated-0" in simulated_cluster.kubectl("get", "nodes", "-o", "name")
    with pytest.raises(CmctlError, match="kubectl") as failed:
        simulated_cluster.kubectl("get", "pod", "nobody")
    assert "not found" in failed.value.why


def test_down_leaves_nothing(tmp_path: Path) -> None:
    """After `down`, a real pod running, no process, mount, interface, namespace, cgroup, key or kubeconfig is left; a second is fine."""
    one = Cluster(Place(tmp_path, NUMBER), nodes=0, real=True, report=print)
    with one:
        one.api.apply(pause())
        wait(lambda: one.api.get("/api/v1/namespaces/default/pods/pause")["status"].get("phase") == "Running", 60, "a real pod runs")
        inside = space.pids(one.place)
        assert len(inside) >= 10
    print(f"real node ready after {one.seconds['real node']:.1f} s")
    assert not [pid for pid in inside if space.started(pid)]
    assert not [one.pid for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or ())]
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert not (space.NETNS / one.place.name).exists()
    assert one.place.link not in psutil.net_if_addrs()
    assert not [group for group in space.groups(one.place) if group.exists()]
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    one.down()
    with pytest.raises(Unreachable):
        one.status()


def pause() -> dict[str, Any]:
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "c", "image": SANDBOX, "imagePullPolicy": "Never", "securityContext": security}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pause"}, "spec": {"containers": [container]}}


def test_a_killed_run_is_cleared_by_the_next(tmp_path: Path) -> None:
    """What a run that was killed left running, and its record lost, is found by its namespace and ended."""
    one = Cluster(Place(tmp_path, NUMBER))
    one.up()
    inside = space.pids(one.place)
    one.place.record.unlink()
    one.down()
    wait(lambda: not [pid for pid in inside if space.started(pid)], 5, "every process is gone")
    assert not (space.NETNS / one.place.name).exists()
