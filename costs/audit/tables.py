"""Cost tables in a document: lines with an amount that stand together, their total, their users, their cost of a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from costs.audit.currencies import in_one
from costs.audit.model import Amount, Item, Table, Where
from costs.audit.text import PHASE, TOTAL, Text
from costs.audit.words import AMOUNT, amounts, number, one_amount, pieces, skus, users, without_amounts, words

NOT_ITEM = re.compile(
    r"\b(?:cost per user|per user|revenue|margin|infrastructure cost|savings?|budget|income|profit)\b|^cost\b|^price\b|^sub-?totals?\b|^(?:annual|yearly) (?:total|cost)",
    re.IGNORECASE,
)
PART = re.compile(r"\btotals?$", re.IGNORECASE)
MONTHLY = re.compile(rf"{re.sub('[?]P<[a-z_]+>', '?:', AMOUNT.pattern)}\s?(?:/|per\s)\s?(?:month|mo|monat)\b", re.IGNORECASE)
NEAR = 4
GAP = 2
CENT = Decimal("0.005")
VERB = re.compile(
    r"^(?:add|upgrade|set up|implement|increase|archive|optimi[sz]e|migrate|move|switch to|enable|introduce)\b", re.IGNORECASE
)
PER_USER = re.compile(r"\bcosts? per user\b|\bper[- ]user cost\b|^per[- ]user\b", re.IGNORECASE)
PLAIN = re.compile(
    rf"^[^:|]{{1,60}}?(?::|\s*\.{{3,}}|\s{{2,}}|\t)\s*{AMOUNT.pattern.replace('(?P<', '(?P<plain_')}(?:\s?(?:/|per\s)\s?[a-z]+)?\s*(?:\([^()]*\))?$"
)
USERS = re.compile(r"^(?:number of |registered |total )?users\s*:\s*(\d[\d,]{0,30})\s?([KMkm]\b)?", re.IGNORECASE)


@dataclass
class _Draft:
    """A table while its lines come in."""

    key: tuple[int, int]
    first: Text
    plain: bool = False
    items: list[Item] = field(default_factory=list)
    indents: list[int] = field(default_factory=list)
    unclear: list[Where] = field(default_factory=list)
    total: Amount | None = None
    total_line: Text | None = None
    per_user: Amount | None = None
    per_user_line: Text | None = None

    @property
    def ahead(self) -> bool:
        """Its total stands before its first line: a later one closes it."""
        return bool(self.total_line and self.items and self.total_line.where.line < self.items[0].where.line)


def tables(found: Sequence[Text]) -> list[Table]:
    """Every table of the document, in its order. Lists of steps by phase carry over what the phase before has."""
    known = {**phase_users(found), **_declared(found)}
    drafts: list[_Draft] = []
    for line in found:
        draft = _draft(drafts, line)
        if draft is not None:
            _take(draft, line)
    for before, draft in pairwise(drafts):
        _go_on(before, draft)
    kept = [_table(draft, known) for draft in drafts if _is_table(draft)]
    return _carried([table for table in kept if table is not None])


def _go_on(before: _Draft, draft: _Draft) -> None:
    """Lines below a total that go on from it to another one, as a tax does: the former total is their first line, where it then adds up."""
    former, total = before.total, draft.total
    if before.key != draft.key or former is None or total is None or before.total_line is None or before.ahead or draft.ahead:
        return
    added = sum(item.amount.high for item in _meant(draft) if item.amount)
    if added and abs(added - total.high) > CENT >= abs(former.high + added - total.high):
        name = before.total_line.cells[0] if before.total_line.cells else before.total_line.text
        draft.items.insert(0, _item(before.total_line, name, former))
        draft.indents.insert(0, before.total_line.indent)


def _draft(drafts: list[_Draft], line: Text) -> _Draft | None:
    """The table this line belongs to; a total, or a heading or fence between, ends one."""
    last = drafts[-1] if drafts else None
    if PER_USER.search(line.text):
        near = (
            last is not None and last.key[0] == line.section and last.per_user is None and (last.key[1] >= 0 or line.block == last.key[1])
        )
        return last if near else None
    listed = bool((line.block and not line.code) or line.bullet or line.cells)
    plain = not listed and not line.code and bool(PLAIN.match(line.text))
    if not listed and not plain and not TOTAL.match(line.text):
        return None
    key = (line.section, line.block)
    if last is not None and last.key == key and (last.total is None or last.ahead or _below(last, line)):
        return last if listed or last.plain or TOTAL.match(line.text) else None
    if last is not None and TOTAL.match(line.text) and last.key[0] == line.section and last.total is None:
        return last
    drafts.append(_Draft(key, line, plain))
    return drafts[-1]


def _below(draft: _Draft, line: Text) -> bool:
    """Whether a list begins right below the total that stands for it."""
    return draft.total_line is not None and not draft.items and line.where.line - draft.total_line.where.line <= GAP


def _take(draft: _Draft, line: Text) -> None:
    money = amounts(line.text)
    name = line.cells[0] if line.cells else line.text
    if match := PER_USER.search(line.text):
        stated = amounts(line.text[match.start() :])
        draft.per_user, draft.per_user_line = (stated[0], line) if stated else (None, None)
    elif TOTAL.match(name) and money:
        draft.total, draft.total_line = money[0], line
        each = next((one for one in money[1:] if one.per == "user" and one.per_count == 1), None)
        if each is not None and draft.per_user is None:
            draft.per_user, draft.per_user_line = each, line
    elif money and not NOT_ITEM.search(name) and "→ $" not in line.text.split("$")[0]:
        _take_item(draft, line, name, money)
    elif not money and line.block and not line.text.endswith(":"):
        draft.items.append(_item(line, name, None))
        draft.indents.append(line.indent)


def _take_item(draft: _Draft, line: Text, name: str, money: list[Amount]) -> None:
    """A line with what it costs; one with several amounts is kept apart, unless they are before and after (`→`)."""
    amount, monthly = one_amount(line.text), MONTHLY.findall(line.text)
    if amount is None or amount.per:
        amount = one_amount(monthly[0]) if len(monthly) == 1 and len(money) == 2 else amount
    if amount is not None and not amount.per and not amount.below:
        draft.items.append(_item(line, name, amount))
        draft.indents.append(line.indent)
    elif len(money) > 1 and "→" not in line.text and not any(one.per or one.below for one in money):
        draft.unclear.append(line.where)


def _item(line: Text, name: str, amount: Amount | None) -> Item:
    said = " ".join(line.cells) if line.cells else line.text
    title = re.sub(r"\s*:\s*$", "", without_amounts(name) or name)
    return Item(title, amount, line.where, skus(said) if line.block >= 0 else (), words(title), pieces(said))


def _meant(draft: _Draft) -> list[Item]:
    """The lines that the total is for: without details further in, with them, without what is optional or totals of parts; the first that adds up."""
    outer = _outer(draft)
    needed = [item for item in outer if not item.name.lower().startswith("optional")]
    single = [item for item in outer if not PART.search(item.name)]
    total = draft.total
    if total is None:
        return outer
    sums = ((items, sum(item.amount.high for item in items if item.amount)) for items in (outer, draft.items, needed, single))
    return next((items for items, high in sums if abs(high - total.high) <= CENT), outer)


def _outer(draft: _Draft) -> list[Item]:
    """The draft's lines without those further in below one with an amount of its own: `Compute: $75` with `Web: $50`, `Worker: $25`."""
    kept: list[Item] = []
    index = 0
    while index < len(draft.items):
        kept.append(draft.items[index])
        end = index + 1
        while end < len(draft.items) and draft.items[index].amount is not None and draft.indents[end] > draft.indents[index] + 1:
            end += 1
        index = end
    return kept


