"""The command to type next is about the same release."""

from __future__ import annotations

import pytest

from commands import options


@pytest.mark.parametrize(
    ("version", "images", "said"),
    [
        (None, None, ""),
        ("1.2.0", None, " --version 1.2.0"),
        (None, ["backend=registry/b@sha256:1", "web=x y"], " --image backend=registry/b@sha256:1 --image 'web=x y'"),
    ],
)
def test_a_release_is_named_again(version: str | None, images: list[str] | None, said: str) -> None:
    """What was typed of version and images is in the next command, as a shell reads it."""
    assert options.release(version, images) == said
