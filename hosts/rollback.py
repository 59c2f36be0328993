"""The way back: the traffic goes to the release before, in milliseconds while it is warm. The releases' folders hold all it needs."""

from __future__ import annotations

import time
from collections.abc import Mapping

from errors import BadInput
from hosts import bundles, certificates, steps, survey
from hosts import lease as leases
from hosts import state as states
from hosts.events import Outcome, Report
from hosts.fleet import Host, connect, each
from hosts.lease import Lease
from hosts.recovery import recover, restore_base
from hosts.run import Run
from hosts.state import State
from hosts.transaction import Step, apply, carry_out
from layout.model import Slot
from layout.release import ReleaseSpec, Target


async def rollback(stack: str, targets: dict[str, Target], to: str | None, report: Report) -> tuple[Outcome, ReleaseSpec]:
    """Go back to the release before the live one, or to `to`. Returns what was done and the release that serves now.

    Raises BadInput when there is no such release, Locked, or RolledBack when the older release did not come up.
    """
    started = time.monotonic()
    hosts = connect(stack, targets)
    state = await _books(hosts)
    spec = (await _stored(hosts, _wanted(state, to), targets)).certified(await certificates.pairs(hosts))
    warm = _slot_of(state, spec.release_id())
    if warm and not await steps.silent(hosts, spec.checks.get(warm, ())):
        return await _flip(hosts, spec, warm, report, started), spec
    return await apply(spec, report), spec


async def settled(stack: str, targets: Mapping[str, Target]) -> ReleaseSpec | None:
    """The release that the fleet's books say serves, as it was deployed, with today's certificates; None where nothing has settled."""
    hosts = connect(stack, targets)
    known = [one for one in (await each(hosts, states.load)).values() if one is not None]
    return (await _stored(hosts, known[0].release, targets)).certified(await certificates.pairs(hosts)) if known else None


async def _books(hosts: Mapping[str, Host]) -> State:
    """What the fleet's books say; a host that is new, or was replaced, has none."""
    known = [one for one in (await each(hosts, states.load)).values() if one is not None]
    if not known:
        raise BadInput(f"{next(iter(hosts.values())).paths.stack} has no release", hint="cmctl deploy")
    return known[0]


def _wanted(state: State, to: str | None) -> str:
    if to is not None:
        return to
    others = [release for release in state.history if release != state.release]
    if not others:
        raise BadInput("there is no release to go back to", why=f"{state.release} is the first one", read="runbooks/deploy-failed.md")
    return others[0]


def _slot_of(state: State, release: str) -> Slot | None:
    """The idle slot that holds `release`, if one does."""
    return next((slot for slot, held in state.slots.items() if held == release and slot != state.live), None)


async def _stored(hosts: Mapping[str, Host], release: str, targets: Mapping[str, Target]) -> ReleaseSpec:
    """The release's record, from a host that has kept it, reached as the hosts are reached today."""
    kept = await each(hosts, bundles.kept)
    holding = [hosts[name] for name, releases in kept.items() if release in releases]
    if not holding:
        known = ", ".join(next(iter(kept.values())))
        raise BadInput(f"there is no release {release}", why=f"kept: {known or 'none'}", hint="cmctl releases")
    spec = await bundles.stored(holding[0], release)
    gone = sorted(set(spec.hosts) - set(targets))
    if gone:
        raise BadInput(f"{release} ran on hosts that are no longer there: {', '.join(gone)}", hint="cmctl deploy --version says which one")
    return spec.model_copy(update={"hosts": {name: targets[name] for name in spec.hosts}})


async def _flip(hosts: dict[str, Host], spec: ReleaseSpec, slot: Slot, report: Report, started: float) -> Outcome:
    """Only the flag moves, then the base part follows; the slot that is left stays warm and is the next way back."""
    async with leases.held(hosts, f"rollback of {spec.stack} to {spec.release_id()}") as lease:
        await certificates.keep(hosts, lease, spec)
        notes = await recover(hosts, lease)
        if notes:
            raise BadInput(
                "an interrupted command was cleared up first",
                why="; ".join(notes),
                hint="look at cmctl status, then roll back again if it is still needed",
            )
        run = await _begin(hosts, spec, slot, lease, report)
        await carry_out(run, _steps(run))
    former = next((one.release for one in run.former.values() if one), "")
    return Outcome(
        spec.release_id(), changed=True, slot=slot, former=former, evidence="the former slot was warm", moved_s=run.moved_s,
        seconds=time.monotonic() - started,
    )  # fmt: skip


async def _begin(hosts: dict[str, Host], spec: ReleaseSpec, slot: Slot, lease: Lease, report: Report) -> Run:
    seen = await survey.survey(hosts, spec)
    return Run(
        operation="rollback", spec=spec, release=spec.release_id(), hosts=hosts, lease=lease, report=report,
        former={name: one.state for name, one in seen.items()}, before={name: one.flags for name, one in seen.items()},
        live=survey.live(seen, spec), slot=slot, slotted=False,
        base=any(one.state is None or one.state.base_part != spec.part_id("base") for one in seen.values()),
    )  # fmt: skip


def _steps(run: Run) -> list[Step]:
    """Traffic first. The former base part follows; the release served with either one before."""
    base: list[Step] = [("base", _base)] if run.base else []
    return [("switch", steps.switch), ("pass", steps.passed), *base, ("settle", steps.settle)]


async def _base(run: Run) -> str:
    await each(run.hosts, lambda host: restore_base(host, run.lease, run.release))
    return "as the release had it"
