"""Destroy: nothing of a stack is left on its hosts. May be repeated."""

from __future__ import annotations

from hosts import containers, detached, handover
from hosts import lease as leases
from hosts.events import Outcome
from hosts.fleet import Host, connect, each
from layout.model import SLOTS
from layout.release import Target

NETWORK = (
    'docker network inspect "$1" --format "{{len .Containers}}" 2>/dev/null | grep -qx 0 && docker network rm "$1" > /dev/null; exit 0'
)


async def remove(stack: str, targets: dict[str, Target], network: str, *, keep_volumes: bool) -> Outcome:
    """Remove containers, volumes (unless kept), folders, flags and locks; the network when nothing else is on it."""
    hosts = connect(stack, targets)

    async def one(host: Host) -> None:
        await handover.remove(host, lease, stack)
        for part in (*SLOTS, "base"):
            await containers.down(host, lease, f"{stack}-{part}", volumes=part == "base" and not keep_volumes)
        await host.connection.run(["sh", "-c", NETWORK, "network", network])

    async with leases.held(hosts, f"destroy of {stack}") as lease:
        await each(hosts, detached.settled)
        await each(hosts, one)
        # The lease's own file goes too: giving back what is no longer there is no failure.
        await each(hosts, lambda host: lease.run(host, "rm", "-rf", host.paths.folder, what="removing the stack's folder"))
    return Outcome(release="", changed=True)
