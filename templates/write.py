"""Bundles → files in a folder, for `cmctl render`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from errors import BadInput
from layout.model import SLOTS
from layout.release import Bundle

# What a host's folder holds.
PARTS = {"base", "secrets", *SLOTS}


def write(layers: Mapping[str, Mapping[str, Bundle]], out: Path) -> dict[str, int]:
    """Write layer → host → bundle below `out`, each layer's folder replaced whole; returns relative path → bytes.

    Secret files are 0600 in 0700 folders. Raises BadInput, with nothing written, for a layer's folder that no rendering made.
    """
    theirs = [str(out / layer) for layer in layers if not _rendered(out / layer)]
    if theirs:
        raise BadInput(f"{', '.join(theirs)}: holds what no rendering wrote", why="it would be replaced", hint="--out a new folder")
    return {f"{layer}/{path}": size for layer, bundles in layers.items() for path, size in _layer(bundles, out / layer).items()}


def _rendered(folder: Path) -> bool:
    """Whether nothing is there, or only what an earlier rendering left: a folder for each host, with the parts in it."""
    if not folder.is_dir() or folder.is_symlink():
        return not (folder.exists() or folder.is_symlink())
    return all(host.is_dir() and {path.name for path in host.iterdir()} <= PARTS for host in folder.iterdir())


def _layer(bundles: Mapping[str, Bundle], out: Path) -> dict[str, int]:
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        written = {path: size for host, bundle in bundles.items() for path, size in _host(bundle, fresh, host).items()}
        fresh.chmod(0o755)
        shutil.rmtree(out, ignore_errors=True)
        fresh.replace(out)
    finally:  # a full disk or Ctrl-C leaves no secrets behind
        shutil.rmtree(fresh, ignore_errors=True)
    return written


def _host(bundle: Bundle, folder: Path, host: str) -> dict[str, int]:
    plain = {f"{host}/{path}": _put(folder / host / path, text, 0o644, 0o755) for path, text in bundle.files.items()}
    return plain | {f"{host}/{path}": _put(folder / host / path, text, 0o600, 0o700) for path, text in bundle.secret_files.items()}


def _put(path: Path, text: str, mode: int, folder_mode: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(folder_mode)
    data = text.encode()
    path.write_bytes(data)
    path.chmod(mode)
    return len(data)
