"""`loadtest`: does the phase hold its SLO, and how many users does it hold."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import options

Rate = Annotated[float, typer.Option("--rate", min=0.1, max=10_000, help="Requests per second that are offered.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, max=3600, help="Seconds of load that count, after 5 s of warming up.")]
Own = Annotated[bool, typer.Option("--i-own-this", help="Needed for production: real users share what is loaded.")]
Url = Annotated[str | None, typer.Option("--url", help="Another declared host of the environment than its domain.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A value that journeys need: name=value. May be given again.")]


def loadtest(
    phase: options.Phase,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    smoke: Annotated[bool, typer.Option("--smoke", help="Half a minute of the journeys' mix at one rate.")] = False,
    rate: Rate = 110.0,
    seconds: Seconds = 30.0,
    url: Url = None,
    values: Set = None,
    i_own_this: Own = False,
    as_json: options.Json = False,
) -> None:
    """Play the platform's journeys against a phase and judge what was measured: exit 0 pass, 3 fail, 6 cannot tell."""
    from commands import load_view, ui
    from errors import BadInput
    from loadtests import run

    if not smoke:
        raise BadInput(
            "only the smoke test is there yet",
            why="the search for a phase's limit comes next",
            hint=f"cmctl loadtest --smoke --phase {phase} --env {env}",
        )
    asked = load_view.Asked(platform, phase, env, url, load_view.pairs(values or []), i_own_this)
    with load_view.shown() as on_progress:
        result = run.smoke(load_view.smoke_plan(asked, rate, seconds), on_progress)
    if as_json:
        ui.emit("cmctl/loadtest/1", result.document())
    else:
        load_view.show(result)
        ui.hint(f"cmctl cost --phase {phase}")
    raise typer.Exit(result.exit_code)


def register(app: typer.Typer) -> None:
    app.command("loadtest")(loadtest)
