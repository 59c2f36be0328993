"""Destroy: nothing of a stack is left on its hosts. May be repeated."""

from __future__ import annotations

from hosts import containers, detached
from hosts import lease as leases
from hosts.events import Outcome
from hosts.fleet import Host, connect, each
from hosts.lease import Lease
from layout.model import SLOTS
from layout.release import Target


async def remove(stack: str, targets: dict[str, Target], network: str, *, keep_volumes: bool) -> Outcome:
    """Remove containers, volumes (unless kept), folders, flags and locks; the network when nothing else is on it."""
    hosts = connect(stack, targets)
    async with leases.held(hosts, f"destroy of {stack}") as lease:
        await each(hosts, detached.settled)
        await each(hosts, lambda host: _containers(host, lease, stack, network, keep_volumes=keep_volumes))
        # The lease goes with the folder: nobody can have taken it before that.
        await each(hosts, lambda host: lease.must(host, ["rm", "-rf", host.paths.folder], what=f"removing {host.paths.folder}"))
    return Outcome(release="", changed=True)


async def _containers(host: Host, lease: Lease, stack: str, network: str, *, keep_volumes: bool) -> None:
    for part in (*SLOTS, "base"):
        await containers.down(host, lease, f"{stack}-{part}", volumes=part == "base" and not keep_volumes)
    await containers.drop_network(host, network)
