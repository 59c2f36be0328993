"""`preview`, `deploy`, `rollback`, `status`, `destroy`: the release of a phase."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import options

Refresh = Annotated[bool, typer.Option("--refresh", help="Read what really runs first, so that drift is part of the plan.")]


def preview(
    phase: options.Phase,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    version: options.Version = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when something would change.")] = False,
    image: options.Image = None,
    refresh: Refresh = False,
    as_json: options.Json = False,
) -> None:
    """Show what a deploy would change. Resources, files, price, risk, expected time; nothing is changed."""
    from commands import plan_view, ui
    from errors import GateRefused
    from stacks.deployment import Wish
    from stacks.journey import look

    seen = look(Wish(platform, phase, env, version, tuple(image or ())), ui.say, refresh=refresh)
    again = f"cmctl deploy {options.where(platform, phase, env)}{options.release(version, image)}"
    if as_json:
        ui.emit("cmctl/preview/1", plan_view.document(seen))
    else:
        plan_view.show(seen)
        ui.hint(again)
    if check and seen.changes:
        raise GateRefused(f"{len(seen.changes)} resources would change", hint=again)


def deploy(
    phase: options.Phase,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    version: options.Version = None,
    canary: options.Canary = None,
    keep_warm: options.KeepWarm = None,
    prove: options.Prove = False,
    image: options.Image = None,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Bring a version out, on all hosts of a phase or on none. Then the users are sent there."""
    from commands import on_cluster, parse, plan_view, progress, ui
    from commands import prove as traffic
    from stacks.deployment import Wish
    from stacks.journey import carry_out, look

    steps, warm = parse.shares(canary), parse.seconds(keep_warm, "--keep-warm")
    seen = look(Wish(platform, phase, env, version, tuple(image or ()), canary_steps=steps, keep_warm_s=warm), ui.say)
    if seen.changes:
        if not as_json:
            plan_view.show(seen)
        ui.confirm(f"Deploy {platform} {seen.version} to {env}?", yes=yes)
    with traffic.around(platform, seen.live, env, wanted=prove), progress.shown() as on_event:
        done = carry_out(seen, on_event)
    where = options.where(platform, phase, env)
    # Without a phase the hosts are asked.
    status = f"cmctl status {where if on_cluster.concerns(platform, phase, env) else options.at(platform, env)}"
    back = f" · cmctl rollback {where}" if done.former else ""
    plan_view.tell("deploy", done, f"{status} · cmctl loadtest --smoke {where}{back}", as_json=as_json)


def rollback(
    phase: options.MaybePhase = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    to: Annotated[str | None, typer.Option("--to", help="A kept release's id (see releases); by default the one before.")] = None,
    prove: options.Prove = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Send the traffic back to the release before. Under a second while it is warm."""
    from commands import on_cluster, steps_view, ui
    from commands import prove as traffic
    from stacks.way_back import flip, proven

    ui.confirm(f"Roll {platform} back in {env}?", yes=yes)
    if on_cluster.concerns(platform, phase, env):
        on_cluster.roll_back(platform, phase, env, to, as_json=as_json)
        return
    with traffic.around(platform, proven(platform, phase, env, wanted=prove), env, wanted=prove):
        flipped = flip(platform, phase, env, to, steps_view.StepLines())
    # The engine loads only now: the traffic has moved.
    from commands import plan_view, progress
    from stacks.journey import follow

    with progress.shown() as on_event:
        done = follow(flipped, on_event)
    plan_view.tell("rollback", done, f"cmctl status {options.at(platform, env)}", as_json=as_json)


def status(
    env: options.Env = "local", platform: options.Platform = "codementee", phase: options.MaybePhase = None, as_json: options.Json = False
) -> None:
    """What runs, and which phase is live. Releases and slots, containers, open operations; on a cluster every service and its autoscaler."""
    from commands import on_cluster, status_view, ui
    from stacks.standing import standing

    if on_cluster.concerns(platform, phase, env):
        on_cluster.status(platform, phase, env, as_json=as_json)
        return
    seen = standing(platform, env)
    if as_json:
        ui.emit("cmctl/status/1", status_view.document(seen))
        return
    status_view.show(seen)
    ui.hint(f"cmctl {'deploy' if seen.live is None else 'preview'} {options.where(platform, 2 if seen.live is None else seen.live, env)}")


def destroy(
    phase: Annotated[int | None, typer.Option("--phase", "-p", help="Number of the phase that goes.")] = None,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    everything: Annotated[bool, typer.Option("--all", help="All phases, the edge and the data layer.")] = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Remove one phase, or everything, of an environment. The data layer goes only with --all."""
    from commands import progress, ui
    from errors import BadInput
    from stacks.journey import leave, remove

    if everything and phase is not None:
        raise BadInput(f"--phase {phase} is one phase, --all is all of them with their data", hint="give one of the two")
    layers = leave(platform, phase, env, everything=everything)
    if layers:
        ui.confirm(f"Remove {', '.join(layers)} of {platform} from {env}, with their data?", yes=yes)
    with progress.shown() as on_event:
        done = remove(platform, env, layers, on_event)
    if as_json:
        ui.emit("cmctl/destroy/1", {"removed": done})
    else:
        ui.say(f"removed: {', '.join(done) or 'nothing was there'}")


def register(app: typer.Typer) -> None:
    app.command("preview")(preview)
    app.command("deploy")(deploy)
    app.command("rollback")(rollback)
    app.command("status")(status)
    app.command("destroy")(destroy)
