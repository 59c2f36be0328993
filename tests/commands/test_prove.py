"""`--prove` says what the traffic around an operation noticed, and refuses where anything of it failed."""

from __future__ import annotations

import pytest

from commands import prove
from errors import GateRefused
from loadtests import run
from loadtests.result import Polls, Steady
from tests.loadtests.figures import measured

GOOD = Polls(answered=6, failed=0, held=False, reasons={})
BAD = Polls(answered=1, failed=3, held=True, reasons={"502": 2, "connection closed": 1})


@pytest.mark.parametrize(
    ("polls", "said"),
    [
        (GOOD, "; 6 long polls, 0 failed"),
        (None, ""),
        (Polls(answered=0, failed=0, held=True, reasons={}), "; 1 long poll, 0 failed, the last still held"),
        (BAD, "; 5 long polls, 3 failed, the last still held"),
    ],
)
def test_one_line(polls: Polls | None, said: str) -> None:
    """Requests, failures and the worst latency stand in one line, with the long polls where the platform has one."""
    seen = Steady(measured=measured(1234, 0, 0, p95_ms=87), polls=polls)
    assert prove.line(seen) == f"--prove: 1,234 requests, 0 failed, worst latency 87 ms, p99 87 ms{said}"


def test_no_figures_are_said() -> None:
    """A generator without figures does not look like one without failures, and the polls are told all the same."""
    assert prove.line(Steady(measured=None, polls=GOOD)) == "--prove: the load generator has no figures; 6 long polls, 0 failed"


def test_nothing_failed_is_no_refusal() -> None:
    """Sound traffic passes, also on a platform without a long poll."""
    for polls in (GOOD, None):
        prove.judge(Steady(measured=measured(100, 0, 0), polls=polls))


@pytest.mark.parametrize(
    ("failed", "polls", "what", "why"),
    [
        (0, BAD, "3 of 5 long polls failed meanwhile", "2 × 502, 1 × connection closed"),
        (2, GOOD, "2 of 1,000 requests failed meanwhile", ""),
        (2, BAD, "2 of 1,000 requests and 3 of 5 long polls failed meanwhile", "2 × 502, 1 × connection closed"),
    ],
)
def test_a_failure_is_a_no(failed: int, polls: Polls, what: str, why: str) -> None:
    """One failed request or long poll refuses the proof (3), with how many and why."""
    with pytest.raises(GateRefused) as caught:
        prove.judge(Steady(measured=measured(1000, failed, failed), polls=polls))
    assert (caught.value.what, caught.value.why, caught.value.exit_code) == (what, why, 3)


def test_nothing_serves_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first release there is nothing to lose, and that is said; unasked, nothing is said and nothing is sent."""
    for wanted, said in ((True, "--prove: nothing serves yet, so no request can be lost\n"), (False, "")):
        with prove.around("codementee", None, "local", wanted=wanted):
            pass
        assert capsys.readouterr().err == said


def test_a_long_poll_that_fails_already_stops_the_operation() -> None:
    """What fails before anything was done is no fault of the operation: it is refused before it starts, with the reason."""
    run._fine(GOOD)
    with pytest.raises(GateRefused, match="before the operation") as caught:
        run._fine(Polls(answered=0, failed=1, held=False, reasons={"404": 1}))
    assert caught.value.why == "404"
