"""`cost gate`, `audit`, `bill`, `export`, `prices`: limits, tables of others, bills, and the price books themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands import options

Junit = Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")]

prices = typer.Typer(help="Price books: how old, what differs, read anew.", no_args_is_help=True)


def gate(
    budget: Annotated[Path, typer.Argument(help="The budget's file (docs/formats/costs.md).")],
    phase: options.Phase,
    before: Annotated[int | None, typer.Option("--before", help="The phase that is deployed now, for limits on the increase.")] = None,
    platform: options.Platform = "codementee",
    env: options.Env = "local",
    book: options.Book = "seed",
    junit: Junit = None,
    comment: Annotated[Path | None, typer.Option("--comment", help="Also write one Markdown comment to this file.")] = None,
    as_json: options.Json = False,
) -> None:
    """Ask a budget. Exit 0 within it, 3 over it, 6 when a figure is not known."""
    from commands import cost_checks_view as view

    view.gate(view.Wish(platform, env, book), view.Gate(budget, phase, before, junit, comment), as_json=as_json)


def audit(
    files: Annotated[list[Path], typer.Argument(help="Markdown, plain text or cost-table YAML.")],
    together: Annotated[bool, typer.Option("--together", help="The files are about one platform: compare them with each other.")] = False,
    against: Annotated[str | None, typer.Option("--against", help="Also compare with this price book.")] = None,
    junit: Junit = None,
    as_json: options.Json = False,
) -> None:
    """Recompute every cost table in a document. Every contradiction is named with its line; exit 3 when there is one."""
    from commands import cost_checks_view as view

    view.audit(files, against, together=together, junit=junit, as_json=as_json)


def bill(
    file: Annotated[Path, typer.Argument(help="A bill as FOCUS 1.2 or 1.3 CSV.")],
    phase: options.Phase,
    platform: options.Platform = "codementee",
    env: options.Env = "local",
    book: options.Book = "list-2026-11",
    as_json: options.Json = False,
) -> None:
    """Compare a bill with the estimate. How much of the difference is price, how much quantity, how much nobody can tell."""
    from commands import cost_checks_view as view

    view.bill(view.Wish(platform, env, book), file, phase, as_json=as_json)


def export(
    phase: options.Phase,
    out: Annotated[Path, typer.Option("--out", "-o", help="The CSV file to write.")],
    platform: options.Platform = "codementee",
    env: options.Env = "local",
    book: options.Book = "seed",
) -> None:
    """Write the estimate in FOCUS 1.2 columns. Every row is marked as an estimate."""
    from commands import cost_checks_view as view

    view.export(view.Wish(platform, env, book), phase, out)


@prices.command()
def check(book: Annotated[str, typer.Argument(help="A shipped book or a file.")] = "list-2026-11", as_json: options.Json = False) -> None:
    """Every price with its age. Exit 3 when one is older than 180 days, 6 when one has no amount."""
    from commands import cost_checks_view as view

    view.prices_check(book, as_json=as_json)


@prices.command()
def diff(
    before: Annotated[str, typer.Argument(help="A shipped book or a file.")] = "seed",
    after: Annotated[str, typer.Argument(help="The one beside it.")] = "list-2026-11",
    as_json: options.Json = False,
) -> None:
    """What differs from one book to another."""
    from commands import cost_checks_view as view

    view.prices_diff(before, after, as_json=as_json)


@prices.command()
def refresh(
    vendor: Annotated[str, typer.Argument(help="hetzner, digitalocean, hostinger, aws or azure.")],
    book: options.Book = "list-2026-11",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write what changed as a book of your own.")] = None,
    as_json: options.Json = False,
) -> None:
    """Read a vendor's prices anew through its official interface. The books stay as they are."""
    from commands import cost_checks_view as view

    view.prices_refresh(vendor, book, out, as_json=as_json)


def register(group: typer.Typer) -> None:
    for command in (gate, audit, bill, export):
        group.command(command.__name__)(command)
    group.add_typer(prices, name="prices")
