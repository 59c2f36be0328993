"""What a deploy would bring, as files: bundles for hosts, manifests for a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from environments import home as homes
from stacks import deployment
from stacks.deployment import Wish
from stacks.kubernetes import images
from stacks.kubernetes.spec import Access, ClusterSpec, Release

Report = Callable[[str], None]


def rendered(wish: Wish, out: Path, report: Report) -> dict[str, int]:
    """File → bytes. Manifests come from the engine, so its CLI has to be there; no cluster is asked."""
    found = deployment.facts(wish)
    if not found.in_cluster:
        return deployment.rendered(wish, out)
    # Both load the engine.
    from stacks.kubernetes import manifests
    from stacks.workspace import settings
    from tools import toolchain

    plan, environment = found.plan, found.environment
    release = Release(found.version, images.planned(plan, found.version, images.given(wish.images, plan)))
    run = settings(environment, homes.home(), homes.cache(), toolchain.pulumi(report), "", "file://")
    return manifests.write(manifests.rendered(ClusterSpec(plan, release, Access(), {}), run), out)
