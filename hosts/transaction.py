"""One release on all hosts of a layer, or none: the steps of DESIGN §4, listed first, run in one place, journalled before each.

A failure before the gate's yes takes everything back. A controller that is killed leaves a journal; the next command of
any kind finishes or takes back what it says.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from errors import CmctlError
from hosts import lease as leases
from hosts import state as states
from hosts import steps, survey
from hosts.events import Outcome, Report, StepEvent
from hosts.failure import told
from hosts.fleet import Host, connect, each, to_the_end
from hosts.lease import Lease
from hosts.recovery import finish, recover, take_back
from hosts.run import Run, entry
from hosts.state import Opposite
from layout.release import ReleaseSpec

KILL_AT = "CMCTL_KILL_AT"


Step = tuple[str, Callable[[Run], Awaitable[str]]]


def steps_of(run: Run) -> list[Step]:
    """The steps of a deploy, in order."""
    found: list[Step] = [("check", steps.check), ("images", steps.images), ("upload", steps.upload)]
    if run.base:
        found += [("validate", steps.validate), ("base", steps.base)]
    if run.slotted:
        found += [("start", steps.start), ("ready", steps.ready), ("jobs", steps.jobs_before), ("probe", steps.probe)]
        # Where nothing served before there is nobody to take a share from.
        found += [(f"canary-{share}", partial(steps.canary, share=share)) for share in run.spec.gate.canary if not run.first]
    if run.spec.slotted or run.spec.flags:
        found += [("switch", steps.switch)]
    if run.slotted:
        found += [("watch", steps.watch), ("after", steps.jobs_after)]
    return [*found, ("pass", steps.passed), ("settle", steps.settle)]


async def apply(spec: ReleaseSpec, report: Report) -> Outcome:
    """Bring the release to all hosts, or leave all as they were.

    Raises RolledBack (4) when it was taken back and the former release serves, CmctlError (1) when nothing was running
    before, Locked (5), Unreachable (7), Interrupted (130); each says what serves now.
    """
    started = time.monotonic()
    hosts = connect(spec.stack, spec.hosts)
    release = spec.release_id()
    same = await survey.unchanged(hosts, await survey.survey(hosts, spec), spec)
    if same:
        return Outcome(release, changed=False, slot=same.live if spec.slotted else "", seconds=time.monotonic() - started)
    async with leases.held(hosts, f"deploy of {release} to {spec.stack}") as lease:
        notes = await recover(hosts, lease)
        run = await _begin(spec, release, hosts, lease, report)
        run.notes += notes
        await carry_out(run, steps_of(run))
    former = next((one.release for one in run.former.values() if one), "")
    return Outcome(
        release, changed=True, slot=run.slot if spec.slotted else "", former=former, evidence=run.evidence, moved_s=run.moved_s,
        seconds=time.monotonic() - started, notes=tuple(run.notes),
    )  # fmt: skip


async def _begin(spec: ReleaseSpec, release: str, hosts: dict[str, Host], lease: Lease, report: Report) -> Run:
    seen = await survey.survey(hosts, spec)
    needed = await survey.needed(hosts, seen, spec)
    first = all(one.state is None for one in seen.values())
    return Run(
        operation="deploy", spec=spec, release=release, hosts=hosts, lease=lease, report=report,
        former={name: one.state for name, one in seen.items()}, before={name: one.flags for name, one in seen.items()},
        live=needed.live, slot=needed.live if first or not needed.slotted else Opposite[needed.live], slotted=needed.slotted, base=needed.base,
    )  # fmt: skip


async def carry_out(run: Run, plan: Sequence[Step]) -> None:
    """Take the steps; whatever goes wrong before `pass` is taken back, whatever goes wrong after it is finished later."""
    passed = False
    try:
        for number, (name, work) in enumerate(plan, 1):
            _die("before", number, name)
            run.begun.add(name)
            passed = passed or name == "pass"
            if name != "settle":
                await _note(run, name, passed=passed)
            begun = time.monotonic()
            run.report(StepEvent(name, number, len(plan), "begin"))
            detail = await work(run)
            run.report(StepEvent(name, number, len(plan), "end", detail, time.monotonic() - begun))
            _die("after", number, name)
    except (Exception, asyncio.CancelledError) as error:
        left = await to_the_end(_finish(run) if passed else _undo(run, error))
        if passed and left is None and isinstance(error, Exception):
            run.notes.append("closing the books took a second try")
            return
        raise told(run, error, passed=passed, left=left) from error


async def _note(run: Run, step: str, *, passed: bool) -> None:
    await each(run.hosts, lambda host: states.note(host, run.lease, entry(run, host.name, step, passed=passed)))


async def _undo(run: Run, error: BaseException) -> Exception | None:
    """Take back what was begun; returns what stopped that, or None."""
    why = error.what.splitlines()[0] if isinstance(error, CmctlError) else str(error) or "interrupted"
    run.report(StepEvent("take back", 0, 0, "note", f"because {why}"))
    try:
        await take_back(run.hosts, run.lease, {name: entry(run, name, "take back", passed=False) for name in run.hosts})
    except Exception as stopped:  # noqa: BLE001 - whatever it is, the person must hear what serves now
        return stopped
    return None


async def _finish(run: Run) -> Exception | None:
    """The gate has said yes: close the books; returns what stopped that, or None."""
    try:
        await finish(run.hosts, run.lease, {name: entry(run, name, "settle", passed=True) for name in run.hosts})
    except Exception as stopped:  # noqa: BLE001 - told together with what serves
        return stopped
    return None


def _die(moment: str, number: int, name: str) -> None:
    """The fault suite kills the controller here: CMCTL_KILL_AT=before:3 or after:switch."""
    at = os.environ.get(KILL_AT, "")
    if at in {f"{moment}:{number}", f"{moment}:{name}"}:
        os.kill(os.getpid(), signal.SIGKILL)
