"""Programs of this machine that must succeed."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from errors import CmctlError, Unreachable
from tools.machine import Answer

LIMIT_S = 30
# Descriptors of the locks that this process holds. Programs inherit them: when cmctl is killed, what it had begun still holds
# the lab until it has ended, so that nobody takes down what is still coming up.
HELD: set[int] = set()


def ask(argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = LIMIT_S) -> Answer:
    """What a program says, however it ends; code 127 when it is not there and 124 when it did not end in time."""
    given = stdin or ""
    try:
        done = subprocess.run(
            argv, input=given, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False, pass_fds=tuple(HELD)
        )
    except FileNotFoundError:
        return Answer(127, err=f"{argv[0]}: no such program")
    except subprocess.TimeoutExpired:
        return Answer(124, err=f"{argv[0]} did not end within {timeout_s:g} s")
    return Answer(done.returncode, done.stdout, done.stderr)


def must(argv: Sequence[str], *, stdin: str | None = None, timeout_s: float = LIMIT_S, what: str = "") -> str:
    """Stdout of a program that must end with 0. Raises Unreachable when it is not installed, CmctlError with its last lines else."""
    answer = ask(argv, stdin=stdin, timeout_s=timeout_s)
    if answer.code == 127:
        raise Unreachable(
            f"{argv[0]} is not installed", why="the lab needs it", hint="sudo .venv/bin/cmctl lab up installs it on Debian and Ubuntu"
        )
    if answer.code:
        tail = "\n".join((answer.err or answer.out).strip().splitlines()[-8:])
        raise CmctlError(what or f"{' '.join(argv[:4])} failed", why=tail or f"exit {answer.code}", hint="cmctl lab status")
    return answer.out
