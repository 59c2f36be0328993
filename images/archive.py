"""Trees packed so that the same content is the same layer, whenever and wherever it is built.

`COPY` gives the folders it makes the time of the build, so a build that misses the cache makes new layers of old content,
and a host would fetch them again. `ADD` of a tar takes every time from the tar.
"""

from __future__ import annotations

import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath


def pack(target: Path, trees: Mapping[str, Path], without: Collection[str] = ()) -> None:
    """Write the tar `target` of `trees`: path in the image → file or folder. Owner root, time 0; names in `without` stay out."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if PurePosixPath(entry.name).name in without:
            return None
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = "root"
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with tarfile.open(target, "w") as tar:
        for inside, source in trees.items():
            for parent in reversed(PurePosixPath(inside).parents[:-1]):
                folder = tarfile.TarInfo(str(parent))
                folder.type = tarfile.DIRTYPE
                tar.addfile(plain(folder) or folder)
            tar.add(source, inside, filter=plain)
