"""A cost table as YAML, for those who keep one: typed, strict, each finding with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from costs.audit.model import Amount, Facts, Finding, Item, Table, Total, Where
from costs.audit.words import words
from costs.price import LARGEST, Currency, Entry, Positive
from costs.price import Amount as Money
from documents import Document, fit, parse

Range = tuple[Money, Money]
# A line below zero is a credit.
Credited = Annotated[Decimal, Field(ge=-LARGEST, le=LARGEST)]


class Use(Entry):
    """`quantity` of `unit` a month; `price` for `per` of them, or a plan's `quota`."""

    quantity: Money
    unit: str
    price: Money | None = None
    per: Positive = Decimal(1)
    quota: Money | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> Use:
        if (self.price is None) == (self.quota is None):
            raise ValueError("give `price` or `quota`")
        return self


class LineOf(Entry):
    """A line: `amount` a month, one figure or [low, high], null where nobody knows; `count` pieces of `sku`."""

    name: str
    sku: str = ""
    amount: Credited | tuple[Credited, Credited] | None
    count: Positive = Decimal(1)
    use: Use | None = None


class TableOf(Entry):
    """`thing` joins tables and totals that must agree; `near` allows the total 3 % (a "~")."""

    thing: str
    title: str = ""
    users: Positive | None = None
    lines: tuple[LineOf, ...]
    total: Money | Range | None = None
    near: bool = False
    per_user: Money | None = None


class TotalOf(Entry):
    thing: str
    total: Money | Range
    place: str = ""


class Ledger(Entry):
    form: Annotated[str, Field(alias="schema", pattern="^cmctl/cost-table/1$")]
    currency: Currency = "USD"
    tables: tuple[TableOf, ...]
    totals: tuple[TotalOf, ...] = ()


def facts(text: str, path: Path) -> Facts:
    """The tables in `text`. Raises BadInput (file, line, key) when it is not a cost table."""
    document = parse(text, path, provenance=False)
    ledger = fit(document, Ledger)
    read = Facts()
    for index, table in enumerate(ledger.tables):
        read.tables.append(_table(document, ("tables", index), table, ledger.currency))
        read.findings += _uses(document, ("tables", index), table)
    for index, total in enumerate(ledger.totals):
        read.totals.append(Total(total.thing, _amount(total.total, ledger.currency), _where(document, ("totals", index, "total"))))
    return read


def _where(document: Document, at: tuple[str | int, ...]) -> Where:
    return Where(str(document.path), document.line(at))


def _amount(value: Decimal | Range, currency: str, *, near: bool = False) -> Amount:
    low, high = sorted(value) if isinstance(value, tuple) else (value, value)
    return Amount(low, high, currency, near)


def _table(document: Document, at: tuple[str | int, ...], table: TableOf, currency: str) -> Table:
    def place(key: str) -> Where | None:
        return _where(document, (*at, key)) if (*at, key) in document.lines else None

    items = tuple(_item(line, _where(document, (*at, "lines", index)), currency) for index, line in enumerate(table.lines))
    return Table(
        thing=table.thing,
        title=table.title or table.thing,
        where=_where(document, at),
        items=items,
        total=None if table.total is None else _amount(table.total, currency, near=table.near),
        total_where=place("total"),
        users=() if table.users is None else (table.users,),
        per_user=None if table.per_user is None else _amount(table.per_user, currency),
        per_user_where=place("per_user"),
    )


def _item(line: LineOf, where: Where, currency: str) -> Item:
    amount = None if line.amount is None else _amount(line.amount, currency)
    return Item(line.name, amount, where, (line.sku.replace("-", " "),) if line.sku else (), words(line.name), (line.count, line.count))


def _uses(document: Document, at: tuple[str | int, ...], table: TableOf) -> list[Finding]:
    """A line's own usage: quantity × price above the amount, or above the plan's quota."""
    done = []
    for index, line in enumerate(table.lines):
        if line.use is None or line.amount is None:
            continue
        most, use = _amount(line.amount, "USD").high, line.use
        where = _where(document, (*at, "lines", index, "use"))
        cost = use.quantity / use.per * (use.price or Decimal(0))
        if use.quota is not None and use.quantity > use.quota:
            done.append(Finding("usage", where, f"{line.name}: {use.quantity:,.0f} {use.unit} a month, the plan has {use.quota:,.0f}"))
        elif use.price is not None and cost > most:
            text = (
                f"{line.name}: {use.quantity:,.0f} {use.unit} at {use.price:f} for {use.per:,.0f} is {cost:,.2f}, the line has {most:,.2f}"
            )
            done.append(Finding("usage", where, text))
    return done
