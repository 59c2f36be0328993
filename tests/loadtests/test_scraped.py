"""From a Prometheus' answers to shares of resources in use."""

from __future__ import annotations

import math

import pytest

from loadtests import scraped
from loadtests.scraped import QUESTIONS, Row, looked_back_s, shares


def only(resource: str, *rows: Row) -> dict[str, float]:
    """Shares where one question alone has an answer."""
    (expression,) = [one.expression.replace("WINDOW", "34s") for one in QUESTIONS if one.resource == resource]
    return shares(lambda asked: rows if asked == expression else (), 34)


@pytest.mark.parametrize(
    ("resource", "labels", "name"),
    [
        ("CPU of host {}", {"host": "app1", "instance": "10.0.0.2:9100"}, "CPU of host app1"),
        ("CPU of host {}", {"instance": "10.0.0.2:9100"}, "CPU of host 10.0.0.2:9100"),
        ("memory of host {}", {"host": "app1"}, "memory of host app1"),
        ("one core by process {}", {"instance_id": "backend-1", "instance": "10.0.0.2:8001"}, "one core by process backend-1"),
        ("one core by {}", {"store": "redis-cache"}, "one core by redis-cache"),
        ("memory of {}", {"store": "redis-cache"}, "memory of redis-cache"),
        ("clients of {}", {"store": "redis-sessions"}, "clients of redis-sessions"),
        ("write pool of {}", {"instance_id": "backend-1"}, "write pool of backend-1"),
        ("read pool of {}", {"instance": "10.1.0.7:8001"}, "read pool of 10.1.0.7:8001"),
        ("CPU of pod {}", {"pod": "user-7d4"}, "CPU of pod user-7d4"),
        ("CPU of container {}", {"name": "backend-1"}, "CPU of container backend-1"),
    ],
)
def test_resources_are_named_by_their_labels(resource: str, labels: dict[str, str], name: str) -> None:
    """A resource has the name that the platform gives it, else its address."""
    assert only(resource, (labels, 0.9712)) == {name: 0.971}


@pytest.mark.parametrize(("value", "share"), [(1.04, 1.0), (-0.01, 0.0), (0.5, 0.5)])
def test_shares_stay_between_nothing_and_all(value: float, share: float) -> None:
    """A rate is drawn out to the ends of its window, so it may pass 100 % by a little: that is all of it."""
    assert only("CPU of host {}", ({"host": "a"}, value)) == {"CPU of host a": share}


@pytest.mark.parametrize("row", [({"host": "a"}, math.nan), ({"host": "a"}, math.inf), ({}, 0.5), ({"host": ""}, 0.5)])
def test_what_is_no_figure_of_somebody_is_left_out(row: Row) -> None:
    """Not a number, infinite, or without a name: left out, not 0."""
    assert only("CPU of host {}", row) == {}


def test_missing_series_are_left_out() -> None:
    """A Prometheus that scrapes nothing of a kind, or nothing at all, gives no share, and no error."""
    assert shares(lambda _: (), 34) == {}


def test_of_two_with_one_name_the_fuller_counts() -> None:
    """While a release replaces another, both may have a process of one name: what binds is the fuller one."""
    rows = [({"instance_id": "backend-1"}, 0.2), ({"instance_id": "backend-1"}, 0.9), ({"instance_id": "backend-1"}, 0.4)]
    assert only("write pool of {}", *rows) == {"write pool of backend-1": 0.9}


@pytest.mark.parametrize(("seconds", "scrape", "window"), [(25.0, 15.0, 33), (60.0, 15.0, 60), (14.0, 5.0, 14), (2.0, 1.0, 3)])
def test_a_window_holds_two_scrapes(seconds: float, scrape: float, window: int) -> None:
    """A probe's own seconds where they hold two scrapes, else as many as two scrapes take: one sample makes no rate."""
    assert looked_back_s(seconds, scrape) == window
    assert looked_back_s(seconds, scrape) >= 2 * scrape


def test_every_question_has_its_window() -> None:
    """No question looks at samples from before the probe: each series in it is bounded by the window, but for limits that do not change."""
    for question in QUESTIONS:
        assert "WINDOW" in question.expression
        assert "{}" in question.resource
    assert scraped.SCRAPES > 2
