"""What a killed controller left is finished when its gate had said yes, and taken back when it had not. Both may be repeated.

A host without a journal has either not begun or is done already, so nothing is left to do on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from hosts import bundles, containers, detached, flags, handover, warm
from hosts import state as states
from hosts.fleet import Host, each
from hosts.lease import Lease
from hosts.state import Journal


async def recover(hosts: Mapping[str, Host], lease: Lease) -> list[str]:
    """Finish or take back what open journals say; returns what was done, in sentences."""
    await each(hosts, detached.settled)
    entries = {name: entry for name, entry in (await each(hosts, states.journal)).items() if entry is not None}
    if not entries:
        return []
    first = next(iter(entries.values()))
    if any(entry.passed for entry in entries.values()):
        await finish(hosts, lease, entries)
        return [f"finished {first.operation} of {first.release}, which was interrupted after its gate had passed"]
    await take_back(hosts, lease, entries)
    return [f"took back {first.operation} of {first.release}, which was interrupted at {first.step}"]


def _of(hosts: Mapping[str, Host], entries: Mapping[str, Journal]) -> dict[str, Host]:
    return {name: hosts[name] for name in entries}


async def finish(hosts: Mapping[str, Host], lease: Lease, entries: Mapping[str, Journal], *, base: bool = True) -> None:
    """Write the new truth on every host, then close the journals; the slot that was left stops when its warm time is over.

    `base`: the base part may be half-way, so it is brought once more; whoever has just brought it says no.
    """

    async def one(host: Host) -> None:
        entry = entries[host.name]
        if base and entry.base:
            await restore_base(host, lease, entry.next.release)
        await states.save(host, lease, entry.next)
        await bundles.make_current(host, lease, entry.next.release)
        await bundles.prune(host, lease, {entry.next.release, *entry.next.slots.values()})

    await each(_of(hosts, entries), one)
    await each(_of(hosts, entries), lambda host: states.close(host, lease))
    await each(_of(hosts, entries), lambda host: warm.stop_later(host, lease, entries[host.name].next))


async def take_back(hosts: Mapping[str, Host], lease: Lease, entries: Mapping[str, Journal]) -> None:
    """The flags first; only when no balancer uses the new slot any more it goes, then the base part; at the end all is as before."""
    await each(_of(hosts, entries), detached.settled)
    flagged = {name: hosts[name] for name, entry in entries.items() if entry.flagged}
    await each(flagged, lambda host: flags.write(host, lease, entries[host.name].before))
    await each(_of(hosts, entries), lambda host: _restore(host, lease, entries[host.name]))
    await each(_of(hosts, entries), lambda host: states.close(host, lease))


async def _restore(host: Host, lease: Lease, entry: Journal) -> None:
    former = entry.former
    if entry.slotted:
        await containers.down(host, lease, f"{host.paths.stack}-{entry.slot}")
        if former is not None and entry.slot in former.slots:
            # The idle slot held an older release until this transaction took it.
            held = former.model_dump() | {name: _without(getattr(former, name), entry.slot) for name in ("slots", "slot_parts")}
            await states.save(host, lease, states.State.model_validate(held))
    if entry.base and former is not None:
        await restore_base(host, lease, former.release)
    elif entry.base:
        # Volumes stay: they may be older than this deploy, kept by a destroy. `destroy` removes them.
        await containers.down(host, lease, f"{host.paths.stack}-base")
        await lease.run(host, "rm", "-rf", host.paths.base, host.paths.live, what="removing what was begun")
    if former is None:
        await lease.run(host, "rm", "-rf", host.paths.release(entry.release), what="removing what was begun")


def _without(slots: Mapping[str, str], slot: str) -> dict[str, str]:
    return {name: value for name, value in slots.items() if name != slot}


async def restore_base(host: Host, lease: Lease, release: str) -> None:
    """Bring the base part of a kept release back: files, containers, and a reload of what reads its files only once."""
    await bundles.place_base(host, lease, release)
    spec = await bundles.stored(host, release)
    if "base/compose.yaml" in spec.bundles[host.name].files:
        await handover.up(host, lease, spec)
    for one in spec.ready:
        if one.host == host.name and one.reload:
            await containers.inside(host, one.container, one.reload)
