"""A layer that runs on hosts of ours: every host checked, then one release on all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi

from layout.machine import Machine
from layout.release import ReleaseSpec
from stacks.resources import Host, Release


def program(spec: ReleaseSpec, machines: Mapping[str, Machine] | None = None) -> Callable[[], None]:
    """The program of a layer that is nothing but a release: phases 0 to 2, the database container, the local edge.

    `machines`: host → how it has to be, for the hosts that cmctl prepares.
    """

    def run() -> None:
        hosts = [Host(name, target, (machines or {}).get(name)) for name, target in spec.hosts.items()]
        release = Release(spec.stack, spec, pulumi.ResourceOptions(depends_on=hosts))
        pulumi.export("release", release.release)
        pulumi.export("version", spec.version)
        pulumi.export("slot", release.slot)
        pulumi.export("hosts", {host: one.facts for host, one in zip(spec.hosts, hosts, strict=True)})

    return run
