"""What people type, as values. Raises BadInput naming the option and what it takes."""

from __future__ import annotations

import datetime
import re

from errors import BadInput

DURATION = re.compile(r"(?=\d)(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def shares(text: str | None) -> tuple[int, ...] | None:
    """`5,25,50` → (5, 25, 50); `none` → (); nothing given → None."""
    if text is None:
        return None
    if text == "none":
        return ()
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise BadInput(f"--canary {text}: takes shares in per cent, or none", hint="--canary 5,25,50")
    found = tuple(int(part) for part in parts)
    if not all(0 < share < 100 for share in found):
        raise BadInput(f"--canary {text}: a step takes more than nobody and less than all", hint="--canary 5,25,50")
    if list(found) != sorted(set(found)):
        raise BadInput(f"--canary {text}: each step takes more than the one before", hint="--canary 5,25,50")
    return found


def seconds(text: str | None, option: str) -> int | None:
    """`90s`, `30m`, `1h`, `90` → seconds; nothing given → None."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})([smhd]?)", text.strip())
    if not found:
        raise BadInput(f"{option} {text}: takes a time", hint=f"{option} 90s, {option} 30m, {option} 1h")
    return int(found[1]) * SECONDS[found[2]]


def since(text: str) -> str:
    """`10m`, `1h30m`, `2d`, a day or a time → as the container engine takes it; nothing given stays nothing."""
    if not text or DURATION.fullmatch(text):
        return text
    if days := re.fullmatch(r"(\d{1,4})d", text):
        return f"{int(days[1]) * 24}h"
    try:
        return datetime.datetime.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BadInput(f"--since {text}: takes how long ago, or a time", hint="--since 10m, --since 2026-11-21T08:00:00Z") from error
