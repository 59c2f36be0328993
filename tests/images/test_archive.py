"""Packing trees for image layers."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from images.archive import pack


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    """Times, modes, owners and the order of making do not reach the archive; content and names do."""
    for name, files in {"a": ("one", "two"), "b": ("two", "one")}.items():
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        for file in files:
            (folder / file).write_text(file)
            os.utime(folder / file, (len(name), hash(file) % 1000))
        pack(tmp_path / f"{name}.tar", {"srv/app": folder})
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    (tmp_path / "b" / "two").write_text("else")
    pack(tmp_path / "b.tar", {"srv/app": tmp_path / "b"})
    assert (tmp_path / "a.tar").read_bytes() != (tmp_path / "b.tar").read_bytes()


def test_parents_come_first_and_left_out_names_stay_out(tmp_path: Path) -> None:
    """The folders above a tree are entries of their own (their time is ours too); names left out are left out at any depth."""
    for path in ("app/main.py", "app/__pycache__/main.pyc", "app/routes/__pycache__/x.pyc", "app/routes/pay.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    pack(tmp_path / "app.tar", {"srv/app": tmp_path / "app"}, ("__pycache__",))
    with tarfile.open(tmp_path / "app.tar") as tar:
        assert [one.name for one in tar] == ["srv", "srv/app", "srv/app/main.py", "srv/app/routes", "srv/app/routes/pay.py"]
        assert {(one.mtime, one.uid, one.mode) for one in tar} == {(0, 0, 0o755), (0, 0, 0o644)}
