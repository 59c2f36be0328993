"""`cost`: what a phase costs, what one user costs, when to move, and whether a table of costs is right."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import cost_checks, cost_decide, options

Users = Annotated[int | None, typer.Option("--users", "-u", help="Registered users; by default the phase's target.")]
Prometheus = Annotated[
    str | None,
    typer.Option(
        "--prometheus", envvar="CMCTL_PROMETHEUS", help="Address of the Prometheus that counts users; by default the environment's."
    ),
]
Form = Annotated[str, typer.Option("--format", "-f", help="table, json, csv, markdown, html or openmetrics.")]

group = typer.Typer(help="What a phase costs, what one user costs, when to move.", invoke_without_command=True, no_args_is_help=False)


@group.callback()
def cost(
    context: typer.Context,
    phase: Annotated[int | None, typer.Option("--phase", "-p", help="Phase number; by default all, beside each other.")] = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    book: options.Book = "seed",
    users: Users = None,
    currency: Annotated[str | None, typer.Option("--currency", help="Currency of the totals, e.g. INR; by default the book's.")] = None,
    per_user: Annotated[
        bool, typer.Option("--per-user", help="Every denominator side by side: measured capacity, users counted now.")
    ] = False,
    prometheus: Prometheus = None,
    form: Form = "table",
    as_json: options.Json = False,
) -> None:
    """The bill of a phase, line by line, with each price's source and date. Without --phase: all phases beside each other."""
    if context.invoked_subcommand is not None:
        return
    from commands import cost_view

    wish = cost_view.Wish(platform, env, book, users, currency, prometheus)
    if phase is None:
        cost_view.phases(wish, as_json=as_json)
    else:
        cost_view.phase(wish, phase, per_user=per_user, form="json" if as_json else form)


def register(app: typer.Typer) -> None:
    cost_decide.register(group)
    cost_checks.register(group)
    app.add_typer(group, name="cost")
