"""`loadtest selftest`: services of known capacity are judged, and it is told how well."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands import options

if TYPE_CHECKING:
    from loadtests.selftest import Expected, Row

Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Only this service: mmc, cliff, errors, retrograde, stall or starved. May be given again."),
]


def selftest(
    only: Only = None,
    full: Annotated[bool, typer.Option("--full", help="Five minutes for each service instead of two.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=1, help="Another run of the same services.")] = 1,
    as_json: options.Json = False,
) -> None:
    """Judge reference services whose limit is known. Prints how near the judgement came; exit 3 when one was judged wrong."""
    from commands import load_live, ui
    from loadtests import hunt, run
    from loadtests.progress import Narrowed, Probed, Progress

    profile = hunt.DEFAULT if full else hunt.QUICK
    lines = load_live.Lines()

    def on_progress(event: Progress) -> None:
        if isinstance(event, Probed | Narrowed):
            lines(event)

    rows = []
    for expected in chosen(only or []):
        ui.say(f"{expected.name}: {expected.means}; up to {ui.took(profile.budget_s)}", style="bold")
        rows.append(run.judged(expected, seed, profile, on_progress))
        ui.say(f"  {in_words(rows[-1])}", style="green" if rows[-1].right else "bold red")
    if as_json:
        ui.emit("cmctl/loadtest-selftest/1", document(rows))
    else:
        ui.table(
            ("service", "verdict", "truth", "found", "95 % interval", "error", "holds the truth", "seconds", ""), [cells(row) for row in rows],
            right=("truth", "found", "95 % interval", "error", "seconds"),
        )  # fmt: skip
        ui.say(summary(rows))
    raise typer.Exit(0 if all(row.right for row in rows) else 3)


def chosen(names: Sequence[str]) -> Sequence[Expected]:
    """The services of these names, all without names. Raises BadInput for a name that there is not."""
    from errors import BadInput
    from loadtests.selftest import SERVICES

    known = [one.name for one in SERVICES]
    wrong = [name for name in names if name not in known]
    if wrong:
        raise BadInput(f"there is no service {wrong[0]!r}", why=f"known: {', '.join(known)}")
    return [one for one in SERVICES if not names or one.name in names]


def in_words(row: Row) -> str:
    if row.error is None:
        return f"{row.verdict.value}, as it should be" if row.right else f"{row.verdict.value}, should be {row.expected.verdict.value}"
    return f"{row.verdict.value}: {row.found:.0f} requests/s, truth {row.truth:.0f} ({row.error:+.1%})"


def cells(row: Row) -> tuple[str, ...]:
    mark = "✓" if row.right else "✗"
    if row.truth is None or row.found is None:
        return (row.expected.name, row.verdict.value, "–", "–", "–", "–", "–", f"{row.seconds:.0f}", mark)
    interval = f"{row.low:.0f} to {row.high:.0f}"
    holds = "yes" if row.holds else "no"
    return (
        row.expected.name,
        row.verdict.value,
        f"{row.truth:.0f}",
        f"{row.found:.0f}",
        interval,
        f"{row.error:+.1%}",
        holds,
        f"{row.seconds:.0f}",
        mark,
    )


def summary(rows: Sequence[Row]) -> str:
    errors = [abs(row.error) for row in rows if row.error is not None]
    right = f"{sum(row.right for row in rows)} of {len(rows)} services judged right"
    return f"{right}; median error {statistics.median(errors):.1%}, worst {max(errors):.1%}" if errors else right


def document(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "services": [
            {
                "service": row.expected.name, "verdict": row.verdict.value, "expected": row.expected.verdict.value, "right": row.right, "truth": row.truth,
                "found": row.found, "low": row.low, "high": row.high, "error": row.error, "holds": row.holds, "seconds": row.seconds,
            }
            for row in rows
        ],
        "right": all(row.right for row in rows),
    }  # fmt: skip


def register(group: typer.Typer) -> None:
    group.command("selftest")(selftest)
