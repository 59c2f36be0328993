"""Whether the public image registry answers: asked once per run, within 5 s."""

from __future__ import annotations

import functools

from environments.reach import reaches

REGISTRY = "https://registry-1.docker.io/v2/"


@functools.cache
def answers() -> bool:
    """Whether the public image registry answers. The first answer holds for the run."""
    return reaches(REGISTRY)
