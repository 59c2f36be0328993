"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from errors import CmctlError

LOOK_EVERY_S = 0.05


def until(holds: Callable[[], bool], limit_s: float, what: str, why: Callable[[], str] = lambda: "") -> float:
    """Seconds until `holds`. Raises CmctlError(`what`, why) after `limit_s`."""
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > limit_s:
            raise CmctlError(f"{what} within {limit_s:g} s", why=why(), hint="cmctl lab status")
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - start
