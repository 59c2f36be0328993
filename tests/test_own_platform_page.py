"""The page about own platforms cannot drift: its snippets are joined, loaded, placed, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cli
from costs import books
from costs.estimate import estimate
from environments.load import load as environment
from layout.checks import check
from layout.place import place
from loadtests import journeys
from phases.load import Loaded, load

PAGE = (Path(__file__).parents[1] / "docs" / "using-your-own-platform.md").read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """The page's files, joined from its snippets, where cmctl looks for them."""
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    monkeypatch.setenv("CMCTL_PLATFORMS", str(tmp_path))
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path))
    return load("shop")


def test_every_snippet_belongs_to_a_file() -> None:
    """No YAML of the page is left out of the test."""
    assert len(re.findall(r"```yaml\n# \S+\.yaml\n", PAGE)) == PAGE.count("```yaml")


def test_numbers_have_sources(written: Loaded) -> None:
    """The page keeps the rule it teaches."""
    assert [line for document in written.documents for line in document.unsourced()] == []


@pytest.mark.parametrize("where", ["stage", "local"])
def test_phases_can_be_placed(written: Loaded, where: str) -> None:
    """Each phase of the page fits into its environment and into the one that comes with cmctl."""
    for phase in written.phases.values():
        for layer in ("data", "edge", f"phase{phase.number}"):
            check(place(written.platform, phase, environment(where), layer))


def test_its_bill_is_read(written: Loaded) -> None:
    """The page's bill names everything that the page's phase makes one buy."""
    one = estimate(written, 1, books.load("seed"))
    assert (str(one.total), one.unknown) == ("$155", ())


def test_its_journeys_can_be_played(written: Loaded) -> None:
    """Each step of the page's journeys is there, and each value comes from a user, or from a step before."""
    assert set(written.platform.steps) <= {name for journey in written.platform.journeys.values() for name in journey.steps}
    assert journeys.unknown(written.platform.journeys, written.platform.steps) == []
    assert journeys.never_found(written.platform.journeys, {}, written.platform.steps) == []


def test_its_commands_answer(written: Loaded, private_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`cmctl phases` shows the platform and where its numbers come from."""
    assert cli.main(["phases", "--platform", "shop"]) == 0
    assert "vertical" in capsys.readouterr().out
    assert cli.main(["phases", "--platform", "shop", "--sources"]) == 0
    assert "our contract" in capsys.readouterr().out
