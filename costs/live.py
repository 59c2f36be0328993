"""How many users there are, asked of the running platform. The caller brings the query (monitoring/gateway.py has one for Prometheus)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

WINDOW_S = 60.0


@dataclass(frozen=True)
class Question:
    """How a denominator is counted: an expression that gives one number, and what it means.

    `fresh` is the selector whose newest sample must be at most WINDOW_S old; without it the metric itself says when it ends.
    """

    expression: str
    meaning: str
    fresh: str = ""


# A user of the journeys sends a request every 5 s (think times of 2 to 8 s): requests per second × 5 s are users at once
# (Little's law). The others are counted in the database by each process of the application, once a minute.
QUESTIONS: Mapping[str, Question] = {
    "concurrent": Question("sum(rate(http_requests_total[5m])) * 5", "a request every 5 s for each", fresh="http_requests_total"),
    "registered": Question('max(platform_users{basis="registered"})', "accounts"),
    "active": Question('max(platform_users{basis="active"})', "seen within a day"),
    "paying": Question('max(platform_users{basis="paying"})', "paid within 30 days"),
}

Query = Callable[[Question], float | str | None]


@dataclass(frozen=True)
class Denominators:
    """Users as the platform counts them now; None where it gives no figure. `questions` says how each was asked."""

    concurrent: Decimal | None
    registered: Decimal | None
    active: Decimal | None
    paying: Decimal | None
    questions: Mapping[str, Question]


def denominators(query: Query, questions: Mapping[str, Question] = QUESTIONS) -> Denominators:
    """Each denominator through `query`. No answer, NaN, infinity or a negative number is None, never 0."""
    found = {name: _number(query(question)) for name, question in questions.items()}
    return Denominators(found.get("concurrent"), found.get("registered"), found.get("active"), found.get("paying"), questions)


def _number(answer: float | str | None) -> Decimal | None:
    if answer is None:
        return None
    try:
        value = Decimal(str(answer))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None
