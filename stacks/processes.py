"""Whether a process of this machine still runs."""

from __future__ import annotations

import psutil


def runs(pid: int, name: str = "") -> bool:
    """False for a pid that is gone, is only a zombie, or (with `name`) belongs to a program called otherwise."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and name in process.name()
    except psutil.Error:
        return False
