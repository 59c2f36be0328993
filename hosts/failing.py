"""A release that fails: it is taken back, and the error says what serves now."""

from __future__ import annotations

import asyncio

from errors import CmctlError, Interrupted, RolledBack, Unreachable
from hosts import checks
from hosts.events import StepEvent
from hosts.fleet import each, unbroken
from hosts.lease import Overtaken
from hosts.recovery import take_back
from hosts.run import Run, entry, note

READ = "runbooks/deploy-failed.md"
# Steps that change what runs; a failure before them has changed nothing.
CHANGING = {"base", "start", "switch"}


async def failed(run: Run, error: BaseException) -> CmctlError:
    """Take the release back and answer with the error to raise. Raises Overtaken when another command has taken over."""
    if "settle" in run.begun:
        return _unwritten(run, error)
    try:
        await unbroken(_undo(run, error))
    except Overtaken:
        raise
    except CmctlError as second:
        return _stuck(run, error, second)
    return _told(run, error)


async def _undo(run: Run, error: BaseException) -> None:
    run.report(StepEvent("take back", 0, 0, "note", f"because {_what(error).splitlines()[0]}"))
    yes, run.passed = run.passed, False
    try:
        await each(run.hosts, lambda host: checks.make_room(host, run.lease))
        await note(run, "take back")
    except CmctlError:
        # A journal that may say "passed" is not contradicted: the next command finishes what it says.
        if yes:
            raise
    await take_back(run.hosts, run.lease, run.spec.stack, {name: entry(run, name, "take back") for name in run.hosts})


def _what(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "interrupted"
    return error.what if isinstance(error, CmctlError) else f"{type(error).__name__}: {error}"


def _why(*errors: BaseException) -> list[str]:
    return [error.why for error in errors if isinstance(error, CmctlError) and error.why]


def _told(run: Run, error: BaseException) -> CmctlError:
    """The failure as a person should read it: what serves now."""
    changed = run.begun & CHANGING
    before = f"{run.former.version} ({run.former.release}) serves as before" if run.former else "nothing was running before"
    serving = before if run.former else f"{before}, and nothing was {'left' if changed else 'changed'}"
    if isinstance(error, asyncio.CancelledError):
        return Interrupted(f"interrupted: {run.spec.stack} was taken back", why=serving, hint="the same command starts again")
    own = type(error) if isinstance(error, CmctlError) else CmctlError
    kind = RolledBack if run.former and changed else own
    hint, read = (error.hint, error.read) if isinstance(error, CmctlError) else ("", "")
    return kind(f"{run.spec.stack}: {_what(error)}", why="\n".join((*_why(error), serving)), hint=hint, read=read or READ)


def _stuck(run: Run, error: BaseException, second: CmctlError) -> CmctlError:
    """It could not be taken back either: the journal waits for the next command."""
    kind = Unreachable if isinstance(second, Unreachable) else CmctlError
    return kind(
        f"{run.spec.stack}: {_what(error)}; and it could not be taken back now: {second.what}",
        why="\n".join((*_why(error, second), "the next command takes it back before it does anything else")),
        hint=second.hint or "mend what is named above, then run the same command again", read=READ,
    )  # fmt: skip


def _unwritten(run: Run, error: BaseException) -> CmctlError:
    """The gate has said yes and the traffic is there; only the books are not closed."""
    kind = Unreachable if isinstance(error, Unreachable) else CmctlError
    return kind(
        f"{run.spec.stack}: {run.release} serves, but could not be written down: {_what(error)}",
        why="\n".join((*_why(error), "the next command finishes it before it does anything else")), hint="cmctl status", read=READ,
    )  # fmt: skip
