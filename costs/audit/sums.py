"""Tables recomputed: sums, costs of one user, and totals of one thing that differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import combinations

from costs.audit.model import UNTOLD, Amount, Facts, Finding, Item, Row, Table, Total
from costs.money import SYMBOLS, Money, shown_unit, significant
from costs.money import cents as rounded

NEAR = Decimal("0.03")
CENT = Decimal("0.005")
MOST_ITEMS = 14
# Kinds that a table's own figures give: a line that several tables share is no place to look for them.
OWN = {"sum", "per user"}
DATABASES = ("sql", "mongo", "database", "db", "atlas")


def agree(stated: Decimal, actual: Decimal, *, near: bool) -> bool:
    """Whether a figure may stand for `actual`: to the cent, or within 3 % where it says "~"."""
    return abs(stated - actual) <= (NEAR * abs(actual) if near else CENT)


def known(table: Table) -> tuple[Decimal, Decimal]:
    """Low and high sum of the lines that have an amount; a read replica without one costs at least what its primary does."""
    amounts = [item.amount for item in table.items if item.amount is not None]
    floor = sum((_primary(table) for item in table.items if item.amount is None and "replica" in item.name.lower()), Decimal(0))
    return sum((one.low for one in amounts), floor), sum((one.high for one in amounts), floor)


def _primary(table: Table) -> Decimal:
    for item in table.items:
        if item.amount is not None and any(word in item.name.lower() for word in DATABASES):
            return item.amount.low
    return Decimal(0)


def complete(table: Table) -> bool:
    return all(item.amount is not None for item in table.items)


def money(amount: Decimal, currency: str = "USD") -> str:
    return str(Money(amount, currency))


def unit(amount: Decimal, currency: str = "USD") -> str:
    return shown_unit(Money(amount, currency))


def between(low: Decimal, high: Decimal, currency: str = "USD") -> str:
    return money(low, currency) if low == high else f"{money(low, currency)}-{bare(high, currency)}"


def bare(amount: Decimal, currency: str) -> str:
    """The amount without its currency, grouped as that is."""
    return money(amount, currency).replace(SYMBOLS[currency], "") if currency in SYMBOLS else rounded(amount)


def sums(table: Table) -> list[Finding]:
    """Sum against total, with what explains the difference; a range against the sums of its components' ends."""
    if table.total is None or table.total_where is None or not any(item.amount for item in table.items):
        return []
    low, high = known(table)
    total, own = table.total, table.currency
    said = between(total.low, total.high, own)
    at = f"; {table.converted}" if table.converted else ""
    if not complete(table):
        names = ", ".join(item.name for item in table.items if item.amount is None)
        text = f"{components(table)} is at least {between(low, high, own)}, stated {said}: {names} has no price{at}"
        return [Finding("no price", table.total_where, text)]
    if _adds_up(table) or table.unclear:
        return []
    return [
        Finding(
            "sum" if total.exact else "range",
            table.total_where,
            f"{components(table)} = {between(low, high, own)}, stated {said}{_why(table, total)}{at}",
        )
    ]


def _adds_up(table: Table) -> bool:
    """Whether the total is the lines' sum; to 3 % where it says "~" or lines were converted."""
    (low, high), total = known(table), table.total
    near = total is not None and (total.near or bool(table.converted))
    return total is not None and agree(total.low, low, near=near) and agree(total.high, high, near=near)


def components(table: Table) -> str:
    return " + ".join("?" if item.amount is None else _plain(item.amount) for item in table.items)


def _plain(amount: Amount) -> str:
    low, high = bare(amount.low, amount.currency), bare(amount.high, amount.currency)
    return low if low == high else f"{low}-{high}"


def _why(table: Table, total: Amount) -> str:
    """The lines without which the total is right, or the nearest sum of any of them."""
    items = [item for item in table.items if item.amount is not None and item.amount.low > 0]
    if not total.exact or not 1 < len(items) <= MOST_ITEMS:
        return ""
    low, _ = known(table)
    left_out = next((one for one in items if one.amount and agree(total.low, low - one.amount.low, near=False)), None)
    if left_out is not None:
        return f": {left_out.name} (line {left_out.where.line}) is left out"
    subsets = (chosen for size in range(1, len(items) + 1) for chosen in combinations(items, size))
    nearest = min((_sum(chosen) for chosen in subsets), key=lambda value: (abs(value - total.low), value))
    carried = [item for item in table.items if item.taken_from is not None]
    note = f"; {len(carried)} lines are carried over or priced elsewhere" if carried else ""
    return (
        f": no choice of the lines gives {money(total.low, total.currency)} (nearest {money(nearest, total.currency)}){note}"
        if nearest != total.low
        else note
    )


def _sum(items: Iterable[Item]) -> Decimal:
    return sum((item.amount.low for item in items if item.amount is not None), Decimal(0))


def of_user(table: Table) -> tuple[Decimal, Decimal] | None:
    """The true cost of one user, low and high: the lines' sum where there is one, else the stated total, over the users."""
    if not table.users:
        return None
    low, high = known(table) if any(item.amount for item in table.items) else (Decimal(0), Decimal(0))
    if not high and table.total is not None:
        low, high = table.total.low, table.total.high
    return low / table.users[0], high / table.users[0]


def per_user(table: Table) -> list[Finding]:
    """The stated cost of one user against the total over the users; a factor of 1000 is named."""
    stated, where, true = table.per_user, table.per_user_where, of_user(table)
    if stated is None or where is None or true is None or table.total is None:
        return []
    total, users = table.total, table.users[0]
    values, own = [total.low / users, total.high / users, *true], table.currency
    if any(abs(stated.low - value) <= abs(value) / 100 for value in values):
        return []
    text = f"{between(total.low, total.high, own)} / {users:,.0f} users = {unit(values[0], own)} for each, stated {unit(stated.low, own)}"
    factor = stated.low / values[0] if values[0] else Decimal(0)
    if abs(factor - 1000) <= 20:
        text += ": 1000 times too much; it is the cost of 1,000 users, labelled as that of one"
    elif factor:
        text += f": {significant(factor)} times the true figure"
    return [Finding("per user", where, text)]


