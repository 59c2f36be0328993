"""A platform's bill: which thing is bought as which price, and what is bought besides the things a phase declares."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from costs.price import Amount, Currency, Entry, Positive
from documents import Document, fit, read
from errors import BadInput
from phases.load import Loaded

ROOT = Path(__file__).parent / "bills"
Group = Literal["infrastructure", "fees", "tax"]
Basis = Literal["registered", "concurrent", "active", "paying", "revenue", "storage_gb"]


class Bounds(Entry):
    """A figure that nobody has measured: low ≤ typical ≤ high, and why these."""

    low: Amount
    typical: Amount
    high: Amount
    source: str

    @model_validator(mode="after")
    def rises(self) -> Bounds:
        if not self.low <= self.typical <= self.high:
            raise ValueError("must rise from low over typical to high")
        return self


class Each(Bounds):
    """Units for each one `of` a basis: mails for each active user."""

    of: Basis


class Population(Entry):
    """Shares of the registered users."""

    active: Bounds
    paying: Bounds


class Counted(Entry):
    """How this platform counts a denominator: a PromQL expression of one number, what it means, and whose samples must be new."""

    expression: str
    meaning: str
    fresh: str = ""


class Revenue(Entry):
    """What one paying user pays in a month."""

    price: Amount
    currency: Currency
    source: str


class Extra(Entry):
    """Something bought that no phase declares: `count` of it, or `each` for each of a basis. Without `phases` in every one."""

    key: str
    sku: str
    component: str
    title: str
    group: Group = "infrastructure"
    phases: tuple[int, ...] = ()
    count: Positive = Decimal(1)
    each: Each | None = None


class Bill(Entry):
    form: Literal["cmctl/bill/1"] = Field(alias="schema")
    platform: str
    things: dict[str, str]
    population: Population | None = None
    revenue: Revenue | None = None
    counted: dict[Literal["concurrent", "registered", "active", "paying"], Counted] = Field(default_factory=dict)
    extras: tuple[Extra, ...] = ()

    @model_validator(mode="after")
    def bases_are_given(self) -> Bill:
        bases = {extra.each.of for extra in self.extras if extra.each}
        if bases & {"active", "paying", "revenue"} and self.population is None:
            raise ValueError("an extra counts active or paying users, but there is no `population`")
        if "revenue" in bases and self.revenue is None:
            raise ValueError("an extra is a share of revenue, but there is no `revenue`")
        return self


@dataclass(frozen=True)
class Bought:
    """A bill and the document it was read from, for messages with file and line."""

    bill: Bill
    document: Document

    def check(self, known: set[str]) -> None:
        """Raises BadInput for every sku that no price book knows (file, line, key, did you mean)."""
        named = [(("things", thing), sku) for thing, sku in self.bill.things.items()]
        named += [(("extras", index, "sku"), extra.sku) for index, extra in enumerate(self.bill.extras)]  # type: ignore[misc]
        problems = [
            f"{self.document.path}:{self.document.line(at)}: {'.'.join(map(str, at))}: {_unknown(sku, known)}"
            for at, sku in named
            if sku not in known
        ]
        if problems:
            raise BadInput("\n".join(problems), hint="correct the sku, or add it to a price book")


def _unknown(sku: str, known: set[str]) -> str:
    close = difflib.get_close_matches(sku, sorted(known), n=1)
    return f"no price book knows {sku!r}" + (f" (did you mean {close[0]}?)" if close else "")


def place(loaded: Loaded, root: Path = ROOT) -> Path:
    """Where a platform's bill lies, if it has one: beside its platform.yaml, else among those that come with cmctl."""
    beside = loaded.documents[0].path.parent / "bill.yaml"
    return beside if beside.exists() else root / f"{loaded.platform.name}.yaml"


def load(loaded: Loaded, root: Path = ROOT) -> Bought:
    """The bill of a platform. Raises BadInput when it has none or it is malformed."""
    platform, path = loaded.platform.name, place(loaded, root)
    if not path.exists():
        beside = loaded.documents[0].path.parent / "bill.yaml"
        raise BadInput(
            f"platform {platform} has no bill",
            why=f"neither {beside} nor {path} exists",
            hint=f"cp {root / 'codementee.yaml'} {beside}, then fill it in",
        )
    document = read(path, provenance=False)
    bill = fit(document, Bill)
    if bill.platform != platform:
        raise BadInput(f"{path}:{document.line(('platform',))}: platform {bill.platform!r} is not {platform!r}")
    return Bought(bill, document)
