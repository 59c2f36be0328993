"""One release on all hosts of a layer, or none: the steps of DESIGN §4, listed first, run in one place, journalled before each.

A failure before the gate's yes takes everything back. A controller that is killed leaves a journal; the next command of
any kind finishes or takes back what it says.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

from errors import CmctlError, Interrupted, RolledBack
from hosts import bundles, containers, flags, steps
from hosts import lease as leases
from hosts import state as states
from hosts.events import Outcome, Report, StepEvent
from hosts.fleet import Host, connect, each
from hosts.lease import Lease
from hosts.recovery import recover, take_back
from hosts.run import Run, entry, expected
from hosts.state import State
from layout.model import Slot
from layout.release import ReleaseSpec

KILL_AT = "CMCTL_KILL_AT"


Step = tuple[str, Callable[[Run], Awaitable[str]]]


def steps_of(run: Run) -> list[Step]:
    """The steps this transaction takes, in order."""
    found: list[Step] = [("check", steps.check), ("upload", steps.upload)]
    if run.base:
        found += [("validate", steps.validate), ("base", steps.base)]
    if run.slotted:
        found += [("start", steps.start), ("ready", steps.ready), ("jobs", steps.jobs_before)]
    if run.slotted or run.spec.flags:
        found += [("switch", steps.switch)]
    if run.slotted:
        found += [("probe", steps.probe), ("watch", steps.watch), ("after", steps.jobs_after)]
    return [*found, ("pass", steps.passed), ("settle", steps.settle)]


async def apply(spec: ReleaseSpec, report: Report) -> Outcome:
    """Bring the release to all hosts, or leave all as they were.

    Raises RolledBack (4) when it was taken back and the former release serves, CmctlError (1) when nothing was running
    before, Locked (5), Unreachable (7), Interrupted (130); each says what serves now.
    """
    started = time.monotonic()
    hosts = connect(spec.stack, spec.hosts)
    release = spec.release_id()
    same = await unchanged(hosts, spec, release)
    if same:
        return Outcome(release, changed=False, slot=same.live if spec.slotted else "", seconds=time.monotonic() - started)
    async with leases.held(hosts, f"deploy of {release} to {spec.stack}") as lease:
        notes = await recover(hosts, lease, spec)
        run = await _begin(spec, release, hosts, lease, report)
        run.notes += notes
        await _carry_out(run)
        former = next((one.release for one in run.former.values() if one), "")
        return Outcome(
            release, changed=True, slot=run.slot if spec.slotted else "", former=former, evidence=run.evidence, moved_s=run.moved_s,
            seconds=time.monotonic() - started, notes=tuple(run.notes),
        )  # fmt: skip


async def unchanged(hosts: dict[str, Host], spec: ReleaseSpec, release: str) -> State | None:
    """The settled state when this very release serves, whole and healthy, and no transaction is open."""
    states_now = await each(hosts, states.load)
    first = next(iter(states_now.values()))
    if first is None or any(one is None or one.release != release or one.flags != spec.flags for one in states_now.values()):
        return None
    if any((await each(hosts, states.journal)).values()):
        return None
    for host in hosts.values():
        running = {
            one.name for one in await containers.listed(host, spec.stack) if one.state == "running" and "unhealthy" not in one.status
        }
        if not expected(spec, host.name, first) <= running or await bundles.differing(host, spec, first.live):
            return None
    return first


async def _begin(spec: ReleaseSpec, release: str, hosts: dict[str, Host], lease: Lease, report: Report) -> Run:
    former = await each(hosts, states.load)
    live: Slot = "blue"
    for name in spec.balancers:
        live = flags.slot(await flags.read(hosts[name]))
    base_part, slot_part = spec.part_id("base"), spec.part_id("slot")
    base = slotted = False
    for host in hosts.values():
        known = former[host.name]
        running = {
            one.name for one in await containers.listed(host, spec.stack) if one.state == "running" and "unhealthy" not in one.status
        }
        wanted_base = {one.container for one in spec.ready if one.host == host.name}
        wanted_slot = {one.container for one in spec.checks.get(live, ()) if one.host == host.name}
        edited = [] if known is None else await bundles.differing(host, spec, live)
        base |= any(path.startswith("base/") for path in edited)
        base |= known is None or known.base_part != base_part or not wanted_base <= running
        slotted |= spec.slotted and (known is None or known.slot_parts.get(live) != slot_part or not wanted_slot <= running)
    return Run(spec, release, hosts, lease, report, former, live, slotted, base)


async def _carry_out(run: Run) -> None:
    plan = steps_of(run)
    passed = False
    try:
        for number, (name, work) in enumerate(plan, 1):
            _die("before", number, name)
            if name != "settle":
                await _note(run, name, passed=passed or name == "pass")
            begun = time.monotonic()
            run.report(StepEvent(name, number, len(plan), "begin"))
            detail = await work(run)
            passed = passed or name == "pass"
            run.report(StepEvent(name, number, len(plan), "end", detail, time.monotonic() - begun))
            _die("after", number, name)
    except (CmctlError, asyncio.CancelledError) as error:
        if passed:
            raise
        await asyncio.shield(_undo(run, error))
        raise _told(run, error) from error


async def _note(run: Run, step: str, *, passed: bool) -> None:
    async def one(host: Host) -> None:
        await states.note(host, entry(run, host.name, step, passed=passed))

    await each(run.hosts, one)


async def _undo(run: Run, error: BaseException) -> None:
    run.report(
        StepEvent("take back", 0, 0, "note", f"because {error.what.splitlines()[0]}" if isinstance(error, CmctlError) else "interrupted")
    )
    await take_back(run.hosts, run.lease, run.spec, {name: entry(run, name, "take back", passed=False) for name in run.hosts})


def _told(run: Run, error: BaseException) -> CmctlError:
    """The failure as a person should read it: what serves now."""
    former = next((one for one in run.former.values() if one), None)
    serving = f"{former.version} ({former.release}) serves as before" if former else "nothing was running before, and nothing runs now"
    if isinstance(error, asyncio.CancelledError):
        return Interrupted(f"interrupted: {run.spec.stack} was taken back", why=serving, hint="the same command starts again")
    assert isinstance(error, CmctlError)  # noqa: S101 - the only other kind that arrives here
    kind = RolledBack if former else type(error)
    return kind(
        f"{run.spec.stack}: {error.what}",
        why="\n".join(part for part in (error.why, serving) if part),
        hint=error.hint,
        read=error.read or "runbooks/deploy-failed.md",
    )


def _die(moment: str, number: int, name: str) -> None:
    """The fault suite kills the controller here: CMCTL_KILL_AT=before:3 or after:switch."""
    at = os.environ.get(KILL_AT, "")
    if at in {f"{moment}:{number}", f"{moment}:{name}"}:
        os.kill(os.getpid(), signal.SIGKILL)
