"""The gate of a release on a cluster: what its own pods counted, judged by the phase's limits."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.cluster_standing import why
from stacks.kubernetes.gate import Counts, counted, judged, p95_ms
from tests.stacks.clusters import LOADED

GATE = LOADED.phase(3).gate
PAGE = """# HELP http_requests_total Requests answered
http_requests_total{method="GET",route="/api/users/{user_id}",status="200"} 90.0
http_requests_total{method="GET",route="/api/users/{user_id}",status="503"} 2.0
http_request_duration_seconds_bucket{le="0.1",method="GET",route="/x"} 80.0
http_request_duration_seconds_bucket{le="0.2",method="GET",route="/x"} 91.0
http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/x"} 92.0
http_request_duration_seconds_sum{method="GET",route="/x"} 3.1
python_info{version="3.11"} 1.0
"""


def test_a_metrics_page_is_counted() -> None:
    """Requests by status and by time come out of a page as the application writes it."""
    found = counted(PAGE.replace("+Inf", "inf"))
    assert found.statuses == {"2": 90, "5": 2}
    assert p95_ms(found) == 200


def test_a_route_that_waits_on_purpose_is_not_slow() -> None:
    """The times of a long poll's route are left out, whatever an application measures there; its requests count as all do."""
    poll = """http_requests_total{method="GET",route="/changes",status="200"} 50.0
http_request_duration_seconds_bucket{le="0.2",method="GET",route="/changes"} 0.0
http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/changes"} 50.0
"""
    told = (PAGE + poll).replace("+Inf", "inf")
    assert p95_ms(counted(told, {"/changes"})) == 200
    assert p95_ms(counted(told)) == float("inf")
    assert counted(told, {"/changes"}).total == 142


def test_only_the_window_counts() -> None:
    """What was counted before the window is left out; a counter that started anew counts from nothing."""
    before, after = counted(PAGE), counted(PAGE.replace("90.0", "150.0").replace("} 2.0", "} 1.0"))
    assert after.since(before).statuses == {"2": 60, "5": 1}


@pytest.mark.parametrize(
    ("good", "bad", "fast", "answer"),
    [(100, 0, 100, "pass"), (99, 1, 100, "pass"), (95, 5, 100, "fail"), (100, 0, 10, "fail"), (5, 0, 5, "unknown"), (0, 0, 0, "unknown")],
)
def test_the_gate_judges(good: int, bad: int, fast: int, answer: str) -> None:
    """Too many failures or too slow is a failure; too few requests are unknown, which is neither."""
    found = Counts()
    found.statuses.update({"2": good, "5": bad})
    found.within.update({0.1: fast, 10.0: good + bad})
    assert judged(found, GATE).answer == answer


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (
            [
                {"type": "ScalingActive", "status": "False", "message": "no metrics"},
                {"type": "AbleToScale", "status": "True", "message": "ready"},
            ],
            "no metrics",
        ),
        ([{"type": "ScalingLimited", "status": "True", "message": "the maximum is reached"}], "the maximum is reached"),
        (
            [
                {"type": "ScalingLimited", "status": "False", "message": "within range"},
                {"type": "AbleToScale", "status": "True", "message": "ready"},
            ],
            "ready",
        ),
        ([], "it has not looked yet"),
    ],
)
def test_an_autoscaler_says_why(conditions: list[dict[str, Any]], said: str) -> None:
    """The condition that holds an autoscaler where it stands is the one that is told."""
    assert why({"conditions": conditions}) == said
