"""Costs as OpenMetrics, for a textfile collector or a gateway: totals, cost of one user by denominator, unknown lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from costs.estimate import Estimate
from costs.money import Money
from costs.per_user import PerUserReport

Sample = tuple[dict[str, str], str]


def text(found: Sequence[tuple[Estimate, PerUserReport]]) -> str:
    """One exposition for several phases. A figure that is not known has no sample; a lower bound says so in `cmctl_cost_unknown_lines`."""
    families = (
        (
            "cmctl_cost_month",
            "Cost of a component in a month, at typical usage",
            [one for estimate, _ in found for one in _components(estimate)],
        ),
        ("cmctl_cost_per_user", "Cost of one user in a month by denominator", [one for pair in found for one in _users(*pair)]),
        (
            "cmctl_cost_confidence_share",
            "Share of the infrastructure's cost by confidence of its prices, 0 to 1",
            [one for estimate, _ in found for one in _confidence(estimate)],
        ),
        (
            "cmctl_cost_unknown_lines",
            "Lines without a price: above 0 every cost is a lower bound",
            [_unknown(estimate) for estimate, _ in found],
        ),
    )
    return "".join(_family(*family) for family in families) + "# EOF\n"


def _family(name: str, meaning: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{{{_labels(labels)}}} {value}" for labels, value in samples]
    return "\n".join([f"# TYPE {name} gauge", f"# HELP {name} {meaning}", *lines, ""])


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _head(estimate: Estimate) -> dict[str, str]:
    return {"platform": estimate.platform, "phase": str(estimate.phase), "book": estimate.book, "currency": estimate.currency}


def _components(estimate: Estimate) -> list[Sample]:
    return [({**_head(estimate), "component": name}, _number(money)) for name, money in estimate.by_component().items()]


def _users(estimate: Estimate, per_user: PerUserReport) -> list[Sample]:
    found = []
    for row in per_user.rows:
        for quantile, money in (("0.1", row.low), ("0.5", row.cost), ("0.9", row.high)):
            if money is not None:
                found.append(({**_head(estimate), "basis": row.basis, "quantile": quantile}, _number(money)))
    return found


def _confidence(estimate: Estimate) -> list[Sample]:
    return [({**_head(estimate), "confidence": name}, f"{share:.10g}") for name, share in estimate.confidence().items()]


def _unknown(estimate: Estimate) -> Sample:
    return _head(estimate), str(len(estimate.unknown))


def _number(money: Money) -> str:
    return f"{money.amount:.10g}"
