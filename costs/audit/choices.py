"""What is bought: one thing at two prices, two sizes at one price, two sizes for one phase, components that do not fit a range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from costs.audit.model import Facts, Finding, Item, Table, Where
from costs.audit.sums import agree, between, money
from costs.audit.words import words
from costs.books import Book
from costs.price import monthly

FAR = Decimal("0.1")


@dataclass(frozen=True)
class Known:
    """The price of one piece of `sku`, and where it is said. `where` None: from a price book."""

    sku: str
    low: Decimal
    high: Decimal
    where: Where | None
    words: frozenset[str] = frozenset()
    counted: bool = False
    currency: str = "USD"

    @property
    def place(self) -> str:
        return f"line {self.where.line}" if self.where else "the price book"


def known_prices(facts: Facts) -> list[Known]:
    """Prices of single pieces: of tables' lines by their count, of both sides of an upgrade."""
    found = []
    for table in facts.tables:
        for item in table.items:
            if item.amount is None or item.taken_from is not None:
                continue
            counted = item.count[1] > 1
            sku = item.skus[0] if len(item.skus) == 1 else ""
            if item.amount.exact and item.count[0] == item.count[1] and (sku or counted):
                each = item.amount.low / item.count[0]
                found.append(Known(sku, each, each, item.where, item.words, counted, item.amount.currency))
    for shift in facts.shifts:
        for amount, skus in ((shift.before, shift.before_skus), (shift.after, shift.after_skus)):
            found += [Known(skus[0], amount.low, amount.high, shift.where, currency=amount.currency)] if len(skus) == 1 else []
    return found


def two_prices(known: Sequence[Known]) -> list[Finding]:
    """One thing with a size or plan at two prices, said once for each pair of prices."""
    done: dict[tuple[str, Decimal, Decimal], Finding] = {}
    for one, other in combinations([entry for entry in known if entry.sku and entry.where], 2):
        if (one.sku, one.currency) == (other.sku, other.currency) and other.where and not agree(one.low, other.low, near=True):
            text = f"{one.sku} costs {money(other.low, one.currency)} here and {money(one.low, one.currency)} in {one.where}"
            done.setdefault((one.sku, one.low, other.low), Finding("sku price", other.where, text))
    return list(done.values())


def two_sizes(known: Sequence[Known]) -> list[Finding]:
    """Machines of different memory at one price."""
    machines: dict[tuple[str, Decimal], Known] = {}
    for entry in known:
        if entry.sku.endswith("GB machine") and entry.where:
            machines.setdefault((entry.sku, entry.low), entry)
    done = []
    for one, other in combinations(machines.values(), 2):
        if one.sku != other.sku and (one.low, one.currency) == (other.low, other.currency) and one.low and other.where:
            done.append(Finding("size", other.where, f"{other.sku} costs {money(other.low, one.currency)}, as {one.sku} in {one.where}"))
    return done


def two_choices(facts: Facts) -> list[Finding]:
    """One phase that is given two sizes of one thing, in one document or in two."""
    done = []
    first: dict[tuple[str, str], dict[str, Where]] = {}
    for choice in facts.choices:
        seen = first.setdefault((choice.thing, choice.sku.partition(" ")[0]), {})
        for sku, where in seen.items():
            if sku != choice.sku and choice.sku not in seen:
                done.append(Finding("two choices", choice.where, f"{choice.thing} has {choice.sku} here and {sku} in {where}"))
        seen.setdefault(choice.sku, choice.where)
    return done


def of_book(book: Book | None) -> list[Known]:
    """A price book's monthly prices under the audit's names: `atlas m60` is its atlas-m60."""
    found = []
    for price in (book.prices if book else {}).values():
        cost = monthly(price, Decimal(1)) if price.unit in {"month", "hour", "year"} and price.currency == "USD" else None
        if cost is not None and "-" in price.id:
            found.append(Known(price.id.replace("-", " "), cost, cost, None))
    return found


