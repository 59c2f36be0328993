"""One HTML page that needs nothing else: no script, no font, no address outside. For a mail, a wiki, a build's artifacts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from html import escape

from costs import curve, report
from costs.decide import Decision
from costs.estimate import Estimate
from costs.per_user import PerUserReport

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ddd}"
    "th{font-weight:600}dt{font-weight:600;float:left;clear:left;width:11rem}dd{margin-left:12rem}"
    "svg{width:100%;font-size:11px}@media (prefers-color-scheme:dark){body{color:#ddd;background:#111}svg text{fill:#ddd}}"
)


def of_estimate(estimate: Estimate, per_user: PerUserReport, today: dt.date, decision: Decision | None = None) -> str:
    """An estimate with its denominators and, with a `decision`, the curve of all phases."""
    parts = [
        table(report.COLUMNS, report.rows(estimate)),
        facts(report.summary(estimate, today)),
        "<h2>For each user</h2>",
        table(report.PER_USER_COLUMNS, report.per_user_rows(per_user)),
        *(f"<p>{escape(note)}</p>" for note in per_user.notes),
    ]
    if decision is not None:
        parts += ["<h2>The cheapest phase by number of users</h2>", curve.svg(decision)]
    return page(f"{estimate.platform}, phase {estimate.phase}: what it costs", parts)


def of_curve(decision: Decision, title: str) -> str:
    """The curve with its switching points as a page."""
    rows = [(f"{one.at:,}", one.before, one.after, report.signed(one.step)) for one in decision.switches]
    return page(title, [curve.svg(decision), table(("from user", "before", "after", "adds a month"), rows)])


def page(title: str, parts: Sequence[str]) -> str:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escape(title)}</h1>{"".join(parts)}</body></html>'


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs) + "</dl>"
