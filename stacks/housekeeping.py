"""What the engine would keep for ever: a log of every command, a copy of the state before every change."""

from __future__ import annotations

import shutil
from pathlib import Path

KEPT = 40


def prune(logs: Path, backend: str, stack: str) -> None:
    """Keep the newest files only. History and backups are pruned where the state is a folder of this machine."""
    _newest(logs, "*.log")
    for folder in _folders(backend, stack):
        _newest(folder, "*")


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


def _newest(folder: Path, pattern: str) -> None:
    files = [path for path in folder.glob(pattern) if path.is_file()]
    for path in sorted(files, key=lambda one: one.stat().st_mtime)[: -2 * KEPT]:
        path.unlink(missing_ok=True)
