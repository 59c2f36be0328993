"""From names to a running phase: facts → layout → bundles → programs → engine, layer by layer: data, phase, edge."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from documents import did_you_mean
from environments import home as homes
from environments import load as environments
from environments import secrets as secret_store
from environments.certificates import Certificate, certificate
from environments.model import Environment
from errors import BadInput
from hosts import door
from hosts.observe import Observed
from images import versions
from images.catalogue import CATALOGUE
from images.resolve import Resolved, resolve
from layout import checks, kubernetes, kubernetes_checks, live
from layout.kubernetes import ClusterPlan
from layout.model import Layout
from layout.place import place
from layout.release import ReleaseSpec, Target
from phases import load as platforms
from phases.load import Loaded
from phases.model import Phase
from stacks import certificates
from stacks.kubernetes import cluster
from stacks.kubernetes.spec import ClusterSpec
from stacks.kubernetes.spec import wanted as wanted_there
from templates import names, release, write
from templates import secrets as secret_values
from templates.nginx import OLDEST
from templates.render import bundles
from tools import toolchain

Report = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What a person asked for. `version` None means the platform file's.

    `canary_steps`: shares in per cent, and `keep_warm_s`, instead of the phase's own.
    `images`: NAME=REFERENCE as typed, for a phase on Kubernetes.
    """

    platform: str
    phase: int
    environment: str
    version: str | None = None
    images: tuple[str, ...] = ()
    canary_steps: tuple[int, ...] | None = None
    keep_warm_s: int | None = None


@dataclass(frozen=True)
class Facts:
    """What the files say, before anything is looked up or made."""

    loaded: Loaded
    phase: Phase
    environment: Environment
    version: str

    @property
    def layers(self) -> tuple[str, ...]:
        """In the order of a deploy: what others need comes first, what users see comes last."""
        own = f"phase{self.phase.number}"
        if not self.in_cluster:
            return ("data", own, "edge")
        # A cluster has a way in of its own, and on a test cluster a database: only what is bought is a layer beside it.
        bought = self.environment.providers
        return (*(("data",) if bought.database == "atlas" else ()), own, *(("edge",) if bought.edge == "cloudflare" else ()))

    @property
    def in_cluster(self) -> bool:
        return self.phase.runtime == "kubernetes"

    @property
    def plan(self) -> ClusterPlan:
        """What runs on the cluster. Raises BadInput for a phase that runs on hosts."""
        return kubernetes.plan(self.loaded.platform, self.phase, self.environment)

    def layout(self, layer: str) -> Layout:
        return place(self.loaded.platform, self.phase, self.environment, layer, self.loaded.phases.values())

    def stack(self, layer: str) -> str:
        return f"{self.loaded.platform.name}-{self.environment.name}-{layer}"


@dataclass(frozen=True)
class Deployment:
    """Facts with everything that a release needs. `specs`: layer → release, for the layers that run on hosts; `cluster`: the
    release of a phase that runs on Kubernetes.
    """

    facts: Facts
    specs: Mapping[str, ReleaseSpec]
    images: Mapping[str, Resolved]
    secrets: Mapping[str, str]
    cluster: ClusterSpec | None = None


def facts(wish: Wish) -> Facts:
    """Raises BadInput for every kind of wrong name or file, and for a layout that cannot work."""
    loaded = platforms.load(wish.platform)
    phase = loaded.phase(wish.phase)
    environment = environments.load(wish.environment)
    version = loaded.platform.version if wish.version is None else wish.version
    _version(version)
    checks.strangers(environment, environments.others(environment.name))
    found = Facts(loaded, phase, environment, version)
    if found.in_cluster:
        _for_cluster(wish)
        kubernetes_checks.check(found.plan)
        return found
    _for_hosts(wish)
    checks.check(*(found.layout(layer) for layer in found.layers))
    return found


def facts_of_any(platform: str, environment: str) -> Facts:
    """For questions that every phase answers alike, such as which one is live: phase 1's, else those of the first that fits here."""
    loaded, here = platforms.load(platform), environments.load(environment)
    played = {role for host in here.hosts.values() for role in host.roles}
    fitting = [number for number, one in loaded.phases.items() if one.runtime == "compose" and set(one.hosts) <= played]
    number = min(fitting or loaded.phases, key=lambda one: (one != 1, one))
    return facts(Wish(platform, number, environment))


def _for_cluster(wish: Wish) -> None:
    if wish.keep_warm_s is not None:
        raise BadInput(
            "--keep-warm: goes with a phase on hosts",
            why=f"phase {wish.phase} runs in a cluster, which starts the former version anew",
            hint=f"cmctl rollback --phase {wish.phase} --env {wish.environment} goes back there",
        )


def _for_hosts(wish: Wish) -> None:
    """Refuses at once what a phase on hosts could not do later."""
    if wish.images:
        raise BadInput(
            f"--image {wish.images[0]}: goes with a phase on Kubernetes",
            why=f"phase {wish.phase} runs on hosts, whose images come from the catalogue",
            hint=f"cmctl images --phase {wish.phase}",
        )
    for share in wish.canary_steps or ():
        live.canary("green", share)


