"""The gate reads users' requests of the new slot from the balancer's log, and answers pass, fail or unknown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.verdict import Request, broken_route, judge, p95_ms, parse, route
from tests.hosts.machines import GATE


def line(slot: str = "green", status: int = 200, seconds: float = 0.01, client: str = "10.0.0.1", at: float = 100.0) -> str:
    row = {"msec": at, "status": status, "request_time": seconds, "slot": slot, "client": client}
    return json.dumps(row | {"method": "GET", "path": "/api/companies/65f0"})


def test_only_users_requests_of_the_slot_count() -> None:
    """Each slot has its own; lines of probes, from before the window, and lines that are no JSON are passed over."""
    found = parse([line(), line("blue"), line(client="127.0.0.1"), line(at=1.0), "[warn] x", "{broken", "{}"], 50.0)
    assert found == {slot: [Request(100.0, 200, 0.01, "GET /api/companies/:id")] for slot in ("green", "blue")}


@given(st.lists(st.text(max_size=80), max_size=20))
def test_any_log_is_read(lines: list[str]) -> None:
    """No line of a log breaks the gate."""
    parse(lines, 0.0)


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
    assert judge(requests, [], GATE).answer == answer


def test_an_early_no_needs_certainty() -> None:
    """Before the window ends only a certain failure ends it; a pass never comes early."""
    assert judge([Request(0, 500, 0.1)] * 4, [], GATE, early=True).answer == "unknown"
    assert judge([Request(0, 500, 0.1)] * 5, [], GATE, early=True).answer == "fail"
    assert judge([Request(0, 200, 0.1)] * 5000, [], GATE, early=True).answer == "unknown"


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300))
def test_p95_is_the_nearest_rank(times: list[float]) -> None:
    """At least 95 % of the requests are not slower than the p95, and it is one of them."""
    found = p95_ms([Request(0, 200, seconds) for seconds in times])
    assert found is not None
    assert sum(seconds * 1000 <= found for seconds in times) >= 0.95 * len(times)
    assert any(seconds * 1000 == found for seconds in times)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "GET /"),
        ("/api/mocks/65f0c1/book", "GET /api/mocks/:id/book"),
        ("/u/Zed@example.com", "GET /u/:id"),
        ("/a/b/c/d/e", "GET /a/b/c/d"),
        (None, "GET /"),
    ],
)
def test_a_route_names_no_person(path: str | None, expected: str) -> None:
    """Whatever names one thing is left out, so that requests of one route are counted together."""
    assert route("GET", path) == expected


def test_one_broken_route_among_many_good_ones_fails() -> None:
    """A route that fails in the new version alone is a failure, however few its requests are among all; the sentence names it."""
    good = [Request(0, 200, 0.01, "GET /api/companies")] * 2000
    broken = [Request(0, 500, 0.01, "POST /api/pay")] * 3
    verdict = judge(good + broken, good + [Request(0, 200, 0.01, "POST /api/pay")] * 60, GATE)
    assert verdict.answer == "fail"
    assert "POST /api/pay failed 3 of 3 times, 0 of 60 in the former version" in verdict.evidence


def test_a_route_that_fails_in_both_versions_is_not_the_new_ones_fault() -> None:
    """The release did not break what was broken before."""
    broken = [Request(0, 502, 0.01, "POST /api/pay")]
    assert broken_route(broken * 3, broken * 3, 2) == ""


def test_what_the_balancer_answers_by_itself_says_nothing_of_a_version() -> None:
    """Requests that met a limit never reached a slot: they count neither as quick nor as failed."""
    limited = json.dumps(json.loads(line(status=429, seconds=0.0)) | {"upstream_status": ""})
    assert parse([limited], 0.0) == {}


def test_a_former_version_that_fails_fast_is_not_quick() -> None:
    """Latency is compared with requests that the former version served."""
    former = [Request(0, 502, 0.0)] * 100
    assert judge([Request(0, 200, 0.15)] * 30, former, GATE).answer == "pass"


def test_a_version_that_is_only_slow_fails_beside_the_former() -> None:
    """Twice as slow as the former version in the same seconds is a no, also below the limit; a little slower, or a cold start, is none."""
    former = [Request(0, 200, 0.02)] * 100
    assert judge([Request(0, 200, 0.15)] * 30, former, GATE).answer == "fail"
    assert judge([Request(0, 200, 0.05)] * 30, former, GATE).answer == "pass"
    assert judge([Request(0, 200, 0.15)] * 30, former[:5], GATE).answer == "pass"
    assert judge([Request(0, 200, 0.15)] * 3 + [Request(0, 200, 0.02)] * 27, former, GATE).answer == "pass"


def polled(slot: str = "green", status: int = 200, query: str = "/api/time-slots/changes") -> str:
    return json.dumps(json.loads(line(slot, status, seconds=20.0)) | {"path": query})


WAITS = ("/api/time-slots/changes",)


@pytest.mark.parametrize("former", [0, 100])
def test_a_long_poll_is_not_slow(former: int) -> None:
    """Requests that wait on purpose for 20 s never make a sound release slow, be they a quarter of all; without the fact they would."""
    lines = [line()] * 60 + [polled()] * 20 + [line("blue")] * former
    for waits, answer in ((WAITS, "pass"), ((), "fail")):
        found = parse(lines, 0.0, waits)
        assert judge(found["green"], found.get("blue", []), GATE).answer == answer
    assert "80 requests, 0 failed, p95 10 ms" in judge(parse(lines, 0.0, WAITS)["green"], [], GATE).evidence


def test_a_long_poll_that_fails_counts() -> None:
    """A release that breaks the long poll is refused as one that breaks any other route; another path of its kind is an ordinary one."""
    lines = [line()] * 500 + [polled(status=502)] * 3 + [polled("blue")] * 10
    found = parse(lines, 0.0, WAITS)
    assert "GET /api/time-slots/changes failed 3 of 3" in judge(found["green"], found["blue"], GATE).evidence
    assert not any(one.waits for one in parse([polled(query="/api/time-slots/changes/x"), polled(query="")], 0.0, WAITS)["green"])


def test_nothing_but_long_polls_says_nothing_of_speed() -> None:
    """Where all that came waits on purpose, there is no p95 and no comparison, in either version."""
    only = parse([polled()] * 30 + [polled("blue")] * 30, 0.0, WAITS)
    verdict = judge(only["green"], only["blue"], GATE)
    assert (verdict.answer, verdict.p95_ms) == ("pass", None)
    assert judge([Request(0, 200, 0.01)] * 30, only["blue"], GATE).answer == "pass"


def test_a_slow_machine_is_not_the_new_versions_fault() -> None:
    """Above the limit is a no only where the former version is not above it too; after the switch, with no former, it always is."""
    slow = [Request(0, 200, 0.5)] * 30
    assert judge(slow, [Request(0, 200, 0.4)] * 30, GATE).answer == "pass"
    assert judge(slow, [Request(0, 200, 0.02)] * 30, GATE).answer == "fail"
    assert judge(slow, [], GATE).answer == "fail"
