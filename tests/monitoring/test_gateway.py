"""Every answer of a Prometheus, and of what stands in its place, is one of five; none is mistaken for a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from monitoring.gateway import Answer, BadQuery, Gateway, NoData, Stale, Unreachable, Value, shown
from tests.monitoring.server import AT, Server, aged, refused, serving, vector


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def prometheus(shared: Server) -> Server:
    shared.answers.clear()
    shared.asked.clear()
    shared.headers.clear()
    return shared


def ask(server: Server, expression: str, **how: Any) -> Answer:
    with Gateway(server.url, timeout_s=how.pop("timeout_s", 2.0)) as gateway:
        return gateway.ask(expression, **how)


def test_values_come_with_their_labels(prometheus: Server) -> None:
    """Each series is a sample with labels, value and moment; several of them are no single number."""
    prometheus.answers["up"] = (200, vector(({"job": "a"}, "1"), ({"job": "b"}, "0"), warnings=("one store is away",)))
    found = ask(prometheus, "up")
    assert isinstance(found, Value)
    assert [(one.labels["job"], one.value, one.at.timestamp()) for one in found.samples] == [("a", 1.0, AT), ("b", 0.0, AT)]
    assert (found.number, found.warnings) == (None, ("one store is away",))


def test_zero_is_a_value(prometheus: Server) -> None:
    """0 is an answer, no series is none, and NaN and infinity are no numbers."""
    prometheus.answers |= {"zero": (200, vector(({}, "0"))), "nan": (200, vector(({}, "NaN"))), "inf": (200, vector(({}, "+Inf")))}
    zero = ask(prometheus, "zero")
    assert isinstance(zero, Value)
    assert zero.number == 0
    assert ask(prometheus, "none") == NoData("none matches nothing")
    assert ask(prometheus, "nan") == NoData("nan gives no number")
    assert isinstance(ask(prometheus, "inf"), NoData)


def test_a_lost_part_is_said(prometheus: Server) -> None:
    """Series without a number beside others with one are left out and counted."""
    prometheus.answers["p95"] = (200, vector(({"job": "a"}, "NaN"), ({"job": "b"}, "0.2")))
    found = ask(prometheus, "p95")
    assert isinstance(found, Value)
    assert (found.number, found.warnings) == (0.2, ("1 of 2 series give no number",))


def test_a_scalar(prometheus: Server) -> None:
    """A scalar is a sample without labels."""
    prometheus.answers["1"] = (200, {"status": "success", "data": {"resultType": "scalar", "result": [AT, "1"]}})
    found = ask(prometheus, "1")
    assert isinstance(found, Value)
    assert found.number == 1


@pytest.mark.parametrize("kind", ["matrix", "string"])
def test_other_kinds_are_wrong_questions(prometheus: Server, kind: str) -> None:
    """Ranges and texts are no values of one moment."""
    prometheus.answers["x"] = (200, {"status": "success", "data": {"resultType": kind, "result": []}})
    assert ask(prometheus, "x") == BadQuery(f"x gives a {kind}, not values of one moment")


@pytest.mark.parametrize(("status", "kind"), [(400, "bad_data"), (422, "execution")])
def test_a_wrong_expression(prometheus: Server, status: int, kind: str) -> None:
    """What Prometheus says of a wrong expression is handed on in its words."""
    prometheus.answers["foo("] = (status, refused(kind, "1:5: parse error: unclosed left parenthesis"))
    assert ask(prometheus, "foo(") == BadQuery("1:5: parse error: unclosed left parenthesis")


STRANGE: list[tuple[int, Any]] = [
    (503, refused("timeout", "query timed out in expression evaluation")),
    (500, refused("internal", "broken")),
    (401, b"Unauthorized"),
    (404, b"not found"),
    (200, b"<html>a login page</html>"),
    (200, b""),
    (200, b"[]"),
    (200, {"status": "success"}),
    (200, {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}),
    (200, {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [AT, "much"]}]}}),
    (200, {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1e300, "1"]}]}}),
    (200, {"status": "success", "data": {"resultType": "vector", "result": 5}}),
    (200, {"status": "success", "data": {"resultType": "vector", "result": None}}),
    (200, {"status": "success", "data": []}),
]


@pytest.mark.parametrize(("status", "body"), STRANGE)
def test_a_stranger_is_no_prometheus(prometheus: Server, status: int, body: Any) -> None:
    """Whatever else answers in Prometheus' place, no text of it becomes a number or a traceback."""
    prometheus.answers["up"] = (status, body)
    found = ask(prometheus, "up")
    assert isinstance(found, Unreachable)
    assert prometheus.url in found.why


def test_nobody_is_there() -> None:
    """A closed port is told at once, not after three tries."""
    with serving() as server:
        url = server.url
    assert Gateway(url).ask("up") == Unreachable(f"{url}: nothing answers there")


def test_silence_has_a_limit(prometheus: Server) -> None:
    """A server that takes the question and says nothing is asked once, for as long as the limit says."""
    prometheus.answers["up"] = (200, None)
    assert ask(prometheus, "up", timeout_s=0.1) == Unreachable(f"{prometheus.url}: no answer in time")
    assert len(prometheus.asked) == 1
    assert prometheus.asked[0][1]["timeout"] == ["0.1s"]


def test_the_surroundings_stay_out(prometheus: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not used, and a password in the address goes to Prometheus and into no message."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = prometheus.url.replace("http://", "http://reader:geheim@") + "/prometheus/"
    prometheus.answers["up"] = (500, b"broken")
    found = Gateway(url).ask("up")
    assert isinstance(found, Unreachable)
    assert "geheim" not in found.why
    assert prometheus.headers[0]["Authorization"].startswith("Basic ")
    assert prometheus.asked[0][0] == "/prometheus/api/v1/query"
    assert shown(url) == prometheus.url + "/prometheus/"


def test_an_old_value_is_stale(prometheus: Server) -> None:
    """A rate that outlives its samples is Stale with their age; with fresh ones it is a value; without any its age is unknown."""
    prometheus.answers["rate(x[5m])"] = (200, vector(({}, "3")))
    aged(prometheus, "x", vector(({}, "10")))
    fresh = ask(prometheus, "rate(x[5m])", fresh="x")
    assert isinstance(fresh, Value)
    assert fresh.number == 3
    aged(prometheus, "x", vector(({}, "240")))
    found = ask(prometheus, "rate(x[5m])", fresh="x")
    assert isinstance(found, Stale)
    assert (found.age_s, found.value.number) == (240, 3)
    assert found.why == "the newest sample of x is 240 s old, 60 s are allowed"
    aged(prometheus, "x", vector())
    assert isinstance(gone := ask(prometheus, "rate(x[5m])", fresh="x"), Stale)
    assert gone.age_s is None


def test_an_age_that_cannot_be_told_is_no_fresh_value(prometheus: Server) -> None:
    """When the question about the age fails, the answer is its failure, never the value."""
    prometheus.answers["rate(x[5m])"] = (200, vector(({}, "3")))
    aged(prometheus, "x", refused("timeout", "too long"), 503)
    assert isinstance(ask(prometheus, "rate(x[5m])", fresh="x"), Unreachable)
    aged(prometheus, "x", refused("bad_data", "no selector"), 400)
    assert ask(prometheus, "rate(x[5m])", fresh="x") == BadQuery("no selector")


def test_nothing_is_not_asked_for_its_age(prometheus: Server) -> None:
    """Where there is no value there is one question only."""
    assert isinstance(ask(prometheus, "none", fresh="x"), NoData)
    assert len(prometheus.asked) == 1
