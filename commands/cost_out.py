"""Files that cost commands write."""

from __future__ import annotations

from pathlib import Path

from errors import BadInput


def write(path: Path, text: str) -> None:
    """`text` in the file at `path`. Raises BadInput when it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written", why=str(error), hint="name a file in a folder of yours") from error
