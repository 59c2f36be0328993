"""What a person does to a running fleet: look into it, close its door, leave a host out, see its releases and its lock."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from commands import deploy, options

# Of each container, where nobody says how many or since when.
LINES = 100
Host = Annotated[str, typer.Option("--host", help="Only on this host.")]
Part = Annotated[
    Literal["live", "blue", "green", "base", "all"],
    typer.Option("--slot", metavar="live|blue|green|base|all", help="Which containers; live: what serves now."),
]


def releases(
    phase: options.MaybePhase = None, env: options.Env = "local", platform: options.Platform = "codementee", as_json: options.Json = False
) -> None:
    """The releases that can be gone back to. Newest first, and which of them is warm."""
    from commands import fleet_view, ui
    from hosts import door
    from stacks.fleet import fleet

    where = fleet(platform, phase, env)
    rows = fleet_view.releases(door.observe_now(where.stack, where.targets))
    if as_json:
        ui.emit("cmctl/releases/1", {"stack": where.stack, "releases": rows})
        return
    fleet_view.show_releases(where, rows)
    ui.hint(f"cmctl rollback {options.where(platform, where.phase, env)} --to RELEASE")


def logs(
    name: Annotated[str, typer.Argument(metavar="[SERVICE|INSTANCE]", help="backend, backend-2, balancer …; by default all.")] = "",
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    host: Host = "",
    slot: Part = "live",
    tail: Annotated[
        int | None, typer.Option("--tail", "-n", min=0, help="Lines of each container. [default: 100; with --since all]")
    ] = None,
    since: Annotated[str, typer.Option("--since", help="10m, or a time such as 2026-11-21T08:00:00Z.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: options.Json = False,
) -> None:
    """Log lines of the live containers on all hosts, in order."""
    from commands import fleet_view, parse
    from errors import BadInput
    from hosts.inspect import Wanted
    from stacks.fleet import fleet

    if follow and as_json:
        raise BadInput("--follow has no end, and --json is one document", hint="give one of the two")
    start, most = parse.since(since), tail if tail is not None or since else LINES
    where, wanted = fleet(platform, phase, env), Wanted(name, host, slot)
    if as_json:
        fleet_view.emit_logs(where, wanted, most, start)
    else:
        fleet_view.show_logs(where, wanted, most, start, follow=follow)


def execute(
    name: Annotated[str, typer.Argument(metavar="SERVICE|INSTANCE", help="The first live container of a service, or one by its name.")],
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="Program and arguments; no shell, no terminal.")],
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    host: Host = "",
    slot: Part = "live",
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds.")] = 600,
) -> None:
    """Run a command inside a live container. Its output and its exit code are this command's."""
    from hosts import door
    from hosts.inspect import Wanted
    from stacks.fleet import fleet

    where = fleet(platform, phase, env)
    done = door.exec_now(where.stack, where.targets, Wanted(name, host, slot), command, timeout)
    typer.echo(done.stdout, nl=False)
    typer.echo(done.stderr, nl=False, err=True)
    raise typer.Exit(done.code)


def maintenance(
    state: Annotated[
        Literal["on", "off", "status"], typer.Argument(metavar="on|off|status", help="Close the door, open it, or say which it is.")
    ],
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    as_json: options.Json = False,
) -> None:
    """Answer every user with 503 and a page that says so. Releases go on behind the door."""
    from commands import fleet_view
    from layout.live import MAINTENANCE
    from stacks.fleet import fleet

    fleet_view.stand(fleet(platform, phase, env), MAINTENANCE, state, as_json=as_json)


def drain(
    host: Annotated[str, typer.Argument(help="An app host that others can stand in for.")],
    back: Annotated[bool, typer.Option("--back", help="Let it serve again.")] = False,
    wait: Annotated[str, typer.Option("--wait", help="How long requests under way may take to end.")] = "10s",
    prove: options.Prove = False,
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    as_json: options.Json = False,
) -> None:
    """Send no new request to a host. None under way is lost, and its containers go on running."""
    from commands import fleet_view, parse
    from commands import prove as traffic
    from stacks.fleet import fleet

    wait_s = parse.seconds(wait, "--wait") or 0
    where = fleet(platform, phase, env)
    with traffic.around(platform, where.phase, env, wanted=prove):
        fleet_view.drain(where, host, back=back, wait_s=wait_s, as_json=as_json)


def replace(
    host: Annotated[str, typer.Argument(help="The host whose machine is new; the environment's file has its address and key.")],
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    prove: options.Prove = False,
    yes: options.Yes = False,
) -> None:
    """Put a new machine in a host's place. The host is left out, the machine prepared, what serves brought to it, and then it serves."""
    from commands import fleet_view
    from commands import prove as traffic
    from stacks.fleet import fleet

    where = fleet(platform, phase, env)
    with traffic.around(platform, where.phase, env, wanted=prove):
        fleet_view.drain(where, host, back=False, wait_s=0, as_json=False)
        version = fleet_view.serving_version(where)
        deploy.deploy(phase=where.phase, env=env, platform=platform, version=version, yes=yes)
        fleet_view.drain(where, host, back=True, wait_s=0, as_json=False)


def lock(
    action: Annotated[
        Literal["show", "release"],
        typer.Argument(metavar="show|release", help="Who changes the fleet, or take the lock from a dead owner."),
    ],
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Who holds the lock of a fleet. `release` takes it away and clears up what was begun."""
    from commands import fleet_view
    from stacks.fleet import fleet

    fleet_view.lock(fleet(platform, phase, env), action, yes=yes, as_json=as_json)


def adopt(
    env: options.Env = "local", platform: options.Platform = "codementee", yes: options.Yes = False, as_json: options.Json = False
) -> None:
    """Rebuild a lost state from what the hosts themselves know. The hosts stay as they are."""
    from commands import progress, ui
    from stacks.adopt import adopt as rebuild

    ui.confirm(f"Write the state of {platform} in {env} anew, from its hosts?", yes=yes)
    with progress.shown() as on_event:
        done = rebuild(platform, env, ui.say, on_event)
    if as_json:
        ui.emit("cmctl/adopt/1", {"releases": dict(done.releases), "secrets": list(done.secrets), "left": list(done.left)})
        return
    ui.table(("layer", "release"), list(done.releases.items()))
    for layer in done.left:
        ui.say(f"{layer} lives in a cloud: pulumi import brings its resources back (docs/hosts.md)")
    phases = [layer.removeprefix("phase") for layer in done.releases if layer.startswith("phase")]
    ui.hint(f"cmctl preview {options.where(platform, int(max(phases, default='2')), env)}")


def register(app: typer.Typer) -> None:
    app.command("releases")(releases)
    app.command("logs")(logs)
    app.command("exec", context_settings={"ignore_unknown_options": True})(execute)
    app.command("maintenance")(maintenance)
    app.command("drain")(drain)
    app.command("replace")(replace)
    app.command("lock")(lock)
    app.command("adopt")(adopt)
