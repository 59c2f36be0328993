"""What `render` writes replaces an earlier rendering, and nothing of anybody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import BadInput
from layout.release import Bundle
from templates.write import write

LAYERS = {
    "data": {"one": Bundle(files={"base/compose.yaml": "a\n"}, secret_files={"base/secrets/x": "s"})},
    "phase1": {"one": Bundle(files={"blue/compose.yaml": "é\n"})},
}


def test_an_earlier_rendering_is_replaced(tmp_path: Path) -> None:
    """Files that a second rendering does not have are gone, secrets are for their owner alone, sizes are in bytes."""
    old = {"data": {"one": Bundle(files={"base/old": ""}), "gone": Bundle(files={"base/old": ""})}}
    write(old, tmp_path / "out")
    assert write(LAYERS, tmp_path / "out") == {
        "data/one/base/compose.yaml": 2,
        "data/one/base/secrets/x": 1,
        "phase1/one/blue/compose.yaml": 3,
    }
    found = {str(path.relative_to(tmp_path / "out")) for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"data/one/base/compose.yaml", "data/one/base/secrets/x", "phase1/one/blue/compose.yaml"}
    assert (tmp_path / "out/data/one/base/secrets/x").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("theirs", ["phase1/orders.csv", "phase1/one/orders.csv", "phase1/one/base-of-ours/x"])
def test_what_is_somebody_elses_stays(theirs: str, tmp_path: Path) -> None:
    """A folder called like a layer that holds anything else is refused before a file is written, and stays as it is."""
    path = tmp_path / theirs
    path.parent.mkdir(parents=True)
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="holds what no rendering wrote"):
        write(LAYERS, tmp_path)
    assert path.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "data").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in a layer's place is refused: what it leads to is somebody's."""
    (tmp_path / "real").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "real")
    with pytest.raises(BadInput):
        write(LAYERS, tmp_path)
    (tmp_path / "phase1").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput):
        write({"phase1": LAYERS["phase1"]}, tmp_path)


def test_nothing_half_done_stays(tmp_path: Path) -> None:
    """What cannot be written whole leaves no folder with a part of the secrets, and the rendering before stays."""
    write(LAYERS, tmp_path)
    broken = {"data": {"one": Bundle(files={"base/x": "new"}, secret_files={"base/secrets/\0": "s"})}}
    with pytest.raises(ValueError, match="null byte"):
        write(broken, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "phase1"]
    assert (tmp_path / "data/one/base/compose.yaml").read_text(encoding="utf-8") == "a\n"
