"""The services as Deployments: ServiceAccount, ConfigMap, Deployment, Services, disruption budget. And a release's jobs."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs, RollingUpdateDeploymentArgs
from pulumi_kubernetes.batch.v1 import Job as KubernetesJob
from pulumi_kubernetes.batch.v1 import JobSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    SleepActionArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from layout.kubernetes import APP_UID, JOB_CPU_M, JOB_MEMORY_MB, Workload
from phases.model import Job
from stacks.kubernetes import pods, secrets, settings
from stacks.kubernetes.labels import VERSION
from stacks.kubernetes.namespace import priority
from stacks.kubernetes.scope import Scope
from stacks.kubernetes.spec import CANARY, STABLE, Release, fingerprint

HISTORY = 5


def account(scope: Scope, name: str) -> ServiceAccount:
    """An identity of its own that holds no token: nothing in the phase talks to the API server."""
    return ServiceAccount(name, metadata=scope.meta(name), automount_service_account_token=False, opts=scope.after())


def config(scope: Scope, name: str, values: Mapping[str, str]) -> ConfigMap:
    """Files under a name that carries their hash: pods of the version before keep theirs until they are gone."""
    named = f"{name}-{fingerprint(values)}"
    # The name in the program has the hash too: the old one is then deleted at the end of an update that went well, never replaced,
    # so that a way back finds it as it was.
    return ConfigMap(named, metadata=scope.meta(named), data=dict(values), immutable=True, opts=scope.after())


def services(scope: Scope, workload: Workload) -> None:
    """Everything of one service but its autoscaler and network."""
    name = workload.service
    who = account(scope, name)
    marks = secrets.secret(scope, name, workload.secrets) if workload.secrets else {}
    stable = deployment(scope, workload, scope.spec.release, STABLE, who, marks)
    made: list[pulumi.Resource] = [stable, *_ports(scope, workload, STABLE)]
    budget = PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=scope.selector(name), unhealthy_pod_eviction_policy="AlwaysAllow")
    made.append(PodDisruptionBudget(name, metadata=scope.meta(name), spec=budget, opts=scope.after()))
    if scope.spec.canary:
        made += [deployment(scope, workload, scope.spec.canary.release, CANARY, who, marks), *_ports(scope, workload, CANARY)]
    scope.keep(*made)


def named(workload: Workload, track: str) -> str:
    return workload.service if track == STABLE else f"{workload.service}-{CANARY}"


def deployment(scope: Scope, workload: Workload, release: Release, track: str, who: ServiceAccount, marks: Mapping[str, str]) -> Deployment:
    """A Deployment of one track. The stable one says nothing of replicas: its autoscaler owns them."""
    name = named(workload, track)
    template = PodTemplateSpecArgs(
        metadata=ObjectMetaArgs(
            labels={**scope.pod_labels(workload.service, track=track), VERSION: release.version}, annotations=dict(marks) or None
        ),
        spec=_pod(scope, workload, release, track),
    )
    rolling = RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=f"{scope.spec.plan.facts.surge_percent}%")
    return Deployment(
        name,
        metadata=scope.meta(name, version=release.version),
        spec=DeploymentSpecArgs(
            replicas=None if track == STABLE else 1, selector=scope.selector(workload.service, track=track), template=template,
            strategy=DeploymentStrategyArgs(type="RollingUpdate", rolling_update=rolling), revision_history_limit=HISTORY,
            progress_deadline_seconds=workload.start_s + workload.grace_s, min_ready_seconds=2,
        ),
        opts=scope.after(who),
    )  # fmt: skip


def _pod(scope: Scope, workload: Workload, release: Release, track: str) -> PodSpecArgs:
    environment, name = scope.spec.plan.environment, workload.service
    selector = scope.selector(name, track=track)
    main = pods.container(
        environment, name, release.images[workload.image], APP_UID,
        pods.resources(workload.requests_cpu_m, workload.requests_memory_mb, workload.limits_cpu_m, workload.limits_memory_mb),
        # Settings stand in the template itself: a changed one is a rollout, and the version before keeps its own.
        variables=settings.values(scope.spec, workload, track),
        ports={"http": workload.port},
        mounts={"secrets": secrets.FOLDER} if workload.secrets else {},
        probes=pods.http_probes(workload.live, workload.ready, workload.port, workload.start_s),
        # Requests still come for a moment after a pod was told to go: it serves them, and only then hears of its end.
        lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=workload.propagation_s))),
    )  # fmt: skip
    return PodSpecArgs(
        service_account_name=name, automount_service_account_token=False, enable_service_links=False,
        priority_class_name=priority(scope), security_context=pods.security(APP_UID), termination_grace_period_seconds=workload.grace_s,
        containers=[main], volumes=[pods.scratch(), *([secrets.volume(name, workload.secrets)] if workload.secrets else [])],
        topology_spread_constraints=pods.spread(selector), affinity=pods.apart(selector),
    )  # fmt: skip


def _ports(scope: Scope, workload: Workload, track: str) -> list[Service]:
    """The address that others use; and for Prometheus one without an address of its own, which answers with every pod."""
    name = named(workload, track)
    port = ServicePortArgs(name="http", port=workload.port, target_port="http", protocol="TCP", app_protocol="http")
    labels = scope.pod_labels(workload.service, track=track)
    # The Deployment first would leave its pods without a name; the Service waits for nobody.
    made = [
        Service(name, metadata=scope.meta(name), spec=ServiceSpecArgs(type="ClusterIP", selector=labels, ports=[port]), opts=scope.after())
    ]
    if workload.metrics and track == STABLE:
        everyone = {key: value for key, value in labels.items() if key != "cmctl.io/track"}
        spec = ServiceSpecArgs(type="ClusterIP", cluster_ip="None", selector=everyone, ports=[port], publish_not_ready_addresses=True)
        made.append(Service(f"{name}-pods", metadata=scope.meta(f"{name}-pods"), spec=spec, opts=scope.after()))
    return made


def jobs(scope: Scope) -> None:
    """A release's one-off commands, done before any pod of the new version starts. A new release makes them anew."""
    for job in scope.spec.plan.platform.jobs:
        scope.ground.append(_job(scope, job))


