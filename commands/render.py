"""`render`: the files that a deploy would bring to hosts, or the manifests that it would apply to a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands import options


def render(
    phase: options.Phase,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", file_okay=False, help="Folder that gets one folder per layer and host, or one manifest per object."),
    ],
    env: options.Env = "local",
    platform: options.Platform = "codementee",
    version: options.Version = None,
    image: options.Image = None,
    as_json: options.Json = False,
) -> None:
    """Write the files of a deploy, or a cluster's manifests. Same input, same bytes; nothing is changed."""
    from commands import ui
    from stacks.deployment import Wish
    from stacks.rendering import rendered

    files = rendered(Wish(platform, phase, env, version, tuple(image or ())), out, ui.say)
    if as_json:
        ui.emit("cmctl/render/1", {"out": str(out), "files": files})
        return
    ui.table(("file", "bytes"), sorted(files.items()), right=("bytes",))
    ui.hint(f"cmctl preview {options.where(platform, phase, env)}")


def register(app: typer.Typer) -> None:
    app.command("render")(render)
