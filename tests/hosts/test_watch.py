"""The gate reads users' requests of the new slot from the balancer's log, and answers pass, fail or unknown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.watch import Request, judge, p95_ms, parse
from tests.hosts.machines import GATE


def line(slot: str = "green", status: int = 200, seconds: float = 0.01, client: str = "10.0.0.1", at: float = 100.0) -> str:
    return json.dumps({"msec": at, "status": status, "request_time": seconds, "slot": slot, "client": client})


def test_only_users_requests_of_the_slot_count() -> None:
    """Lines of the other slot, of probes, from before the window, and lines that are no JSON are passed over."""
    found = parse([line(), line("blue"), line(client="127.0.0.1"), line(at=1.0), "[warn] x", "{broken", "{}"], "green", 50.0)
    assert found == [Request(100.0, 200, 0.01)]


@given(st.lists(st.text(max_size=80), max_size=20))
def test_any_log_is_read(lines: list[str]) -> None:
    """No line of a log breaks the gate."""
    parse(lines, "green", 0.0)


@pytest.mark.parametrize(
    ("good", "bad", "seconds", "answer"),
    [
        (100, 0, 0.01, "pass"),
        (100, 2, 0.01, "fail"),
        (100, 1, 0.01, "pass"),
        (100, 0, 0.5, "fail"),
        (5, 0, 0.01, "unknown"),
        (0, 0, 0.0, "unknown"),
        (0, 1, 0.0, "fail"),
    ],
)
def test_verdicts(good: int, bad: int, seconds: float, answer: str) -> None:
    """Too many errors or too slow fails, too few requests is unknown, never a pass."""
    requests = [Request(0, 200, seconds)] * good + [Request(0, 503, 0.001)] * bad
    assert judge(requests, GATE).answer == answer


def test_an_early_no_needs_certainty() -> None:
    """Before the window ends only a certain failure ends it; a pass never comes early."""
    assert judge([Request(0, 500, 0.1)] * 4, GATE, early=True).answer == "unknown"
    assert judge([Request(0, 500, 0.1)] * 5, GATE, early=True).answer == "fail"
    assert judge([Request(0, 200, 0.1)] * 5000, GATE, early=True).answer == "unknown"


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_p95_is_the_nearest_rank(times: list[float]) -> None:
    """At least 95 % of the requests are not slower than the p95, and it is one of them."""
    found = p95_ms([Request(0, 200, seconds) for seconds in times])
    assert found is not None
    assert sum(seconds * 1000 <= found for seconds in times) >= 0.95 * len(times)
    assert any(seconds * 1000 == found for seconds in times)