def _job(scope: Scope, job: Job) -> KubernetesJob:
    spec, name = scope.spec, f"job-{job.name}"
    service = spec.plan.platform.services[job.service]
    image = spec.release.images[service.image]
    values = settings.of_job(spec, job)
    who = account(scope, name)
    marks = secrets.secret(scope, name, service.secrets)
    mark = fingerprint({"image": image, "command": json_of(job.command), "version": spec.release.version, **values, **marks})
    main = pods.container(
        spec.plan.environment, job.name, image, APP_UID, pods.resources(JOB_CPU_M, JOB_MEMORY_MB), command=_program(job.command),
        variables=values, mounts={"secrets": secrets.FOLDER},
    )  # fmt: skip
    pod = PodSpecArgs(
        service_account_name=name, automount_service_account_token=False, enable_service_links=False, restart_policy="Never",
        priority_class_name=priority(scope), security_context=pods.security(APP_UID), containers=[main],
        volumes=[pods.scratch(), secrets.volume(name, service.secrets)],
    )  # fmt: skip
    template = PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=scope.pod_labels(name)), spec=pod)
    return KubernetesJob(
        f"{name}-{mark}", metadata=scope.meta(f"{name}-{mark}", version=spec.release.version),
        spec=JobSpecArgs(template=template, backoff_limit=2, active_deadline_seconds=job.timeout_s), opts=scope.after(who),
    )  # fmt: skip


def _program(command: tuple[str, ...]) -> tuple[str, ...]:
    """Word for word; the images call the interpreter python3 everywhere."""
    first = "python3" if command[0] == "python" else command[0]
    return tuple(settings.literal(word) for word in (first, *command[1:]))


def json_of(command: tuple[str, ...]) -> str:
    return "\x00".join(command)