def _is_table(draft: _Draft) -> bool:
    priced = [item for item in draft.items if item.amount is not None]
    if draft.total is not None:
        return bool(draft.items)
    return len(priced) >= 2 and all(item.amount is not None for item in draft.items) and not (draft.first.bullet or draft.plain)


def _table(draft: _Draft, known: Mapping[str, Decimal]) -> Table | None:
    first = draft.first
    steps = sum(1 for item in draft.items if VERB.match(item.name))
    whole = steps * 2 < len(draft.items)
    items = tuple(item for item in _meant(draft) if item.amount is not None or not whole)
    if not items:
        return None
    table = Table(
        thing=first.thing,
        title=first.headings[-1] if first.headings else first.where.file,
        where=items[0].where,
        items=items,
        total=draft.total,
        total_where=draft.total_line.where if draft.total_line else None,
        users=_users(draft, known),
        per_user=draft.per_user,
        per_user_where=draft.per_user_line.where if draft.per_user_line else None,
        whole=whole,
        unclear=tuple(draft.unclear),
    )
    return in_one(table)


def phase_users(found: Iterable[Text]) -> dict[str, Decimal]:
    """`phase 2` → 50,000, from the first heading or line that names a phase and its users in one (a range's upper end)."""
    known: dict[str, Decimal] = {}
    for line in found:
        for text in (*line.headings, line.text):
            match, named = PHASE.search(text), [high for _, high, kind in users(text) if kind != "concurrent" and high > 0]
            if match and named:
                known.setdefault(f"phase {match[1]}", named[-1])
    return known


