"""What a cluster has to be before anything is applied to it: reachable, the right one, new enough, complete, and ours to change."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from errors import BadInput, Unreachable
from layout.kubernetes import ClusterPlan
from stacks.kubernetes import kubeconfig
from stacks.kubernetes.api import Api, Refused
from stacks.kubernetes.labels import GATEWAY_API, TRAEFIK_API

METRICS = "metrics.k8s.io/v1beta1"


@dataclass(frozen=True)
class Wanted:
    """A right: what may be applied where. Without `namespaced` it counts for the whole cluster."""

    group: str
    resource: str
    namespaced: bool = True


RIGHTS = (
    Wanted("", "namespaces", namespaced=False), Wanted("scheduling.k8s.io", "priorityclasses", namespaced=False),
    *(Wanted("", one) for one in ("configmaps", "secrets", "services", "serviceaccounts", "resourcequotas", "limitranges")),
    *(Wanted("apps", one) for one in ("deployments", "statefulsets")),
    Wanted("batch", "jobs"), Wanted("autoscaling", "horizontalpodautoscalers"), Wanted("policy", "poddisruptionbudgets"),
    Wanted("networking.k8s.io", "networkpolicies"),
)  # fmt: skip


def kubectl(plan: ClusterPlan) -> str:
    """How a person asks this cluster."""
    given = kubeconfig.given(plan.environment)
    return f"kubectl{f' --kubeconfig {given}' if given else ''} --context {plan.context}"


def check(plan: ClusterPlan, api: Api) -> None:
    """Raises Unreachable when nobody answers; BadInput with one list of everything that is missing, each with its command."""
    try:
        version = api.get("/version")
    except Refused as error:
        raise Unreachable(
            f"context {plan.context}: {error.message}",
            why="the API server does not let us in",
            hint=f"{kubectl(plan)} auth whoami",
        ) from error
    findings = [
        *_version(plan, version),
        *_identity(plan, api),
        *_definitions(plan, api),
        *_metrics(plan, api),
        *_storage(plan, api),
        *_rights(plan, api),
    ]
    if findings:
        raise BadInput(
            "\n".join(finding for finding, _ in findings), why=f"context {plan.context} cannot hold {plan.stack} like this; nothing was applied",
            hint="\n".join(dict.fromkeys(command for _, command in findings)),
        )  # fmt: skip


Finding = tuple[str, str]


def _version(plan: ClusterPlan, version: dict[str, str]) -> list[Finding]:
    wanted = tuple(int(part) for part in plan.facts.version.split("."))
    digits = ("".join(letter for letter in str(version.get(part, "")) if letter.isdigit()) for part in ("major", "minor"))
    found = tuple(int(part or 0) for part in digits)
    if found >= wanted:
        return []
    shown = ".".join(str(part) for part in found)
    return [(f"the cluster is too old: Kubernetes {shown}, {plan.facts.version} at least", f"{kubectl(plan)} version")]


def _identity(plan: ClusterPlan, api: Api) -> list[Finding]:
    wanted, environment = plan.environment.cluster.identity, plan.environment
    command = f"{kubectl(plan)} get namespace kube-system -o jsonpath={{.metadata.uid}}"
    if wanted is None:
        if environment.kind != "cloud":
            return []
        return [(f"environment {environment.name} does not say which cluster it is (cluster.identity)", command)]
    try:
        found = api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    except Refused as error:
        return [(f"the cluster's identity cannot be read: {error.message}", command)]
    return [] if found == wanted else [(f"context {plan.context} leads to another cluster: {found}, not {wanted}", command)]


def _definitions(plan: ClusterPlan, api: Api) -> Iterator[Finding]:
    cluster = plan.environment.cluster
    command = kubectl(plan)
    if cluster.routing == "ingress":
        path = f"/apis/networking.k8s.io/v1/ingressclasses/{cluster.gateway_class}"
        yield from _named(api, path, f"IngressClass {cluster.gateway_class}", f"{command} get ingressclass")
        return
    missing = [kind for kind in ("Gateway", "HTTPRoute", "GatewayClass") if api.kind(GATEWAY_API, kind) is None]
    if missing:
        said = f"the Gateway API is not installed: no {', '.join(missing)} of {GATEWAY_API}"
        yield said, f"{command} api-resources --api-group gateway.networking.k8s.io"
    else:
        path = f"/apis/{GATEWAY_API}/gatewayclasses/{cluster.gateway_class}"
        yield from _named(api, path, f"GatewayClass {cluster.gateway_class}", f"{command} get gatewayclass")
    if cluster.controller == "traefik" and api.kind(TRAEFIK_API, "Middleware") is None:
        said = f"cluster.controller is traefik, but there is no Middleware of {TRAEFIK_API}"
        yield said, f"{command} api-resources --api-group traefik.io"


def _named(api: Api, path: str, what: str, command: str) -> Iterator[Finding]:
    try:
        there = api.find(path)
    except Refused as error:
        yield f"{what} cannot be read: {error.message}", command
        return
    if there is None:
        yield f"there is no {what}", command


def _metrics(plan: ClusterPlan, api: Api) -> list[Finding]:
    try:
        there = api.find(f"/apis/{METRICS}")
    except Refused:
        there = None
    if there is not None:
        return []
    return [
        (
            f"there is no metrics API ({METRICS}): nothing would scale",
            f"{kubectl(plan)} get apiservice v1beta1.metrics.k8s.io",
        )
    ]


def _storage(plan: ClusterPlan, api: Api) -> list[Finding]:
    cluster = plan.environment.cluster
    if cluster.storage == "ephemeral":
        return []
    try:
        classes = api.get("/apis/storage.k8s.io/v1/storageclasses").get("items") or []
    except Refused:
        # Who may not list classes may still claim a volume.
        return []
    default = [
        one for one in classes if (one["metadata"].get("annotations") or {}).get("storageclass.kubernetes.io/is-default-class") == "true"
    ]
    names = [one["metadata"]["name"] for one in classes]
    show = f"{kubectl(plan)} get storageclass"
    if cluster.storage_class and cluster.storage_class not in names:
        return [(f"there is no StorageClass {cluster.storage_class}", show)]
    return [] if cluster.storage_class or default else [("there is no default StorageClass, and cluster.storage_class names none", show)]


def _rights(plan: ClusterPlan, api: Api) -> list[Finding]:
    wanted = [
        *RIGHTS,
        *(
            [Wanted("gateway.networking.k8s.io", one) for one in ("gateways", "httproutes")]
            if plan.environment.cluster.routing == "gateway"
            else []
        ),
    ]
    pairs = [(one, verb) for one in wanted for verb in ("create", "patch", "delete", "get")]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda pair: _may(plan, api, *pair), pairs))
    refused: dict[str, list[str]] = {}
    for (one, verb), may in zip(pairs, answers, strict=True):
        if not may:
            refused.setdefault(f"{one.resource}.{one.group}".rstrip("."), []).append(verb)
    show = f"{kubectl(plan)} auth can-i --list -n {plan.namespace}"
    return [(f"missing permission: {', '.join(verbs)} {name}", show) for name, verbs in refused.items()]


def _may(plan: ClusterPlan, api: Api, one: Wanted, verb: str) -> bool:
    attributes = {"group": one.group, "resource": one.resource, "verb": verb, **({"namespace": plan.namespace} if one.namespaced else {})}
    asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    answer = api.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked)
    return bool((answer.get("status") or {}).get("allowed"))
