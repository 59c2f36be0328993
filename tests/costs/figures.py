"""What many tests of costs start from."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

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


Test = TypeVar("Test", bound=Callable[..., None])


def cases(count: int) -> Callable[[Test], Test]:
    """A property: `count` cases in the fast suite, CMCTL_CASES of them in `make properties`."""
    many = int(os.environ.get("CMCTL_CASES", "0"))
    how = settings(max_examples=many or count, deadline=None, suppress_health_check=list(HealthCheck) if many else ())

    def marked(test: Test) -> Test:
        found: Test = pytest.mark.properties(how(test))
        return found

    return marked
