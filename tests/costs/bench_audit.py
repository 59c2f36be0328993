"""`python -m tests.costs.bench_audit [cases]`: texts of every kind through the audit, 100,000 by default; prints how many and how fast."""

from __future__ import annotations

import sys
import time

from hypothesis import HealthCheck, given, settings

from costs.audit.run import Source, audit
from tests.costs.test_audit import ANY, LIST


def main(cases: int) -> None:
    seen = 0

    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(ANY)
    def ask(text: str) -> None:
        nonlocal seen
        audit([Source("any.md", text)], LIST)
        seen += 1

    start = time.monotonic()
    ask()
    took = time.monotonic() - start
    print(f"{seen:,} texts, none broke the audit, {took:.0f} s, {seen / took:,.0f} a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
