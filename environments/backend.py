"""Where Pulumi's state lives."""

from __future__ import annotations

from pathlib import Path

from environments.model import Environment
from errors import BadInput


def backend_url(environment: Environment, home: Path) -> str:
    """The state's URL; without one in the file, a folder of cmctl's own.

    Raises BadInput for a cloud environment on a folder of one machine, unless it says `solo: true`: two laptops would hold two truths.
    """
    url = environment.state.backend or f"file://{home / 'state' / environment.name}"
    if environment.kind == "cloud" and url.startswith("file://") and not environment.state.solo:
        raise BadInput(
            f"environment {environment.name}: its state would lie on this machine only",
            why="a second person's deploy would not see it and would hold another truth",
            hint="state: {backend: s3://…} in the environment's file, or state: {solo: true} if one person deploys",
        )
    return url
