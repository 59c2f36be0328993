"""The users' way in: a Gateway with TLS and one HTTPRoute per service, weighted while a canary runs; Ingress where there is no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.networking.v1 import (
    HTTPIngressPathArgs,
    HTTPIngressRuleValueArgs,
    Ingress,
    IngressBackendArgs,
    IngressRuleArgs,
    IngressServiceBackendArgs,
    IngressSpecArgs,
    IngressTLSArgs,
    ServiceBackendPortArgs,
)

from layout.kubernetes import Route
from stacks.kubernetes.labels import GATEWAY_API, TRAEFIK_API
from stacks.kubernetes.scope import Scope
from stacks.kubernetes.secrets import TLS
from stacks.kubernetes.spec import CANARY

GATEWAY = "gateway"


def way_in(scope: Scope) -> None:
    if scope.spec.plan.environment.cluster.routing == "ingress":
        _ingress(scope)
        return
    scope.keep(_custom(scope, GATEWAY_API, "Gateway", GATEWAY, _gateway(scope)), _redirect(scope))
    if _limited(scope):
        for name, limit in scope.spec.plan.platform.limits.items():
            rate = {"average": limit.rate_per_s, "period": "1s", "burst": limit.burst}
            scope.keep(_custom(scope, TRAEFIK_API, "Middleware", f"limit-{name}", {"rateLimit": rate}))
    groups: dict[str, list[Route]] = defaultdict(list)
    for route in scope.spec.plan.routes:
        groups["-".join((route.service, *route.domains))].append(route)
    for name, routes in groups.items():
        scope.keep(_custom(scope, GATEWAY_API, "HTTPRoute", name, _routes(scope, routes)))


def _custom(scope: Scope, api: str, kind: str, name: str, spec: dict[str, Any]) -> CustomResource:
    """A resource of a definition that the cluster has beside Kubernetes' own; the SDK has no classes for these."""
    return CustomResource(name, api_version=api, kind=kind, metadata=scope.meta(name), spec=spec, opts=scope.after())


def _limited(scope: Scope) -> bool:
    """Limits per client are no part of the Gateway API: only a controller that is known has them."""
    return scope.spec.plan.environment.cluster.controller == "traefik"


def _gateway(scope: Scope) -> dict[str, Any]:
    own = {"namespaces": {"from": "Same"}}
    tls = {"mode": "Terminate", "certificateRefs": [{"group": "", "kind": "Secret", "name": TLS}]}
    return {
        "gatewayClassName": scope.spec.plan.environment.cluster.gateway_class,
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": own},
            {"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls, "allowedRoutes": own},
        ],
    }


def _parent(listener: str) -> dict[str, Any]:
    return {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": GATEWAY, "sectionName": listener}


def _redirect(scope: Scope) -> CustomResource:
    hosts = sorted({host for route in scope.spec.plan.routes for host in route.hosts})
    move = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    match = [{"path": {"type": "PathPrefix", "value": "/"}}]
    spec = {"parentRefs": [_parent("http")], "hostnames": hosts, "rules": [{"matches": match, "filters": [move]}]}
    return _custom(scope, GATEWAY_API, "HTTPRoute", "redirect", spec)


def _routes(scope: Scope, routes: Iterable[Route]) -> dict[str, Any]:
    every = list(routes)
    return {"parentRefs": [_parent("https")], "hostnames": list(every[0].hosts), "rules": [_rule(scope, route) for route in every]}


def _rule(scope: Scope, route: Route) -> dict[str, Any]:
    filters: list[dict[str, Any]] = []
    if route.limit and _limited(scope):
        limit = {"group": "traefik.io", "kind": "Middleware", "name": f"limit-{route.limit}"}
        filters.append({"type": "ExtensionRef", "extensionRef": limit})
    if route.to:
        path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": route.to}
        filters.append({"type": "URLRewrite", "urlRewrite": {"path": path}})
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": route.path}}],
        "backendRefs": backends(scope, route.service),
    }
    # Longer than the service's own limit by nothing: what takes longer is answered by the gateway, not left hanging.
    rule["timeouts"] = {"request": f"{route.timeout_s}s", "backendRequest": f"{route.timeout_s}s"}
    return {**rule, "filters": filters} if filters else rule


def backends(scope: Scope, service: str) -> list[dict[str, Any]]:
    """Where a service's requests go: all to the stable pods, or the canary's share of them to the canary."""
    port = scope.spec.plan.workload(service).port
    share = scope.spec.canary.percent if scope.spec.canary else 0
    stable = {"group": "", "kind": "Service", "name": service, "port": port, "weight": 100 - share}
    return [stable, {**stable, "name": f"{service}-{CANARY}", "weight": share}] if share else [stable]


def _ingress(scope: Scope) -> None:
    """The same paths for clusters without the Gateway API. Rewrites and limits need annotations of each controller: left out."""
    plan, cluster = scope.spec.plan, scope.spec.plan.environment.cluster
    kept = [route for route in plan.routes if not route.to]
    hosts = sorted({host for route in kept for host in route.hosts})
    rules = [
        IngressRuleArgs(host=host, http=HTTPIngressRuleValueArgs(paths=[_path(scope, route) for route in kept if host in route.hosts]))
        for host in hosts
    ]
    spec = IngressSpecArgs(ingress_class_name=cluster.gateway_class, tls=[IngressTLSArgs(hosts=hosts, secret_name=TLS)], rules=rules)
    scope.keep(Ingress(GATEWAY, metadata=scope.meta(GATEWAY), spec=spec, opts=scope.after()))


def _path(scope: Scope, route: Route) -> HTTPIngressPathArgs:
    port = ServiceBackendPortArgs(number=scope.spec.plan.workload(route.service).port)
    service = IngressServiceBackendArgs(name=route.service, port=port)
    return HTTPIngressPathArgs(path=route.path, path_type="Prefix", backend=IngressBackendArgs(service=service))
