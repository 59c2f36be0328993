"""Before a deploy changes anything: every host answers, is supported, is nobody else's, and has what its containers need."""

from __future__ import annotations

import asyncio

from environments import home as homes
from hosts.bootstrap import checks as machines
from hosts.bootstrap.checks import Need
from stacks.deployment import Facts
from templates import release

# A machine's disk is sold in GB and told in MiB, with a file system's own share taken off.
SOLD_MB = 850
FREE_MB = 3072
# What the machine itself takes of the memory that its kernel tells; the layout has already kept a tenth of what is bought.
OWN = 1.05


def check(facts: Facts) -> None:
    """Raises BadInput or Unreachable that lists everything in the way of all hosts. Nothing is changed."""
    wanted = {} if facts.in_cluster else needs(facts)
    targets = {name: release.target(facts.layout("data"), name, homes.home()) for name in wanted}
    if targets:
        asyncio.run(machines.check(targets, wanted))


def needs(facts: Facts) -> dict[str, Need]:
    """What each host that is reached over SSH has to have for what the layers place on it. A lab's disks are as they are."""
    environment, platform = facts.environment, facts.loaded.platform
    placed = [facts.layout(layer) for layer in facts.layers]
    hosts = {host for layout in placed for host in layout.hosts if environment.hosts[host].connection == "ssh"}
    found = {}
    for host in sorted(hosts):
        memory = sum(one.memory_mb for layout in placed for one in layout.on(host))
        roles = [size for role, size in facts.phase.hosts.items() if role in environment.hosts[host].roles]
        disk = max((size.disk_gb for size in roles), default=0) * SOLD_MB if environment.kind == "cloud" else 0
        found[host] = Need(round(memory * OWN), disk, FREE_MB, f"{platform.name}/{environment.name}/{host}")
    return found
