"""A fleet of folders for the tests of releases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with Fleet.made(tmp_path, monkeypatch) as fleet:
        yield fleet
