"""A layer that runs on hosts of ours: every host checked, then one release on all of them."""

from __future__ import annotations

from collections.abc import Callable

import pulumi

from layout.release import ReleaseSpec
from stacks.resources import Host, Release


def program(spec: ReleaseSpec) -> Callable[[], None]:
    """The program of a layer that is nothing but a release: phases 0 to 2, the database container, the local edge."""

    def run() -> None:
        hosts = [Host(name, target) for name, target in spec.hosts.items()]
        release = Release(spec.stack, spec, pulumi.ResourceOptions(depends_on=hosts))
        pulumi.export("release", release.release)
        pulumi.export("version", spec.version)
        pulumi.export("slot", release.slot)
        pulumi.export("hosts", {host: one.facts for host, one in zip(spec.hosts, hosts, strict=True)})

    return run
