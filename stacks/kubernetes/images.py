"""Which reference the nodes pull for every image of the phase: given by hand, published by digest, pushed to the registry, or on the nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from environments.model import Environment
from errors import BadInput, CmctlError
from images import engine
from images.catalogue import CATALOGUE
from images.resolve import resolve
from layout.kubernetes import ClusterPlan
from tools import toolchain

Report = Callable[[str], None]


def names(plan: ClusterPlan) -> list[str]:
    """Catalogue names of everything the phase runs."""
    used = {one.image for one in plan.workloads} | {plan.platform.services[job.service].image for job in plan.platform.jobs}
    used |= {"redis"} if plan.stores else set()
    used |= {"prometheus"} if plan.facts.monitoring else set()
    return sorted(used | ({"mongo"} if plan.own_database else set()))


def given(pairs: Iterable[str], plan: ClusterPlan) -> dict[str, str]:
    """`name=reference` as typed. Raises BadInput for a name that the phase does not run, or a reference that says latest."""
    known, found = names(plan), {}
    for pair in pairs:
        name, _, reference = pair.partition("=")
        if name not in known or not reference or reference.endswith(":latest"):
            raise BadInput(
                f"--image {pair}: is no NAME=REFERENCE of an image of this phase", why=f"names: {', '.join(known)}; latest is no version",
                hint="--image backend=registry.example.com/team/backend@sha256:…",
            )  # fmt: skip
        found[name] = reference
    return found


def planned(plan: ClusterPlan, version: str, by_hand: Mapping[str, str]) -> dict[str, str]:
    """Name → reference without asking anybody: what rendering and previews use."""
    return {name: by_hand.get(name) or _planned(plan.environment, plan.platform.name, name, version) for name in names(plan)}


def _planned(environment: Environment, platform: str, name: str, version: str) -> str:
    registry, image = environment.cluster.registry, CATALOGUE[name]
    tag = version if image.is_platforms else (image.upstream or image.base).partition("@")[0].rpartition(":")[2]
    if not registry:
        return f"localhost/{platform}/{name}:{tag}"
    # The published image has a digest, so it is what it was; ours gets one when it is pushed.
    return image.upstream or f"{registry}/{name}:{tag}"


def local(plan: ClusterPlan, version: str, report: Report) -> dict[str, str]:
    """The reference that pods name → the image of this machine's engine that it stands for; what is missing is pulled or built."""
    references = planned(plan, version, {})
    found = resolve(list(references), version, {"ferretdb": toolchain.ferretdb}, report)
    return {references[name]: one.reference for name, one in found.items()}


def pushed(plan: ClusterPlan, version: str, by_hand: Mapping[str, str], report: Report) -> dict[str, str]:
    """Name → reference by digest; the platform's own images are brought to the registry first, where there is one."""
    references = planned(plan, version, by_hand)
    registry = plan.environment.cluster.registry
    own = [name for name in references if name not in by_hand and registry and references[name].startswith(f"{registry}/")]
    resolved = resolve(own, version, {"ferretdb": toolchain.ferretdb}, report) if own else {}
    return references | {name: _push(one.reference, references[name], report) for name, one in resolved.items()}


def _push(image: str, reference: str, report: Report) -> str:
    repository = reference.rpartition(":")[0]
    engine.docker(["tag", image, reference])
    report(f"pushing {reference}")
    engine.docker(["push", "--quiet", reference])
    digests = json.loads(engine.docker(["image", "inspect", "--format", "{{json .RepoDigests}}", reference]))
    found = [one for one in digests if one.startswith(f"{repository}@")]
    if not found:
        raise CmctlError(f"{reference}: the registry named no digest for it", hint=f"docker image inspect {reference}")
    return str(found[0])
