"""What a phase costs in a month: one line for every thing it makes somebody buy, each with its price's date, source and confidence."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from costs import bills, things
from costs.bills import Bought, Group
from costs.books import Book
from costs.lines import Line, Span, Users, line_of
from costs.money import ZERO, Money, shown
from phases.load import Loaded

if TYPE_CHECKING:
    from environments.model import Environment

WARN_DAYS, FAIL_DAYS = 90, 180
# Days that a price's date may lie ahead: it is tomorrow already where the book was written.
AHEAD = -1


@dataclass(frozen=True)
class LeftOut:
    """Something that is paid for and that the price book leaves out on purpose."""

    component: str
    title: str
    why: str


@dataclass(frozen=True)
class Estimate:
    """All lines of one phase in the book's currency. `left_out` names what the book leaves out on purpose, with the reason."""

    platform: str
    phase: int
    title: str
    book: str
    currency: str
    users: Users
    lines: tuple[Line, ...]
    left_out: tuple[LeftOut, ...]

    def span(self, *groups: Group) -> Span:
        """Sum of the known lines of `groups` (all groups when none is named)."""
        total = Span.zero(self.currency)
        for line in self.lines:
            if line.amount is not None and (not groups or line.group in groups):
                total = total + line.amount
        return total

    @property
    def total(self) -> Money:
        """Infrastructure at typical usage, of the lines whose price is known: a lower bound when `unknown` is not empty."""
        return self.span("infrastructure").typical

    @property
    def unknown(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.amount is None)

    @property
    def per_user(self) -> Money:
        """The total for each registered user of the phase's target."""
        return self.total.per(self.users.registered)

    @property
    def exit_code(self) -> int:
        """6 when something has no price (DESIGN: unknown is not zero), else 0."""
        return 6 if self.unknown else 0

    def at_least(self, money: Money) -> str:
        """`money` as text, with ≥ in front when a line has no price."""
        return f"≥ {shown(money)}" if self.unknown else shown(money)

    def by_component(self) -> dict[str, Money]:
        """Component → typical amount of its known lines, in the lines' order."""
        found: dict[str, Money] = {}
        for line in self.lines:
            if line.amount is not None:
                found[line.component] = found.get(line.component, Money(ZERO, self.currency)) + line.amount.typical
        return found

    def confidence(self) -> dict[str, Decimal]:
        """Confidence class → its share of the typical infrastructure spend, 0 to 1; empty when nothing is spent."""
        spent = self.total.amount
        found: dict[str, Decimal] = {}
        for line in self._infrastructure():
            if line.price is not None and line.amount is not None and line.amount.typical.amount:
                found[line.price.confidence] = found.get(line.price.confidence, ZERO) + line.amount.typical.amount / spent
        return dict(sorted(found.items()))

    def stale(self, today: dt.date, days: int = WARN_DAYS) -> tuple[Line, ...]:
        """Lines whose price was read more than `days` ago, or on a day to come: a mistyped year must not keep it fresh."""
        return tuple(line for line in self.lines if line.price is not None and not AHEAD <= (today - line.price.as_of).days <= days)

    def stale_share(self, today: dt.date, days: int = WARN_DAYS) -> Decimal:
        """The share of the typical infrastructure spend that rests on prices older than `days`."""
        spent = self.total.amount
        old = sum((line.amount.typical.amount for line in self.stale(today, days) if line.amount and line.group == "infrastructure"), ZERO)
        return old / spent if spent else ZERO

    def _infrastructure(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.group == "infrastructure")


def estimate(
    loaded: Loaded,
    phase: int,
    book: Book,
    *,
    users: int | None = None,
    environment: Environment | None = None,
    bill_root: Path = bills.ROOT,
) -> Estimate:
    """The estimate of `phase` at the book's prices.

    `users` are registered users, by default the phase's target. With a cloud `environment` its hosts are counted, else the
    phase's own figures. Raises BadInput for an unknown phase, a sku that no book knows, users below 1, currencies without a rate.
    """
    facts = loaded.phase(phase)
    bought = bills.load(loaded, bill_root)
    who = Users.of(facts, bought.bill.population, users)
    lines: list[Line] = []
    left_out: list[LeftOut] = []
    for want in (*_things(bought, things.of(facts, environment)), *_extras(bought, phase)):
        if want.sku in book.leaves_out:
            left_out.append(LeftOut(want.component, want.title, book.leaves_out[want.sku]))
        else:
            lines.append(line_of(want, book, bought, who, facts.database.storage_gb))
    return Estimate(loaded.platform.name, phase, facts.title, book.name, book.currency, who, tuple(lines), tuple(left_out))


def _things(bought: Bought, found: tuple[things.Thing, ...]) -> list[bills.Extra]:
    """Things as entries of the bill; one that the bill does not name keeps its place with an empty sku, so that it is missed."""
    names = bought.bill.things
    return [
        bills.Extra(key=one.key, sku=names.get(one.key, ""), component=one.component, title=one.title, count=Decimal(one.count))
        for one in found
    ]


def _extras(bought: Bought, phase: int) -> list[bills.Extra]:
    return [extra for extra in bought.bill.extras if not extra.phases or phase in extra.phases]
