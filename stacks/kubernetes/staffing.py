"""Whether every service has as many pods as its autoscaler keeps at least.

A Deployment says nothing of replicas, because its autoscaler owns them: the first release starts with one pod of each service,
and counts as served only once the autoscaler has brought the others.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from errors import CmctlError
from layout.kubernetes import ClusterPlan
from stacks.events import OnEvent, Said
from stacks.kubernetes import reasons
from stacks.kubernetes.api import Api
from stacks.kubernetes.labels import NAME, PART_OF

# An autoscaler looks every 15 s; then the pods still have to start.
LOOKS_S, PAUSE_S = 45.0, 0.5


def staffed(plan: ClusterPlan, api: Api, on_event: OnEvent) -> None:
    """Return once no service is short of pods. Raises CmctlError with what keeps the missing ones away."""
    until = time.monotonic() + LOOKS_S + max((one.start_s for one in plan.workloads), default=0)
    said = ""
    while missing := short(plan, api):
        line = ", ".join(f"{name} has {ready} of at least {least} pods" for name, (ready, least) in missing.items())
        if line != said:
            on_event(Said("info", said := line))
        if time.monotonic() > until:
            raise CmctlError(line, why="; ".join(_why(plan, api, missing)), hint=f"kubectl describe hpa -n {plan.namespace}")
        time.sleep(PAUSE_S)


def short(plan: ClusterPlan, api: Api) -> Mapping[str, tuple[int, int]]:
    """Services with fewer ready pods than their autoscaler's least: (ready, least)."""
    listed = api.get(f"/apis/apps/v1/namespaces/{plan.namespace}/deployments").get("items") or []
    ready = {one["metadata"]["name"]: int((one.get("status") or {}).get("readyReplicas") or 0) for one in listed}
    return {
        one.service: (ready[one.service], one.scaling.min)
        for one in plan.workloads
        if ready.get(one.service, one.scaling.min) < one.scaling.min
    }


def _why(plan: ClusterPlan, api: Api, missing: Mapping[str, tuple[int, int]]) -> list[str]:
    selector = f"{PART_OF}={plan.platform.name},{NAME} in ({','.join(missing)})"
    listed = api.get(f"/api/v1/namespaces/{plan.namespace}/pods", labelSelector=selector).get("items") or []
    waiting = [one for one in listed if not reasons.ready(one)]
    return [one.text for one in reasons.of_pods(api, waiting)] or ["their autoscalers ask for no more pods"]
