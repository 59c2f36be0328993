"""When to move: the cheapest phase for N users, switching points, the next cliff, what the next user costs, and when going back pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, exp, log, log1p
from typing import TYPE_CHECKING

from costs.books import Book
from costs.curves import Curve, Option, Segment, added, envelope, flat, of_price, scaled
from costs.estimate import Estimate, estimate
from costs.lines import Line
from costs.money import Money
from errors import BadInput
from phases.load import Loaded

if TYPE_CHECKING:
    from environments.model import Environment


@dataclass(frozen=True)
class Switch:
    """From user `at` on, `after` is cheaper than `before` or the only one that holds. `step` is what that user adds to the bill."""

    at: int
    before: str
    after: str
    step: Money
    forced: bool


@dataclass(frozen=True)
class Decision:
    """The envelope with its switching points. `bounds` names options that rest on lines without a price (lower bounds)."""

    currency: str
    options: tuple[Option, ...]
    segments: tuple[Segment, ...]
    switches: tuple[Switch, ...]
    bounds: tuple[str, ...] = ()

    def best(self, users: int) -> Option:
        """The cheapest option that holds `users`. Raises BadInput below 1 and above what any option holds."""
        if users < 1:
            raise BadInput(f"there are no {users} users", hint="--users 1000")
        for segment in self.segments:
            if segment.start <= users <= segment.end:
                return segment.option
        raise BadInput(
            f"no phase holds {users:,} users",
            why=f"the largest holds {max(option.capacity for option in self.options):,}",
            hint="cmctl cost decide --variants tries more machines and larger database tiers",
        )

    def cost(self, users: int) -> Money:
        return money(self.best(users).cost(users), self.currency)

    def next_switch(self, users: int) -> Switch | None:
        """The next switching point above `users`."""
        return next((switch for switch in self.switches if switch.at > users), None)


def money(amount: Fraction, currency: str) -> Money:
    return Money(Decimal(amount.numerator) / Decimal(amount.denominator), currency)


def decide(options: Sequence[Option], currency: str, bounds: Sequence[str] = ()) -> Decision:
    """The decision among `options`. Raises BadInput when there is none."""
    if not options:
        raise BadInput("there is nothing to choose from: no phase has a capacity")
    segments = envelope(options)
    switches = []
    for before, after in pairwise(segments):
        step = after.option.cost(after.start) - before.option.cost(before.end)
        forced = before.option.capacity < after.start
        switches.append(Switch(after.start, before.option.name, after.option.name, money(step, currency), forced))
    return Decision(currency, tuple(options), segments, tuple(switches), tuple(bounds))


def of_phases(
    loaded: Loaded, book: Book, *, capacities: Mapping[int, int] | None = None, environment: Environment | None = None
) -> Decision:
    """The decision among a platform's phases, with the machines of a cloud `environment`.

    `capacities` are measured registered users by phase; else the phases' targets stand.
    """
    estimates = [estimate(loaded, number, book, environment=environment) for number in sorted(loaded.phases)]
    measured = capacities or {}
    options = [option(one, measured.get(one.phase, int(one.users.registered))) for one in estimates]
    return decide(options, book.currency, [f"phase {one.phase}" for one in estimates if one.unknown])


def option(one: Estimate, capacity: int, name: str = "") -> Option:
    """An estimate as an option: lines that grow with users become slopes, the others one fixed sum."""
    curves = [_curve(line, one.users.registered) for line in one.lines if line.amount is not None and line.group == "infrastructure"]
    return Option(name or f"phase {one.phase}", capacity, added(curves))


def _curve(line: Line, registered: Decimal) -> Curve:
    if line.amount is None or line.price is None:
        return flat(Fraction(0))
    if not line.grows:
        return flat(Fraction(line.amount.typical.amount))
    rate = Fraction(line.rate.rate) if line.rate else Fraction(1)
    return scaled(of_price(line.price), Fraction(line.quantity.typical) / Fraction(registered), rate)


@dataclass(frozen=True)
class BreakEven:
    """`later` is cheaper for each user than `earlier` at its best, from `users` on; above its capacity that is never."""

    earlier: str
    later: str
    best: Money
    users: int | None
    never: bool


def break_evens(options: Sequence[Option], currency: str) -> tuple[BreakEven, ...]:
    """For every pair, from how many users on the later option's average is at or below the earlier one's best average."""
    ranked = sorted(options, key=lambda one: one.capacity)
    found = []
    for index, earlier in enumerate(ranked):
        best = earlier.cost(earlier.capacity) / earlier.capacity
        for later in ranked[index + 1 :]:
            users = _first_below(later, best)
            never = users is None or users > later.capacity
            found.append(BreakEven(earlier.name, later.name, money(best, currency), users, never))
    return tuple(found)


def _first_below(one: Option, average: Fraction) -> int | None:
    """The first number of users n with cost(n) ≤ average · n, on the last straight piece; None when that never comes."""
    for index, piece in enumerate(one.curve):
        end = one.curve[index + 1].start if index + 1 < len(one.curve) else None
        start = max(ceil(piece.start), 1)
        if piece.slope >= average:
            candidate = start if piece.at(start) <= average * start else None
        else:
            candidate = max(ceil(piece.base / (average - piece.slope)), start)
        if candidate is not None and (end is None or candidate < end):
            return candidate
    return None


@dataclass(frozen=True)
class Marginal:
    """What one more user costs now: `usage` of it for what users consume, `step` where they force a switch.

    `mean` spreads the next step over the seats it adds; `seats` are left before it; `months` until then at the growth given.
    """

    users: int
    next_user: Money
    usage: Money
    step: Money
    mean: Money | None
    seats: int | None
    months: Decimal | None
    switch: Switch | None


def marginal(decision: Decision, users: int, growth: Decimal = Decimal(0)) -> Marginal:
    """The forward difference at `users`; `growth` is a share a month (0.08 = 8 %)."""
    here = decision.best(users)
    currency = decision.currency
    usage = here.cost(users + 1) - here.cost(users)
    switch = decision.next_switch(users)
    forced = switch is not None and switch.at == users + 1
    whole = decision.cost(users + 1) - decision.cost(users) if forced or users < here.capacity else money(usage, currency)
    mean = None
    if switch is not None:
        seats = decision.best(switch.at).capacity - (switch.at - 1)
        mean = switch.step.per(seats) if seats > 0 else None
    months = _months(users, switch.at, growth) if switch else None
    step = whole - money(usage, currency) if forced else Money(Decimal(0), currency)
    return Marginal(users, whole, money(usage, currency), step, mean, switch.at - 1 - users if switch else None, months, switch)


def _months(users: int, at: int, growth: Decimal) -> Decimal | None:
    if growth <= 0:
        return None
    return Decimal(f"{log(at / users) / log1p(float(growth)):.1f}")


@dataclass(frozen=True)
class Hysteresis:
    """Go up at `up_at`. Going back saves `saving` a month and pays its cost after `payback` months.

    So go back only below `down_at`: from there, at the growth given, it takes at least that long to be up again. None: never go back.
    """

    up_at: int
    saving: Money
    payback: Decimal | None
    down_at: int | None


def hysteresis(switch: Switch, migration: Money, growth: Decimal = Decimal(0)) -> Hysteresis:
    """How far users must fall before going back pays. `migration` is the cost of one move, either way; both moves are counted."""
    saving = switch.step
    if saving.amount <= 0:
        return Hysteresis(switch.at, saving, None, None)
    payback = (migration + migration).amount / saving.amount
    if growth <= 0:
        return Hysteresis(switch.at, saving, payback, switch.at - 1)
    down = int((switch.at - 1) * exp(-log1p(float(growth)) * float(payback)))
    return Hysteresis(switch.at, saving, payback, down or None)
