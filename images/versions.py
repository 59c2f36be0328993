"""Which version of a program an image really holds: asked of the image itself, once per image."""

from __future__ import annotations

import os
import re
from pathlib import Path

from errors import CmctlError
from images import engine

ASK_S = 30


def nginx(image: str, cache: Path) -> tuple[int, ...]:
    """Nginx' version in the image with id `image`, e.g. (1, 28, 0); the answer is kept under `cache`. Raises CmctlError without one."""
    kept = cache / "versions" / f"nginx-{image.rpartition(':')[2]}"
    said = kept.read_text(encoding="utf-8") if kept.exists() else _ask(image)
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    if not found:
        raise CmctlError(f"image {image} does not say which nginx it holds", why=said.strip(), hint="cmctl images")
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f".{kept.name}.{os.getpid()}")
        fresh.write_text(found.group(), encoding="utf-8")
        fresh.replace(kept)
    return tuple(int(part) for part in found.groups())


def _ask(image: str) -> str:
    command = ["run", "--rm", "--network", "none", "--read-only", "--pull", "never", "--entrypoint", "sh", image, "-c", "nginx -v 2>&1"]
    return engine.docker(command, timeout_s=ASK_S)
