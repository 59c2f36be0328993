"""An autoscaler's timeline under a load that rises and falls, recorded on a cluster of simulated nodes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tools.cluster import Cluster
from tools.cluster.demand import Demand, rested
from tools.cluster.scaling import Policy, Rules, Sample, resting, table

# user-service's figures of phase 3; the window down is shorter than in production so that the suite is.
REQUEST_M, WINDOW_S = 250, 30
RULES = Rules(70, 3, 10, up=(Policy(15, pods=4), Policy(15, percent=100)), down=(Policy(15, percent=50),), down_window_s=WINDOW_S)
LOW_M, HIGH_M = 300, 1300
PEAK = resting(RULES, HIGH_M, REQUEST_M)


@dataclass(frozen=True)
class Timeline:
    """`risen` and `fallen`: when the load changed, seconds on the samples' clock."""

    samples: list[Sample]
    risen: float
    fallen: float


def deployment() -> dict[str, Any]:
    resources = {"requests": {"cpu": f"{REQUEST_M}m", "memory": "256Mi"}}
    template = {
        "metadata": {"labels": {"app": "user"}},
        "spec": {"containers": [{"name": "user", "image": "localhost/any:1", "resources": resources}]},
    }
    spec = {"selector": {"matchLabels": {"app": "user"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "user"}, "spec": spec}


def policy(one: Policy) -> dict[str, Any]:
    kind, value = ("Pods", one.pods) if one.pods is not None else ("Percent", one.percent)
    return {"type": kind, "value": value, "periodSeconds": one.period_s}


def autoscaler() -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": RULES.target}
    behavior = {
        "scaleUp": {"stabilizationWindowSeconds": RULES.up_window_s, "policies": [policy(one) for one in RULES.up]},
        "scaleDown": {"stabilizationWindowSeconds": RULES.down_window_s, "policies": [policy(one) for one in RULES.down]},
    }
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "user"},
        "minReplicas": RULES.low,
        "maxReplicas": RULES.high,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": behavior,
    }
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "user"}, "spec": spec}


def record(cluster: Cluster) -> Timeline:
    """Two minutes. Raises AssertionError with the samples when the autoscaler does not come to rest where it should."""
    cluster.api.apply(deployment())
    cluster.api.apply(autoscaler())
    began = time.monotonic()
    with Demand(cluster.api, "default", "user", LOW_M, "app%3Duser") as demand:
        assert demand.watch(began, lambda seen: seen[-1].utilisation is not None and rested(5, at=range(3, 4))(seen), 150), table(
            demand.samples
        )
        demand.samples.clear()
        demand.load_m = HIGH_M
        risen = time.monotonic() - began
        assert demand.watch(began, rested(15, at=PEAK), 120), table(demand.samples)
        demand.load_m = LOW_M
        fallen = time.monotonic() - began
        assert demand.watch(began, rested(15, at=range(3, 4)), 240), table(demand.samples)
    return Timeline(demand.samples, risen, fallen)
