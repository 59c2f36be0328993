"""The stand-in plugin against a real API server that fails: it converges without doubles, or says why not.

`FULL=1` makes 200 seeded runs of it, else 20.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from errors import CmctlError
from stacks.kubernetes import kubeconfig
from stacks.kubernetes.api import Api
from stacks.kubernetes.kubeconfig import Connection
from stacks.standin.kubernetes.resource import Object, Options
from tests.live.cluster_driver import ClusterDriver
from tests.live.fault_proxy import FaultProxy
from tools.cluster import Cluster
from tools.cluster.place import CONTEXT

pytestmark = pytest.mark.live
FULL = os.environ.get("FULL") == "1"
RUNS, SHARE, AT_ONCE = 200 if FULL else 20, 0.3, 4
DEPLOY_SHARE = 0.05
WORKLOAD = {"name": "main", "image": "localhost/any:1", "resources": {"requests": {"cpu": "10m"}}}


@pytest.fixture(scope="module")
def connection(simulated_cluster: Cluster) -> Connection:
    return kubeconfig.connect(CONTEXT, str(simulated_cluster.kubeconfig))


def silent(_: object) -> None:
    pass


def named(kind: str, version: str, name: str | None, namespace: str, **rest: Any) -> dict[str, Any]:
    metadata = {"namespace": namespace, **({"name": name} if name else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def wanted(namespace: str, image: str) -> list[tuple[str, dict[str, Any]]]:
    """Logical name → object: settings, one with a name made up, a Service, and a Deployment that is awaited."""
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{**WORKLOAD, "image": image}]}}
    return [
        ("settings", named("ConfigMap", "v1", "settings", namespace, data={"image": image})),
        ("made-up", named("ConfigMap", "v1", None, namespace, data={"a": "b"})),
        (
            "web",
            named(
                "Service", "v1", "web", namespace, spec={"selector": labels, "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}]}
            ),
        ),
        (
            "web",
            named("Deployment", "apps/v1", "web", namespace, spec={"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}),
        ),
    ]


def one_run(connection: Connection, seed: int) -> tuple[str, Counter[str]]:
    """Create, change and delete everything through faults; returns how it ended. Asserts that nothing is there twice or left."""
    namespace, plain = f"run-{seed}", Api(connection)
    with contextlib.closing(plain):
        return _run(connection, plain, namespace, seed)


def _run(connection: Connection, plain: Api, namespace: str, seed: int) -> tuple[str, Counter[str]]:
    plain.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    with FaultProxy(connection, seed, SHARE) as proxy, contextlib.closing(Api(Connection(proxy.url, "default", {}, None))) as door:
        plugin = Object(door, Options(mutable_config_maps=True, upsert=True))
        try:
            made = []
            for name, inputs in wanted(namespace, "localhost/any:1"):
                checked = plugin.check(name, {}, inputs).inputs
                made.append((plugin.create(checked, silent), checked))
            for (identity, old), checked in made:
                plugin.update(identity, old, {**checked, "metadata": {**checked["metadata"], "labels": {"changed": "yes"}}}, silent)
        except CmctlError as error:
            return "refused" if error.what else "silent", proxy.met
        listed = plain.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"]
        own = [one["metadata"]["name"] for one in listed if one["metadata"]["name"] != "kube-root-ca.crt"]
        assert len(own) == 2, own
        assert len(plain.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets")["items"]) == 1
        for (identity, _), checked in reversed(made):
            plugin.delete(identity, checked, silent)
        left = [
            one for one in plain.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"] if one["metadata"]["name"] != "kube-root-ca.crt"
        ]
        assert left == []
        assert plain.find(f"/apis/apps/v1/namespaces/{namespace}/deployments/web") is None
    return "converged", proxy.met


def test_faults_never_double_anything(connection: Connection) -> None:
    """Seeded runs with every third call failing (429, 500, 503, cut before and after the work was done): all of it is
    there once, changed once and gone at the end, or the refusal names its reason."""
    ended, met, start = Counter[str](), Counter[str](), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for how, faults in pool.map(lambda seed: one_run(connection, seed), range(RUNS)):
            ended[how] += 1
            met += faults
    print(f"\n{RUNS} runs in {time.monotonic() - start:.0f} s: {dict(ended)}; faults met: {dict(met)}")
    assert ended["converged"] >= 0.95 * RUNS
    assert all(met[kind] for kind in ("429", "500", "cut-before", "cut-after", "500-after"))


def test_a_whole_deploy_through_faults(connection: Connection, simulated_cluster: Cluster, tmp_path: Path) -> None:
    """`cmctl deploy` with every twentieth call failing: all of the phase is there, each object once; the next deploy changes nothing."""
    with FaultProxy(connection, 7, DEPLOY_SHARE) as proxy:
        through = {
            "contexts": [{"name": CONTEXT, "context": {"cluster": "lab", "user": "nobody"}}],
            "clusters": [{"name": "lab", "cluster": {"server": proxy.url}}],
            "users": [{"name": "nobody", "user": {}}],
        }
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(through), encoding="utf-8")
        driver = ClusterDriver(tmp_path, name="faulty", kubeconfig=str(path))
        try:
            first = driver.must("deploy", "--phase", "3", "--yes")
            assert driver.must("deploy", "--phase", "3", "--yes", "--json").document["changed"] is False
            assert twice(simulated_cluster, "codementee-faulty") == []
        finally:
            driver.must("destroy", "--phase", "3", "--yes")
    print(f"\ndeployed in {first.seconds:.0f} s; faults met: {dict(proxy.met)}")
    assert sum(proxy.met.values()) >= 10


def twice(cluster: Cluster, namespace: str) -> list[str]:
    """Workloads with more than one version of their pods, and settings that are there under two hashes."""
    sets = [one["metadata"]["ownerReferences"][0]["name"] for one in cluster.api.items(f"/apis/apps/v1/namespaces/{namespace}/replicasets")]
    maps = [one["metadata"]["name"].rpartition("-")[0] for one in cluster.api.items(f"/api/v1/namespaces/{namespace}/configmaps")]
    assert {"user", "booking", "payment", "frontend"} == set(sets)
    return [name for name, count in Counter(sets).items() if count > 1] + [
        name for name, count in Counter(maps).items() if name and count > 1
    ]


def test_without_repetition_faults_do_hurt(connection: Connection) -> None:
    """The same faults against a client that tries once end most runs: so the proxy's faults are real."""
    refused = 0
    for seed in range(1000, 1010):
        with (
            FaultProxy(connection, seed, SHARE) as proxy,
            contextlib.closing(Api(Connection(proxy.url, "default", {}, None), attempts=1)) as once,
        ):
            plugin = Object(once, Options())
            try:
                for number in range(5):
                    plugin.create(named("ConfigMap", "v1", f"once-{seed}-{number}", "default", data={}), silent)
            except CmctlError:
                refused += 1
    print(f"\nwithout repetition {refused} of 10 runs are refused")
    assert refused >= 7
