"""Markdown tables as grids: a currency in a column's head, several columns of money, a total at the end of each row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from costs.audit.model import Finding
from costs.audit.sums import agree, money
from costs.audit.text import TOTAL, Text
from costs.audit.words import AFTER, AMOUNT, CURRENCIES, NUMBER, amounts, number, plain_money

GAP = 2
# Columns of a year: with fewer of them its total has more in it than they say.
QUARTERS = 4
SIGNS = {code: sign for sign, code in CURRENCIES.items()}
# A cut table has a block of its own below 0, by its line and column.
WIDEST = 1000
SIGN = re.compile(r"[$€£₹]|\b(?:USD|EUR|GBP|INR|Rs)\b")
DIGITS = re.compile(r"^(~?\s?-?)\s?(\d[\d.,]*(?:\s?[-–]\s?\d[\d.,]*)?\s?[KMkm]?)$")
CELL = re.compile(rf"^-?(?:\d{{1,4}}\s?[x×*@]\s?)?{AMOUNT.pattern}(?:\s?(?:/|per\s|a\s)\s?[a-z]+)?(?:\s*\([^()]*\)|\s*=.*|\s?[x×*].*)?$")
UNIT_PRICE = re.compile(r"\b(?:unit|each|rate|per (?!month|year|annum))|/\s?(?!mo|y|j)", re.IGNORECASE)
COUNT = re.compile(rf"^{NUMBER}$")
# A unit's price for an hour or for a thousand, and columns that are multiplied or taken off too: quantity × price is not the cost there.
OF_MANY = re.compile(r"(?:/|\bper)\s?(?:h|hr|hour|day|week|year|\d[\d,]*\s?[km]?|thousand|million)\b", re.IGNORECASE)
FURTHER = re.compile(r"^(?:hours?|days|weeks|months|years|term)\b|\b(?:discount|rebate|tax|vat|gst|rabatt|mwst)\b", re.IGNORECASE)
RANK = re.compile(r"^(?:#?\d{1,3}[.)]?)?$")
YEAR = re.compile(r"\b(?:annual|annually|year|yearly|p\.?a)\b", re.IGNORECASE)
PIECES = re.compile(r"^(?:qty|quantity|count|units|pieces|nodes|number|no\.?|#|anzahl|menge)$", re.IGNORECASE)
SAME = re.compile(r"\b(?:total|cost|costs|price|amount|monthly|month|annual|annually|year|yearly|spend|usd|eur|inr)\b|^\W*$", re.IGNORECASE)


def spread(found: Sequence[Text]) -> list[Text]:
    """The document's lines with each table of several columns of money as one list of `name | amount` for each of them."""
    done: list[Text] = []
    for rows in _runs(found):
        done += [row for part in _parts(_signed(rows)) for row in part]
    return done


def _runs(found: Sequence[Text]) -> Iterator[list[Text]]:
    """Lines in groups: the rows of one table, or anything else."""
    run: list[Text] = []
    for before, line in pairwise([None, *found]):
        joined = before is not None and line is not None and _follows(before, line)
        if run and not joined:
            yield _named(run)
            run = []
        run += [line] if line is not None else []
    if run:
        yield _named(run)


def _named(rows: list[Text]) -> list[Text]:
    """Rows that are counted in their first cell, without it: `| 1 | Web | $40 |`, `| | Total | $97 |`."""
    counted = all(RANK.match(row.cells[0]) and len(row.cells) > GAP for row in rows[1:] if row.cells)
    if not rows[0].cells or not counted or not any(TOTAL.match(row.cells[1]) for row in rows[1:]):
        return rows
    return [_with(row, row.cells[1:]) for row in rows]


def _follows(before: Text, line: Text) -> bool:
    near = line.where.line - before.where.line <= GAP and line.section == before.section
    return bool(before.cells) == bool(line.cells) and (not line.cells or near)


def _signed(rows: list[Text]) -> list[Text]:
    """Plain numbers below a head that names a currency, with its sign."""
    signs = {
        index: plain_money(match[0] + "1")[0] if match[0] not in "$€£₹" else match[0]
        for index, cell in enumerate(rows[0].cells)
        if index and not amounts(cell) and (match := SIGN.search(cell))
    }
    if not signs or not any(row.cells and TOTAL.match(row.cells[0]) for row in rows):
        return rows
    return [rows[0], *(_with(row, [_sign(cell, signs.get(index, "")) for index, cell in enumerate(row.cells)]) for row in rows[1:])]


def _sign(cell: str, sign: str) -> str:
    match = DIGITS.match(cell) if sign else None
    if match is None:
        return cell
    near, minus = match[1].replace("-", "").strip(), "-" if "-" in match[1] else ""
    return f"{minus}{near}{sign}{plain_money(f'{sign}{match[2]}').removeprefix(sign)}"


def _with(row: Text, cells: Sequence[str]) -> Text:
    return replace(row, cells=tuple(cells), text=" | ".join(cells))


