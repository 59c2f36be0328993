"""How gates, audits, bills and price books are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from commands import ui
from commands.cost_out import write
from commands.cost_view import Wish, estimated, for_users, refuse_unknown, today
from costs import books, budget, catalogue, change, junit, report
from costs import refresh as refreshing
from costs.audit import run as audits
from costs.audit.model import KINDS, UNTOLD, Audit
from costs.audit.run import COLUMNS as AUDIT_COLUMNS
from costs.focus import bill as bills
from costs.focus import export as exports
from costs.focus import variance as variances
from costs.money import significant
from errors import CannotTell, CmctlError, GateRefused
from phases.load import load

__all__ = ["Gate", "Wish", "audit", "bill", "export", "gate", "prices_check", "prices_diff", "prices_refresh"]


@dataclass(frozen=True)
class Gate:
    budget: Path
    phase: int
    before: int | None
    junit: Path | None
    comment: Path | None


def gate(wish: Wish, asked: Gate, *, as_json: bool) -> None:
    loaded = load(wish.platform)
    limits = budget.load(asked.budget)
    former = estimated(wish, asked.before, loaded) if asked.before is not None else None
    found = change.compare(former, estimated(wish, asked.phase, loaded))
    verdict = budget.check(limits, found, for_users(wish, found.after, counted=False), today())
    rows = [(one.name, one.limit, one.value, one.answer, one.evidence) for one in verdict.checks]
    columns = ("limit", "at most", "is", "answer", "evidence")
    if asked.junit:
        write(asked.junit, junit.of_gate(verdict))
    if asked.comment:
        write(asked.comment, report.markdown(found, today(), report.markdown_table(columns, rows)))
    if as_json:
        ui.emit("cmctl/cost-gate/1", {"exit_code": verdict.exit_code, "checks": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        ui.table(columns, rows)
    _refuse(
        verdict.exit_code,
        [f"{one.name}: {one.value}, at most {one.limit}" for one in verdict.checks if one.answer == "fail"],
        GateRefused("the budget says no", hint="change the phase, the book or the limits"),
    )


def _refuse(code: int, reasons: Sequence[str], no: GateRefused) -> None:
    failures: dict[int, CmctlError] = {3: no, 6: CannotTell("a figure is not known", hint="see the rows that say unknown")}
    if code in failures:
        failures[code].why = "\n".join(reasons)
        raise failures[code]


def audit(files: Sequence[Path], against: str | None, *, together: bool, junit: Path | None, as_json: bool) -> None:
    sources = [audits.read(path) for path in files]
    book = books.load(against) if against else None
    groups = [sources] if together else [[source] for source in sources]
    found = [audits.audit(group, book) for group in groups]
    for group, one in zip(groups, found, strict=True):
        if not one.rows:
            ui.say(f"note: {', '.join(source.name for source in group)}: no cost table was found")
    whole = Audit(tuple(row for one in found for row in one.rows), tuple(finding for one in found for finding in one.findings))
    if junit:
        from costs import junit as form

        write(junit, form.of_audit(whole))
    if as_json:
        ui.emit("cmctl/cost-audit/1", audits.as_dict(whole))
    else:
        if whole.rows:
            ui.table(AUDIT_COLUMNS, audits.rows(whole), title="Recomputed")
        for finding in whole.findings:
            print(f"{finding.where}: {finding.kind}: {finding.text}")
    if whole.contradictions:
        kinds = dict.fromkeys(finding.kind for finding in whole.contradictions)
        no = GateRefused(
            f"{len(whole.contradictions)} contradictions",
            why="\n".join(f"{kind}: {KINDS[kind]}" for kind in kinds),
            hint="correct the lines named above",
        )
        raise no
    if whole.exit_code or not whole.rows:
        open_rows = [f"{row.where}: {row.verdict}" for row in whole.rows if row.verdict.startswith(UNTOLD)]
        told = (
            CannotTell("a table cannot be added up", why="\n".join(open_rows), hint="give each of these lines one amount")
            if open_rows
            else CannotTell("there is nothing to audit", why="no list of amounts with a total was read")
        )
        raise told


def bill(wish: Wish, file: Path, number: int, *, as_json: bool) -> None:
    one, said = estimated(wish, number), bills.read(file)
    found = variances.variance(one, said)
    rows = variances.rows(found)
    if said.days is not None and not 27 < said.days < 32:
        ui.say(f"note: the bill is for {said.days} days, the estimate for a month")
    if as_json:
        ui.emit(
            "cmctl/cost-bill/1",
            {"version": said.version, "period": said.period, "rows": [dict(zip(variances.COLUMNS, row, strict=True)) for row in rows]},
        )
        return
    ui.table(
        variances.COLUMNS,
        rows,
        title=f"FOCUS {said.version}, {said.period}: {said.total} billed, {one.at_least(one.total)} estimated",
        right=variances.COLUMNS[1:],
    )
    missing = variances.missing(one, found)
    if missing:
        ui.say(f"note: the bill says nothing of {', '.join(missing)}")


def export(wish: Wish, number: int, out: Path) -> None:
    one = estimated(wish, number)
    write(out, exports.export(one, today()))
    ui.say(f"written: {out} (an estimate: never mix it with bills)")
    refuse_unknown(one)


def prices_check(name: str, *, as_json: bool) -> None:
    found = catalogue.check(books.load(name), today())
    rows = catalogue.check_rows(found)
    if as_json:
        ui.emit("cmctl/prices-check/1", {"prices": [dict(zip(catalogue.CHECK_COLUMNS, row, strict=True)) for row in rows]})
    else:
        ui.table(catalogue.CHECK_COLUMNS, rows, title=f"book {name}", right=("days",))
    bad = [f"{one.price.id}: {one.state}" for one in found if one.state in {"unknown", "too old", "not yet"}]
    no = GateRefused(
        "prices are older than 180 days, or dated ahead", hint="cmctl cost prices refresh VENDOR, or date them anew in a book of your own"
    )
    _refuse(catalogue.exit_code(found), bad, no)


def prices_diff(before: str, after: str, *, as_json: bool) -> None:
    found = catalogue.diff(books.load(before), books.load(after))
    rows = catalogue.diff_rows(found)
    if as_json:
        ui.emit("cmctl/prices-diff/1", {"prices": [dict(zip(catalogue.DIFF_COLUMNS, row, strict=True)) for row in rows]})
    else:
        ui.table(catalogue.DIFF_COLUMNS, rows, title=f"{before} → {after}", right=("times",))


def prices_refresh(vendor: str, name: str, out: Path | None, *, as_json: bool) -> None:
    book = books.load(name)
    found = refreshing.refresh(book, vendor, today())
    rows = [
        (
            one.id,
            "" if one.before is None else significant(one.before),
            significant(one.after),
            one.currency,
            "changed" if one.changed else "same",
        )
        for one in found
    ]
    columns = ("id", "book", "now", "currency", "")
    text = refreshing.as_book(found, book, out.stem) if out is not None else ""
    if out is not None and text:
        write(out, text)
    if as_json:
        ui.emit("cmctl/prices-refresh/1", {"prices": [dict(zip(columns, row, strict=True)) for row in rows]})
    else:
        ui.table(columns, rows, title=f"{vendor}, {today()}")
    if out is not None:
        ui.say(f"written: {out}" if text else "nothing changed, nothing written")
