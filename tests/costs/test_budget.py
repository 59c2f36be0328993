"""The gate on cost: three answers, and every way to write a budget wrong."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costs import books, budget, junit
from costs.change import compare
from costs.estimate import estimate
from costs.per_user import per_user
from errors import BadInput
from tests.costs.figures import LOADED, SEED, TODAY, measured

FIRST, SECOND = (estimate(LOADED, phase, SEED) for phase in (1, 2))
UNKNOWN = estimate(LOADED, 2, books.load("list-2026-11"))
RUNS = measured(p10=2500, p50=3000, p90=4000)


def asked(before: Any = FIRST, after: Any = SECOND, today: dt.date = TODAY, capacity: Any = RUNS, **limits: Any) -> budget.Verdict:
    wanted = budget.Budget.model_validate({"schema": "cmctl/budget/1", **limits})
    return budget.check(wanted, compare(before, after), per_user(after, capacity), today)


ANSWERS = [
    ("within the total", {}, {"total": 500}, 0),
    ("over the total", {}, {"total": 499}, 3),
    ("a lower bound within the total tells nothing", {"after": UNKNOWN}, {"total": 10000}, 6),
    ("a lower bound over the total is over it", {"after": UNKNOWN}, {"total": 100}, 3),
    ("within the increase", {}, {"increase": 345}, 0),
    ("over the increase", {}, {"increase": 344}, 3),
    ("an increase over nothing known", {"before": None}, {"increase": 1000}, 6),
    ("an increase from or to a bound", {"after": UNKNOWN}, {"increase": 10000}, 6),
    ("within the percentage", {}, {"increase_percent": 223}, 0),
    ("over the percentage", {}, {"increase_percent": 222}, 3),
    ("a percentage of nothing", {"before": None}, {"increase_percent": 10}, 6),
    ("one user within p90", {}, {"per_user_p90": "0.012"}, 0),
    ("one user over p90", {}, {"per_user_p90": "0.0119"}, 3),
    ("no capacity measured", {"capacity": None}, {"per_user_p90": 1}, 6),
    ("one run has no p90", {"capacity": measured(single=3000)}, {"per_user_p90": 1}, 6),
    ("no stale price", {}, {"stale_share": 0}, 0),
    ("stale prices", {"today": TODAY + dt.timedelta(days=91)}, {"stale_share": "0.5"}, 3),
    ("prices dated a year ahead, whatever the budget", {"today": TODAY - dt.timedelta(days=365)}, {"total": 500}, 3),
    ("prices too old, whatever the budget", {"today": TODAY + dt.timedelta(days=181)}, {"total": 500}, 3),
    ("no unknown line", {}, {"unknown": 0}, 0),
    ("unknown lines", {"after": UNKNOWN}, {"unknown": 2}, 3),
    ("as many as allowed", {"after": UNKNOWN}, {"unknown": 3}, 0),
]


@pytest.mark.parametrize(("claim", "given_", "limits", "code"), ANSWERS)
def test_answers(claim: str, given_: dict[str, Any], limits: dict[str, Any], code: int) -> None:
    """Every limit says pass (0), fail (3) or cannot tell (6)."""
    assert asked(**given_, **limits).exit_code == code, claim


def test_a_failure_outweighs_an_unknown() -> None:
    """What is surely over a limit is exit 3 even beside what cannot be told."""
    assert asked(capacity=None, total=1, per_user_p90=1).exit_code == 3


def test_evidence_names_what_is_missing() -> None:
    """The answer's evidence names the lines without a price."""
    (check, _) = asked(after=UNKNOWN, total=10000).checks
    assert check.evidence == "no price for Domain, Database backups, Database traffic"
    assert check.value.startswith("≥ ")


def test_as_junit() -> None:
    """A failed limit is a failure, one that cannot be told an error."""
    text = junit.of_gate(asked(capacity=None, total=1, per_user_p90=1))
    assert (text.count("<failure"), text.count("<error")) == (1, 1)


WRONG = [
    ("totl: 5", "budget.yaml:2: unknown key totl (did you mean total?)"),
    ("total: -5", "budget.yaml:2: total"),
    ("total: much", "budget.yaml:2: total"),
    ("stale_share: 5", "budget.yaml:2: stale_share"),
    ("currency: USD", "no limit is given"),
    ("total:", "budget.yaml:2: total: no limit stands here"),
    ("total: 1e999999", "budget.yaml:2: total"),
    ("total: 1\ntotal: 2", "budget.yaml:3: total is given twice"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_a_typo_in_a_budget(tmp_path: Path, line: str, message: str) -> None:
    """A mistake in a budget is exit 2 with file, line and key."""
    path = tmp_path / "budget.yaml"
    path.write_text(f"schema: cmctl/budget/1\n{line}\n")
    with pytest.raises(BadInput) as error:
        budget.load(path)
    assert message in str(error.value)


def test_a_budget_in_another_currency() -> None:
    """A budget in euros is not compared with an estimate in dollars."""
    with pytest.raises(BadInput, match="budget is in EUR"):
        asked(currency="EUR", total=Decimal(1))
