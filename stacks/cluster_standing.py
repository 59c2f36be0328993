"""What runs of a phase on its cluster: every service, its autoscaler and why it stands where it does, and what is not well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.deployment import Wish, facts
from stacks.kubernetes import cluster, reasons
from stacks.kubernetes.api import Api
from stacks.kubernetes.labels import VERSION
from stacks.kubernetes.spec import recorded

# Conditions of an autoscaler whose reasons say why it stands where it does; the first that speaks is told.
TELLING = (("ScalingActive", "False"), ("AbleToScale", "False"), ("ScalingLimited", "True"), ("AbleToScale", "True"))


@dataclass(frozen=True)
class ServiceStanding:
    """`wanted` pods now, `ready` of them; `min`, `max` and `utilisation` (now of target) are the autoscaler's, None without one."""

    name: str
    version: str
    wanted: int
    ready: int
    min: int | None = None
    max: int | None = None
    utilisation: str = ""
    why: str = ""


@dataclass(frozen=True)
class ClusterStanding:
    namespace: str
    context: str
    version: str
    former: str
    services: tuple[ServiceStanding, ...]
    problems: tuple[str, ...]


def standing(platform: str, phase: int, environment: str) -> ClusterStanding:
    """Read from the cluster; needs no engine. Raises BadInput without a context, Unreachable when the cluster does not answer."""
    found = facts(Wish(platform, phase, environment))
    plan, door = found.plan, cluster.api(found.plan)
    kept = cluster.kept(plan, door)
    versions = [recorded(text, found.environment)[1].version if text else "" for text in (kept.current, kept.former)]
    base = f"/apis/apps/v1/namespaces/{plan.namespace}"
    scalers = _named(door, f"/apis/autoscaling/v2/namespaces/{plan.namespace}/horizontalpodautoscalers")
    sets = {**_named(door, f"{base}/deployments"), **_named(door, f"{base}/statefulsets")}
    services = tuple(_service(name, one, scalers.get(name)) for name, one in sets.items())
    return ClusterStanding(plan.namespace, plan.context, versions[0], versions[1], services, tuple(_problems(door, plan.namespace)))


def _named(door: Api, path: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in door.get(path).get("items") or []}


def _service(name: str, one: Mapping[str, Any], scaler: Mapping[str, Any] | None) -> ServiceStanding:
    version = str((one["spec"]["template"]["metadata"].get("labels") or {}).get(VERSION, ""))
    wanted, ready = int(one["spec"].get("replicas") or 0), int((one.get("status") or {}).get("readyReplicas") or 0)
    if scaler is None:
        return ServiceStanding(name, version, wanted, ready)
    spec, status = scaler["spec"], scaler.get("status") or {}
    return ServiceStanding(name, version, wanted, ready, spec.get("minReplicas"), spec["maxReplicas"], _used(spec, status), why(status))


def _used(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """`43 % of 70 %`, or `unknown` where the metrics API said nothing: unknown is not zero."""
    target = next((one["resource"]["target"]["averageUtilization"] for one in spec["metrics"] if one["resource"]["name"] == "cpu"), None)
    now = next(
        (
            one["resource"]["current"].get("averageUtilization")
            for one in status.get("currentMetrics") or []
            if one and one.get("resource", {}).get("name") == "cpu"
        ),
        None,
    )
    return f"{'unknown' if now is None else f'{now} %'} of {target} %"


def why(status: Mapping[str, Any]) -> str:
    """Why an autoscaler stands where it does, in its own words."""
    conditions = {(one["type"], one["status"]): str(one.get("message") or one.get("reason")) for one in status.get("conditions") or []}
    return next((conditions[key] for key in TELLING if key in conditions), "it has not looked yet")


def _problems(door: Api, namespace: str) -> Iterator[str]:
    listed = door.get(f"/api/v1/namespaces/{namespace}/pods").get("items") or []
    waiting = [one for one in listed if not reasons.ready(one) and (one.get("status") or {}).get("phase") != "Succeeded"]
    yield from (one.text for one in reasons.of_pods(door, waiting))