def _users(draft: _Draft, known: Mapping[str, Decimal]) -> tuple[Decimal, ...]:
    """Users that the table is for: named beside the cost of one or in the total's line, else by its phase, else in the nearest heading."""
    near = [line.text for line in (draft.per_user_line, draft.total_line) if line is not None]
    found = [high for text in near for _, high, kind in users(text) if kind != "concurrent" and high > 0]
    here = known.get(_section(draft.first))
    return (found[-1],) if found else (here,) if here else _scope_users(draft.first, known)


def _declared(found: Iterable[Text]) -> dict[str, Decimal]:
    """Users that a section gives in a line of their own: `Users: 5,000`."""
    lines = [(line, match) for line in found if (match := USERS.match(line.text))]
    return {_section(line): number(match[1], match[2]) for line, match in reversed(lines)}


def _section(line: Text) -> str:
    return f"section {line.section}"


def _scope_users(line: Text, known: Mapping[str, Decimal]) -> tuple[Decimal, ...]:
    for heading in reversed(line.headings):
        found = [high for _, high, kind in users(heading) if kind != "concurrent" and high > 0]
        if found:
            return (found[-1],)
        if PHASE.search(heading):
            return (known[line.thing],) if line.thing in known else ()
    return ()


def _carried(found: Sequence[Table]) -> list[Table]:
    """Lists of steps as whole tables: what is not replaced stays, what is named without a price takes it from the document's tables."""
    priced = [item for table in found if table.whole for item in table.items if item.amount is not None]
    before: tuple[Item, ...] = ()
    done = []
    for table in found:
        if table.whole:
            done.append(table)
            continue
        same = next((one for one in found if one.whole and one.users == table.users and one.total == table.total and one.total), None)
        before = _steps(table, same.items if same else before, priced)
        done.append(replace(table, items=before))
    return done


def _steps(table: Table, before: tuple[Item, ...], priced: Sequence[Item]) -> tuple[Item, ...]:
    own = [item for item in table.items if item.amount is not None]
    known = [*before, *own]
    for item in (one for one in table.items if one.amount is None):
        match = next(
            (one for one in priced if item.words and item.words <= one.words and not any(one.words & other.words for other in known)), None
        )
        if match is not None:
            own.append(replace(item, amount=match.amount, words=match.words, taken_from=match.where))
        elif "replica" in item.name.lower():
            own.append(item)
    kept = [replace(one, taken_from=one.taken_from or one.where) for one in before if not any(one.words & new.words for new in own)]
    return (*kept, *own)


def plans(found: Sequence[Text]) -> list[Table]:
    """Blocks of `Name: what` lines without amounts, below a stated cost: a range and what it is to pay for."""
    known = phase_users(found)
    done = []
    for index, line in enumerate(found):
        if not re.match(r"^cost\s*:", line.text, re.IGNORECASE) or line.block:
            continue
        money = amounts(line.text)
        after = [one for one in found[index + 1 : index + 16] if one.section == line.section and one.block and not one.code]
        after = after if after and after[0].where.line - line.where.line <= NEAR else []
        items = tuple(_plan_item(one) for one in after if one.block == after[0].block and ":" in one.text and not amounts(one.text))
        if len(money) == 1 and not money[0].per and len(items) >= 2:
            title = line.headings[-1] if line.headings else line.where.file
            done.append(Table(line.thing, title, line.where, items, money[0], line.where, _scope_users(line, known)))
    return done


def _plan_item(line: Text) -> Item:
    name, _, what = line.text.partition(":")
    return Item(f"{name.strip()} ({what.strip()})", None, line.where, skus(f"{name} {what}"), words(line.text), pieces(what))
