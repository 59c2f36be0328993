"""Local images of cmctl's own that nothing uses any more."""

from __future__ import annotations

import json

from errors import CmctlError
from images import engine
from images.base import debian_tag


def prune(wanted: set[str]) -> list[str]:
    """Remove images tagged cmctl/… that no container uses and that are not in `wanted` (ids); returns their tags."""
    rows = [json.loads(line) for line in engine.docker(["image", "ls", "--no-trunc", "--format", "{{json .}}", "cmctl/*"]).splitlines()]
    removed = []
    for row in rows:
        tag = f"{row['Repository']}:{row['Tag']}"
        # The base stays: all local images stand on it, and making it anew takes half a minute.
        if row["ID"] in wanted or tag == debian_tag() or row["Repository"] == "cmctl/published":
            continue
        try:
            # Without --force the engine itself refuses an image that a container, running or not, uses.
            engine.docker(["image", "rm", tag])
        except CmctlError:
            continue
        removed.append(tag)
    return removed
