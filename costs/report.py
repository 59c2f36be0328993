"""An estimate, a change, users' costs as rows and text: what terminal, Markdown, CSV and JSON show. Money is text here, rounded for the eye."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costs.estimate import FAIL_DAYS, WARN_DAYS, Estimate
from costs.lines import Line, Span
from costs.money import Money, shown, shown_unit, significant
from costs.price import monthly

if TYPE_CHECKING:
    from costs.change import Change
    from costs.change import Row as ChangeRow
    from costs.per_user import PerUser, PerUserReport

BAR = 16
COLUMNS = ("component", "what", "calculation", "a month", "share", "source", "as of", "confidence")
PER_USER_COLUMNS = ("for each", "users", "a month", "p10-p90 or low-high", "from")
CHANGE_COLUMNS = ("", "component", "what", "before", "after", "change")
MARKER = "<!-- cmctl cost -->"


def rows(estimate: Estimate) -> list[tuple[str, ...]]:
    """One row for each line, in COLUMNS' order; `share` is a bar of the largest line's length."""
    infrastructure = [line.amount for line in estimate.lines if line.amount and line.group == "infrastructure"]
    largest = max((amount.typical.amount for amount in infrastructure), default=Decimal(0))
    return [_row(line, largest) for line in estimate.lines]


def _row(line: Line, largest: Decimal) -> tuple[str, ...]:
    source = line.price.source if line.price else line.why
    as_of, confidence = (line.price.as_of.isoformat(), line.price.confidence) if line.price and line.amount else ("", "")
    share = bar(line.amount.typical.amount, largest) if line.amount and line.group == "infrastructure" else ""
    return (line.component, line.title, line.formula, span(line.amount), share, source, as_of, confidence)


def bar(value: Decimal, largest: Decimal, width: int = BAR) -> str:
    """`value` beside `largest` as blocks of an eighth; something above nothing shows at least one."""
    if largest <= 0 or value <= 0:
        return ""
    eighths = max(int(value * width * 8 / largest), 1)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def span(amount: Span | None) -> str:
    """`$78.80` or, where usage is a guess, `$78.80 ($14.80-$286.80)`; `unknown` where there is no price."""
    if amount is None:
        return "unknown"
    return shown(amount.typical) if amount.exact else f"{shown(amount.typical)} ({shown(amount.low)}-{shown(amount.high)})"


def summary(estimate: Estimate, today: dt.date) -> list[tuple[str, str]]:
    """What stands below the table: totals, the cost of a user, fees and tax apart, what is left out or unknown, how good the prices are."""
    total = estimate.span("infrastructure")
    registered = f"{estimate.users.registered:,.0f}"
    found = [("total", estimate.at_least(total.typical) + ("" if total.exact else f" ({shown(total.low)}-{shown(total.high)})"))]
    mark = "≥ " if estimate.unknown else ""
    found.append(("for each user", f"{mark}{shown(estimate.total)} / {registered} = {mark}{shown_unit(estimate.per_user)}"))
    for group, title in (("fees", "payment fees"), ("tax", "tax")):
        if any(line.group == group for line in estimate.lines):
            found.append((title, f"{span(estimate.span(group))}, not in the total"))  # type: ignore[arg-type]
    if estimate.unknown:
        found.append(("no price", ", ".join(line.title for line in estimate.unknown)))
    if estimate.left_out:
        found.append(("not in this book", ", ".join(one.title for one in estimate.left_out)))
    renewed = [text for text in map(_renewal, estimate.lines) if text]
    found += [("then", "; ".join(renewed))] if renewed else []
    found.append(("prices", _trust(estimate, today)))
    rates = {(line.rate.rate, line.rate.as_of, line.rate.source) for line in estimate.lines if line.rate}
    found += [("rate", f"{rate:.6g}, {source}, {as_of}" + _age(as_of, today)) for rate, as_of, source in sorted(rates)]
    return found


def _renewal(line: Line) -> str:
    """What a line costs after its first term, where that is another price."""
    price = line.price
    if price is None or line.amount is None or price.renewal in {None, price.price}:
        return ""
    renewed = monthly(price.model_copy(update={"price": price.renewal}), line.quantity.typical) or Decimal(0)
    rate = line.rate.rate if line.rate else Decimal(1)
    return f"{line.title} {shown(Money(renewed * rate, line.amount.typical.currency))} after {price.term}"


def _trust(estimate: Estimate, today: dt.date) -> str:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in estimate.confidence().items())
    text = f"book {estimate.book}; confidence {shares or 'none'}"
    for days, word in ((FAIL_DAYS, "fails a gate"), (WARN_DAYS, "stale")):
        share = estimate.stale_share(today, days)
        if share:
            return f"{text}; {share:.0%} of it older than {days} days ({word})"
    return text


def _age(as_of: dt.date | None, today: dt.date) -> str:
    return f" ({(today - as_of).days} days old)" if as_of else ""


def per_user_rows(report: PerUserReport) -> list[tuple[str, ...]]:
    """One row for each denominator, in PER_USER_COLUMNS' order."""
    return [_per_user(row) for row in report.rows]


