"""Where files of people are looked for: folders of their own first, then those that come with cmctl."""

from __future__ import annotations

import os
from pathlib import Path


def roots(variable: str, own: Path) -> list[Path]:
    """The folders that the environment variable lists (separated by `:`), then `own`. An earlier one hides a later one's names."""
    return [*(Path(part).expanduser() for part in os.environ.get(variable, "").split(os.pathsep) if part), own]
