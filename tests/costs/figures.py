"""What many tests of costs start from."""

from __future__ import annotations

import datetime as dt
from typing import Any

from costs import books
from costs.capacity import Capacity
from phases.load import load

LOADED = load("codementee")
SEED = books.load("seed")
WITH_ATLAS = SEED.replaced(books.load("list-2026-11"), vendor="mongodb-atlas")
TODAY = dt.date(2026, 11, 21)


def measured(**users: int) -> Capacity:
    """A capacity record of phase 2."""
    given: dict[str, Any] = {
        "schema": "cmctl/capacity/1", "platform": "codementee", "environment": "local", "phase": 2, "run": "run-7",
        "when": "2026-11-21T03:00:00Z", "machine": "2 cores", "users": users, "rps": 203.5, "limit": "p95 over 200 ms",
    }  # fmt: skip
    return Capacity.model_validate(given)
