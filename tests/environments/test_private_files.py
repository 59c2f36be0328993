"""Private files are whole, closed to others, and written by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from environments import private_files
from errors import BadInput


def test_modes_do_not_hang_on_the_umask(tmp_path: Path) -> None:
    """With the most open umask, file and folder are their owner's alone."""
    before = os.umask(0)
    try:
        private_files.write(tmp_path / "deep" / "file", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep" / "file").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, the old text stays and no half-written file lies beside it."""
    path = tmp_path / "file"
    private_files.write(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        private_files.write(path, "new")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_open_files_are_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others is one too many."""
    path = tmp_path / "file"
    path.write_text("text", encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(BadInput, match=f"mode {mode:04o}"):
        private_files.read(path)


def test_unreadable_texts(tmp_path: Path) -> None:
    """Bytes that are no text are refused without being shown."""
    path = tmp_path / "file"
    path.write_bytes(b"\xff secret")
    path.chmod(0o600)
    with pytest.raises(BadInput) as caught:
        private_files.read(path)
    assert caught.value.why == "not UTF-8 text"


WAITER = """
import sys
from pathlib import Path
from environments import private_files
print("asks", flush=True)
with private_files.alone(Path(sys.argv[1])):
    print((Path(sys.argv[1]) / "said").read_text(), flush=True)
"""


def test_another_process_waits(tmp_path: Path) -> None:
    """A second process gets in only after the first is out, and sees what the first wrote."""
    root = Path(private_files.__file__).parents[1]
    with private_files.alone(tmp_path):
        other = subprocess.Popen([sys.executable, "-c", WAITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
        assert other.stdout is not None
        assert other.stdout.readline() == "asks\n"
        (tmp_path / "said").write_text("written inside", encoding="utf-8")
    said, _ = other.communicate(timeout=20)
    assert said == "written inside\n"
