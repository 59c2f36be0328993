"""The way back: the traffic goes to the release before, in milliseconds while it is warm. The releases' folders hold all it needs."""

from __future__ import annotations

import time

from errors import BadInput, CmctlError
from hosts import bundles, flags
from hosts import lease as leases
from hosts import state as states
from hosts.events import Outcome, Report
from hosts.fleet import Host, connect, each
from hosts.recovery import recover
from hosts.state import State
from hosts.steps import ASK
from hosts.transaction import apply
from layout.model import Slot
from layout.release import ReleaseSpec, Target


async def rollback(stack: str, targets: dict[str, Target], to: str | None, report: Report) -> tuple[Outcome, ReleaseSpec]:
    """Go back to the release before the live one, or to `to`. Returns what was done and the release that serves now.

    Raises BadInput when there is no such release, Locked, or RolledBack when the older release did not come up.
    """
    started = time.monotonic()
    hosts = connect(stack, targets)
    first = next(iter(hosts.values()))
    state = await states.load(first)
    if state is None:
        raise BadInput(f"{stack} has no release", hint="cmctl deploy")
    wanted = _wanted(state, to)
    spec = await _stored(hosts, wanted)
    if wanted in state.slots.values() and wanted != state.slots.get(state.live) and await _warm(hosts, spec, _slot_of(state, wanted)):
        moved, notes = await _flip(hosts, spec, _slot_of(state, wanted))
        return Outcome(
            wanted, changed=True, slot=_slot_of(state, wanted), former=state.release, evidence="the former slot was warm", moved_s=moved,
            seconds=time.monotonic() - started, notes=tuple(notes),
        ), spec  # fmt: skip
    return await apply(spec, report), spec


def _wanted(state: State, to: str | None) -> str:
    if to is not None:
        return to
    others = [release for release in state.history if release != state.release]
    if not others:
        raise BadInput("there is no release to go back to", why=f"{state.release} is the first one", read="runbooks/deploy-failed.md")
    return others[0]


def _slot_of(state: State, release: str) -> Slot:
    return next(slot for slot, held in state.slots.items() if held == release)


async def _stored(hosts: dict[str, Host], release: str) -> ReleaseSpec:
    """The release's record, from the first host, with every host's secret files."""
    first = next(iter(hosts.values()))
    if release not in await bundles.kept(first):
        known = ", ".join(await bundles.kept(first))
        raise BadInput(f"there is no release {release}", why=f"kept: {known or 'none'}", hint="cmctl status")
    return await bundles.stored(first, release)


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


async def _flip(hosts: dict[str, Host], spec: ReleaseSpec, slot: Slot) -> tuple[float, list[str]]:
    """Only the flag moves; the slot that is left stays warm and is the next way back."""
    started = time.monotonic()
    async with leases.held(hosts, f"rollback of {spec.stack} to {spec.release_id()}") as lease:
        notes = await recover(hosts, lease, spec)
        if notes:
            raise CmctlError(
                "an interrupted command was cleared up first",
                why="; ".join(notes),
                hint="look at cmctl status, then roll back again if it is still needed",
            )
        for name in spec.balancers:
            await flags.write(hosts[name], lease, flags.of(slot))
        moved = time.monotonic() - started

        async def settle(host: Host) -> None:
            state = await states.load(host)
            if state is None:
                return
            release = spec.release_id()
            changed = state.model_copy(
                update={
                    "release": release, "version": spec.version, "live": slot, "settled_at": int(time.time()),
                    "history": (release, state.release, *(one for one in state.history if one not in {release, state.release})),
                }
            )  # fmt: skip
            await states.save(host, changed)
            await host.connection.run(["ln", "-sfn", host.paths.release(release), host.paths.current])

        await each(hosts, settle)
    return moved, notes
