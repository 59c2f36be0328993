"""Cost as a function of users: straight pieces, exact fractions. The lower envelope of several such curves, found at their break points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from costs.price import PIECES, Price, monthly

ZERO = Fraction(0)


@dataclass(frozen=True)
class Piece:
    """cost(n) = base + slope · n for n ≥ start, up to the next piece's start."""

    start: Fraction
    base: Fraction
    slope: Fraction

    def at(self, users: Fraction | int) -> Fraction:
        return self.base + self.slope * users


Curve = tuple[Piece, ...]


def flat(amount: Fraction) -> Curve:
    return (Piece(ZERO, amount, ZERO),)


def value(curve: Curve, users: Fraction | int) -> Fraction:
    """The cost at `users`, by the last piece that starts at or below."""
    return next(piece for piece in reversed(curve) if piece.start <= users).at(users)


def added(curves: Iterable[Curve]) -> Curve:
    """The sum of several curves."""
    every = list(curves)
    starts = sorted({piece.start for curve in every for piece in curve} | {ZERO})
    return tuple(_sum_from(start, [next(p for p in reversed(curve) if p.start <= start) for curve in every]) for start in starts)


def _sum_from(start: Fraction, pieces: Sequence[Piece]) -> Piece:
    return Piece(start, sum((piece.base for piece in pieces), ZERO), sum((piece.slope for piece in pieces), ZERO))


def of_price(price: Price) -> Curve:
    """A price's monthly cost over the quantity bought; the same as `monthly` at every quantity."""
    if price.unit in PIECES or price.unit == "percent":
        one = Fraction(monthly(price, type(price.per)(1)) or 0)
        return (Piece(ZERO, ZERO, one),)
    curve = _tiers(price)
    curve = _bounded(curve, Fraction(price.minimum), above=True) if price.minimum else curve
    return _bounded(curve, Fraction(price.cap), above=False) if price.cap is not None else curve


def _tiers(price: Price) -> Curve:
    free, per = Fraction(price.included), Fraction(price.per)
    ends = [(Fraction(tier.up_to) if tier.up_to is not None else None, Fraction(tier.price)) for tier in price.tiers]
    ends = ends or [(None, Fraction(price.price or 0))]
    pieces = [Piece(ZERO, ZERO, ZERO)] if free else []
    start, cost = free, ZERO
    for end, unit in ends:
        slope = unit / per
        pieces.append(Piece(start, cost - slope * start, slope))
        if end is not None:
            cost += slope * (free + end - start)
            start = free + end
    return tuple(pieces)


def _bounded(curve: Curve, limit: Fraction, *, above: bool) -> Curve:
    """`curve` held at or above (below) `limit`; the curve never falls, so it crosses the limit once."""
    found: list[Piece] = []
    for piece, after in [*pairwise(curve), (curve[-1], None)]:
        crossing = (limit - piece.base) / piece.slope if piece.slope else None
        free_at_start = piece.at(piece.start) >= limit if above else piece.at(piece.start) <= limit
        held = Piece(piece.start, limit, ZERO)
        found.append(piece if free_at_start else held)
        inside = crossing is not None and crossing > piece.start and (after is None or crossing < after.start)
        if inside and crossing is not None:
            found.append(Piece(crossing, piece.base, piece.slope) if above else Piece(crossing, limit, ZERO))
    return tuple(found)


def scaled(curve: Curve, quantity: Fraction, factor: Fraction) -> Curve:
    """A curve over a quantity as one over users, of whom each takes `quantity`; costs times `factor` (an exchange rate)."""
    if not quantity:
        return flat(value(curve, 0) * factor)
    return tuple(Piece(piece.start / quantity, piece.base * factor, piece.slope * quantity * factor) for piece in curve)


@dataclass(frozen=True)
class Option:
    """One way to run the platform: holds up to `capacity` users and costs `curve` a month."""

    name: str
    capacity: int
    curve: Curve

    def cost(self, users: int) -> Fraction:
        return value(self.curve, users)


@dataclass(frozen=True)
class Segment:
    """`option` is the cheapest that holds every number of users from `start` to `end`, both included."""

    start: int
    end: int
    option: Option


def envelope(options: Sequence[Option]) -> tuple[Segment, ...]:
    """The cheapest option for 1 user up to the largest capacity. Among equals the one that holds more users, then the first by name."""
    ranked = sorted(options, key=lambda option: (-option.capacity, option.name))
    found: list[Segment] = []
    for start, end in pairwise(_marks(ranked)):
        here = [option for option in ranked if option.capacity >= start]
        for segment in _cheapest(here, start, end - 1):
            if found and found[-1].option is segment.option:
                found[-1] = Segment(found[-1].start, segment.end, segment.option)
            else:
                found.append(segment)
    return tuple(found)


def _marks(options: Sequence[Option]) -> list[int]:
    """Numbers of users from which something may be different: an option's end, a curve's next piece."""
    ends = {option.capacity + 1 for option in options}
    last = max(ends, default=1)
    starts = {ceil(piece.start) for option in options for piece in option.curve if piece.start > 0}
    return sorted({1, *ends, *(start for start in starts if 1 < start < last)})


def _cheapest(options: Sequence[Option], start: int, end: int) -> list[Segment]:
    """The envelope where every option is one straight line."""
    found: list[Segment] = []
    here = start
    while here <= end:
        best = min(options, key=lambda option: (option.cost(here), _slope(option, here)))
        after = min((_overtakes(best, other, here) for other in options), default=end + 1)
        found.append(Segment(here, min(after - 1, end), best))
        here = after
    return found


def _slope(option: Option, users: int) -> Fraction:
    return next(piece for piece in reversed(option.curve) if piece.start <= users).slope


def _overtakes(best: Option, other: Option, users: int) -> int:
    """The first number of users above `users` at which `other` is cheaper than `best`, were both to go on as straight lines."""
    gain = _slope(best, users) - _slope(other, users)
    if gain <= 0:
        return 10**18
    return max(floor(users + (other.cost(users) - best.cost(users)) / gain) + 1, users + 1)
