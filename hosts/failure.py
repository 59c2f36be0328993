"""A transaction's failure as a person should read it at night: what failed, and what serves now."""

from __future__ import annotations

import asyncio

from errors import CmctlError, Interrupted, RolledBack
from hosts.run import Run

AGAIN = "the same command, or any other that changes this fleet, clears it up first"


def told(run: Run, error: BaseException, *, passed: bool, left: Exception | None) -> CmctlError:
    """`error` with what serves now. `left`: what stopped the way back, or the closing of the books."""
    if passed:
        return _open(run, left or error)
    if left is not None:
        return _half(run, error, left)
    former = next((one for one in run.former.values() if one), None)
    serving = f"{former.version} ({former.release}) serves as before" if former else "nothing was running before, and nothing runs now"
    if isinstance(error, asyncio.CancelledError):
        return Interrupted(f"interrupted: {run.spec.stack} was taken back", why=serving, hint="the same command starts again")
    known = _known(error)
    kind = RolledBack if former else type(known)
    return kind(
        f"{run.spec.stack}: {known.what}",
        why="\n".join(part for part in (known.why, serving) if part),
        hint=known.hint,
        read=known.read or "runbooks/deploy-failed.md",
    )


def _known(error: BaseException) -> CmctlError:
    if isinstance(error, CmctlError):
        return error
    return CmctlError("interrupted" if isinstance(error, asyncio.CancelledError) else f"{type(error).__name__}: {error}")


def _open(run: Run, error: BaseException) -> CmctlError:
    """The gate had said yes: the traffic is where it should be, only the books are open."""
    if isinstance(error, asyncio.CancelledError):
        return Interrupted(
            f"interrupted, but {run.release} had passed its gate: it serves {run.spec.stack}", hint="cmctl rollback goes back"
        )
    known = _known(error)
    return type(known)(
        f"{run.spec.stack}: {run.release} serves, but closing its books failed: {known.what}", why=known.why, hint=AGAIN, read=known.read
    )


def _half(run: Run, error: BaseException, left: Exception) -> CmctlError:
    known, stopped = _known(error), _known(left)
    return type(stopped)(
        f"{run.spec.stack}: {known.what}",
        why="\n".join(part for part in (known.why, f"taking back stopped: {stopped.what}", stopped.why) if part),
        hint=f"{AGAIN}; until then every load balancer sends all its traffic to one whole version (cmctl status)",
        read="runbooks/deploy-failed.md",
    )
