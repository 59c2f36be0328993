"""The engine is not asked twice what it has answered: only the very same question has the former answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks import remembered

ASKED = ("spec", "machine")


def backend(folder: Path, state: str) -> str:
    """A state folder as the engine keeps it, with one stack."""
    file = folder / ".pulumi" / "stacks" / "cmctl" / "shop-lab-phase2.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(state)
    return f"file://{folder}"


def asked(tmp_path: Path, state: str = "{}", **other: object) -> Path | None:
    given = {"stack": "shop-lab-phase2", "asked": ASKED, "key": "passphrase", "backend": backend(tmp_path, state)} | other
    return remembered.question(tmp_path / "answers", **given)  # type: ignore[arg-type]


def test_the_same_question(tmp_path: Path) -> None:
    """An answer that was kept stands for the same question, and for no other before it is asked."""
    first = asked(tmp_path)
    assert first is not None
    assert not first.exists()
    remembered.keep(first)
    again = asked(tmp_path)
    assert again is not None
    assert again.exists()


@pytest.mark.parametrize(
    "other", [{"asked": ("spec", "other")}, {"asked": ("specmachine",)}, {"asked": ("spec",)}, {"key": "another"}], ids=str
)
def test_another_question(tmp_path: Path, other: dict[str, object]) -> None:
    """Other inputs, or another passphrase, make another question."""
    assert asked(tmp_path, **other) != asked(tmp_path)


def test_another_state(tmp_path: Path) -> None:
    """Any byte of the state makes another question."""
    before = asked(tmp_path)
    assert asked(tmp_path, state="{ }") != before


@pytest.mark.parametrize("other", [{"backend": "s3://bucket"}, {"stack": "shop-lab-edge"}], ids=str)
def test_no_state_here(tmp_path: Path, other: dict[str, object]) -> None:
    """A state elsewhere, and a stack that is not there yet, are always the engine's."""
    assert asked(tmp_path, **other) is None


def test_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs or a provider that were changed make another question."""
    before = asked(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "phase1.py").write_text("program = 1\n")
    monkeypatch.setattr(remembered, "ROOT", tmp_path / "code")
    remembered._code.cache_clear()
    try:
        assert asked(tmp_path) != before
    finally:
        remembered._code.cache_clear()


def test_bounded(tmp_path: Path) -> None:
    """No more answers are kept than KEPT."""
    (tmp_path / "answers").mkdir()
    for number in range(remembered.KEPT + 5):
        (tmp_path / "answers" / str(number)).touch()
    remembered.keep(tmp_path / "answers" / "new")
    assert len(list((tmp_path / "answers").iterdir())) == remembered.KEPT


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """A deploy that has just been carried out does not fail, half-way through its layers, because of an answer that cannot be kept."""
    (tmp_path / "answers").write_text("no folder")
    remembered.keep(tmp_path / "answers" / "new")
    assert (tmp_path / "answers").read_text() == "no folder"
