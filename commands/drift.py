"""`drift`: what on the hosts is not as it was left there, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commands import options

if TYPE_CHECKING:
    from stacks.drift import Drift


def drift(
    phase: options.Phase,
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    fix: Annotated[bool, typer.Option("--fix", help="Bring back what was deployed; what is right is not touched.")] = False,
    yes: options.Yes = False,
    as_json: options.Json = False,
) -> None:
    """Compare what really runs with what was deployed. Files, containers, images, firewall, settings; exit 3 when something differs."""
    from commands import progress, ui
    from errors import GateRefused
    from stacks import drift as drifts
    from stacks.deployment import Wish

    wish = Wish(platform, phase, env)
    found = drifts.look(wish, ui.say)
    left = found
    if found.fields and fix:
        _show(found)
        ui.confirm(f"Bring {len(found.fields)} differences back in {env}?", yes=yes)
        with progress.shown() as on_event:
            left = drifts.mend(wish, found, ui.say, on_event)
    if as_json:
        ui.emit("cmctl/drift/1", {"platform": platform, "environment": env, "phase": phase, "found": _rows(found), "left": _rows(left)})
    elif left.fields or not fix:
        _show(left)
    else:
        ui.say(f"✓ {len(found.fields)} differences brought back; nothing differs now", style="bold green")
    if left.fields:
        raise GateRefused(
            f"{len(left.fields)} differences from what was deployed",
            why="found by reading the hosts" + (" again, after everything was brought back" if fix else ""),
            hint=f"cmctl drift --phase {phase} --env {env} --fix"
            if not fix
            else "somebody changes it as we do: see who, then run it again",
        )


def _show(found: Drift) -> None:
    from commands import plan_view, ui

    if not found.fields:
        ui.say("no drift: what was deployed is what runs", style="green")
    former = ("", "")
    for layer, resource, field in found.fields:
        if (layer, resource) != former:
            ui.say(f"~ {layer + ': ' if layer else ''}{resource}", style="yellow")
        former = (layer, resource)
        ui.say(f"    {field.path}")
        for line in plan_view.difference(field):
            ui.say(f"        {line}")
    for name in found.silent:
        ui.say(f"{name}: its container engine does not run, so what runs there cannot be told")


def _rows(found: Drift) -> list[dict[str, object]]:
    return [
        {"layer": layer, "resource": resource, "path": field.path, "kind": field.kind, "left": field.old, "found": field.new}
        for layer, resource, field in found.fields
    ]


def register(app: typer.Typer) -> None:
    app.command("drift")(drift)
