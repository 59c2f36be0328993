"""A release on a cluster: applied, awaited, judged by its gate; when it fails the one before comes back by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from environments import home as homes
from environments.certificates import Certificate, certificate
from errors import BadInput, CmctlError, Interrupted, Locked, RolledBack, Unreachable
from stacks import operations
from stacks.deployment import Deployment, Facts, secrets_of
from stacks.events import OnEvent, Said
from stacks.kubernetes import cluster, gate, staffing
from stacks.kubernetes.spec import CANARY, STABLE, ClusterSpec, recorded
from stacks.workspace import Settings
from templates import names


def carry_out(deployment: Deployment, run: Settings, layers: Iterable[str], on_event: OnEvent, *, refreshed: Collection[str] = ()) -> str:
    """Bring the layers up and judge the release. Returns the gate's words.

    Raises RolledBack when the release failed and the one before serves again; CmctlError when there was none before.
    """
    wanted = list(layers)
    if not wanted:
        return ""
    spec = _spec(deployment)
    door = cluster.api(spec.plan)
    before = cluster.kept(spec.plan, door)
    try:
        for share in spec.steps:
            _step(deployment, cluster.beside(spec, before, share), run, on_event)
        operations.carry_out(deployment, run, wanted, on_event, refreshed=refreshed)
        staffing.staffed(spec.plan, door, on_event)
        return _judged(spec)
    except (Locked, Interrupted, Unreachable, RolledBack):
        raise
    except CmctlError as error:
        if not before.current:
            raise _first(spec, error) from error
        _way_back(deployment, run, before, on_event, error)
        raise


def _spec(deployment: Deployment) -> ClusterSpec:
    if deployment.cluster is None:
        raise CmctlError("this deployment has no cluster")
    return deployment.cluster


def _step(deployment: Deployment, spec: ClusterSpec, run: Settings, on_event: OnEvent) -> None:
    """One share of the requests for the new release, and its gate."""
    canary = spec.canary
    if canary is not None:
        on_event(Said("info", f"canary: {canary.percent} % of the requests go to {canary.release.version}"))
        operations.carry_out(dataclasses.replace(deployment, cluster=spec), run, [f"phase{spec.plan.phase.number}"], on_event)
        on_event(Said("info", f"canary: {_judged(spec)}"))


def _judged(spec: ClusterSpec) -> str:
    version, track = (spec.canary.release.version, CANARY) if spec.canary else (spec.release.version, STABLE)
    verdict = gate.watch(spec.plan, cluster.api(spec.plan), version, track)
    if verdict.answer == "fail":
        raise CmctlError(f"{version} misses its gate: {verdict.evidence}")
    return f"{verdict.answer}: {verdict.evidence}"


def _first(spec: ClusterSpec, error: CmctlError) -> CmctlError:
    return CmctlError(
        f"{spec.release.version} did not come up: {error.what}", why=error.why,
        hint=f"nothing served before, so what was made stays to be looked at; cmctl destroy --phase {spec.plan.phase.number} --env {spec.plan.environment.name} removes it",
    )  # fmt: skip


def _way_back(deployment: Deployment, run: Settings, before: cluster.Kept, on_event: OnEvent, error: CmctlError) -> None:
    """Apply the record of the release that served. Raises RolledBack when it serves again."""
    spec = _spec(deployment)
    failed = spec.canary.release.version if spec.canary else spec.release.version
    former = cluster.back(before.current, spec.plan.environment, spec.secrets, _certificate(spec), before.former)
    on_event(Said("info", f"{failed} failed: {former.release.version} comes back"))
    again = dataclasses.replace(deployment, cluster=former)
    layer, where = f"phase{spec.plan.phase.number}", f"--phase {spec.plan.phase.number} --env {spec.plan.environment.name}"
    try:
        operations.carry_out(again, run, [layer], on_event)
    except CmctlError as second:
        raise CmctlError(
            f"{failed} did not come up, and {former.release.version} did not come back: {second.what}", why=f"{error}\n{second.why}",
            hint=f"cmctl status {where}, then cmctl rollback {where}",
        ) from second  # fmt: skip
    raise RolledBack(
        f"{failed} did not come up: {error.what}", why=error.why, hint=f"{former.release.version} serves; {error.hint}".rstrip("; ")
    )


def _certificate(spec: ClusterSpec) -> Certificate:
    return certificate(spec.plan.environment, names.all_domains(spec.plan.platform, spec.plan.environment), homes.home())


def back(found: Facts, to: str | None) -> Deployment:
    """The deployment that a rollback applies: the release before, whose version may be named to be sure.

    Raises BadInput when the cluster keeps no release before, or another one than `to`.
    """
    plan = found.plan
    there = cluster.kept(plan, cluster.api(plan))
    if not there.former:
        raise BadInput(
            f"{plan.stack} keeps no release before this one",
            hint=f"cmctl status --phase {found.phase.number} --env {found.environment.name}",
        )
    version = recorded(there.former, found.environment)[1].version
    if to not in {None, version}:
        raise BadInput(f"the release before is {version}, not {to}", hint=f"cmctl deploy --phase {found.phase.number} --version {to}")
    values = secrets_of(found)
    cert = certificate(found.environment, names.all_domains(found.loaded.platform, found.environment), homes.home())
    spec = cluster.back(there.former, found.environment, values, cert, there.current)
    return Deployment(dataclasses.replace(found, version=version), {}, {}, values, spec)
