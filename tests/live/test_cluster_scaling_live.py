"""The real autoscaler of a real control plane under a load that rises and falls."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from tests.live.conftest import QUICK
from tools.cluster import Cluster
from tools.cluster.demand import Demand, rested
from tools.cluster.scaling import Policy, Rules, breaches, resting, steps, table, turns

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab cluster needs root")]
# user-service's figures of phase 3; the window down is shorter than in production so that the suite is.
REQUEST_M, WINDOW_S = 250, 30
RULES = Rules(70, 3, 10, up=(Policy(15, pods=4), Policy(15, percent=100)), down=(Policy(15, percent=50),), down_window_s=WINDOW_S)
SYNC_S = QUICK.hpa_sync_s


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


def test_replicas_follow_a_load_as_documented(simulated_cluster: Cluster) -> None:
    """3 → N → 3: N is where ceil(current × metric ÷ target) rests, steps keep policies and windows, and nothing flaps."""
    simulated_cluster.api.apply(deployment())
    simulated_cluster.api.apply(autoscaler())
    began = time.monotonic()
    with Demand(simulated_cluster.api, "default", "user", 300, "app%3Duser") as demand:
        assert demand.watch(began, lambda seen: seen[-1].utilisation is not None and rested(5, at=range(3, 4))(seen), 150), table(
            demand.samples
        )
        demand.samples.clear()
        demand.load_m = 1300
        risen = time.monotonic() - began
        peak = resting(RULES, 1300, REQUEST_M)
        assert demand.watch(began, rested(15, at=peak), 120), table(demand.samples)
        demand.load_m = 300
        fallen = time.monotonic() - began
        assert demand.watch(began, rested(15, at=range(3, 4)), 240), table(demand.samples)
    found = steps(demand.samples)
    up = next(at for at, before, after in found if after > before)
    down = next(at for at, before, after in found if after < before)
    print(f"\n{table(demand.samples)}")
    print(
        f"load up → first step {up - risen:.0f} s, load down → first step {down - fallen:.0f} s (window {WINDOW_S} s), rested at {list(peak)}"
    )
    assert breaches(RULES, demand.samples, slack_s=SYNC_S + 2) == []
    assert turns(demand.samples) == 1
