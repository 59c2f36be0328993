"""Figures outside cost tables: totals, upgrades, unit prices, plans' quotas, usage, sizes chosen, goals."""

from __future__ import annotations

import re
from collections.abc import Sequence

from costs.audit.grids import spread
from costs.audit.model import Amount, Choice, Facts, Goal, Quota, Shift, Total
from costs.audit.sayings import moments, numbers, roles, savings
from costs.audit.tables import plans, tables
from costs.audit.tallies import tallies, usages
from costs.audit.text import PHASE, Text, lines
from costs.audit.words import NUMBER, amounts, number, skus, users, words

COST = re.compile(r"^(?:\w+ )?cost\s*:", re.IGNORECASE)
PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s?%")
BRACKET = re.compile(
    rf"\((?P<count>{NUMBER})\s?(?P<scale>[KMkm])?\s+(?P<unit>[a-z]+)\)|^(?P<count2>{NUMBER})\s?(?P<scale2>[KMkm])?\s+(?P<unit2>[a-z]+)\s+="
)
CHEAPER = re.compile(r"(\d{1,4})\s?x cheaper than (?:\w+ )?(\w+)", re.IGNORECASE)


def facts(text: str, name: str) -> Facts:
    """Everything an audit can use from one document. Never fails, whatever the text."""
    found = list(lines(text, name))
    read = Facts(tables=[*tables(spread(found)), *plans(found)], tallies=tallies(found), usages=usages(found), goals=numbers(found),
                 roles=roles(found), moments=moments(found), savings=savings(found))  # fmt: skip
    ranges = {table.total_where for table in read.tables}
    for index, line in enumerate(found):
        money = amounts(line.text)
        if money:
            _money(read, found, index, money, known=line.where in ranges)
        _choices(read, line)
        _goals(read, line, money)
    return read


def _money(read: Facts, found: Sequence[Text], index: int, money: list[Amount], *, known: bool) -> None:
    line = found[index]
    first = money[0]
    if len(money) == 2 and "→" in line.text and COST.match(line.text):
        read.shifts.append(_shift(found, index, money))
    elif COST.match(line.text) and len(money) == 1 and not first.per and not first.below and not known:
        read.totals.append(Total(line.thing, first, line.where, words(line.headings[-1]) if line.headings else frozenset()))
    bracket = BRACKET.search(line.text)
    near = words(f"{line.text} {line.label} {line.headings[-1] if line.headings else ''}")
    if first.per and first.per != "user" and first.exact:
        read.quotas.append(Quota(first.low, first.per_count, first.per, near, line.where, line.section, each=True))
    elif bracket and first.exact and not line.cells:
        count = number(bracket["count"] or bracket["count2"], bracket["scale"] or bracket["scale2"])
        if count:
            read.quotas.append(Quota(first.low, count, bracket["unit"] or bracket["unit2"], near, line.where, line.section, each=False))


def _shift(found: Sequence[Text], index: int, money: list[Amount]) -> Shift:
    """An upgrade with the sizes named in the lines before it: `Current: A → B`, or `Current: A` and `Upgrade to: B`."""
    line = found[index]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    for near in found[max(index - 3, 0) : index]:
        if (near.section, near.block) != (line.section, line.block):
            continue
        left, arrow, right = near.text.partition("→")
        if near.text.lower().startswith("current"):
            before, after = skus(left), skus(right) if arrow else after
        elif near.text.lower().startswith("upgrade"):
            after = skus(near.text)
    return Shift(line.thing, money[0], money[1], before, after, line.headings[-1] if line.headings else "", line.where)


def _choices(read: Facts, line: Text) -> None:
    """The database size that a phase is given, in a block or list; what it has before the upgrade does not count."""
    if not line.thing.startswith("phase") or not line.block:
        return
    left, arrow, right = line.text.partition("→")
    said = right if arrow and not amounts(right) else left
    if said is left and line.text.lower().startswith("current"):
        return
    read.choices += [Choice(line.thing, sku, line.where, upgrade=said is right) for sku in skus(said) if sku.startswith("atlas ")]


def _goals(read: Facts, line: Text, money: list[Amount]) -> None:
    lower = line.text.lower()
    shares = [number(match[1]) for match in PERCENT.finditer(line.text)]
    if money:
        _money_goals(read, line, money[0], lower)
    if shares and "margin" in lower:
        read.goals.append(Goal("margin", shares[0], shares[0], line.text, line.where, line.thing))
    if shares and "conversion" in lower:
        read.goals.append(Goal("conversion", shares[0], shares[0], line.text, line.where, line.thing))
    for low, high, kind in users(line.text):
        sort = "load test" if "load test" in lower else "concurrent" if kind == "concurrent" else "users"
        thing = "present" if re.search(r"\bcurrent(?:ly)?\b", lower) else line.thing
        read.goals.append(Goal(sort, low, high, line.text, line.where, thing))  # type: ignore[arg-type]
    concurrent = re.search(rf"({NUMBER})(?:\s?[-–]\s?({NUMBER}))?\s+concurrent\b(?! users)", line.text)
    if concurrent:
        low = number(concurrent[1])
        read.goals.append(Goal("concurrent", low, number(concurrent[2]) if concurrent[2] else low, line.text, line.where, line.thing))


def _money_goals(read: Facts, line: Text, first: Amount, lower: str) -> None:
    cheaper = CHEAPER.search(line.text)
    if cheaper and first.per:
        text = f"{cheaper[2].lower()} {first.low.normalize():f} {first.per}"
        read.goals.append(Goal("cheaper", number(cheaper[1]), number(cheaper[1]), text, line.where, line.thing))
    if first.below and first.per == "user":
        read.goals.append(Goal("per user below", first.low, first.high, line.text, line.where, line.thing, first.currency))
    elif "revenue" in lower:
        read.goals.append(Goal("revenue", first.low, first.high, line.text, line.where, line.thing, first.currency))
    elif COST.match(line.text) and not first.per and "→" not in line.text:
        read.goals.append(Goal("cost", first.low, first.high, line.text, line.where, line.thing, first.currency))
    elif (
        re.search(r"/\s?1 month|/month", lower)
        and first.per
        and first.per_count == 1
        and "pric" in f"{line.label} {' '.join(line.headings)}".lower()
    ):
        read.goals.append(Goal("plan price", first.low, first.high, line.text, line.where, line.thing, first.currency))


def phase_headings(text: str, name: str) -> list[Goal]:
    """Every phase that a heading names with its users, once."""
    found: dict[str, Goal] = {}
    for line in lines(text, name):
        for heading in line.headings:
            match, named = PHASE.search(heading), list(users(heading))
            if match and named:
                low, high, _ = named[-1]
                found.setdefault(f"phase {match[1]}", Goal("phase", low, high, heading, line.where, f"phase {match[1]}"))
    return list(found.values())
