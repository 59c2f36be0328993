"""`loadtest`: does the phase hold its SLO, and how many users does it hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands import load_selftest, load_trend, options

Rate = Annotated[
    float | None, typer.Option("--rate", min=0.1, max=10_000, help="Is this many requests per second fine? One probe at that rate.")
]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", min=1, max=3600, help="Seconds of load that count, for --smoke, --rate and --soak; after 5 s of warming up."),
]
Own = Annotated[bool, typer.Option("--i-own-this", help="Needed for production: real users share what is loaded.")]
Url = Annotated[str | None, typer.Option("--url", help="Another declared host of the environment than its domain.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A value that journeys need: name=value. May be given again.")]
Overload = Annotated[
    bool,
    typer.Option(
        "--allow-overload", help="Consent to seconds of overload: finds the limit sooner and better. Without it the load is ramped."
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        file_okay=False,
        help="Folder for result.json and junit.xml; a search adds report.html and summary.md, --smoke and --rate the summary.",
    ),
]
Users = Annotated[int | None, typer.Option("--users", "-u", min=1, help="Registered users now: says whether to stay on the phase.")]
Growth = Annotated[float, typer.Option("--growth", min=-50, max=1000, help="Growth of users in percent a month, for --users.")]
Prometheus = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        envvar="CMCTL_PROMETHEUS",
        help="Address of the Prometheus that says what was in use, for a search or --soak; by default the environment's.",
    ),
]

group = typer.Typer(invoke_without_command=True, no_args_is_help=False)


@group.callback()
def loadtest(
    context: typer.Context,
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    smoke: Annotated[bool, typer.Option("--smoke", help="Half a minute of the journeys' mix at one rate.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A search within two minutes; its interval is wider.")] = False,
    soak: Annotated[bool, typer.Option("--soak", help="One rate for half an hour: does it get slower, does it leak.")] = False,
    spike: Annotated[bool, typer.Option("--spike", help="A burst of 1.5 times what it holds: what it costs, how soon it is over.")] = False,
    compare: Annotated[
        str | None,
        typer.Option("--compare", help="Another environment, or a declared URL, with the base build: is this one slower? By turns."),
    ] = None,
    rate: Rate = None,
    seconds: Seconds = None,
    allow_overload: Overload = False,
    users: Users = None,
    growth: Growth = 0.0,
    report: Report = None,
    url: Url = None,
    values: Set = None,
    prometheus: Prometheus = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=32, help="Processes that send, where one cannot send enough.")
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="A host of the environment that sends, HOST or HOST=WORKERS; over SSH. May be given again."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=32, help="Workers that somebody starts elsewhere; see `loadtest worker`.")
    ] = 0,
    bind: Annotated[
        str, typer.Option("--bind", help="HOST:PORT of this machine to which workers come. Not encrypted: a network of your own.")
    ] = "",
    i_own_this: Own = False,
    as_json: options.Json = False,
) -> None:
    """Find the highest load that still meets the phase's SLO. Within five minutes; what binds it; how many users that is.

    Exit 0: found (or: the rate holds). 3: the SLO is missed. 6: cannot tell, or the generator was the limit. 130: interrupted, with what was measured.
    """
    if context.invoked_subcommand is not None:
        from commands.load_kinds import nothing_before

        nothing_before(context)
        return
    from commands import load_kinds, load_plan

    kinds = {"--smoke": smoke, "--quick": quick, "--soak": soak, "--spike": spike, "--compare": compare is not None}
    kind = load_kinds.one_of([name for name, wanted in kinds.items() if wanted], rate, seconds)
    searched = kind in {"", "--quick"} and rate is None
    load_kinds.none_in_vain({
        "--users": users is not None and not searched, "--growth": bool(growth) and users is None,
        "--prometheus": str(context.get_parameter_source("prometheus")).endswith("COMMANDLINE") and not searched and kind != "--soak",
        "--allow-overload": allow_overload and not searched and kind != "--spike", "--bind": bool(bind) and not workers,
    })  # fmt: skip
    senders = load_plan.senders(processes, workers, bind, on or [])
    number = load_plan.live_phase(platform, env) if phase is None else phase
    asked = load_plan.Asked(platform, number, env, url, load_plan.pairs(values or []), i_own_this, senders, prometheus)
    wanted = load_kinds.Wanted(kind, rate, seconds, report, as_json, allow_overload, users, growth, compare or "")
    code = load_kinds.play(asked, wanted)
    raise typer.Exit(code)


def schema(
    of: Annotated[
        Literal["search", "probe", "soak", "spike", "compare"],
        typer.Option("--of", help="Whose document; probe: that of --smoke and --rate."),
    ] = "search",
) -> None:
    """Print the JSON Schema of --json and result.json."""
    import json

    from loadtests.schemas import json_schema

    print(json.dumps(json_schema(of), indent=1))


def worker(
    master: Annotated[str, typer.Option("--master", help="HOST:PORT that the load test was given as --bind.")],
) -> None:
    """Send a part of another machine's load test. Waits for its plan, plays its probes, ends with it."""
    from errors import BadInput, Unreachable
    from loadtests import run

    host, _, port = master.rpartition(":")
    if not (host and port.isdigit()):
        raise BadInput(f"{master!r} is not HOST:PORT", hint="cmctl loadtest worker --master 10.0.0.5:5557")
    if run.worker(master):
        raise Unreachable(f"no load test answers at {master}", hint=f"start it first: cmctl loadtest --workers 1 --bind {master}")


def register(app: typer.Typer) -> None:
    load_selftest.register(group)
    load_trend.register(group)
    group.command("worker")(worker)
    group.command("schema")(schema)
    app.add_typer(group, name="loadtest")
