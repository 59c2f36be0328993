"""The mix of users that a rate of requests stands for."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.audience import Audience, size_for
from loadtests.visits import Visit
from phases.load import load
from phases.model import Journey

JOURNEYS = load("codementee").platform.journeys


def audience(size: int = 50, seed: int = 1, **more: object) -> Audience:
    return Audience(JOURNEYS, size, Random(seed), "0123abcd", variables={"admin_email": "a", "admin_password": "b"}, **more)  # type: ignore[arg-type]


def play(here: Audience, requests: int) -> Counter[str]:
    """Every request is answered at once."""
    seen: Counter[str] = Counter()
    for _ in range(requests):
        visit = here.next()
        step = visit.step
        assert step is not None
        seen[step.name] += 1
        visit.values["pending_id"] = "x"
        visit.at += 1
        here.back(visit, content=True)
    return seen


def test_the_mix_of_steps_is_that_of_the_journeys() -> None:
    """After a short start each step is asked for as often as its journeys' weights say, within 5 %."""
    here = audience()
    play(here, 2_000)
    seen = play(here, 60_000)
    shares = Counter(dict.fromkeys(seen, 0.0))
    for journey in JOURNEYS.values():
        for name in journey.steps:
            shares[name] += journey.weight
    for name, share in shares.items():
        assert seen[name] / 60_000 == pytest.approx(share / sum(shares.values()), rel=0.12 if share < 5 else 0.05), name


def test_the_mix_is_right_after_seconds() -> None:
    """At 100 requests/s the last steps of the longest journey are reached within the warm-up of 5 s."""
    here = audience(size=size_for(100))
    play(here, 500)
    assert play(here, 500)["verify_payment"] > 5


def test_nobody_waits() -> None:
    """With every user waiting for an answer, the next request is a new user's: arrivals never wait for answers."""
    here = audience(size=4)
    visits = [here.next() for _ in range(100)]
    assert len({id(visit) for visit in visits}) == 100
    assert here.on_the_way == 100


def test_a_user_makes_one_request_at_a_time() -> None:
    """A user whose answer is still out is never chosen."""
    here = audience(size=20)
    out: list[Visit] = []
    for number in range(2_000):
        visit = here.next()
        assert all(visit is not other for other in out)
        out.append(visit)
        if number % 3:
            back = out.pop(0)
            back.at += 1
            here.back(back, content=True)


def test_a_disappointed_user_leaves() -> None:
    """After a wrong answer the journey is over."""
    here = audience()
    visit = here.arrive("browse")
    here.back(visit, content=False)
    assert here.on_the_way == 0


@settings(max_examples=30)
@given(parts=st.integers(1, 4), seed=st.integers(0, 99))
def test_processes_share_no_address_and_no_account(parts: int, seed: int) -> None:
    """Users of different processes have different addresses and e-mail addresses."""
    everybody = [audience(seed=seed, part=part, parts=parts, addresses=10_000).arrive("booking") for part in range(parts)]
    assert len({visit.address for visit in everybody}) == parts
    assert len({visit.values["email"] for visit in everybody}) == parts


def test_addresses_stay_in_the_range_for_load_tests() -> None:
    """Addresses come from 198.18.0.0/15, as many as asked for, then again; without any there is no header."""
    here = audience(addresses=3)
    assert [here.arrive().address for _ in range(4)] == ["198.18.0.1", "198.18.0.2", "198.18.0.0", "198.18.0.1"]
    assert audience(addresses=0).arrive().address == ""


def test_returning_users_have_an_account_and_new_ones_do_not() -> None:
    """Log-ins use accounts that exist; registrations use addresses that do not."""
    here = audience(accounts=[("known@example.invalid", "p")])
    assert here.arrive("returning").values["email"] == "known@example.invalid"
    assert here.arrive("booking").values["email"] not in {"known@example.invalid", here.arrive("booking").values["email"]}


def test_one_seed_one_sequence() -> None:
    """The same seed gives the same users."""
    first, second = ([audience(seed=7).next().journey for _ in range(1)] for _ in range(2))
    assert first == second
    mix = {"one": Journey(weight=1, steps=("landing",), think_s=(0, 0))}
    assert Audience(mix, 4, Random(1), "0").next().journey == "one"
