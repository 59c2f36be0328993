"""The errors a person may see: what failed, why, what to try, what to read; and the exit code that goes with each.

CmctlError            1    failed, nothing half-done (or the text says what is)
├── BadInput          2    wrong command, file, key or value
├── GateRefused       3    a gate said no: changes pending, SLO missed, budget, finding
├── RolledBack        4    the former version serves
├── Locked            5    someone else holds the lock
├── CannotTell        6    unknown price, no data, inconclusive, generator too slow
├── Unreachable       7    a tool or a host cannot be reached
└── Interrupted     130    Ctrl-C or SIGTERM
"""

from __future__ import annotations


class CmctlError(Exception):
    """One failure in four parts. `what` is a sentence; the others may be empty."""

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", hint: str = "", read: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.read = read

    def __str__(self) -> str:
        parts = (self.what, self.why and f"why: {self.why}", self.hint and f"try: {self.hint}", self.read and f"read: {self.read}")
        return "\n".join(part for part in parts if part)

    def as_dict(self) -> dict[str, str | int]:
        """The shape `--json` prints: exit_code, what, why, hint, read."""
        return {"exit_code": self.exit_code, "what": self.what, "why": self.why, "hint": self.hint, "read": self.read}


class BadInput(CmctlError):
    exit_code = 2


class GateRefused(CmctlError):
    exit_code = 3


class RolledBack(CmctlError):
    exit_code = 4


class Locked(CmctlError):
    exit_code = 5


class CannotTell(CmctlError):
    exit_code = 6


class Unreachable(CmctlError):
    exit_code = 7


class Interrupted(CmctlError):
    exit_code = 130