def _version(version: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", version):
        raise BadInput(
            f"{version!r} is no version",
            why="letters, digits, dots, dashes and underscores, at most 64",
            hint="cmctl deploy --version 1.2.3",
        )


def _images_exist(loaded: Loaded, phase: Phase) -> None:
    head = loaded.documents[0]
    for name in phase.workloads:
        image = loaded.platform.services[name].image
        if image not in CATALOGUE:
            raise BadInput(
                f"{head.path}:{head.line(('services', name, 'image'))}: services.{name}.image: there is no image {image}{did_you_mean(image, list(CATALOGUE))}",
                hint="an entry in images/catalogue.py, and a recipe beside it (images/README.md)",
            )


def prepare(wish: Wish, report: Report) -> Deployment:
    """Resolve secrets, certificate and images, and render. Makes local images that are not there."""
    found = facts(wish)
    values = secrets_of(found)
    cert = certificates.current(wish.platform, found.environment, names.all_domains(found.loaded.platform, found.environment))
    if found.in_cluster:
        return Deployment(
            found, {}, {}, values, cluster.spec(found.plan, found.version, wish.images, values, cert, wish.canary_steps or (), report)
        )
    resolved = images(found, report)
    references = {name: one.reference for name, one in resolved.items()}
    nginx = versions.nginx(references["nginx"], homes.cache()) if "nginx" in references else OLDEST
    specs = {
        layer: _as_wished(
            release.spec(layout, found.version if layout.instances else layer, references, values, cert, homes.home(), nginx), wish
        )
        for layer, layout in _on_hosts(found).items()
    }
    return Deployment(found, specs, resolved, values)


def _as_wished(spec: ReleaseSpec, wish: Wish) -> ReleaseSpec:
    """The release with what this one command asks for instead of the phase's own."""
    asked: dict[str, object] = {}
    if wish.canary_steps is not None:
        asked["canary"] = tuple(share for share in wish.canary_steps if live.canary("green", share))
    if wish.keep_warm_s is not None:
        asked["keep_warm_s"] = wish.keep_warm_s
    return spec.model_copy(update={"gate": spec.gate.model_copy(update=asked)})


def _on_hosts(found: Facts) -> dict[str, Layout]:
    """Layer → layout, for layers that place containers; the others live in a cloud."""
    if found.in_cluster:
        return {}
    layouts = {layer: found.layout(layer) for layer in found.layers}
    return {layer: layout for layer, layout in layouts.items() if layout.hosts}


def secrets_of(found: Facts) -> dict[str, str]:
    """The values of all secrets that have to be given."""
    wanted = wanted_there(found.plan) if found.in_cluster else secret_values.given(found.loaded.platform, found.phase, found.environment)
    return secret_store.resolve(found.environment, found.loaded.platform.name, wanted, homes.home())


def _certificate(found: Facts) -> Certificate:
    return certificate(found.environment, names.all_domains(found.loaded.platform, found.environment), homes.home())


def images(found: Facts, report: Report) -> dict[str, Resolved]:
    """Catalogue name → image, for everything the layers place; what is missing is pulled or built."""
    wanted = image_names(found)
    return resolve(wanted, found.version, {"ferretdb": toolchain.ferretdb}, report)


def image_names(found: Facts) -> list[str]:
    """Raises BadInput for an image that the catalogue does not hold: not sooner, because what serves is no matter of it."""
    _images_exist(found.loaded, found.phase)
    used = {one.image for layout in _on_hosts(found).values() for one in layout.fixed}
    services = found.loaded.platform.services
    return sorted(used | {services[one.service].image for layout in _on_hosts(found).values() for one in layout.instances})


def rendered(wish: Wish, out: Path) -> dict[str, int]:
    """Write what a deploy would bring to the hosts, one folder per layer; nothing is contacted or built.

    Images stand as `catalogue:<name>`, because which reference they get is decided when they are resolved. Raises BadInput for a
    phase on Kubernetes: its manifests come from the engine (stacks.kubernetes.manifests).
    """
    found = facts(wish)
    if found.in_cluster:
        raise BadInput(f"phase {found.phase.number} has manifests, not bundles")
    values, cert = secrets_of(found), _certificate(found)
    references = {name: f"catalogue:{name}" for name in image_names(found)}
    return write.write({layer: bundles(layout, references, values, cert) for layer, layout in _on_hosts(found).items()}, out)


def observed(found: Facts, layers: Iterable[str]) -> dict[str, dict[str, Observed]]:
    """Layer → host → what really runs there."""
    wanted = list(layers)
    with ThreadPoolExecutor() as pool:
        seen = pool.map(lambda layer: door.observe_now(found.stack(layer), targets(found, layer)), wanted)
        return dict(zip(wanted, seen, strict=True))


def targets(found: Facts, layer: str) -> dict[str, Target]:
    """Host → how it is reached, for one layer."""
    layout = found.layout(layer)
    return {host: release.target(layout, host, homes.home()) for host in layout.hosts}


def live_phase(found: Facts) -> int | None:
    """The phase that the edge sends users to; None before the first deploy, or where the edge is no host of ours."""
    if found.in_cluster:
        return found.phase.number if cluster.kept(found.plan, cluster.api(found.plan)).current else None
    return sent_to(observed(found, ["edge"])["edge"]) if found.layout("edge").hosts else None


def sent_to(edge: Mapping[str, Observed]) -> int | None:
    """The phase that an edge's hosts send users to; None where they hold no flag."""
    flags = [flag for one in edge.values() for flag in one.flags if flag.startswith("phase")]
    return max((int(flag.removeprefix("phase")) for flag in flags), default=None)
