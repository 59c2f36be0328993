"""Being on time on a busy machine: for processes that need little CPU, but need it now."""

from __future__ import annotations

import contextlib
import os

# The lowest real-time priority.
PRIORITY = 1


def be_on_time() -> None:
    """Run ahead of others where this user may: containers are groups of their own to the scheduler, so a nice value would not
    help against them (measured on two cores beside a loaded phase 2: requests left 20 ms late at the 99th percentile, with this 1 ms).
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