def two_totals(facts: Facts) -> list[Finding]:
    """Totals of one thing that differ: in a summary and its table, in a range and a figure, in a line and the layer's own heading."""
    pairs = [(total, table) for total in facts.totals for table in facts.tables if table.where.file == total.where.file]
    found = [finding for total, table in pairs for finding in _against(total, table)]
    ratios = {total.amount.low / table.total.low for total, table in _unequal(pairs) if table.total and table.total.low}
    if len(ratios) == 1 and sum(one.kind == "two totals" for one in found) > 1:
        each = f"; each is exactly {next(iter(ratios)).normalize():f} of the table's"
        found = [Finding(one.kind, one.where, one.text + each) for one in found]
    return [*found, *_tables_of_one_thing(facts.tables)]


def _unequal(pairs: Sequence[tuple[Total, Table]]) -> list[tuple[Total, Table]]:
    return [
        (total, table) for total, table in pairs
        if total.thing == table.thing and table.total is not None and total.amount.exact and table.total.exact and total.amount.currency == table.currency
        and not agree(total.amount.low, table.total.low, near=False)
    ]  # fmt: skip


def _against(total: Total, table: Table) -> list[Finding]:
    stated = total.amount
    if total.thing == table.thing and table.total is not None and table.total_where != total.where:
        whole = table.total
        if stated.currency != whole.currency:
            return []
        own = table.currency
        if (stated.low, stated.high) == (whole.low, whole.high) or _holds(whole, stated) or _holds(stated, whole):
            return []
        users = f", for each of {table.users[0]:,.0f} users {unit(stated.low / table.users[0], own)}" if table.users else ""
        text = f"{total.thing} costs {between(stated.low, stated.high, own)}{users} here and {between(whole.low, whole.high, own)} in line {table.total_where and table.total_where.line}"
        return [Finding("two totals", total.where, text)]
    if total.thing.startswith("phase"):
        return []
    done = []
    for item in table.items:
        if item.amount is None or item.amount.currency != stated.currency or not item.words & total.words:
            continue
        if (item.amount.low, item.amount.high) != (stated.low, stated.high):
            text = f"{item.name} costs {between(stated.low, stated.high, stated.currency)} here and {between(item.amount.low, item.amount.high, stated.currency)} in line {item.where.line}"
            done.append(Finding("two totals", total.where, text))
    return done


def _holds(whole: Amount, part: Amount) -> bool:
    """A range holds a figure, when it is a range."""
    return not whole.exact and whole.low <= part.low and part.high <= whole.high


def _tables_of_one_thing(tables: Sequence[Table]) -> list[Finding]:
    """Tables of one phase in several documents; a range holds every figure inside it."""
    done = []
    for one, other in combinations([table for table in tables if table.total is not None and table.thing.startswith("phase")], 2):
        if (
            one.thing != other.thing
            or one.where.file == other.where.file
            or one.total is None
            or other.total is None
            or other.total_where is None
            or one.currency != other.currency
        ):
            continue
        own = one.currency
        if not (_holds(one.total, other.total) or _holds(other.total, one.total) or agree(one.total.low, other.total.low, near=True)):
            text = f"{one.thing} costs {between(other.total.low, other.total.high, own)} here and {between(one.total.low, one.total.high, own)} in {one.total_where}"
            done.append(Finding("two totals", other.total_where, text))
    return done


def row(table: Table, findings: Sequence[Finding]) -> Row:
    """The table recomputed, with the kinds of what was found in it."""
    priced = any(item.amount for item in table.items)
    low, high = known(table)
    mark = "" if complete(table) else "≥ "
    true = of_user(table)
    own = table.currency
    stated = between(table.total.low, table.total.high, own) if table.total else "none"
    places = {table.where, table.total_where, table.per_user_where, *(item.where for item in table.items)}
    own_findings = {*sums(table), *per_user(table)}
    here = [one for one in findings if one.where in places and not one.note and (one in own_findings or one.kind not in OWN)]
    kinds = list(dict.fromkeys(one.kind for one in here))
    of_one = "" if true is None else _range(f"{mark if priced else ''}", true, own)
    second = (
        f" (at {table.users[1]:,.0f}: {_range('', (low / table.users[1], high / table.users[1]), own)})" if len(table.users) > 1 else ""
    )
    return Row(
        table.where,
        table.title,
        components(table) if priced else "no amounts",
        f"{mark}{between(low, high, own)}" if priced else "none",
        stated,
        " / ".join(f"{one:,.0f}" for one in table.users) or "not said",
        of_one + second,
        "" if table.per_user is None else unit(table.per_user.low, own),
        _verdict(table, kinds, priced=priced),
    )


def _verdict(table: Table, kinds: Sequence[str], *, priced: bool) -> str:
    if table.total is None:
        return "never totalled"
    if not priced:
        return ", ".join(["not derivable: no line has an amount", *kinds])
    if table.unclear and not _adds_up(table):
        return f"{UNTOLD}: line {', '.join(str(where.line) for where in table.unclear)} has several amounts"
    return ", ".join(kinds) or "right"


def _range(mark: str, amounts: tuple[Decimal, Decimal], currency: str) -> str:
    low, high = (unit(one, currency) for one in amounts)
    return f"{mark}{low}" if low == high else f"{mark}{low}-{high}"
