"""An image is asked for its nginx once; what it says is read strictly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from errors import CmctlError
from images import versions


def test_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is numbers, so that 1.9 is older than 1.25; a second question asks no engine."""
    asked: list[Sequence[str]] = []

    def docker(arguments: Sequence[str], *, timeout_s: float) -> str:
        asked.append(arguments)
        return f"nginx version: nginx/1.28.0 (within {timeout_s})\n"

    monkeypatch.setattr("images.engine.docker", docker)
    assert versions.nginx("sha256:abc", tmp_path) == versions.nginx("sha256:abc", tmp_path) == (1, 28, 0)
    assert len(asked) == 1
    assert asked[0][-4:] == ["sh", "sha256:abc", "-c", "nginx -v 2>&1"]


def test_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image without nginx is an error that shows what it said, and nothing is kept."""
    monkeypatch.setattr("images.engine.docker", lambda *_, **__: "sh: nginx: not found\n")
    with pytest.raises(CmctlError, match="does not say which nginx") as caught:
        versions.nginx("sha256:abc", tmp_path)
    assert "not found" in caught.value.why
    assert list(tmp_path.iterdir()) == []
