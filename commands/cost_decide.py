"""`cost decide`, `curve`, `slo`, `tornado`, `needs`, `crossover`: when to move, and what must be true for a figure to hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands import options

LARGEST = 1e15


def figure(value: float | None) -> float | None:
    """A figure that can be reckoned with: `nan`, infinity and what no bill ever is are refused."""
    if value is not None and not abs(value) <= LARGEST:
        raise typer.BadParameter(f"{value} is no figure to reckon with")
    return value


def amount(value: float | None) -> float | None:
    """A figure of 0 or more."""
    found = figure(value)
    if found is not None and found < 0:
        raise typer.BadParameter(f"{value} is below 0")
    return value


def above_zero(value: float | None) -> float | None:
    """A figure above 0."""
    found = figure(value)
    if found is not None and found <= 0:
        raise typer.BadParameter(f"{value} is not above 0")
    return value


def share(value: float | None) -> float | None:
    """A part of the users in percent: above 0, and not more than all."""
    if above_zero(value) is not None and value is not None and value > 100:
        raise typer.BadParameter(f"{value} % are more than all users")
    return value


Growth = Annotated[float, typer.Option("--growth", callback=figure, help="Growth of users in percent a month.")]


def decide(
    users: Annotated[int, typer.Option("--users", "-u", help="Users now.")] = 1000,
    platform: options.Platform = "codementee",
    env: options.Env = "local",
    book: options.Book = "seed",
    growth: Growth = 0.0,
    migration: Annotated[
        float, typer.Option("--migration", callback=amount, help="What one move costs, for going back and its payback.")
    ] = 0.0,
    variants: Annotated[bool, typer.Option("--variants", help="Also other numbers of machines and database tiers.")] = False,
    measured: Annotated[bool, typer.Option("--measured", help="Hold what load tests measured, not what the phases declare.")] = False,
    as_json: options.Json = False,
) -> None:
    """The cheapest phase for so many users. Every switching point, the next cliff, what the next user costs, when going back pays."""
    from commands import cost_decide_view as view

    wish = view.Wish(platform, env, book, users)
    view.decide(wish, view.Terms(growth, migration, variants=variants, measured=measured), as_json=as_json)


def curve(
    platform: options.Platform = "codementee",
    env: options.Env = "local",
    book: options.Book = "seed",
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with the curve instead.")] = None,
    variants: Annotated[bool, typer.Option("--variants", help="Also other numbers of machines and database tiers.")] = False,
) -> None:
    """The cost of one user over the number of users. Every switching point is marked."""
    from commands import cost_decide_view as view

    view.curve(view.Wish(platform, env, book), html, variants=variants)


def slo(
    platform: options.Platform = "codementee", env: options.Env = "local", book: options.Book = "seed", as_json: options.Json = False
) -> None:
    """What a minute less of downtime costs. From phase to phase, with the seats that the same money buys set apart."""
    from commands import cost_decide_view as view

    view.slo(view.Wish(platform, env, book), as_json=as_json)


def tornado(
    phase: options.Phase,
    platform: options.Platform = "codementee",
    env: options.Env = "local",
    book: options.Book = "list-2026-11",
    as_json: options.Json = False,
) -> None:
    """Which guess moves the cost of one user most."""
    from commands import cost_decide_view as view

    view.tornado(view.Wish(platform, env, book), phase, as_json=as_json)


def needs(
    total: Annotated[float, typer.Option("--total", callback=amount, help="What may be spent a month.")],
    users: Annotated[int, typer.Option("--users", "-u", help="Users to be held.")],
    fixed: Annotated[float, typer.Option("--fixed", callback=amount, help="What is paid whatever the number of pods.")] = 0.0,
    pod: Annotated[float | None, typer.Option("--pod", callback=above_zero, help="What one pod (or machine) costs a month.")] = None,
    price: Annotated[float | None, typer.Option("--price", callback=above_zero, help="What a paying user pays a month.")] = None,
    fee: Annotated[float, typer.Option("--fee", callback=amount, help="Percent of each payment that is lost to fees.")] = 2.36,
    each: Annotated[float | None, typer.Option("--each", callback=figure, help="What one user may cost a month.")] = None,
    conversion: Annotated[float | None, typer.Option("--conversion", callback=share, help="Percent of the users that pay.")] = None,
    as_json: options.Json = False,
) -> None:
    """What must be true for a figure to hold. The users one pod must hold, the share of users that must pay, what each of them must pay."""
    from commands import cost_decide_view as view

    view.needs(view.Needs(total, users, fixed, pod, price, fee, each, conversion), as_json=as_json)


def crossover(
    usage: Annotated[str, typer.Argument(help="Id of a price by usage.")],
    plan: Annotated[str, typer.Argument(help="Id of a price that may be cheaper for more.")],
    book: options.Book = "list-2026-11",
    as_json: options.Json = False,
) -> None:
    """From which usage on a plan costs no more than paying by usage."""
    from commands import cost_decide_view as view

    view.crossover(usage, plan, book, as_json=as_json)


def register(group: typer.Typer) -> None:
    for command in (decide, curve, slo, tornado, needs, crossover):
        group.command(command.__name__)(command)
