"""What a registry keeps: parts of images in files under their digests, in cmctl's cache, and the manifests of this run in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from environments.home import cache

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
KEPT_DAYS = 30


@dataclass(frozen=True)
class Manifest:
    """What an image is made of, as its engine says it. `kind` is the media type."""

    kind: str
    text: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.text).hexdigest()}"

    def layers(self) -> frozenset[str]:
        """Digests of the layers; none for a manifest that lists others."""
        return frozenset(str(layer["digest"]) for layer in json.loads(self.text).get("layers", []))


@dataclass
class Store:
    """Parts by digest, and manifests by digest and by name. A part that is used is kept for another thirty days."""

    folder: Path = field(default_factory=lambda: cache() / "registry")
    manifests: dict[str, Manifest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def part(self, digest: str) -> Path | None:
        path = self.folder / digest.removeprefix("sha256:")
        if not DIGEST.fullmatch(digest) or not path.exists():
            return None
        os.utime(path)
        return path

    async def keep(self, upload: Path, digest: str, pieces: AsyncIterator[bytes]) -> bool:
        """Add the last pieces to an upload and file it; False when it is not what its digest says."""
        await self.add(upload, pieces)
        return await asyncio.to_thread(self._file, upload, digest)

    def _file(self, upload: Path, digest: str) -> bool:
        if _digest(upload) != digest:
            upload.unlink()
            return False
        upload.replace(self.folder / digest.removeprefix("sha256:"))
        return True

    async def add(self, upload: Path, pieces: AsyncIterator[bytes]) -> int:
        """Append to an upload; returns its size."""
        with upload.open("ab") as file:
            async for piece in pieces:
                file.write(piece)
            return file.tell()

    def begin(self) -> Path:
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".upload-")
        os.close(descriptor)
        return Path(name)

    def upload(self, name: str) -> Path | None:
        path = self.folder / name
        return path if re.fullmatch(r"\.upload-\w+", name) and path.exists() else None

    def put(self, name: str, manifest: Manifest) -> None:
        self.manifests[name] = self.manifests[manifest.digest] = manifest

    def forget_old(self) -> None:
        oldest = time.time() - KEPT_DAYS * 86400
        for path in self.folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
