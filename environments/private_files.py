"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from errors import BadInput


def write(path: Path, text: str) -> None:
    """Write `text` to `path` with mode 0600, atomically; the folder is 0700."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def read(path: Path) -> str:
    """The text of `path`. Raises BadInput when it cannot be read or others may read it."""
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read", why=str(error)) from error
    if mode & 0o077:
        raise BadInput(f"{path}: others may read it (mode {mode:04o})", why="it holds secrets", hint=f"chmod 600 {path}")
    return text
