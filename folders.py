"""Where files of people are looked for: folders of their own first, then those that come with cmctl."""

from __future__ import annotations

import os
from pathlib import Path

from errors import BadInput


def roots(variable: str, own: Path) -> list[Path]:
    """The folders that the environment variable lists (separated by `:`), then `own`. An earlier one hides a later one's names."""
    return [*(Path(part).expanduser() for part in os.environ.get(variable, "").split(os.pathsep) if part), own]


def called_else(places: list[Path], path: str) -> None:
    """Raises BadInput when what nobody finds lies there under a name that is not looked for: `.yml`."""
    for place in places:
        if (found := place / path).exists():
            raise BadInput(f"{found}: is not looked at", why="files are called .yaml here", hint=f"mv {found} {found.with_suffix('.yaml')}")
