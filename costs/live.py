"""How many users there are, asked of the running platform. The caller brings the query (monitoring/gateway.py has one for Prometheus)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

Query = Callable[[str], float | str | None]

# Sessions live for 24 h after their last use, so their number is who was active in a day. A user of the journeys sends a
# request every 5 s (think times of 2 to 8 s): requests per second × 5 s are users at once (Little's law). How many are
# registered no metric says: it stays unknown until a platform names an expression of its own.
EXPRESSIONS: Mapping[str, str] = {
    "concurrent": "sum(rate(http_requests_total[5m])) * 5",
    "active": 'sum(redis_db_keys{store="redis-sessions"})',
    "paying": 'sum(increase(payment_transactions_total{status="paid"}[30d]))',
}


@dataclass(frozen=True)
class Denominators:
    """Users as the platform counts them now; None where it gives no figure. `expressions` says how each was asked."""

    concurrent: Decimal | None
    registered: Decimal | None
    active: Decimal | None
    paying: Decimal | None
    expressions: Mapping[str, str]


def denominators(query: Query, expressions: Mapping[str, str] = EXPRESSIONS) -> Denominators:
    """Each denominator through `query`. No answer, NaN, infinity or a negative number is None, never 0."""
    found = {name: _number(query(expression)) for name, expression in expressions.items()}
    return Denominators(found.get("concurrent"), found.get("registered"), found.get("active"), found.get("paying"), expressions)


def _number(answer: float | str | None) -> Decimal | None:
    if answer is None:
        return None
    try:
        value = Decimal(str(answer))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None
