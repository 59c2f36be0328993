"""Bundles → files in a folder, for `cmctl render`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from layout.release import Bundle


def write(bundles: Mapping[str, Bundle], out: Path) -> dict[str, int]:
    """Write host → bundle below `out`, which is replaced whole; returns relative path → bytes. Secret files are 0600 in 0700 folders."""
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    written = {}
    for host, bundle in bundles.items():
        for path, text in bundle.files.items():
            written[f"{host}/{path}"] = _put(fresh / host / path, text, 0o644, 0o755)
        for path, text in bundle.secret_files.items():
            written[f"{host}/{path}"] = _put(fresh / host / path, text, 0o600, 0o700)
    fresh.chmod(0o755)
    shutil.rmtree(out, ignore_errors=True)
    fresh.replace(out)
    return written


def _put(path: Path, text: str, mode: int, folder_mode: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(folder_mode)
    data = text.encode()
    path.write_bytes(data)
    path.chmod(mode)
    return len(data)
