"""What an SLO costs: dollars for each minute of downtime avoided, with what the same money buys in seats set apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from costs.estimate import Estimate
from costs.money import ZERO, Money
from costs.price import HOURS

MINUTES = HOURS * 60


def minutes_down(availability: Decimal) -> Decimal:
    """Minutes a month of 730 hours that an availability allows: 0.999 → 43.8."""
    return (1 - availability) * MINUTES


@dataclass(frozen=True)
class Target:
    """One configuration that meets an availability."""

    name: str
    availability: Decimal
    users: Decimal
    total: Money

    @property
    def minutes(self) -> Decimal:
        return minutes_down(self.availability)


@dataclass(frozen=True)
class Step:
    """From one target to the next: `per_minute` is all the added money over the minutes avoided, an upper bound.

    `seats` is what the added users would cost at the former average; `beyond` is `per_minute` of the money above that.
    """

    before: Target
    after: Target
    added: Money
    minutes: Decimal
    per_minute: Money | None
    seats: Money
    beyond: Money | None


def targets(pairs: Sequence[tuple[Estimate, float]]) -> tuple[Target, ...]:
    """Estimates with their SLO's availability, as a share of time."""
    return tuple(Target(f"phase {one.phase}", Decimal(str(share)), one.users.registered, one.total) for one, share in pairs)


def frontier(found: Sequence[Target]) -> tuple[Target, ...]:
    """The cheapest target for each availability, dearer ones that promise no more left out."""
    kept: list[Target] = []
    for one in sorted(found, key=lambda target: (-target.availability, target.total.amount)):
        if not kept or one.total < kept[-1].total:
            kept.append(one)
    return tuple(reversed(kept))


def steps(found: Sequence[Target]) -> tuple[Step, ...]:
    """Neighbours of the frontier; where nothing is avoided there is no price for a minute."""
    return tuple(_step(before, after) for before, after in pairwise(found))


def _step(before: Target, after: Target) -> Step:
    added = after.total - before.total
    minutes = before.minutes - after.minutes
    seats = before.total.per(before.users) * max(after.users - before.users, ZERO)
    beyond = Money(max(added.amount - seats.amount, ZERO), added.currency)
    each = (added.per(minutes), beyond.per(minutes)) if minutes > 0 else (None, None)
    return Step(before, after, added, minutes, each[0], seats, each[1])
