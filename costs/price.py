"""Prices as a book gives them: dated, with source and confidence; and what a quantity costs in a month."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from documents import broken

HOURS = Decimal(730)
MONTHS = Decimal(12)
PIECES = {"hour", "month", "year"}

# Above every bill there is; a longer number (1e999999) would end the process or fill pages with zeros.
LARGEST = Decimal("1e18")
# What people write for the units that are understood: as a label, `hours` would be priced 730 times too low.
MEANT = {"hr": "hour", "hrs": "hour", "mo": "month", "yr": "year", "annum": "year", "%": "percent"} | {
    form: unit for unit in ("hour", "month", "year", "percent") for form in (unit, f"{unit}s", f"{unit}ly")
}

Amount = Annotated[Decimal, Field(ge=0, le=LARGEST)]
Positive = Annotated[Decimal, Field(gt=0, le=LARGEST)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Confidence = Literal["A", "B", "C", "?"]
Method = Literal["api", "doc", "quote", "secondary", "seed", "judgement", "own"]

CONFIDENCE = {
    "A": "the provider's own document or interface",
    "B": "a dated quote of the provider's page",
    "C": "undated or secondary",
    "?": "general knowledge, not confirmed",
}


class Entry(BaseModel):
    """Base of everything read from a price book: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Tier(Entry):
    """`price` for the units above the tier before, up to and including `up_to` (None: no end)."""

    up_to: Positive | None = None
    price: Amount


class Price(Entry):
    """What one vendor asks for one thing.

    `price` is for `per` units (100000 commands); null says that it is not known. `unit` hour, month, year and percent
    are understood, others are labels. `hours_basis` is how many hours make a month here, `cap_hours` how many of them are
    billed at most. `cap` and `minimum` are amounts a month, for each piece where pieces are billed by time. `nodes` is how many nodes one unit covers (an Atlas tier: 3),
    `smallest` the smallest size where capacity × hours is paid (0.25 CU).
    `renewal` is the price after the first term. `applies_to` says for whom it holds, e.g. new customers only.
    `included` units are free of charge; `quota` is what a plan with one price holds, in words.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    title: str
    vendor: str
    sku: str
    region: str = "any"
    unit: str
    per: Positive = Decimal(1)
    price: Amount | None = None
    currency: Currency
    tax: Literal["net", "gross", "unsaid"] = "unsaid"
    tiers: tuple[Tier, ...] = ()
    included: Amount = Decimal(0)
    quota: str = ""
    hours_basis: Positive = HOURS
    cap_hours: Positive | None = None
    cap: Positive | None = None
    minimum: Amount = Decimal(0)
    term: str = "month to month"
    renewal: Amount | None = None
    nodes: Annotated[int, Field(gt=0)] = 1
    smallest: Positive | None = None
    applies_to: str = "all"
    as_of: dt.date
    source: str
    method: Method
    confidence: Confidence
    note: str = ""

    @model_validator(mode="after")
    def says_its_price(self) -> Price:
        if self.tiers and self.price is not None:
            raise ValueError("give `price` or `tiers`, not both")
        if not self.tiers and "price" not in self.model_fields_set:
            raise ValueError("price is missing; write `price: null` when it is not known")
        ends = [tier.up_to for tier in self.tiers[:-1]]
        if self.tiers and (None in ends or self.tiers[-1].up_to is not None or ends != sorted(set(ends), key=lambda end: end or 0)):
            raise ValueError("tiers must rise, and only the last has no up_to")
        return self

    @model_validator(mode="after")
    def means_its_unit(self) -> Price:
        meant = MEANT.get(self.unit.lower(), self.unit)
        if meant != self.unit:
            raise broken(f"{self.unit!r} is no unit; write {meant}", "unit")
        if self.cap is not None and self.cap < self.minimum:
            raise broken(f"the cap of {self.cap:f} is below the minimum of {self.minimum:f}", "cap")
        return self

    @property
    def known(self) -> bool:
        return self.price is not None or bool(self.tiers)


class Rate(Entry):
    """One unit of `base` is worth `rate` units of `quote` on `as_of`."""

    base: Currency
    quote: Currency
    rate: Positive
    as_of: dt.date
    source: str


def monthly(price: Price, quantity: Decimal) -> Decimal | None:
    """What `quantity` units cost in a month, in the price's currency; None when the price is not known.

    For `percent` the quantity is an amount of money.
    """
    if not price.known:
        return None
    paid_for = max(quantity - price.included, Decimal(0))
    cost = _tiered(price.tiers, paid_for, price.per) if price.tiers else _simple(price, quantity, paid_for)
    pieces = quantity if price.unit in PIECES else Decimal(1)
    cost = max(cost, price.minimum * pieces)
    return min(cost, price.cap * pieces) if price.cap is not None else cost


def _simple(price: Price, quantity: Decimal, paid_for: Decimal) -> Decimal:
    unit = price.price or Decimal(0)
    if price.unit == "hour":
        return quantity * unit * min(price.hours_basis, price.cap_hours or price.hours_basis) / price.per
    if price.unit == "year":
        return quantity * unit / MONTHS / price.per
    if price.unit == "percent":
        return quantity * unit / 100 / price.per
    return paid_for * unit / price.per


def _tiered(tiers: tuple[Tier, ...], quantity: Decimal, per: Decimal) -> Decimal:
    cost, below = Decimal(0), Decimal(0)
    for tier in tiers:
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        cost += max(top - below, Decimal(0)) * tier.price / per
        below = max(below, top)
    return cost
