"""Where load came from is part of an answer: figures from elsewhere are not pooled with figures from here."""

from __future__ import annotations

import pytest

from loadtests import selftest
from loadtests.machine import this_machine, where

PLAN = selftest.plan(8080, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workers": 2, "hosts": ("load-2", "load-1")}, "load from load-1, load-2, led by "),
        ({"workers": 3, "processes": 1}, "load from 2 workers elsewhere, led by "),
    ],
)
def test_load_from_elsewhere_is_another_place(changes: dict[str, object], said: str) -> None:
    """Hosts by their names, workers of unknown hosts by their number: in words, and as another fingerprint."""
    there = where(PLAN.model_copy(update=changes))
    assert there.text == said + this_machine().text
    assert there.fingerprint != this_machine().fingerprint
    assert there == where(PLAN.model_copy(update=changes))


@pytest.mark.parametrize("processes", [0, 4])
def test_load_from_here_is_this_machine(processes: int) -> None:
    """Own processes make it no other place."""
    assert where(PLAN.model_copy(update={"workers": processes, "processes": processes})) == this_machine()
