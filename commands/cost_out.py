"""How cost commands end: files that can be written, and one document on stdout whatever the answer."""

from __future__ import annotations

from pathlib import Path

import typer

from commands import ui
from errors import BadInput, CmctlError


def write(path: Path, text: str) -> None:
    """`text` in the file at `path`. Raises BadInput when it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written", why=str(error), hint="name a file in a folder of yours") from error


def refuse(error: CmctlError, *, as_json: bool) -> None:
    """Ends with the error's exit code. With --json the answer stands on stdout already: the error is told on stderr alone."""
    if not as_json:
        raise error
    ui.error(error)
    raise typer.Exit(error.exit_code)
