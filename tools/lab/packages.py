"""A folder of Debian packages as a source for apt: hosts of the lab install the real packages, and no route leads out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.lab.call import must

# Where a host sees the folder, and its line in a sources list.
SOURCE = "deb [trusted=yes] file:/srv/packages ./\n"


def index(folder: Path) -> int:
    """Write `Packages`, apt's index of the .deb files in `folder`; returns how many there are."""
    archives = sorted(folder.glob("*.deb"))
    (folder / "Packages").write_text("\n".join(entry(archive) for archive in archives), encoding="utf-8")
    return len(archives)


def entry(archive: Path) -> str:
    """One package's paragraph: its own control file, and where it lies."""
    data = archive.read_bytes()
    control = must(["dpkg-deb", "--field", str(archive)]).strip()
    return f"{control}\nFilename: ./{archive.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
