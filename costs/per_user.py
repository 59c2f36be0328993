"""What one user costs: at measured capacity, and for each registered, active and paying one. Every figure names its denominator."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from costs.estimate import Estimate
from costs.lines import Count
from costs.live import Denominators
from costs.money import Money

if TYPE_CHECKING:
    from costs.capacity import Capacity

Basis = Literal["provisioned", "concurrent", "registered", "active", "paying"]


@dataclass(frozen=True)
class PerUser:
    """`cost` for one user of `basis`, and its bounds where there are any: p10 and p90, or the bounds of a share nobody has measured.

    `users` is the number divided by. All are None where it is not known; `source` says where it is from, or what to do.
    """

    basis: Basis
    users: Decimal | None
    cost: Money | None
    low: Money | None
    high: Money | None
    source: str


@dataclass(frozen=True)
class PerUserReport:
    """Five rows; the share of the total that present users use (None when either is not measured), and what must be said beside them."""

    rows: tuple[PerUser, ...]
    used: Money | None
    headroom: Money | None
    notes: tuple[str, ...]

    def row(self, basis: Basis) -> PerUser:
        return next(row for row in self.rows if row.basis == basis)


def per_user(estimate: Estimate, capacity: Capacity | None = None, live: Denominators | None = None) -> PerUserReport:
    """The total divided by every denominator. With `live`, present users stand in for the phase's declared ones."""
    rows = (
        _provisioned(estimate, capacity),
        _concurrent(estimate, capacity),
        _counted(estimate, "registered", live, Count.exactly(estimate.users.registered)),
        _counted(estimate, "active", live, estimate.users.active),
        _counted(estimate, "paying", live, estimate.users.paying),
    )
    used, headroom = _used(estimate, capacity, live)
    return PerUserReport(rows, used, headroom, tuple(_notes(estimate, capacity, live)))


def _provisioned(estimate: Estimate, capacity: Capacity | None) -> PerUser:
    """For each registered user that the measured capacity carries, at the phase's ratio of concurrent to registered."""
    if capacity is None:
        return PerUser("provisioned", None, None, None, None, f"not measured: cmctl loadtest --phase {estimate.phase}")
    ratio = estimate.users.registered / estimate.users.concurrent
    source = f"{capacity.named} held {capacity.users.middle:,} at once; {ratio:.3g} registered for each of them (declared)"
    return _at(estimate, capacity, "provisioned", ratio, source)


def _concurrent(estimate: Estimate, capacity: Capacity | None) -> PerUser:
    if capacity is None:
        users = estimate.users.concurrent
        return PerUser("concurrent", users, estimate.total.per(users), None, None, "the phase's target, not measured")
    return _at(estimate, capacity, "concurrent", Decimal(1), f"{capacity.named}, {capacity.environment}, {capacity.when:%Y-%m-%d}")


def _at(estimate: Estimate, capacity: Capacity, basis: Basis, ratio: Decimal, source: str) -> PerUser:
    held = capacity.users
    middle = held.middle * ratio
    cost = estimate.total.per(middle)
    if held.p10 is None or held.p90 is None:
        return PerUser(basis, middle, cost, None, None, f"{source}; one run only, so no interval")
    return PerUser(basis, middle, cost, estimate.total.per(held.p90 * ratio), estimate.total.per(held.p10 * ratio), source)


def _counted(estimate: Estimate, basis: Basis, live: Denominators | None, declared: Count | None) -> PerUser:
    if live is not None and (measured := getattr(live, basis)) is not None:
        source = f"counted: {live.questions[basis].meaning}"
        return PerUser(basis, measured, estimate.total.per(measured) if measured else None, None, None, source)
    if declared is None or not declared.low:
        return PerUser(basis, None, None, None, None, "no figure: add `population` to the platform's bill")
    cost = estimate.total.per(declared.typical)
    if declared.low == declared.high:
        return PerUser(basis, declared.typical, cost, None, None, "the phase's target")
    low, high = estimate.total.per(declared.high), estimate.total.per(declared.low)
    return PerUser(basis, declared.typical, cost, low, high, "a share of the target, assumed: low, typical, high")


def _used(estimate: Estimate, capacity: Capacity | None, live: Denominators | None) -> tuple[Money | None, Money | None]:
    if capacity is None or live is None or live.concurrent is None:
        return None, None
    share = min(live.concurrent / capacity.users.middle, Decimal(1))
    used = estimate.total * share
    return used, estimate.total - used


def _notes(estimate: Estimate, capacity: Capacity | None, live: Denominators | None) -> list[str]:
    notes = []
    if estimate.unknown:
        notes.append(f"every figure is a lower bound: {len(estimate.unknown)} lines have no price")
    if capacity is None:
        return [*notes, "capacity is the phase's target, not a measurement"]
    if capacity.single:
        notes.append(f"capacity rests on one run ({capacity.run}): no interval is given")
    notes.append(
        f"capacity was measured on {capacity.machine} ({capacity.environment}); the prices are for the phase's machines. It ended at: {capacity.limit}"
    )
    declared = estimate.users.concurrent
    if declared > capacity.users.middle:
        times = declared / capacity.users.middle
        notes.append(f"the phase's target of {declared:,.0f} at once is {times:.1f} times the measured {capacity.users.middle:,}")
    if live is not None and live.concurrent is not None and live.concurrent > capacity.users.middle:
        notes.append(f"{live.concurrent:,.0f} users are there now, more than the measured {capacity.users.middle:,}: there is no headroom")
    return notes
