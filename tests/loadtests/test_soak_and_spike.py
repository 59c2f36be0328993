"""Long holds and bursts: what they call slower, leaking, or not recovered."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from loadtests import soak, spike
from loadtests.plan import Probe
from loadtests.result import Machine, Measured, Verdict
from loadtests.schemas import json_schema
from tests.loadtests import figures
from tests.loadtests.json_fit import misfits

SOAK = soak.Around("0123abcd", "2026-11-21T03:00:00+00:00", "https://localhost", "1.0.0", Machine(text="m", fingerprint="f"), 100.0)
SPIKE = spike.Around("0123abcd", "2026-11-21T03:00:00+00:00", "https://localhost", "1.0.0", Machine(text="m", fingerprint="f"))
LENGTH = soak.Length(seconds=1200)


def player(
    p95_ms: Callable[[int], float], failed: int = 0, stop_at: int = 99, stopped: str = "errors"
) -> Callable[[Probe], Measured | None]:
    count = iter(range(1000))

    def play(probe: Probe) -> Measured | None:
        number = next(count)
        found = figures.measured(3000, 10, failed, p95_ms=p95_ms(number), stopped=stopped if number >= stop_at else "")
        return found.model_copy(update={"probe": probe, "seconds": 60.0})

    return play


def soaked(play: Callable[[Probe], Measured | None], memory: Callable[[int], float] = lambda _: 0.4) -> soak.Soaked:
    played = soak.windows(LENGTH, 100.0, play, figures.SLO)
    uses = {
        one.probe.name: {"memory of backend-1": memory(number), "CPU of backend-1": 0.1 * number}
        for number, one in enumerate(played.windows)
    }
    return soak.conclude(played, figures.SLO, SOAK, uses)


def wobble(number: int) -> float:
    return 1 + 0.02 * ((number * 7) % 5 - 2)


def test_a_steady_service_passes() -> None:
    """Twenty minutes that wobble by a few percent are a PASS, without a trend; only the first window warms up."""
    found = soaked(player(lambda number: 80 * wobble(number)), lambda number: 0.4 * wobble(number))
    assert (found.verdict, found.trends, len(found.p95_ms)) == (Verdict.PASS, (), 20)
    assert (found.requests, found.seconds) == (60_000, 1200.0)


def test_a_leak_is_found_before_it_is_full() -> None:
    """Memory that grows by 1 % of its limit a minute fails the soak and says when it is full; growing CPU is no leak."""
    found = soaked(player(lambda _: 80), lambda number: 0.3 + 0.01 * number + 0.002 * (number % 3))
    assert found.verdict is Verdict.FAIL
    assert "memory of backend-1 grew from 30% to 49% of its limit, full in 1 h" in found.reasons[0]


def test_a_hosts_memory_is_everybodys() -> None:
    """Memory of a host that fills up is not told as the platform's leak: whatever runs there may have taken it."""
    played = soak.windows(LENGTH, 100.0, player(lambda _: 80), figures.SLO)
    uses = {one.probe.name: {"memory of host app1": 0.3 + 0.02 * number} for number, one in enumerate(played.windows)}
    assert soak.conclude(played, figures.SLO, SOAK, uses).trends == ()


def test_memory_that_fills_a_cache_is_no_leak() -> None:
    """Growth by less than 2 % of the limit, or one that would take weeks, does not matter."""
    assert soaked(player(lambda _: 80), lambda number: 0.3 + 0.0005 * number).verdict is Verdict.PASS


def test_getting_slower_is_found_within_the_slo() -> None:
    """p95 that grows from 80 to 120 ms fails, though each minute meets 200 ms."""
    found = soaked(player(lambda number: (80 + 2 * number) * wobble(number)))
    assert found.verdict is Verdict.FAIL
    assert "p95 grew from" in found.reasons[0]


def test_an_outage_ends_the_soak() -> None:
    """When most requests fail the soak ends at that window with FAIL."""
    found = soaked(player(lambda _: 80, failed=2000, stop_at=3))
    assert (found.verdict, len(found.p95_ms)) == (Verdict.FAIL, 4)


@pytest.mark.parametrize(("windows", "says"), [(0, "before any load"), (3, "interrupted after 180 s")])
def test_an_interrupted_soak_says_what_it_is_worth(windows: int, says: str) -> None:
    """Ctrl-C is exit 130 with the windows so far."""
    play, count = player(lambda _: 80), iter(range(100))
    played = soak.windows(LENGTH, 100.0, lambda probe: play(probe) if next(count) < windows else None, figures.SLO)
    found = soak.conclude(played, figures.SLO, SOAK, {})
    assert (found.exit_code, len(found.p95_ms)) == (130, windows)
    assert says in " ".join(found.reasons)


def spiked(burst: dict[str, object] | None = None, before: int = 10, after: int = 10, parts: int = 3) -> spike.Spiked:
    shape, count = spike.Shape(100.0, 300.0), iter(range(9))

    def play(probe: Probe) -> Measured | None:
        if next(count) >= parts:
            return None
        late = {"before": before, "after": after}.get(probe.name, 1500)
        found = figures.measured(4000, late, 0, p95_ms=300 if late > 200 else 80).model_copy(update={"probe": probe})
        return found.model_copy(update=burst or {"recovery_s": 2.5}) if probe.name == "burst" else found

    return spike.conclude(spike.play(shape, play), shape, figures.SLO, SPIKE)


def test_a_burst_that_is_survived() -> None:
    """A late burst is no failure when the service is itself again afterwards; recovery is told in seconds."""
    found = spiked()
    assert (found.verdict, found.recovery_s) == (Verdict.PASS, 2.5)
    assert (
        "in the burst of 300 requests/s: p95 300 ms, 0 of 4000 requests failed; one user was served as before after 2.5 s"
        in found.reasons[0]
    )


@pytest.mark.parametrize(
    ("change", "verdict", "says"),
    [
        ({"burst": {"recovery_s": 60.0}}, Verdict.FAIL, "60 s after it one user was not served as before"),
        ({"after": 1500}, Verdict.FAIL, "after the burst: p95 is 300 ms"), ({"before": 1500}, Verdict.FAIL, "not served before the burst"),
        ({"parts": 2}, Verdict.INCONCLUSIVE, "interrupted after 2 of 3 parts"),
    ],
)  # fmt: skip
def test_a_burst_that_is_not(change: dict[str, int], verdict: Verdict, says: str) -> None:
    """A service that does not come back, misses its SLO afterwards, or missed it before: FAIL with the part that says so."""
    found = spiked(**change)  # type: ignore[arg-type]
    assert found.verdict is verdict
    assert says in " ".join(found.reasons)


def test_a_service_that_fails_before_gets_no_burst() -> None:
    """A service whose usual load is an outage is left alone."""
    played = spike.play(spike.Shape(100.0, 300.0), player(lambda _: 900, stop_at=0))
    assert [one.probe.name for one in played.steps] == ["before"]


def test_the_documents_fit_their_schemas() -> None:
    """What a soak and a spike leave fits what `loadtest schema --of` prints for them."""
    calm, burst = (
        soaked(player(lambda _: 80)),
        spike.conclude(spike.play(spike.Shape(50, 150), player(lambda _: 80)), spike.Shape(50, 150), figures.SLO, SPIKE),
    )
    for kind, found in (("soak", calm), ("spike", burst)):
        schema = json_schema(kind)
        document = json.loads(json.dumps({"schema": schema["$id"], **found.document()}))
        assert list(misfits(document, schema, schema)) == []