def _per_user(row: PerUser) -> tuple[str, ...]:
    users = "unknown" if row.users is None else f"{row.users:,.0f}"
    cost = "unknown" if row.cost is None else shown_unit(row.cost)
    bounds = f"{shown_unit(row.low)}-{shown_unit(row.high)}" if row.low is not None and row.high is not None else ""
    return (f"{row.basis} user", users, cost, bounds, row.source)


def change_rows(change: Change) -> list[tuple[str, ...]]:
    """One row for each thing that differs, then the total, in CHANGE_COLUMNS' order."""
    found = [_change(row) for row in change.rows if row.kind != "="]
    mark = "" if change.exact else "≥ "
    percent = "" if change.percent is None else f" ({change.percent:+.0f} %)"
    total = ("", "total", "", f"{mark}{shown(change.total_before)}", f"{mark}{shown(change.total_after)}", signed(change.delta) + percent)
    return [*found, total]


def _change(row: ChangeRow) -> tuple[str, ...]:
    before = "" if row.kind == "+" else _known(row.before)
    after = "" if row.kind == "-" else _known(row.after)
    delta = "unknown" if row.delta is None else signed(row.delta)
    return (row.kind, row.component, row.title + (" *" if row.usage else ""), before, after, delta)


def _known(money: Money | None) -> str:
    return "unknown" if money is None else shown(money)


def signed(money: Money) -> str:
    """`+$345` or `-$20`; a change always shows its sign."""
    return shown(money) if money.amount < 0 else f"+{shown(money)}"


def change_line(change: Change) -> str:
    """One line for a plan: `$155 → $500 a month (+$345, +223 %)`."""
    mark = "" if change.exact else "≥ "
    percent = "" if change.percent is None else f", {change.percent:+.0f} %"
    return f"{mark}{shown(change.total_before)} → {mark}{shown(change.total_after)} a month ({signed(change.delta)}{percent})"


