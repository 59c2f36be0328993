"""`doctor`, `toolchain`, `images`: what this machine has, and how it gets the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commands import options

if TYPE_CHECKING:
    from tools.doctor import Tool


def doctor(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Install and start a container engine where none answers (root, Debian or Ubuntu); clear locks and pending operations of dead commands.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List every tool cmctl needs, and what dead commands left. Where each was found, its version, what it is for, how to get it."""
    from commands import state_view, ui
    from errors import Unreachable
    from tools import container_engine
    from tools.doctor import look, missing

    if fix:
        container_engine.install_and_start(ui.say)
    found, left = look(), state_view.healed(ui.say) if fix else state_view.seen()
    lacking = missing(found)
    if as_json:
        tools = [tool.as_dict() for tool in found]
        ui.emit("cmctl/doctor/1", {"ok": not lacking and not left.leftovers, "tools": tools, "state": state_view.document(left)})
    else:
        rows = [
            (_mark(tool), tool.name, tool.version, tool.found or "", tool.needed_for, tool.problem, "" if tool.fits else tool.fix)
            for tool in found
        ]
        ui.table(("", "tool", "version", "where", "needed for", "problem", "fix"), rows)
        state_view.show(left)
    # The CLI has a command of its own that comes next and takes minutes.
    hard = [tool for tool in lacking if not (fix and tool.name == "pulumi")]
    if hard:
        raise Unreachable(f"missing: {', '.join(tool.name for tool in hard)}", hint=hard[0].fix)
    if fix:
        state_view.refuse(left)


def _mark(tool: Tool) -> str:
    return "✓" if tool.fits else "✗" if tool.needed else "–"


def toolchain(as_json: options.Json = False) -> None:
    """Get the Pulumi CLI of exactly the SDK's version. From PATH, the cache, a download, or built from its Go module."""
    from commands import ui
    from tools.toolchain import pulumi, pulumi_family

    path = pulumi(ui.say)
    if as_json:
        ui.emit("cmctl/toolchain/1", {"pulumi": str(path), "version": pulumi_family().version})
        return
    ui.table(("tool", "version", "where"), [("pulumi", pulumi_family().version, path)])
    ui.hint("cmctl images")


def images(
    phase: options.Phase = 2,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    version: options.Version = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove cmctl's own images that no container on this machine uses.")] = False,
    as_json: options.Json = False,
) -> None:
    """Bring every image a phase needs to this machine. Pulled by digest where a registry answers, else built here."""
    from commands import ui
    from images import unused
    from stacks import deployment

    resolved = deployment.images(deployment.facts(deployment.Wish(platform, phase, env, version)), ui.say)
    removed = unused.prune({one.reference for one in resolved.values()}) if prune else []
    if as_json:
        ui.emit("cmctl/images/1", {"images": {name: vars(one) for name, one in resolved.items()}, "removed": removed})
        return
    ui.table(
        ("image", "way", "seconds", "reference"),
        [(name, one.way, f"{one.seconds:.1f}", one.reference[:26]) for name, one in resolved.items()],
    )
    if prune:
        ui.say(f"removed {len(removed)} images")
    ui.hint(f"cmctl deploy {options.where(platform, phase, env)}")


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
    app.command("toolchain")(toolchain)
    app.command("images")(images)
