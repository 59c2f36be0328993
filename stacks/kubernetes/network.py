"""NetworkPolicies: nothing may talk to anything, then one policy per workload with the edges of the service graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from layout.kubernetes import DATABASE_PORT, PROMETHEUS_PORT, REDIS_PORT, SENTINEL_PORT, Workload
from stacks.kubernetes.labels import NAME
from stacks.kubernetes.scope import Scope

DNS_PORT = 53
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"]
Ingress: TypeAlias = NetworkPolicyIngressRuleArgs
Egress: TypeAlias = NetworkPolicyEgressRuleArgs


def deny(scope: Scope) -> None:
    """The ground rule: what no policy allows does not happen, in or out."""
    spec = NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"])
    scope.ground.append(NetworkPolicy("default-deny", metadata=scope.meta("default-deny"), spec=spec, opts=scope.after()))


def of_workload(scope: Scope, workload: Workload) -> None:
    plan, name = scope.spec.plan, workload.service
    callers = [caller for caller, called in plan.calls if called == name]
    into = [Ingress(from_=[_gateway(scope), *(_pods(one) for one in callers)], ports=ports(workload.port))]
    if workload.metrics and plan.facts.monitoring:
        into.append(Ingress(from_=[_pods("prometheus")], ports=ports(workload.port)))
    out = [_dns()]
    out += [Egress(to=[_pods(called)], ports=ports(plan.workload(called).port)) for caller, called in plan.calls if caller == name]
    if workload.kind == "backend":
        out += _data(scope)
        if plan.environment.cluster.traces:
            out.append(_traces(plan.environment.cluster.traces))
    policy(scope, name, into, out)


def of_job(scope: Scope, name: str) -> None:
    policy(scope, name, [], [_dns(), *_data(scope)])


def _data(scope: Scope) -> list[Egress]:
    found = [Egress(to=[_pods(store.name)], ports=ports(REDIS_PORT, SENTINEL_PORT)) for store in scope.spec.plan.stores]
    return [*found, database(scope)]


def of_store(scope: Scope, name: str) -> None:
    """Backends ask; its own pods copy from each other and vote."""
    backends = [_pods(one.service) for one in scope.spec.plan.workloads if one.kind == "backend"]
    jobs = [_pods(f"job-{job.name}") for job in scope.spec.plan.platform.jobs]
    own = ports(REDIS_PORT, SENTINEL_PORT)
    policy(scope, name, [Ingress(from_=[*backends, *jobs, _pods(name)], ports=own)], [_dns(), Egress(to=[_pods(name)], ports=own)])


def of_database(scope: Scope) -> None:
    backends = [_pods(one.service) for one in scope.spec.plan.workloads if one.kind == "backend"]
    jobs = [_pods(f"job-{job.name}") for job in scope.spec.plan.platform.jobs]
    policy(scope, "mongo", [Ingress(from_=[*backends, *jobs], ports=ports(DATABASE_PORT))], [])


def of_prometheus(scope: Scope) -> None:
    targets = [Egress(to=[_pods(one.service)], ports=ports(one.port)) for one in scope.spec.plan.workloads if one.metrics]
    own = ports(PROMETHEUS_PORT)
    policy(
        scope,
        "prometheus",
        [Ingress(from_=[_pods("prometheus")], ports=own)],
        [_dns(), *targets, Egress(to=[_pods("prometheus")], ports=own)],
    )


def policy(scope: Scope, name: str, into: Sequence[Ingress], out: Sequence[Egress]) -> None:
    """The policy of all pods of one name, whatever their track."""
    spec = NetworkPolicySpecArgs(
        pod_selector=scope.selector(name, track=None), policy_types=["Ingress", "Egress"], ingress=list(into), egress=list(out)
    )
    scope.keep(NetworkPolicy(name, metadata=scope.meta(name), spec=spec, opts=scope.after()))


def ports(*numbers: int) -> list[NetworkPolicyPortArgs]:
    return [NetworkPolicyPortArgs(protocol="TCP", port=number) for number in numbers]


def _pods(name: str) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels={NAME: name}))


def _namespace(name: str) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": name}))


def _gateway(scope: Scope) -> NetworkPolicyPeerArgs:
    return _namespace(scope.spec.plan.environment.cluster.gateway_namespace)


def _dns() -> Egress:
    both = [NetworkPolicyPortArgs(protocol=protocol, port=DNS_PORT) for protocol in ("UDP", "TCP")]
    return Egress(to=[_namespace("kube-system")], ports=both)


def database(scope: Scope) -> Egress:
    """The pod of the phase itself, or the database that is bought, anywhere but in private networks."""
    if scope.spec.plan.own_database:
        return Egress(to=[_pods("mongo")], ports=ports(DATABASE_PORT))
    outside = NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr="0.0.0.0/0", except_=PRIVATE))
    return Egress(to=[outside], ports=ports(DATABASE_PORT))


def _traces(url: str) -> Egress:
    """The receiver's namespace where the URL names one of the cluster (`jaeger.tracing`, `jaeger.tracing.svc`); else its port."""
    address = urlsplit(url)
    parts = (address.hostname or "").split(".")
    inside = len(parts) == 2 or (len(parts) > 2 and parts[2] == "svc")
    port = address.port or (443 if address.scheme == "https" else 80)
    peer = _namespace(parts[1]) if inside else NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr="0.0.0.0/0", except_=PRIVATE))
    return Egress(to=[peer], ports=ports(port))
