"""Fixtures for every room: golden files with one update switch, a private home, and no silent skips in CI."""

from __future__ import annotations

import functools
import gc
import os
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import settings

import documents

# A busy machine makes any example slow; what a test says of time, it measures itself.
settings.register_profile("cmctl", deadline=None)
settings.load_profile("cmctl")

GOLDEN = Path(__file__).parent / "golden"
# What a developer may have set for work of one's own, and no test means.
for name in ("CMCTL_PLATFORM", "CMCTL_PLATFORMS", "CMCTL_ENV", "CMCTL_ENVIRONMENTS", "CMCTL_BOOK", "CMCTL_PROMETHEUS"):
    os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Modules and collected tests stay to the end: the collector leaves them alone, and looks at what tests make as ever."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that load cloud SDKs come first, all on one of several workers: the others never pay the seconds of loading."""
    items.sort(key=lambda item: item.get_closest_marker("sdk") is None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)` compares `text` with tests/golden/<name>; `make golden` writes the files anew."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path.name} has no golden file: run `make golden` and read the diff"
        assert text == path.read_text(encoding="utf-8"), (
            f"golden/{name} differs: if the change is meant, run `make golden` and read the diff"
        )

    return compare


@pytest.fixture(autouse=True, scope="session")
def made_once() -> Iterator[None]:
    """A run of tests reads hundreds of times what one command reads once: the same text of a file is parsed, and the tree of
    commands is built, once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "parse", functools.lru_cache(maxsize=256)(documents.parse))
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def no_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast test finds no container engine, on any machine, so that none can come to need one."""
    if request.node.get_closest_marker("live") is None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///no-engine-in-the-fast-suite.sock")


@pytest.fixture(scope="session")
def sdks() -> None:
    """The SDK of cloudflare warns about itself while it is imported; that is none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import pulumi_cloudflare  # noqa: F401
        import pulumi_mongodbatlas  # noqa: F401


@pytest.fixture
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of cmctl's own for one test; caches stay shared because they are keyed by content."""
    home = tmp_path / "home"
    monkeypatch.setenv("CMCTL_HOME", str(home))
    return home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """With CMCTL_NO_SKIP=1 (CI) a skip is a failure: no live suite may stay silent."""
    report = yield
    if report.skipped and os.environ.get("CMCTL_NO_SKIP") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report
