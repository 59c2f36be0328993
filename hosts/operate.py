"""What a person does to a fleet between releases: close the door, leave a host out, give back a lock. All under the lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from errors import BadInput
from hosts import flags
from hosts import lease as leases
from hosts.fleet import Host, connect, each
from hosts.owner import Holder
from hosts.recovery import recover
from layout import live
from layout.release import Target


async def stand(stack: str, targets: Mapping[str, Target], balancers: Sequence[str], flag: str, *, on: bool) -> bool:
    """Raise or remove a standing flag on all balancers; returns whether anything changed.

    Raises BadInput when a host is to be drained while another one is, Locked while somebody else changes the fleet.
    """
    hosts = connect(stack, targets)
    doors = {name: hosts[name] for name in balancers}
    async with leases.held(hosts, f"{flag} {'on' if on else 'off'} for {stack}") as lease:
        await recover(hosts, lease)
        before = await each(doors, flags.read)
        others = {one for several in before.values() for one in several if one.startswith(live.WITHOUT)} - {flag}
        if on and flag.startswith(live.WITHOUT) and others:
            first = min(others).removeprefix(live.WITHOUT)
            raise BadInput(f"{first} is drained already", why="one host at a time", hint=f"cmctl drain {first} --back")
        await each(doors, lambda host: flags.stand(host, lease, flag, on=on))
    return any((flag in one) != on for one in before.values())


async def standing(stack: str, targets: Mapping[str, Target], balancers: Sequence[str]) -> tuple[str, ...]:
    """The standing flags of any balancer, sorted."""
    hosts = connect(stack, targets)
    found = await each({name: hosts[name] for name in balancers}, flags.read)
    return tuple(
        sorted(
            {one for several in found.values() for one in several} - {one for several in found.values() for one in flags.traffic(several)}
        )
    )


async def holders(stack: str, targets: Mapping[str, Target]) -> dict[str, Holder]:
    """Host → who holds its lease; hosts that nobody holds are left out."""
    found = await each(connect(stack, targets), leases.holder)
    return {name: one for name, one in found.items() if one is not None}


async def unlock(stack: str, targets: Mapping[str, Target]) -> list[str]:
    """Take every held lease from its owner and give it back; its late steps are refused from then on. Returns what was cleared up."""
    hosts = connect(stack, targets)
    for host in hosts.values():
        await _take(host)
    async with leases.held(hosts, f"lock release of {stack}") as lease:
        return await recover(hosts, lease)


async def _take(host: Host) -> None:
    holder = await leases.holder(host)
    if holder is not None:
        await leases.take_over(host, holder)
