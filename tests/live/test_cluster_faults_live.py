"""An API server that answers 429 or 500, or does what it was asked and never says so: nothing is made twice, nothing stays."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from errors import CmctlError, Unreachable
from stacks.kubernetes import api as door
from stacks.kubernetes.api import Api
from stacks.kubernetes.kubeconfig import connect
from stacks.standin.kubernetes.resource import Object, Options
from tests.cluster.fault_proxy import BROKEN_AFTER, CUT_AFTER, FaultProxy, Faults
from tools.cluster import Cluster
from tools.cluster.api import tls_of
from tools.cluster.place import CONTEXT

pytestmark = pytest.mark.live
RUNS, AT_ONCE = 200, 8
NAMESPACE = "faults"
# As the phase's program configures its provider.
OPTIONS = Options(NAMESPACE, mutable_config_maps=True, mutable_secrets=True, upsert=True)
Values = dict[str, Any]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that waits a second for an answer instead of thirty, so that silence costs a second."""
    monkeypatch.setattr(door, "ANSWER_S", 1)


@pytest.fixture(scope="module")
def cluster(simulated_cluster: Cluster) -> Iterator[Cluster]:
    simulated_cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield simulated_cluster
    simulated_cluster.api.delete(f"/api/v1/namespaces/{NAMESPACE}")


def program(run: str, version: str) -> dict[str, Values]:
    """Three kinds as the phase's program makes them: without names, so that a repeated creation would be a second object."""
    labels = {"run": run}
    container = {"name": "c", "image": f"localhost/any:{version}", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    metadata = {"labels": labels, "namespace": NAMESPACE}
    return {
        "settings": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"version": version}},
        "app": {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        "service": {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": [{"port": 80}]}},
    }  # fmt: skip


PATHS = {"settings": "/api/v1", "app": "/apis/apps/v1", "service": "/api/v1"}
PLURALS = {"settings": "configmaps", "app": "deployments", "service": "services"}


@dataclass
class Run:
    """One life of the program through one seed's faults: made, changed, removed."""

    cluster: Cluster
    seed: int
    faults: Faults
    problems: list[str] = field(default_factory=list)
    gave_up: int = 0

    @property
    def name(self) -> str:
        return f"run-{self.seed}"

    def live(self) -> None:
        tls = tls_of(self.cluster.place)
        proxied = FaultProxy(self.cluster.place.server, tls.serving, tls.client, self.faults)
        with proxied as proxy, client(self.cluster, proxy.url) as through:
            self._live(Object(through, OPTIONS))

    def _live(self, things: Object) -> None:
        made = {key: things.check(key, {}, wanted).inputs for key, wanted in program(self.name, "1").items()}
        for inputs in made.values():
            self.until_done(lambda inputs=inputs: things.create(inputs, _quiet))
        self.count(dict.fromkeys(PLURALS, 1))
        changed = {key: things.check(key, made[key], wanted).inputs for key, wanted in program(self.name, "2").items()}
        for key, inputs in changed.items():
            self.until_done(lambda key=key, inputs=inputs: things.update(key, made[key], inputs, _quiet))
        self.count(dict.fromkeys(PLURALS, 1))
        self.versions()
        for key, inputs in changed.items():
            self.until_done(lambda key=key, inputs=inputs: things.delete(key, inputs, _quiet))
        self.count(dict.fromkeys(PLURALS, 0))

    def until_done(self, step: Any) -> None:
        """A step that gives up is what a person repeats: the same command again."""
        for _ in range(3):
            with suppress(Unreachable, door.Refused):
                step()
                return
            self.gave_up += 1
        self.problems.append("a step did not converge in three commands")

    def found(self, key: str) -> list[Values]:
        return self.cluster.api.items(f"{PATHS[key]}/namespaces/{NAMESPACE}/{PLURALS[key]}?labelSelector=run%3D{self.name}")

    def count(self, wanted: dict[str, int]) -> None:
        for key, number in wanted.items():
            there = [one["metadata"]["name"] for one in self.found(key)]
            if len(there) != number:
                self.problems.append(f"{self.name}: {PLURALS[key]} {there}, {number} wanted")

    def versions(self) -> None:
        images = [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in self.found("app")]
        data = [one["data"]["version"] for one in self.found("settings")]
        if images != ["localhost/any:2"] or data != ["2"]:
            self.problems.append(f"{self.name}: not the second version: {images}, {data}")


@contextmanager
def client(cluster: Cluster, server: str = "", attempts: int = door.ATTEMPTS) -> Iterator[Api]:
    """The product's own client, straight to the API server or through a proxy; its kept connection ends with it."""
    found = connect(CONTEXT, str(cluster.kubeconfig))
    one = Api(replace(found, server=server or found.server), attempts=attempts)
    try:
        yield one
    finally:
        if link := getattr(one._own, "link", None):
            link.close()


def _quiet(_: object) -> None:
    """What the steps say is not looked at."""


def test_two_hundred_seeded_runs_converge(cluster: Cluster) -> None:
    """Made, changed and removed through 429, 500, lost and late answers: every run ends with one of each, then with none."""
    began = time.monotonic()
    runs = [Run(cluster, seed, Faults(seed)) for seed in range(RUNS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(Run.live, runs))
    counted = sum((run.faults.counted for run in runs), Counter())
    print(f"\n{RUNS} runs in {time.monotonic() - began:.0f} s; faults: {dict(counted)}; steps repeated: {sum(run.gave_up for run in runs)}")
    assert sum(counted.values()) >= RUNS
    assert [problem for run in runs for problem in run.problems] == []


def test_a_client_that_posts_names_of_its_own_making_makes_two(cluster: Cluster) -> None:
    """The negative control: a naive client that creates by POST with a generated name, through the same proxy, makes duplicates."""
    tls = tls_of(cluster.place)
    faults = Faults(1, share=1.0, row=1, kinds=(CUT_AFTER, BROKEN_AFTER))
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "naive-", "labels": {"run": "naive"}}}
    with FaultProxy(cluster.place.server, tls.serving, tls.client, faults) as proxy, client(cluster, proxy.url) as naive:
        naive.call("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", body)
    assert len(Run(cluster, 0, faults).cluster.api.items(f"/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector=run%3Dnaive")) == 2


def test_an_outage_in_the_middle_is_told_and_the_next_command_goes_on(cluster: Cluster) -> None:
    """When every answer after a creation is lost, the step ends with what did not answer; repeated later, it finds its own object."""
    run = Run(cluster, 9999, Faults(9999, share=1.0, row=10**6, kinds=(CUT_AFTER,)))
    tls = tls_of(cluster.place)
    with client(cluster) as straight:
        inputs = Object(straight, OPTIONS).check("settings", {}, program(run.name, "1")["settings"]).inputs
        proxied = FaultProxy(cluster.place.server, tls.serving, tls.client, run.faults)
        with proxied as proxy, client(cluster, proxy.url, 2) as broken, pytest.raises(CmctlError, match="does not answer"):
            Object(broken, OPTIONS).create(inputs, _quiet)
        Object(straight, OPTIONS).create(inputs, _quiet)
    run.count({"settings": 1})
    assert run.problems == []