def markdown_table(columns: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A pipe table; pipes in cells are escaped, lines of a cell joined."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(" ".join(cell.split("\n")).replace("|", "\\|") for cell in row) + " |" for row in body)])


def markdown(change: Change, today: dt.date, verdict: str = "") -> str:
    """One comment for a pull request. MARKER on its first line lets the next run find and replace it."""
    after = change.after
    head = f"{MARKER}\n### Cost of {after.platform}, phase {after.phase}: {change_line(change)}"
    facts = "\n".join(f"- **{name}**: {text}" for name, text in summary(after, today))
    note = "\n\\* usage, at its typical value" if any(row.usage and row.kind != "=" for row in change.rows) else ""
    parts = [head, verdict, markdown_table(CHANGE_COLUMNS, change_rows(change)) + note, facts]
    return "\n\n".join(part for part in parts if part) + "\n"


CSV_COLUMNS = (
    "phase", "component", "key", "title", "group", "sku", "quantity", "unit", "low", "typical", "high", "currency", "as_of", "confidence",
)  # fmt: skip


def to_csv(estimate: Estimate) -> str:
    """One record for each line, with exact decimals; an amount without a price is empty, not 0."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    for line in estimate.lines:
        known = {name: "" if value is None else value for name, value in _line(line).items()}
        writer.writerow({"phase": estimate.phase, "currency": estimate.currency, **known})
    return out.getvalue()


def as_dict(estimate: Estimate, today: dt.date) -> dict[str, Any]:
    """The document of `cost --json` (schema cmctl/cost/1). Decimals are strings, unknown amounts null."""
    return {
        "platform": estimate.platform,
        "phase": estimate.phase,
        "book": estimate.book,
        "currency": estimate.currency,
        "users": int(estimate.users.registered),
        "total": _plain(estimate.total.amount),
        "total_text": estimate.at_least(estimate.total),
        "total_is": "lower bound" if estimate.unknown else "exact",
        "per_user": significant(estimate.per_user.amount).replace(",", ""),
        "fees": _plain(estimate.span("fees").typical.amount),
        "tax": _plain(estimate.span("tax").typical.amount),
        "confidence": {name: _plain(share) for name, share in estimate.confidence().items()},
        "stale_share": _plain(estimate.stale_share(today)),
        "unknown": [{"key": line.key, "title": line.title, "why": line.why} for line in estimate.unknown],
        "left_out": [{"title": one.title, "why": one.why} for one in estimate.left_out],
        "lines": [_line(line) for line in estimate.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    amount = line.amount
    return {
        "key": line.key,
        "component": line.component,
        "title": line.title,
        "group": line.group,
        "sku": line.sku,
        "quantity": _plain(line.quantity.typical),
        "unit": line.unit,
        "usage": line.usage,
        "low": _plain(amount.low.amount) if amount else None,
        "typical": _plain(amount.typical.amount) if amount else None,
        "high": _plain(amount.high.amount) if amount else None,
        "formula": line.formula,
        "as_of": line.price.as_of.isoformat() if line.price else None,
        "source": line.price.source if line.price else None,
        "confidence": line.price.confidence if line.price else None,
        "rate": {"rate": _plain(line.rate.rate), "as_of": str(line.rate.as_of), "source": line.rate.source} if line.rate else None,
    }


def per_user_dict(report: PerUserReport) -> list[dict[str, Any]]:
    """The rows of `cost --per-user --json`; decimals are strings, unknown figures null."""
    return [
        {
            "basis": row.basis,
            "users": None if row.users is None else _plain(row.users),
            "cost": None if row.cost is None else _plain(row.cost.amount),
            "low": None if row.low is None else _plain(row.low.amount),
            "high": None if row.high is None else _plain(row.high.amount),
            "source": row.source,
        }
        for row in report.rows
    ]


def _plain(amount: Decimal) -> str:
    """A decimal without exponent and trailing zeros, to 12 places: exact for every price, and the same on every machine."""
    rounded = amount.quantize(Decimal("1e-12")) if amount == amount.to_integral_value() or abs(amount) < Decimal("1e12") else amount
    return f"{rounded.normalize():f}"


PHASE_COLUMNS = ("phase", "users", "a month", "for each user", "database", "machines", "no price")


def phase_rows(found: Sequence[Estimate]) -> list[tuple[str, ...]]:
    """One row for each phase, in PHASE_COLUMNS' order."""
    return [_phase_row(one) for one in found]


def _phase_row(one: Estimate) -> tuple[str, ...]:
    parts = one.by_component()
    mark = "≥ " if one.unknown else ""
    named = [shown(parts[name]) if name in parts else "" for name in ("database", "machines")]
    unknown = ", ".join(line.title for line in one.unknown)
    return (
        f"{one.phase} {one.title.partition(':')[0]}",
        f"{one.users.registered:,.0f}",
        one.at_least(one.total),
        mark + shown_unit(one.per_user),
        *named,
        unknown,
    )
