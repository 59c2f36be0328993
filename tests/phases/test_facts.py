"""The facts of the platforms that come with cmctl are whole, sourced, and the documents' own."""

from __future__ import annotations

import shutil
from functools import reduce
from pathlib import Path

import pytest
import yaml

from errors import BadInput
from phases.load import ROOT, load, names

FIGURES = yaml.safe_load((Path(__file__).parent / "figures.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", names(ROOT))
def test_every_number_has_a_source(name: str) -> None:
    """Every number in a platform's files names where it comes from."""
    assert [line for document in load(name, ROOT).documents for line in document.unsourced()] == []


@pytest.mark.parametrize(
    ("phase", "path", "value"), [(phase, path, value) for phase, figures in FIGURES.items() for path, value in figures.items()]
)
def test_key_figures(phase: str, path: str, value: object) -> None:
    """The documents' key figures stand in the files."""
    loaded = load("codementee", ROOT)
    found = (loaded.platform if phase == "platform" else loaded.phase(int(phase.removeprefix("phase")))).model_dump()
    assert reduce(lambda here, key: here[int(key) if key.isdigit() else key], path.split("."), found) == value


def test_indexes_and_limits() -> None:
    """All 14 indexes of the guide are there, and the rate limits are 10 r/s for the API and 1 r/s for logins."""
    platform = load("codementee", ROOT).platform
    assert sum(index.origin == "scaling guide" for index in platform.indexes) == 14
    assert {name: limit.rate_per_s for name, limit in platform.limits.items()} == {"api": 10, "login": 1}


def test_indexes_of_file_and_job_are_the_same() -> None:
    """The job of the stand-in app makes exactly the indexes that the platform file names."""
    from app.jobs.indexes import DEFAULT

    declared = {(index.collection, index.keys, index.unique) for index in load("codementee", ROOT).platform.indexes}
    assert declared == {(one["collection"], tuple(one["keys"]), bool(one.get("unique"))) for one in DEFAULT}


def test_unknown_phase_and_platform() -> None:
    """A wrong phase lists the known ones; a wrong platform gets a guess."""
    with pytest.raises(BadInput) as caught:
        load("codementee", ROOT).phase(7)
    assert "2 horizontal" in caught.value.why
    with pytest.raises(BadInput) as caught:
        load("codemente", ROOT)
    assert "did you mean codementee" in caught.value.why


def changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    shutil.copytree(ROOT / "codementee", tmp_path / "codementee")
    path = tmp_path / "codementee" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("phase2.yaml", "replicas: {value: 3", "replcas: {value: 3", "unknown key workloads.backend.replcas"),
        ("phase2.yaml", "number: {value: 2", "number: {value: 3", "does not fit the file's name"),
        ("phase2.yaml", "maxmemory_mb: {value: 2048", "maxmemory_mb: {value: 2800", "more than 75 %"),
        ("phase2.yaml", "  backend:\n    role: app", "  backend:\n    role: apps", "unknown apps"),
        ("phase2.yaml", "  frontend:\n    role", "  fronted:\n    role", "no service of codementee"),
        ("phase2.yaml", "[{value: 3, source", "[{value: 3, source: x}, {value: 3, source", "4 weights for 3 replicas"),
        ("platform.yaml", "service: frontend, timeouts", "service: fronted, timeouts", "unknown fronted"),
        ("platform.yaml", "limit: login", "limit: logins", "unknown logins"),
        ("platform.yaml", "name: codementee", "name: 'code; rm -rf'", "name"),
    ],
)
def test_bad_facts_are_refused(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    """A mistake in a platform's files is refused with what is wrong."""
    with pytest.raises(BadInput, match=said):
        load("codementee", changed(tmp_path, file, old, new))


def test_own_platforms_hide_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of $CMCTL_PLATFORMS is looked at first."""
    monkeypatch.setenv("CMCTL_PLATFORMS", str(changed(tmp_path, "platform.yaml", "title: Codementee", "title: Ours")))
    assert load("codementee").platform.title == "Ours"
