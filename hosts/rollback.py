"""The way back: the traffic goes to the release before, in milliseconds while it is warm. The releases' folders hold all it needs."""

from __future__ import annotations

import time

from errors import BadInput, CmctlError
from hosts import base_part, bundles, flags
from hosts import lease as leases
from hosts import state as states
from hosts.events import Outcome, Report
from hosts.fleet import Host, connect, each
from hosts.lease import Lease
from hosts.recovery import finish, recover
from hosts.run import KEPT
from hosts.state import Journal, State
from hosts.steps import ASK, base_ready
from hosts.transaction import apply
from layout.model import Slot
from layout.release import ReleaseSpec, Target


async def rollback(stack: str, targets: dict[str, Target], to: str | None, report: Report) -> tuple[Outcome, ReleaseSpec]:
    """Go back to the release before the live one, or to `to`. Returns what was done and the release that serves now.

    Raises BadInput when there is no such release, Locked, or RolledBack when the older release did not come up.
    """
    started = time.monotonic()
    hosts = connect(stack, targets)
    state = await states.load(next(iter(hosts.values())))
    if state is None:
        raise BadInput(f"{stack} has no release", hint="cmctl deploy")
    spec = await _stored(hosts, _wanted(state, to), targets)
    slot = _slot_of(state, spec.release_id())
    if slot is None or not await _warm(hosts, spec, slot):
        return await apply(spec, report), spec
    async with leases.held(hosts, f"rollback of {stack} to {spec.release_id()}") as lease:
        moved, notes = await _flip(hosts, lease, spec, slot, started)
    return Outcome(
        spec.release_id(), changed=True, slot=slot, former=state.release, evidence="the former slot was warm", moved_s=moved,
        seconds=time.monotonic() - started, notes=tuple(notes),
    ), spec  # fmt: skip


def _wanted(state: State, to: str | None) -> str:
    if to is not None:
        return to
    others = [release for release in state.history if release != state.release]
    if not others:
        raise BadInput("there is no release to go back to", why=f"{state.release} is the first one", read="runbooks/deploy-failed.md")
    return others[0]


def _slot_of(state: State, release: str) -> Slot | None:
    """The idle slot that holds a release."""
    return next((slot for slot, held in state.slots.items() if held == release and slot != state.live), None)


async def _stored(hosts: dict[str, Host], release: str, targets: dict[str, Target]) -> ReleaseSpec:
    """The release's record, with hosts reached as they are today."""
    first = next(iter(hosts.values()))
    known = await bundles.kept(first)
    if release not in known:
        raise BadInput(f"there is no release {release}", why=f"kept: {', '.join(known) or 'none'}", hint="cmctl status")
    spec = await bundles.stored(first, release)
    return spec.model_copy(update={"hosts": targets}) if spec.hosts.keys() == targets.keys() else spec


async def _warm(hosts: dict[str, Host], spec: ReleaseSpec, slot: Slot) -> bool:
    """Whether every instance of the slot answers now."""
    checks = spec.checks.get(slot, ())
    askers = sorted({(one.asker_host, one.asker) for one in checks})
    for host, asker in askers:
        urls = [one.url for one in checks if (one.asker_host, one.asker) == (host, asker)]
        done = await hosts[host].connection.run(["docker", "exec", asker, "sh", "-c", ASK, "ask", *urls])
        if done.code or done.stdout.strip():
            return False
    return bool(checks)


async def _flip(hosts: dict[str, Host], lease: Lease, spec: ReleaseSpec, slot: Slot, started: float) -> tuple[float, list[str]]:
    """Move the flag, then bring the base part to what the release had; the slot that is left stays warm and is the next way back."""
    notes = await recover(hosts, lease, spec.stack)
    found = await each(hosts, states.load)
    if notes or any(state is None or _slot_of(state, spec.release_id()) != slot for state in found.values()):
        raise CmctlError(
            "another command came between", why="; ".join(notes) or "the slots hold other releases now",
            hint="look at cmctl status, then roll back again if it is still needed",
        )  # fmt: skip
    entries = {name: _entry(spec, name, slot, state) for name, state in found.items() if state is not None}
    # From its journal on the way back is carried to its end, by the next command if need be.
    await each(hosts, lambda host: states.note(host, lease, entries[host.name]))
    await each({name: hosts[name] for name in spec.balancers}, lambda host: flags.write(host, lease, flags.of(slot)))
    moved = time.monotonic() - started
    await finish(hosts, lease, entries)
    await _base(hosts, lease, spec, {name: entry.next for name, entry in entries.items()})
    return moved, notes


def _entry(spec: ReleaseSpec, host: str, slot: Slot, state: State) -> Journal:
    release = spec.release_id()
    history = (release, state.release, *(one for one in state.history if one not in {release, state.release}))
    after = state.model_copy(
        update={"release": release, "version": spec.version, "live": slot, "settled_at": int(time.time()), "history": history[:KEPT]}
    )
    return Journal(
        operation="rollback", release=release, slot=slot, slotted=False, base=False, passed=True, step="switch",
        flags_before=flags.of(state.live) if host in spec.balancers else None,
        flags_after=flags.of(slot) if host in spec.balancers else None, former=state, next=after,
    )  # fmt: skip


async def _base(hosts: dict[str, Host], lease: Lease, spec: ReleaseSpec, found: dict[str, State]) -> None:
    """The base part of the release gone back to, where it differs: users are served by its slot already."""
    part = spec.part_id("base")
    if all(state.base_part == part for state in found.values()):
        return
    await each(hosts, lambda host: base_part.bring(host, lease, spec))
    await base_ready(hosts, spec)
    await each(hosts, lambda host: states.save(host, lease, found[host.name].model_copy(update={"base_part": part})))
