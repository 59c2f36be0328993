"""Base and head by turns: false alarms, power, and what ends it."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from loadtests import compare
from loadtests.plan import Probe
from loadtests.result import Machine, Measured, Verdict
from loadtests.schemas import json_schema
from tests.loadtests import figures
from tests.loadtests.json_fit import misfits

AROUND = compare.Around("0123abcd", "2026-11-21T03:00:00+00:00", "base", "head", Machine(text="m", fingerprint="f"))


def verdicts(slower: float, times: int, pairs: int = 8) -> list[Verdict]:
    """Comparisons on a machine with 3 % of noise in every run, and a drift that walks by 2 % from run to run."""
    found = []
    for seed in range(times):
        random = np.random.default_rng(seed)
        speed = 400 * np.exp(np.cumsum(random.normal(0, 0.02, 2 * pairs)) + random.normal(0, 0.03, 2 * pairs))
        first, second = speed[0::2], speed[1::2]
        swap = np.arange(pairs) % 2 == 1
        base, head = np.where(swap, second, first), np.where(swap, first, second) * (1 - slower)
        found.append(compare.judge(list(head / base - 1))[0])
    return found


def test_the_same_code_twice_is_no_regression() -> None:
    """Of 300 comparisons of identical builds at most 1 in 50 calls one slower."""
    assert verdicts(0.0, 300).count(Verdict.FAIL) <= 6


def test_ten_percent_slower_is_found() -> None:
    """A build that is 10 % slower is found in at least 95 % of 300 comparisons, and passes in at most 1 of 50."""
    found = verdicts(0.10, 300)
    assert found.count(Verdict.FAIL) >= 285
    assert found.count(Verdict.PASS) <= 6


def player(rps: float, seed: int, failed: int = 0, played: list[str] | None = None) -> compare.Play:
    random = Random(seed)

    def play(probe: Probe) -> Measured:
        if played is not None:
            played.append(probe.name)
        rate = rps * random.uniform(0.98, 1.02)
        return figures.measured(2000, 10, failed).model_copy(update={"achieved_rps": rate, "probe": probe})

    return play


def test_turns_alternate() -> None:
    """The first of a pair is base, then head, so that a drift hurts both alike."""
    names: list[str] = []
    compare.by_turns(compare.Turns(pairs=2), player(400, 1, played=names), player(400, 2, played=names))
    assert names == ["base 1", "head 1", "head 2", "base 2"]


@pytest.mark.parametrize(
    ("head_rps", "failed", "verdict", "says"),
    [
        (400, 0, Verdict.PASS, "not slower by 10 %"), (340, 0, Verdict.FAIL, "slower than base"), (500, 0, Verdict.PASS, "not slower"),
        (500, 100, Verdict.FAIL, "800 of 16000 requests failed on head, 0 of 16000 on base"),
    ],
)  # fmt: skip
def test_what_a_comparison_says(head_rps: float, failed: int, verdict: Verdict, says: str) -> None:
    """Equal and quicker builds pass, slower ones fail with the change and its interval; errors count before speed."""
    played = compare.by_turns(compare.Turns(), player(400, 1), player(head_rps, 2, failed))
    found = compare.conclude(played, figures.SLO, AROUND)
    assert found.verdict is verdict
    assert says in " ".join(found.reasons)
    assert compare.Compared.model_validate({key: value for key, value in found.document().items() if key != "exit_code"}) == found


def test_a_generator_that_was_the_limit_compares_nothing() -> None:
    """When the generator had no room left, the comparison is INVALID, whatever the figures look like."""
    busy = figures.measured(2000, 0, 0, how=figures.generator(cpu=0.97))
    found = compare.conclude(compare.Played([busy] * 8, [busy] * 8), figures.SLO, AROUND)
    assert found.verdict is Verdict.INVALID


def test_interrupted_says_what_it_is_worth() -> None:
    """Ctrl-C after some pairs gives their change and exit 130; before three pairs there is none."""
    count = iter(range(100))

    def until(play: compare.Play, last: int) -> compare.Play:
        return lambda probe: play(probe) if next(count) < last else None

    played = compare.by_turns(compare.Turns(), until(player(400, 1), 9), until(player(300, 2), 9))
    found = compare.conclude(played, figures.SLO, AROUND)
    assert (found.verdict, found.exit_code, len(found.pairs)) == (Verdict.INCONCLUSIVE, 130, 4)
    assert found.change == pytest.approx(-0.25, abs=0.03)
    assert compare.conclude(compare.Played([], [], interrupted=True), figures.SLO, AROUND).change is None


def test_the_document_fits_its_schema() -> None:
    """What a comparison leaves fits what `loadtest schema --of compare` prints."""
    found = compare.conclude(compare.by_turns(compare.TURNS, player(400, 1), player(400, 2)), figures.SLO, AROUND)
    schema = json_schema("compare")
    assert list(misfits(json.loads(json.dumps({"schema": compare.SCHEMA, **found.document()})), schema, schema)) == []
