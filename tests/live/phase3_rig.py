"""Phase 3 as a person deploys it, on a lab cluster with a real node: its environment, its images, its pods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from environments.load import load as load_environment
from layout.kubernetes import plan
from phases.load import load as load_platform
from stacks.kubernetes import images
from tests.live.cluster_traffic import Request, account
from tests.live.driver import ROOT, Driver
from tools.cluster import Cluster
from tools.cluster.api import Document, Refused, wait
from tools.cluster.documents import GATEWAY_CLASS
from tools.trace_receiver import Traces

NAME = "livecluster"
NAMESPACE = f"codementee-{NAME}"
BASE = f"/api/v1/namespaces/{NAMESPACE}"
APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"


def quicker(phase: Path) -> None:
    """Half a minute for a pod to get ready: the suite does not wait longer for those that never do."""
    text = phase.read_text(encoding="utf-8")
    assert text.count("ready_s: 60") == 1
    phase.write_text(text.replace("ready_s: 60", "ready_s: 30"), encoding="utf-8")


@dataclass
class Rig:
    """One environment on one cluster. `driver` runs cmctl as a person does; the pods' spans go to `traces`."""

    cluster: Cluster
    driver: Driver
    traces: Traces

    @classmethod
    def of(cls, cluster: Cluster, folder: Path, traces: Traces) -> Rig:
        driver = Driver(folder, https=18743, network="10.89.41.0/24", name=NAME)
        facts = yaml.safe_load((ROOT / "environments" / "local.yaml").read_text(encoding="utf-8"))
        facts |= {"name": NAME, "title": "Cluster suite", "kind": "lab", "network": "10.89.41.0/24", "kube_context": "cmctl-lab"}
        given = {"kubeconfig": str(cluster.kubeconfig), "storage": "ephemeral", "gateway_class": GATEWAY_CLASS, "traces": traces.url}
        facts["cluster"] = given
        driver.write_environment(facts)
        driver.platform(lambda _: None)
        quicker(driver.folder / "platforms" / "codementee" / "phase3.yaml")
        return cls(cluster, driver, traces)

    def load_images(self, version: str) -> None:
        """What the phase runs in `version`, from this machine's container engine into the node."""
        loaded = load_platform("codementee", self.driver.folder / "platforms")
        environment = load_environment(NAME, self.driver.folder / "environments")
        self.cluster.load_images(images.local(plan(loaded.platform, loaded.phase(3), environment), version, print))

    def service(self, name: str) -> tuple[str, int]:
        """The cluster's address of a Service, and its port."""
        spec = self.cluster.api.get(f"{BASE}/services/{name}")["spec"]
        return spec["clusterIP"], spec["ports"][0]["port"]

    def requests(self) -> list[Request]:
        """Reads and writes that meet every service, both Redis stores and the database."""
        user, booking, frontend = self.service("user"), self.service("booking"), self.service("frontend")
        who, token = account(*user)
        body = json.dumps({"name": "Traffic"})
        return [
            Request("page", *frontend, "/", 0.35),
            Request("interview types", *booking, "/api/interview-types", 0.30),
            Request("companies", *booking, "/api/companies", 0.20),
            Request("profile", *user, f"/api/users/{who}", 0.10, token=token),
            Request("change", *user, f"/api/users/{who}", 0.05, "PUT", body, token),
        ]

    def pods(self, name: str) -> list[Document]:
        """The pods of a workload that are not on their way out."""
        found = self.cluster.api.items(f"{BASE}/pods?labelSelector=app.kubernetes.io/name%3D{name}")
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def ready(self, name: str) -> int:
        return sum(_is_ready(one) for one in self.pods(name))

    def settled(self, name: str) -> bool:
        """Whether a Deployment runs its newest version on all its pods and nothing else of it is left."""
        one = self.cluster.api.get(f"{APPS}/deployments/{name}")
        status, wanted = one["status"], one["spec"]["replicas"]
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        return bool(status.get("observedGeneration") == one["metadata"]["generation"] and counts == [wanted] * 3)

    def evict(self, pod: str) -> bool:
        """Ask for an eviction as a drain does; False when a disruption budget says not now."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}}
        try:
            self.cluster.api.call("POST", f"{BASE}/pods/{pod}/eviction", body)
        except Refused as refused:
            if refused.status == 429:
                return False
            raise
        return True

    def drain(self, names: list[str]) -> Iterator[tuple[str, int]]:
        """Evict every pod of the workloads, one by one as budgets allow; gives each pod and how often a budget said wait."""
        for name in names:
            for pod in [one["metadata"]["name"] for one in self.pods(name)]:
                refused = 0

                def gone(pod: str = pod) -> bool:
                    nonlocal refused
                    done = self.evict(pod)
                    refused += not done
                    return done

                wait(gone, 120, f"the budget lets {pod} go", step_s=0.5)
                yield pod, refused
            wait(lambda name=name: self.settled(name), 120, f"{name} has all its pods again", step_s=0.5)


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