def _parts(rows: list[Text]) -> list[list[Text]]:
    """The table itself, or one for each column of money with a total and for each row that ends with one."""
    if not rows[0].cells or amounts(rows[0].text) or not any(len(amounts(row.text)) > 1 for row in rows[1:]):
        return [rows]
    columns = [[_cut(rows, row, index) for row in rows[1:] if index in _money(row)] for index in _columns(rows)]
    return [*columns, *_across(rows)] or [rows]


def _money(row: Text) -> list[int]:
    """The row's cells that hold an amount."""
    return [index for index, cell in enumerate(row.cells) if index and AMOUNT.search(cell)]


def _is_money(rows: list[Text], index: int) -> bool:
    """Whether most of a column's amounts stand for themselves, at most with a unit, a bracket or how they come about."""
    cells = [row.cells[index] for row in rows[1:] if index in _money(row)]
    return sum(bool(CELL.match(cell)) for cell in cells) * 2 > len(cells)


def _columns(rows: list[Text]) -> list[int]:
    """Columns with a total whose cells are amounts and not notes, without prices of single pieces where there are others."""
    total = next((_money(row) for row in rows[1:] if TOTAL.match(row.cells[0])), [])
    kept = [index for index in total if index < len(rows[0].cells) and _is_money(rows, index)]
    return [index for index in kept if not UNIT_PRICE.search(rows[0].cells[index])] or kept


def _cut(rows: list[Text], row: Text, index: int) -> Text:
    """A row with its name and one amount. A column of the same costs stays below the heading, any other stands for itself."""
    head, cell = rows[0].cells[index], row.cells[index]
    if YEAR.search(head) and (match := AMOUNT.search(cell)) and not AFTER.match(cell, match.end()):
        cell = f"{cell[: match.end()]}/year"
    name = next((one for one in row.cells[:index] if one and not AMOUNT.search(one)), row.cells[0])
    above = row.headings[-1:] if SAME.search(head) else ()
    headings = (*row.headings[: len(above) and -1], ": ".join((*above, head))) if above else (head,)
    return replace(_with(row, [name, cell]), headings=headings if head else row.headings, block=-(rows[0].where.line * WIDEST + index))


def _across(rows: list[Text]) -> list[list[Text]]:
    """Rows of a table whose last head is a total: each is a table of its own."""
    head = rows[0].cells
    last = next((index for index, cell in enumerate(head) if index and TOTAL.match(cell)), 0)
    addends = {index for index in range(1, last) if not UNIT_PRICE.search(head[index]) and not SAME.search(head[index])}
    if YEAR.search(head[last]) and len(addends) < QUARTERS:
        return []
    whole = [row for row in rows[1:] if len(_money(row)) > GAP and set(_money(row)) <= {*addends, last} and last in _money(row)]
    return [[_turned(rows, row, index) for index in _money(row)] for row in whole]


def _turned(rows: list[Text], row: Text, index: int) -> Text:
    line = _with(row, [rows[0].cells[index], row.cells[index]])
    name = f"{rows[0].cells[0]} {row.cells[0]}" if row.cells[0].isdigit() else row.cells[0]
    return replace(line, headings=(*row.headings, name), block=-row.where.line * WIDEST)


def multiplied(found: Sequence[Text]) -> list[Finding]:
    """Rows whose quantity times the unit's price is none of the amounts beside them, in tables whose heads name all three and no further factor."""
    done: list[Finding] = []
    for rows in map(_signed, _runs(found)):
        head = rows[0].cells
        pieces = next((index for index, cell in enumerate(head) if PIECES.match(cell)), None)
        unit = next((index for index, cell in enumerate(head) if index and index != pieces and UNIT_PRICE.search(cell)), None)
        if pieces is None or unit is None or OF_MANY.search(head[unit]) or any(FURTHER.search(cell) for cell in head):
            continue
        costs = [index for index in _columns(rows) if index != unit]
        done += [one for row in rows[1:] for one in _product(row, pieces, unit, costs)]
    return done


def _product(row: Text, pieces: int, unit: int, columns: Sequence[int]) -> list[Finding]:
    if TOTAL.match(row.cells[0]) or max(pieces, unit, *columns) >= len(row.cells) or not COUNT.match(row.cells[pieces]):
        return []
    costs = [found[0] for found in (amounts(row.cells[index]) for index in columns) if len(found) == 1]
    each = amounts(_sign(row.cells[unit], SIGNS[costs[0].currency] if costs else ""))
    costs = [one for one in costs if len(each) == 1 and one.currency == each[0].currency and each[0].per in {"", one.per}]
    if not costs or not each[0].exact:
        return []
    bought = number(row.cells[pieces]) * each[0].low
    if any(agree(one.low, bought, near=one.near or each[0].near) for one in costs):
        return []
    nearest, own = min(costs, key=lambda one: abs(one.low - bought)), each[0].currency
    text = (
        f"{row.cells[0]}: {number(row.cells[pieces]):,} × {money(each[0].low, own)} = {money(bought, own)}, not {money(nearest.low, own)}"
    )
    return [Finding("product", row.where, text)]
