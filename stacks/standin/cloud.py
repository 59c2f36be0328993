"""A cloud in a file: id → what it holds. One process at a time changes it; secrets are kept as hashes only."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Things = dict[str, dict[str, Any]]


class Cloud:
    """The file at `path`; made when it is first written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Things:
        """Id → {"kind": token, "values": inputs and computed outputs}."""
        return dict(json.loads(self.path.read_text(encoding="utf-8"))) if self.path.exists() else {}

    @contextmanager
    def changing(self) -> Iterator[Things]:
        """What the cloud holds, to be changed in place; written whole when the block ends well."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            things = self.read()
            yield things
            fresh = self.path.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps(things, indent=1, sort_keys=True), encoding="utf-8")
            fresh.replace(self.path)


def digest(secret: str) -> str:
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}"
