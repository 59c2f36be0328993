"""The door to an environment's cluster: how it is reached, which release it keeps, and the spec of the next one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from environments.certificates import Certificate
from environments.model import Environment
from errors import Unreachable
from layout.kubernetes import ClusterPlan
from stacks.kubernetes import checks, images, kubeconfig
from stacks.kubernetes.api import Api
from stacks.kubernetes.spec import Access, Canary, ClusterSpec, Release, record, recorded

Report = Callable[[str], None]
RELEASE = "release"


@dataclass(frozen=True)
class Kept:
    """The records of the release that serves and of the one before; empty where there is none."""

    current: str = ""
    former: str = ""


def taken_down(environment: Environment) -> bool:
    """Whether this is a lab's cluster that does not run: the kubeconfig went with it."""
    given = kubeconfig.given(environment)
    return environment.kind == "lab" and bool(given) and not Path(given).exists()


def access(plan: ClusterPlan) -> Access:
    return Access(kubeconfig.given(plan.environment), plan.context, plan.environment.cluster.identity or "")


def api(plan: ClusterPlan, *, attempts: int = 4) -> Api:
    """Raises BadInput for an unknown context or a broken kubeconfig, Unreachable for a lab's cluster that does not run."""
    if taken_down(plan.environment):
        why = f"{kubeconfig.given(plan.environment)} is not there"
        raise Unreachable(f"the cluster of environment {plan.environment.name} does not run", why=why, hint="cmctl cluster up")
    return Api(kubeconfig.connect(plan.context, kubeconfig.given(plan.environment)), attempts=attempts)


def kept(plan: ClusterPlan, door: Api) -> Kept:
    found = door.find(f"/api/v1/namespaces/{plan.namespace}/configmaps/{RELEASE}")
    data = (found or {}).get("data") or {}
    return Kept(str(data.get("current") or ""), str(data.get("former") or ""))


def spec(
    plan: ClusterPlan,
    version: str,
    by_hand: Iterable[str],
    secrets: Mapping[str, str],
    cert: Certificate,
    steps: tuple[int, ...],
    report: Report,
) -> ClusterSpec:
    """The spec that a deploy applies. Raises what the checks of the cluster raise, before anything is pushed or applied."""
    given = images.given(by_hand, plan)
    door = api(plan)
    checks.check(plan, door)
    release, there = Release(version, images.pushed(plan, version, given, report)), kept(plan, door)
    wanted = ClusterSpec(plan, release, access(plan), secrets, cert.chain, cert.key)
    same = record(wanted) == there.current
    return dataclasses.replace(wanted, former=there.former if same else there.current, steps=() if same or not there.current else steps)


def beside(spec: ClusterSpec, there: Kept, percent: int) -> ClusterSpec:
    """One step of a canary: the release that serves stays as it is, and the new one gets `percent` of the requests."""
    plan, release = recorded(there.current, spec.plan.environment)
    return dataclasses.replace(spec, plan=plan, release=release, canary=Canary(spec.release, percent), former=there.former, steps=())


def back(text: str, environment: Environment, secrets: Mapping[str, str], cert: Certificate, former: str) -> ClusterSpec:
    """The spec of a kept release, to be applied again."""
    plan, release = recorded(text, environment)
    return ClusterSpec(plan, release, access(plan), secrets, cert.chain, cert.key, former=former)
