"""One release on all hosts of a layer, or none: the steps of DESIGN §4, listed first, run in one place, journalled before each.

A failure before the gate's yes takes everything back. A controller that is killed leaves a journal; the next command of
any kind finishes or takes back what it says.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import time
from collections.abc import Awaitable, Callable

from hosts import lease as leases
from hosts import steps
from hosts.events import Outcome, Report, StepEvent
from hosts.failing import failed
from hosts.fleet import Host, connect, unbroken
from hosts.lease import Lease, Overtaken
from hosts.recovery import overdue, reap, recover
from hosts.run import Run, note
from hosts.survey import live_slot, needed, survey, unchanged
from layout.release import ReleaseSpec

KILL_AT = "CMCTL_KILL_AT"
# From the gate's yes on a release is carried to its end, whatever comes.
LATE = {"pass", "settle"}

Step = tuple[str, Callable[[Run], Awaitable[str]]]


def steps_of(run: Run) -> list[Step]:
    """The steps this transaction takes, in order."""
    found: list[Step] = [("check", steps.check), ("upload", steps.upload)]
    if run.base:
        found += [("validate", steps.validate), ("base", steps.base)]
    if run.slotted:
        found += [("start", steps.start), ("ready", steps.ready), ("jobs", steps.jobs_before)]
    if run.spec.slotted or run.spec.flags or (run.former and run.former.flags):
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
    same = await unchanged(hosts, spec)
    if same and not overdue(same):
        return Outcome(same.release, changed=False, slot=same.live if spec.slotted else "", seconds=time.monotonic() - started)
    async with leases.held(hosts, f"deploy of {spec.release_id()} to {spec.stack}") as lease:
        notes = await recover(hosts, lease, spec.stack)
        notes += await reap(hosts, lease, spec.stack)
        outcome = await _apply(spec, hosts, lease, report, started)
    return dataclasses.replace(outcome, seconds=time.monotonic() - started, notes=(*notes, *outcome.notes))


async def _apply(spec: ReleaseSpec, hosts: dict[str, Host], lease: Lease, report: Report, started: float) -> Outcome:
    same = await unchanged(hosts, spec)
    if same:
        return Outcome(same.release, changed=False, slot=same.live if spec.slotted else "")
    before = await survey(hosts, spec.stack)
    live = live_slot(spec, before)
    base, slotted = await needed(hosts, spec, before, live)
    run = Run(spec, spec.release_id(), hosts, lease, report, before, live, slotted, base, started=started)
    await _carry_out(run)
    former = run.former.release if run.former else ""
    return Outcome(
        run.release, changed=True, slot=run.slot if spec.slotted else "", former=former, evidence=run.evidence, moved_s=run.moved_s,
        notes=tuple(run.notes),
    )  # fmt: skip


async def _carry_out(run: Run) -> None:
    plan = steps_of(run)
    try:
        for number, (name, work) in enumerate(plan, 1):
            step = _step(run, StepEvent(name, number, len(plan), "begin"), work)
            await (unbroken(step) if name in LATE else step)
    except Overtaken:
        raise
    except (Exception, asyncio.CancelledError) as error:
        raise await failed(run, error) from error


async def _step(run: Run, event: StepEvent, work: Callable[[Run], Awaitable[str]]) -> None:
    _die("before", event)
    run.begun.add(event.step)
    run.passed = event.step in LATE
    if event.step != "settle":
        await note(run, event.step)
    begun = time.monotonic()
    run.report(event)
    detail = await work(run)
    run.report(dataclasses.replace(event, state="end", detail=detail, seconds=time.monotonic() - begun))
    _die("after", event)


def _die(moment: str, event: StepEvent) -> None:
    """The fault suite kills the controller here: CMCTL_KILL_AT=before:3 or after:switch."""
    at = os.environ.get(KILL_AT, "")
    if at in {f"{moment}:{event.number}", f"{moment}:{event.step}"}:
        os.kill(os.getpid(), signal.SIGKILL)
