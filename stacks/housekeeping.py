"""What the engine would keep for ever: a log of every command, a copy of the state before every change."""

from __future__ import annotations

import contextlib
import shutil
import stat
from pathlib import Path

KEPT = 40


def prune(logs: Path, backend: str, stack: str) -> None:
    """Keep the newest files only. History and backups are pruned where the state is a folder of this machine."""
    newest(logs, "*.log")
    for folder in _folders(backend, stack):
        newest(folder, "*")


def state(backend: str, stack: str) -> bytes | None:
    """The stack's state where it is a file of this machine; None elsewhere, and before there is one."""
    root = _root(backend)
    found = [] if root is None else list(root.glob(f"stacks/*/{stack}.json"))
    return found[0].read_bytes() if len(found) == 1 else None


def forget(backend: str, stack: str) -> None:
    """Remove what a removed stack leaves on this machine: backups and history, which hold its encrypted secrets."""
    for folder in _folders(backend, stack):
        shutil.rmtree(folder, ignore_errors=True)
    root = _root(backend)
    if root is not None:
        for left in root.glob(f"stacks/*/{stack}.json.bak*"):
            left.unlink(missing_ok=True)


def _root(backend: str) -> Path | None:
    return Path(backend.removeprefix("file://")) / ".pulumi" if backend.startswith("file://") else None


def _folders(backend: str, stack: str) -> list[Path]:
    root = _root(backend)
    return [] if root is None else [*root.glob(f"backups/*/{stack}"), *root.glob(f"history/*/{stack}"), *root.glob(f"locks/*/*/{stack}")]


def newest(folder: Path, pattern: str, kept: int = 2 * KEPT) -> None:
    """Remove all but the newest files. Another process may do the same at the same time."""
    files: list[tuple[int, Path]] = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            seen = path.stat()
            files += [(seen.st_mtime_ns, path)] if stat.S_ISREG(seen.st_mode) else []
    for _, path in sorted(files)[:-kept]:
        path.unlink(missing_ok=True)
