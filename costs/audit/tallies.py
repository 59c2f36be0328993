"""Counts that stand together: parts and their total, rates times numbers; and the usage that follows from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from costs.audit.model import Finding, Tally, Usage, Where
from costs.audit.sums import agree, money
from costs.audit.text import TOTAL, Text
from costs.audit.words import A_MONTH, NUMBER, amounts, counts, number, words

PLAIN = re.compile(rf":\s*(?P<near>~)?(?P<count>{NUMBER})\s?(?P<scale>million|[KMkm]\b)?")
TIMES = re.compile(rf"({NUMBER})\s?[x×]\s?({NUMBER})\s?=\s?({NUMBER})(?![\d.,]*\s?[KMkm%])")
EACH = re.compile(rf"({NUMBER})\s?([KMkm])?\s?/\s?(pod|node|server|instance)\b", re.IGNORECASE)
PODS = re.compile(r"(\d{1,5})\s+(?:pods|nodes|servers|instances)\b", re.IGNORECASE)
GIVEN = re.compile(rf"({NUMBER})\s?([KMkm])?\s+(?:req/s|connections|requests)", re.IGNORECASE)
FACTOR = re.compile(r"[x×*%]\s?\d|\d\s?[x×*%]|(?<!\w)-|@")
RATE = re.compile(rf"^({NUMBER})\s?([KMkm])?\+?$")

Counted = tuple[Text, Decimal, bool, str]


def _counted(line: Text) -> Counted | None:
    """A line with one count: (line, number as written, near, period); a month's worth is not taken, so that parts stay as they are."""
    if amounts(line.text) or line.cells:
        return None
    for monthly, near, _, period in counts(line.text):
        return line, monthly / A_MONTH[period], near, period
    match = PLAIN.search(line.text)
    if match is None or line.text[match.end() :].lstrip().startswith(("%", "/", "-", "–", "x", "×", "GB", "MB", "ms")):
        return None
    return line, number(match["count"], match["scale"]), match["near"] is not None, ""


def tallies(found: Sequence[Text]) -> list[Tally]:
    """Blocks of counts of one period with a total, or with one count whose noun the others share (`queries` of all kinds)."""
    done = []
    for _, group in groupby(found, key=lambda line: (line.section, line.block, line.label)):
        counted = [one for one in map(_counted, group) if one is not None and one[0].block]
        for period in dict.fromkeys(one[3] for one in counted):
            tally = _tally([one for one in counted if one[3] == period], period)
            if tally is not None:
                done.append(tally)
    return done


def _tally(same: Sequence[Counted], period: str) -> Tally | None:
    total = next((one for one in same if TOTAL.match(one[0].text)), None)
    if total is None and period:
        total = next(
            (
                one
                for one in same
                if sum(_noun(one[0]) == _noun(other[0]) for other in same) > 1 and one[1] == max(other[1] for other in same)
            ),
            None,
        )
    parts = tuple(one[1] for one in same if one is not total)
    if total is None or len(parts) < 2:
        return None
    line = total[0]
    return Tally(line.label or line.text, total[1], total[2], parts, period, line.where)


def _noun(line: Text) -> str:
    """The last word before the colon, without its plural: `Product queries: 50,000` → querie."""
    name = re.findall(r"[a-z]+", line.text.partition(":")[0].lower())
    return name[-1].rstrip("s") if name else ""


def usages(found: Sequence[Text]) -> list[Usage]:
    """Usage a month: totals of counts, rates in bullets, and rows of a table whose column says requests a second."""
    done = []
    column = ""
    for line in found:
        near = words(f"{line.text.partition(':')[0]} {line.label} {line.headings[-1] if line.headings else ''}")
        if line.cells:
            column = line.cells[1].lower() if len(line.cells) > 1 and "/sec" in line.cells[1].lower() else column
            rate = RATE.match(line.cells[1]) if column and len(line.cells) > 1 else None
            if rate:
                done.append(Usage(number(rate[1], rate[2]) * A_MONTH["s"], "requests", line.where, line.section, words(line.cells[0])))
            continue
        column = ""
        if TOTAL.match(line.text) or line.bullet:
            done += [Usage(monthly, unit or "requests", line.where, line.section, near) for monthly, _, unit, _ in counts(line.text)]
    return [one for one in done if one.quantity > 0]


def products(found: Sequence[Text]) -> list[Finding]:
    """Products that are written out wrong: `1,000 × 20 = 20,000`, and `500/pod`, `10 pods`, `5,000 req/s`."""
    done = []
    for line in found:
        for match in TIMES.finditer(line.text):
            first, second, given = (number(part) for part in match.groups())
            if first * second != given:
                done.append(Finding("product", line.where, f"{first:,} × {second:,} = {first * second:,}, not {given:,}"))
        each, pods, given_match = (pattern.search(" ".join(line.cells)) for pattern in (EACH, PODS, GIVEN))
        if each and pods and given_match:
            rate, count, given = number(each[1], each[2]), number(pods[1]), number(given_match[1], given_match[2])
            if rate * count != given:
                done.append(Finding("product", line.where, f"{rate:,} for each of {count:,} is {rate * count:,}, not {given:,}"))
    return [*done, *_added(found), *_outrun(found)]


def _added(found: Sequence[Text]) -> list[Finding]:
    """Sums that are written out wrong: `VPS $80 + database $75 = $165`."""
    done = []
    for line in found:
        left, equals, right = line.text.partition("=")
        parts, given = amounts(left), amounts(right)
        exact = all(one.exact and not one.per and one.currency == (parts or given)[0].currency for one in (*parts, *given))
        if equals and exact and len(given) == 1 and len(parts) > 1 and left.count("+") == len(parts) - 1 and not FACTOR.search(left):
            total, stated = sum((one.low for one in parts), Decimal(0)), given[0]
            if not agree(stated.low, total, near=stated.near):
                shown = " + ".join(money(one.low, one.currency) for one in parts)
                text = f"{shown} = {money(total, stated.currency)}, not {money(stated.low, stated.currency)}"
                done.append(Finding("sum", line.where, text))
    return done


def _outrun(found: Sequence[Text]) -> list[Finding]:
    """A balancer that is said to take more than everything behind it."""
    behind: dict[int, tuple[Decimal, Where]] = {}
    for line in found:
        each, pods = (pattern.search(" ".join(line.cells)) for pattern in (EACH, PODS))
        if each and pods:
            behind.setdefault(line.section, (number(each[1], each[2]) * number(pods[1]), line.where))
    done = []
    for line in found:
        rate = RATE.match(line.cells[1]) if len(line.cells) > 1 else None
        if rate and "balancer" in line.cells[0].lower() and line.section in behind:
            most, where = behind[line.section]
            if number(rate[1], rate[2]) > most:
                done.append(
                    Finding(
                        "product",
                        line.where,
                        f"{line.cells[0]} takes {line.cells[1]} a second, what is behind it {most:,} (line {where.line})",
                    )
                )
    return done
