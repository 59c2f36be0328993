"""A host's control group: where all its processes are found, whoever started them and whatever file got lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tools.lab.launch import hierarchies
from tools.lab.wait import until

GONE_S = 20


def members(group: str) -> set[int]:
    """Every process in a group or below it."""
    return {int(pid) for folder in folders(group) for pid in _read(folder / "cgroup.procs").split()}


def first_process(group: str) -> int | None:
    """The pid, as this machine sees it, of the process that is number 1 inside; None while the host is off."""
    depth = len(_levels("self"))
    for pid in members(group):
        levels = _levels(str(pid))
        if len(levels) == depth + 1 and levels[-1] == "1":
            return pid
    return None


def end(group: str) -> None:
    """Kill all at once, as a power cut does, and remove the group. Raises CmctlError when something outlives it."""
    first = first_process(group)
    if first:
        # The kernel takes the whole pid namespace with its first process.
        _kill([first])
        until(lambda: not Path(f"/proc/{first}").exists(), GONE_S, f"process {first} does not end")
    until(lambda: _emptied(group), GONE_S, f"processes of {group} do not end")


def _emptied(group: str) -> bool:
    _kill(members(group))
    for folder in sorted(folders(group), key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    return not any((root / group).exists() for root in hierarchies())


def folders(group: str) -> list[Path]:
    found = []
    for root in hierarchies():
        if (root / group).is_dir():
            found += [Path(name) for name, _, _ in os.walk(root / group)]
    return found


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _levels(pid: str) -> list[str]:
    """A process's number in every pid namespace it is in, from this machine's inwards."""
    lines = _read(Path("/proc", pid, "status")).splitlines()
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
