"""A made-up load on simulated pods, spread as a balancer would, and the timeline of what the autoscaler makes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from errors import Unreachable
from tools.cluster.api import Api, Document, Refused
from tools.cluster.scaling import Sample

USAGE = "kwok.x-k8s.io/usage-cpu"
SPREAD_S, LOOK_S = 0.5, 0.5


@dataclass
class Demand:
    """The load on one Deployment's pods in millicores; set `load_m` at any time. A context manager: it spreads while it is open."""

    api: Api
    namespace: str
    deployment: str
    load_m: int
    selector: str
    samples: list[Sample] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._spread, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _spread(self) -> None:
        while not self._ended.wait(SPREAD_S):
            try:
                self._share()
            except (Refused, Unreachable):
                continue  # a pod that went in between; the next round sees who is left

    def _share(self) -> None:
        """Every running pod says an equal part of the load as its usage, which kwok's kubelet then reports."""
        running = [pod for pod in self._pods() if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]]
        part = f"{self.load_m // max(1, len(running))}m"
        for pod in running:
            if pod["metadata"].get("annotations", {}).get(USAGE) != part:
                change = {"metadata": {"annotations": {USAGE: part}}}
                self.api.merge(f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}", change)

    def _pods(self) -> list[Document]:
        return self.api.items(f"/api/v1/namespaces/{self.namespace}/pods?labelSelector={self.selector}")

    def watch(self, began: float, until: Callable[[list[Sample]], bool], limit_s: float) -> bool:
        """Add samples until `until` says enough of them; False when that takes longer than `limit_s`."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self.samples.append(self.look(began))
            if until(self.samples):
                return True
            time.sleep(LOOK_S)
        return False

    def look(self, began: float) -> Sample:
        base = f"/namespaces/{self.namespace}"
        deployment = self.api.get(f"/apis/apps/v1{base}/deployments/{self.deployment}")
        status = self.api.get(f"/apis/autoscaling/v2{base}/horizontalpodautoscalers/{self.deployment}").get("status", {})
        seen = next(
            (
                one["resource"]["current"].get("averageUtilization")
                for one in status.get("currentMetrics") or []
                if one["type"] == "Resource"
            ),
            None,
        )
        ready = deployment["status"].get("readyReplicas", 0)
        return Sample(time.monotonic() - began, self.load_m, deployment["spec"].get("replicas", 1), ready, seen)


def rested(seconds: float, *, at: range) -> Callable[[list[Sample]], bool]:
    """Whether the wanted replicas have stood still for that long inside `at`."""

    def done(samples: list[Sample]) -> bool:
        last = samples[-1]
        recent = [one for one in samples if one.at >= last.at - seconds]
        return last.at - samples[0].at >= seconds and last.replicas in at and all(one.replicas == last.replicas for one in recent)

    return done
