"""The gate on cost: a budget file, the estimate, the change; each limit is passed, failed or cannot be told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from costs.change import Change
from costs.estimate import FAIL_DAYS, Estimate
from costs.money import Money, shown, shown_unit
from costs.per_user import PerUserReport
from costs.price import Amount, Currency, Entry
from documents import broken, fit, read
from errors import BadInput

Answer = Literal["pass", "fail", "unknown"]


class Budget(Entry):
    """Limits; one that is not given is not asked. Amounts are for a month, in `currency`.

    `increase` and `increase_percent` are over what is deployed. `per_user_p90` is the cost of one user at measured capacity that
    nine of ten runs stay below. `stale_share` is the share of spend on prices older than 90 days, `unknown` a number of lines.
    """

    form: Literal["cmctl/budget/1"] = Field(alias="schema")
    currency: Currency = "USD"
    total: Amount | None = None
    increase: Amount | None = None
    increase_percent: Amount | None = None
    per_user_p90: Amount | None = None
    stale_share: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    unknown: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def asks_something(self) -> Budget:
        if self.model_fields_set <= {"form", "currency"}:
            raise ValueError("no limit is given")
        empty = next((name for name in sorted(self.model_fields_set) if getattr(self, name) is None), None)
        if empty is not None:
            raise broken("no limit stands here; give one, or remove the line", empty)
        return self


@dataclass(frozen=True)
class Check:
    """One limit: what was asked, the limit and the figure as text, and the answer with its evidence."""

    name: str
    limit: str
    value: str
    answer: Answer
    evidence: str


@dataclass(frozen=True)
class Verdict:
    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """3 when a limit is passed over, 6 when one cannot be told, else 0."""
        answers = {check.answer for check in self.checks}
        return 3 if "fail" in answers else 6 if "unknown" in answers else 0


def load(path: Path) -> Budget:
    """The budget in a file. Raises BadInput with file, line and key."""
    return fit(read(path, provenance=False), Budget)


def check(budget: Budget, change: Change, per_user: PerUserReport, today: dt.date) -> Verdict:
    """Every limit of the budget, and always that no price is older than 180 days. Raises BadInput for another currency."""
    estimate = change.after
    if budget.currency != estimate.currency:
        raise BadInput(
            f"the budget is in {budget.currency}, the estimate in {estimate.currency}", hint=f"currency: {estimate.currency} in the budget"
        )
    asked: tuple[tuple[object, Callable[[], Check]], ...] = (
        (budget.total, lambda: _total(budget, estimate)),
        (budget.increase, lambda: _increase(budget, change)),
        (budget.increase_percent, lambda: _percent(budget, change)),
        (budget.per_user_p90, lambda: _per_user(budget, estimate, per_user)),
        (budget.stale_share, lambda: _stale(budget, estimate, today)),
        (budget.unknown, lambda: _unknown(budget, estimate)),
    )
    return Verdict((*(make() for limit, make in asked if limit is not None), _old(estimate, today)))


def _answer(value: Decimal, limit: Decimal, *, exact: bool) -> Answer:
    """A lower bound above the limit is above it; one below it tells nothing."""
    return "fail" if value > limit else "pass" if exact else "unknown"


def _missing(estimate: Estimate) -> str:
    return f"no price for {', '.join(line.title for line in estimate.unknown)}" if estimate.unknown else ""


def _total(budget: Budget, estimate: Estimate) -> Check:
    limit = budget.total or Decimal(0)
    answer = _answer(estimate.total.amount, limit, exact=not estimate.unknown)
    return Check("total", shown(Money(limit, budget.currency)), estimate.at_least(estimate.total), answer, _missing(estimate))


def _increase(budget: Budget, change: Change) -> Check:
    limit = budget.increase or Decimal(0)
    shown_limit = shown(Money(limit, budget.currency))
    if change.before is None:
        return Check("increase", shown_limit, "unknown", "unknown", "nothing is known to be deployed")
    answer: Answer = "unknown" if not change.exact else "fail" if change.delta.amount > limit else "pass"
    return Check("increase", shown_limit, shown(change.delta), answer, f"from {shown(change.total_before)}{_also(change)}")


def _percent(budget: Budget, change: Change) -> Check:
    limit = budget.increase_percent or Decimal(0)
    if change.before is None or change.percent is None:
        return Check("increase in percent", f"{limit.normalize():f} %", "unknown", "unknown", "nothing is known to be paid now")
    answer: Answer = "unknown" if not change.exact else "fail" if change.percent > limit else "pass"
    return Check(
        "increase in percent",
        f"{limit.normalize():f} %",
        f"{change.percent:+.1f} %",
        answer,
        f"from {shown(change.total_before)}{_also(change)}",
    )


def _also(change: Change) -> str:
    return "" if change.exact else "; a price is missing on one side"


def _per_user(budget: Budget, estimate: Estimate, per_user: PerUserReport) -> Check:
    limit = budget.per_user_p90 or Decimal(0)
    row = per_user.row("provisioned")
    shown_limit = shown_unit(Money(limit, budget.currency))
    if row.high is None:
        return Check("cost of one user, p90", shown_limit, "unknown", "unknown", row.source)
    answer = _answer(row.high.amount, limit, exact=not estimate.unknown)
    return Check("cost of one user, p90", shown_limit, shown_unit(row.high), answer, row.source)


def _stale(budget: Budget, estimate: Estimate, today: dt.date) -> Check:
    limit, share = budget.stale_share or Decimal(0), estimate.stale_share(today)
    names = ", ".join(sorted({line.sku for line in estimate.stale(today)}))
    return Check("share of stale prices", f"{limit:.0%}", f"{share:.0%}", "fail" if share > limit else "pass", names)


def _unknown(budget: Budget, estimate: Estimate) -> Check:
    limit, count = budget.unknown or 0, len(estimate.unknown)
    return Check("lines without a price", str(limit), str(count), "fail" if count > limit else "pass", _missing(estimate))


def _old(estimate: Estimate, today: dt.date) -> Check:
    old = estimate.stale(today, FAIL_DAYS)
    evidence = ", ".join(f"{line.sku} of {line.price.as_of}" for line in old if line.price)
    return Check(f"prices older than {FAIL_DAYS} days", "0", str(len(old)), "fail" if old else "pass", evidence)
