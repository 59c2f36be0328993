"""The audit of cost tables: documents in, every table recomputed and every contradiction with its line and arithmetic out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from costs.audit import aims, choices, ledger, listed, steps, sums, use
from costs.audit.claims import facts as facts_of_text
from costs.audit.claims import phase_headings
from costs.audit.grids import multiplied
from costs.audit.model import Audit, Facts, Finding, Item, Row, Table
from costs.audit.tallies import products
from costs.audit.text import lines
from costs.books import Book
from errors import BadInput

# Unit prices in prose and the books' lists are compared with tables in this currency.
LISTED = "USD"


@dataclass(frozen=True)
class Source:
    """A document: its name for messages, and its text."""

    name: str
    text: str


def read(path: Path) -> Source:
    """A document from a file. Raises BadInput when it cannot be read as text."""
    try:
        return Source(str(path), path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as text", why=str(error), hint="name a Markdown, plain text or YAML file") from error


def audit(sources: Sequence[Source], book: Book | None = None) -> Audit:
    """The audit of documents of one platform, read together. With a `book`, its prices are compared and fill in what is not said.

    Raises BadInput for a YAML table that is malformed (file, line, key); prose never fails.
    """
    facts = Facts()
    for source in sources:
        facts.add(_facts(source))
    present = _present(facts)
    facts.tables[:0] = present
    _alternatives(facts)
    known = choices.known_prices(facts)
    dollars = replace(facts, tables=[table for table in facts.tables if table.currency == LISTED])
    book_prices = choices.of_book(book)
    found = [
        *facts.findings,
        *(finding for table in facts.tables for finding in (*sums.sums(table), *sums.per_user(table))),
        *sums.two_totals(facts),
        *choices.two_prices(known),
        *choices.two_sizes(known),
        *choices.two_choices(facts),
        *choices.ranges(dollars.tables, [one for one in known if one.currency == LISTED], book_prices),
        *choices.against_list(dollars, book),
        *use.findings(dollars, book),
        *use.tallies(facts),
        *aims.findings(facts, book),
        *steps.findings(facts),
        *listed.findings(dollars, book),
    ]
    order = {source.name: index for index, source in enumerate(sources)}
    ordered = sorted(dict.fromkeys(found), key=lambda one: (order.get(one.where.file, 0), one.where.line))
    return Audit(_rows(facts, ordered), tuple(ordered))


def _facts(source: Source) -> Facts:
    if source.name.endswith((".yaml", ".yml")):
        return ledger.facts(source.text, Path(source.name))
    text = source.text if not source.name.endswith(".csv") else _piped(source.text)
    found = list(lines(text, source.name))
    facts = facts_of_text(text, source.name)
    facts.goals += phase_headings(text, source.name)
    facts.findings += [*products(found), *multiplied(found), *aims.of_lines(found)]
    return facts


def _piped(text: str) -> str:
    """A CSV file as the rows of a Markdown table, each in the line that it ends in."""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    done: list[str] = []
    try:
        for row in reader:
            done += [""] * (reader.line_num - 1 - len(done))
            done.append("| " + " | ".join(" ".join(cell.split()).replace("|", "/") for cell in row) + " |" if row else "")
    except csv.Error:
        return text
    return "\n".join(done)


def _rows(facts: Facts, findings: Sequence[Finding]) -> tuple[Row, ...]:
    return tuple(sums.row(table, findings) for table in facts.tables)


def _present(facts: Facts) -> list[Table]:
    """What is paid today, from the left sides of the first phase's upgrades, where two or more are named: nobody adds them up."""
    first = min((shift.thing for shift in facts.shifts if shift.thing.startswith("phase")), default="")
    files = dict.fromkeys(shift.where.file for shift in facts.shifts)
    done = []
    for file in files:
        shifts = [shift for shift in facts.shifts if shift.thing == first and shift.where.file == file]
        if len(shifts) > 1:
            items = tuple(Item(" ".join(one.before_skus) or one.name, one.before, one.where, one.before_skus) for one in shifts)
            done.append(Table("present", "Before the first phase", shifts[0].where, items))
    return done


def _alternatives(facts: Facts) -> None:
    """A table for the upper end of a range of users is also one for its lower end."""
    for index, table in enumerate(facts.tables):
        meant = [goal for goal in aims.of(facts, "users") if "designed for" in goal.text.lower() or "target" in goal.text.lower()]
        spans = [goal for goal in meant if goal.where.file == table.where.file and table.users and goal.high == table.users[0]]
        low = next((goal.low for goal in spans if Decimal(0) < goal.low < goal.high), None)
        if low is not None and len(table.users) == 1 and not table.thing.startswith("phase"):
            facts.tables[index] = Table(**{**table.__dict__, "users": (table.users[0], low)})


COLUMNS = ("where", "table", "lines", "sum", "stated", "users", "for each user", "stated", "verdict")


def rows(found: Audit) -> list[tuple[str, ...]]:
    """The recomputed tables, in COLUMNS' order."""
    return [
        (f"{Path(row.where.file).name}:{row.where.line}", row.title, row.components, row.sum, row.stated, row.users, row.per_user, row.stated_per_user, row.verdict)
        for row in found.rows
    ]  # fmt: skip


def as_dict(found: Audit) -> dict[str, list[dict[str, object]]]:
    """The document of `cost audit --json` (schema cmctl/cost-audit/1)."""
    names = ("where", "title", "components", "sum", "stated", "users", "per_user", "stated_per_user", "verdict")
    findings = [
        {"kind": one.kind, "file": one.where.file, "line": one.where.line, "text": one.text, "note": one.note} for one in found.findings
    ]
    return {"tables": [dict(zip(names, row, strict=True)) for row in rows(found)], "findings": findings}