def ranges(tables: Sequence[Table], known: Sequence[Known], book: Sequence[Known]) -> list[Finding]:
    """Plans that give a range and name what it pays for: the components whose price is known against the range."""
    done = []
    for table in tables:
        if table.total is None or table.total_where is None or any(item.amount for item in table.items):
            continue
        own = [item for one in tables if one.thing == table.thing for item in one.items if item.amount is not None]
        parts = [part for part in (_part(item, known, book) or _named(item, own) for item in table.items) if part is not None]
        low, high = sum((part.low for part in parts), Decimal(0)), sum((part.high for part in parts), Decimal(0))
        if low <= table.total.low:
            continue
        names = " + ".join(f"{part.text} {between(part.low, part.high)}" for part in parts)
        missing = len(table.items) - len(parts)
        said = between(table.total.low, table.total.high)
        place = "above the whole range" if low > table.total.high else "so the lower end cannot be reached"
        rest = f"; {missing} of {len(table.items)} components have no known price" if missing else ""
        left = (
            f", which leaves {between(max(table.total.low - low, Decimal(0)), table.total.high - low)} for them"
            if missing and low <= table.total.high
            else ""
        )
        done.append(Finding("range", table.total_where, f"{names} = {between(low, high)}, stated {said}: {place}{rest}{left}"))
    return done


@dataclass(frozen=True)
class _Part:
    text: str
    low: Decimal
    high: Decimal


def _part(item: Item, known: Sequence[Known], book: Sequence[Known]) -> _Part | None:
    """What a component costs at least and at most, by its own name's price, or that of counted pieces of the same words."""
    for source in (known, book):
        found = next((one for one in source if one.sku in item.skus and one.sku), None)
        if found is None and item.count[1] > 1:
            found = next((one for one in source if one.counted and one.words & item.words), None)
        if found is not None:
            count = (
                f"{item.count[0]}× "
                if item.count[0] == item.count[1] != 1
                else f"{item.count[0]}-{item.count[1]}× "
                if item.count[0] != item.count[1]
                else ""
            )
            return _Part(f"{count}{found.sku} ({found.place})", found.low * item.count[0], found.high * item.count[1])
    return None


def _named(item: Item, own: Sequence[Item]) -> _Part | None:
    """A component as another table of the same phase prices it: by what it is made of, else by its name."""
    name, _, made_of = item.name.partition("(")
    for meant in (words(made_of), words(name)):
        found = next((one for one in own if one.amount is not None and one.words & meant), None)
        if found is not None and found.amount is not None:
            return _Part(f"{found.name} (line {found.where.line})", found.amount.low, found.amount.high)
    return None


def against_list(facts: Facts, book: Book | None) -> list[Finding]:
    """Lines whose thing is in the price book at a price more than 10 % away; a number of pieces is multiplied."""
    listed: Mapping[str, Known] = {one.sku: one for one in of_book(book)}
    done = []
    for table in facts.tables:
        for item in table.items:
            price = next((listed[sku] for sku in item.skus if sku in listed), None)
            if price is None or item.amount is None or item.taken_from is not None:
                continue
            low, high = price.low * item.count[0], price.high * item.count[1]
            many = item.count[1] > 1
            if high > item.amount.high * (1 + FAR) or low < item.amount.low * (1 - FAR):
                times = f"{between(item.count[0], item.count[1])[1:]} × {money(price.low)} = " if many else ""
                text = f"{item.name}: list {times}{between(low, high)}, stated {between(item.amount.low, item.amount.high)}"
                text += _factor(low, item.amount.low) + _at_most(item, price, facts, many=many) + _covers(item, price, book)
                done.append(Finding("usage" if many else "list price", item.where, text))
    return done


def _at_most(item: Item, price: Known, facts: Facts, *, many: bool) -> str:
    """What the largest number of pieces costs that the document allows."""
    found = next((goal for goal in facts.goals if goal.kind == "most pieces" and words(goal.text) & item.words), None)
    if not many or found is None or found.high <= item.count[1]:
        return ""
    return f"; at most {found.high:f} (line {found.where.line}): {money(price.high * found.high)}"


def _covers(item: Item, price: Known, book: Book | None) -> str:
    """What the listed price holds of what the line's name adds to it."""
    listed = book.prices.get(price.sku.replace(" ", "-")) if book else None
    name = item.name.lower()
    if listed is not None and "shard" in name:
        return f"; two shards {money(price.low * 2)}"
    if listed is not None and "replica" in name and listed.nodes > 1:
        return f"; it covers {listed.nodes} nodes already, further ones come on top"
    return ""


def _factor(listed: Decimal, stated: Decimal) -> str:
    return f" (×{listed / stated:.2f})" if stated and listed else ""
