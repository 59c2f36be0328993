"""Whole searches on simulated services: what they find, and how they end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from loadtests import hunt, stations
from loadtests.plan import Probe
from loadtests.progress import Narrowed, Probed
from loadtests.result import Measured, Verdict
from loadtests.stations import Station, station
from tests.loadtests import imitation

SHORT = hunt.Profile("short", 130.0, closed_s=2.0, probe_s=14.0, sustain_s=10.0, fewest=4)


def of(kind: str) -> Callable[[int], Station]:
    return lambda seed: station(kind, seed)


def search(service: imitation.Service, *, profile: hunt.Profile = SHORT, overload: bool = True) -> tuple[hunt.Found, list[Narrowed]]:
    heard: list[Narrowed | Probed] = []
    found = hunt.Hunt(service.plan, profile, service.measure, heard.append, service.now, allow_overload=overload).run()
    assert [one.name for one in heard if isinstance(one, Probed)] == [step.measured.probe.name for step in found.steps]
    return found, [one for one in heard if isinstance(one, Narrowed)]


# Erlang-C for M/M/8 at 20 ms: loads at which p95 is 200, 300 and 150 ms.
TRUTH = {200.0: 383.7, 300.0: 389.5, 150.0: 377.3}


@pytest.mark.parametrize("overload", [True, False])
def test_three_limits_of_a_queue_from_one_search(overload: bool) -> None:
    """One search finds the loads of three latency limits within 5 % of Erlang-C, with consent to overload or by ramping."""
    asked = imitation.plan(200.0, 300.0, 150.0)
    found, heard = search(imitation.Service(asked, of("mmc"), seed=40), overload=overload)
    assert found.verdict is Verdict.PASS, found.reasons
    assert found.search is not None
    for limit in hunt.found_limits(asked, found.search)[:3]:
        assert limit.rate == pytest.approx(TRUTH[limit.limit], rel=0.05)
        assert limit.low * 0.98 <= TRUTH[limit.limit] <= limit.high * 1.02
    assert heard[-1].left_s < heard[0].left_s
    assert any(step.kind == "saturation" for step in found.steps) is overload


@pytest.mark.parametrize(("servers", "work_s", "limit_ms"), [(8, 0.02, 90.0), (16, 0.04, 200.0)])
def test_a_ramp_finds_what_it_did_not_look_for(servers: int, work_s: float, limit_ms: float) -> None:
    """By ramping alone, a limit far below saturation, or one where some requests are late at any load, is found within 6 %, inside its interval."""
    truth = stations.queue_limit(servers, work_s, limit_ms / 1000, 0.05)
    for seed in (1, 16, 18):
        asked = imitation.plan(limit_ms, 1.5 * limit_ms)
        service = imitation.Service(asked, lambda number: station("mmc", number, servers, work_s), seed=1000 * seed)
        found, _ = search(service, profile=hunt.DEFAULT, overload=False)
        assert found.search is not None
        own = hunt.nearest(hunt.found_limits(asked, found.search), limit_ms)
        assert own.rate == pytest.approx(truth, rel=0.06)
        assert own.low <= truth <= own.high


def test_the_budget_is_kept() -> None:
    """A search ends within its time, the sustained load included."""
    service = imitation.Service(imitation.plan(), of("mmc"), seed=7)
    found, _ = search(service, profile=hunt.QUICK)
    assert service.clock <= hunt.QUICK.budget_s * 1.05
    assert found.steps[-1].kind == "sustain"


def test_a_cliff_is_found_by_its_errors() -> None:
    """A service that refuses above a number of requests inside has its limit where errors reach the SLO, however quick it stays."""
    asked = imitation.plan(200.0)
    found, _ = search(imitation.Service(asked, of("cliff"), seed=3))
    assert found.search is not None
    own = hunt.nearest(hunt.found_limits(asked, found.search), 200.0)
    assert own.slo == "errors"
    assert own.rate == pytest.approx(345, rel=0.05)


def test_a_service_that_stalls_holds_no_load() -> None:
    """A service that stands still for 0.6 s every 5 s misses p95 < 200 ms at every load: FAIL, not a small number."""
    found, _ = search(imitation.Service(imitation.plan(), of("stall"), seed=1))
    assert found.verdict is Verdict.FAIL
    assert "every load" in found.reasons[0]


def test_an_slo_that_one_user_misses() -> None:
    """A service too slow for one user is told at once, without any load."""
    slow = imitation.Service(imitation.plan(), lambda _: stations.Queue(4, lambda: 0.25))
    found, _ = search(slow)
    assert found.verdict is Verdict.FAIL
    assert "already missed with one user" in found.reasons[0]
    assert len(slow.played) == 1


def test_a_late_generator_ends_in_invalid() -> None:
    """When the generator is late three times in a row the hunt ends: INVALID, and nothing was learnt from those probes."""
    found, heard = search(imitation.Service(imitation.plan(), of("mmc"), lag_s=0.05))
    assert found.verdict is Verdict.INVALID
    assert "late" in found.reasons[0]
    assert heard == []
    assert not any(step.told for step in found.steps)


def test_a_rate_limit_is_no_capacity() -> None:
    """Answers of 429 end the hunt with the limit's name, whatever the rest says."""
    service = imitation.Service(imitation.plan(), of("mmc"))

    def limited(probe: Probe) -> Measured:
        measured = service.measure(probe)
        return measured if probe.users == 1 else measured.model_copy(update={"limited": measured.requests // 10})

    found = hunt.Hunt(service.plan, SHORT, limited, lambda _: None, service.now, allow_overload=True).run()
    assert found.verdict is Verdict.INVALID
    assert "rate limit" in found.reasons[0]


@pytest.mark.parametrize("after", [0, 3, 6])
def test_an_interrupted_hunt_keeps_what_it_knows(after: int) -> None:
    """Ctrl-C at any probe ends the hunt with the probes so far."""
    service = imitation.Service(imitation.plan(), of("mmc"))

    def until(probe: Probe) -> Measured | None:
        return service.measure(probe) if len(service.played) < after else None

    found = hunt.Hunt(service.plan, SHORT, until, lambda _: None, service.now, allow_overload=True).run()
    assert found.interrupted
    assert len(found.steps) == after
    assert (found.search is not None) == (after > 4)


def test_a_ramp_without_end_is_inconclusive() -> None:
    """A service that is never full within the time gives no limit, and the text says how far it went."""
    service = imitation.Service(imitation.plan(), lambda _: stations.Queue(1000, lambda: 0.001))
    small = hunt.Profile("small", 40.0, ramp_s=2.0, sustain_s=5.0)
    found, _ = search(service, profile=small, overload=False)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no limit was met up to" in found.reasons[0]
