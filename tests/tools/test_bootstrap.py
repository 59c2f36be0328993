"""The bootstrap: one virtual environment from the lock, made once, never half."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "bootstrap.sh"
# Plays python3, and the python inside the environment it makes. It logs what matters.
PYTHON = """#!/bin/bash
root={root}
case "$*" in
  *version_info\\ \\<*) exit {too_old} ;;
  *"import venv"*) exit {no_venv} ;;
  *"%d.%d"*) echo 3.11 ;;
  *sys.prefix*) echo "3.11.2 {prefix}" ;;
  "-m venv --clear .venv") echo venv >> $root/log; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  *"-m pip"*) line="$*"; echo "pip ${{line##*install }}" >> $root/log; exit {pip_fails} ;;
esac
"""


@dataclasses.dataclass(frozen=True)
class Clone:
    folder: Path

    def python(self, *, too_old: int = 0, no_venv: int = 0, pip_fails: int = 0, prefix: str = "/usr") -> None:
        text = PYTHON.format(root=self.folder, too_old=too_old, no_venv=no_venv, pip_fails=pip_fails, prefix=prefix)
        for path in (self.folder / "bin" / "python3", self.folder / ".venv" / "bin" / "python"):
            if path.parent.exists():
                path.write_text(text)
                path.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
        if not (self.folder / "bin" / "python3").exists():
            environment["PATH"] = str(self.folder / "tools-only")
        return subprocess.run(
            [self.folder / "tools" / "bootstrap.sh"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    def log(self) -> list[str]:
        path = self.folder / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    for folder in ("tools", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools" / "bootstrap.sh")
    (tmp_path / "requirements-dev.txt").write_text("one==1 \\\n    --hash=sha256:00\ntwo==2 \\\n    --hash=sha256:11\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    clone = Clone(tmp_path)
    clone.python()
    return clone


def test_a_fresh_clone_gets_its_environment_from_the_lock(clone: Clone) -> None:
    """The environment, the packages with their hashes, cmctl without dependencies of its own: in this order."""
    done = clone.run()
    assert done.returncode == 0, done.stderr
    assert clone.log() == [
        "venv",
        "pip --quiet --require-hashes -r requirements-dev.txt",
        "pip --quiet --no-deps --no-build-isolation -e .",
    ]
    assert "installing 2 locked Python packages" in done.stderr
    assert done.stdout == ""


def test_a_second_run_does_nothing(clone: Clone) -> None:
    """Nothing changed: nothing is run and nothing is said."""
    clone.run()
    clone.log()
    done = clone.run()
    assert (done.returncode, done.stderr, clone.log()) == (0, "", [])


@pytest.mark.parametrize("file", ["requirements-dev.txt", "pyproject.toml"])
def test_a_changed_lock_is_installed_into_the_same_environment(clone: Clone, file: str) -> None:
    """Another lock or project file: packages again, the environment stays."""
    clone.run()
    clone.log()
    with (clone.folder / file).open("a") as text:
        text.write("# changed\n")
    clone.run()
    assert [line.split()[0] for line in clone.log()] == ["pip", "pip"]


def test_a_failed_install_is_not_taken_for_a_whole_one(clone: Clone) -> None:
    """pip fails: exit 1, and the next run installs again."""
    clone.python(pip_fails=1)
    done = clone.run()
    assert done.returncode == 1
    assert "the packages cannot be installed" in done.stderr
    clone.log()
    clone.python()
    assert clone.run().returncode == 0
    assert "pip --quiet --require-hashes -r requirements-dev.txt" in clone.log()


def test_a_lost_interpreter_means_a_new_environment(clone: Clone) -> None:
    """The environment's Python is gone, as after an upgrade of the system: it is made anew."""
    clone.run()
    clone.log()
    (clone.folder / ".venv" / "bin" / "python").unlink()
    assert clone.run().returncode == 0
    assert clone.log()[0] == "venv"


def test_a_missing_venv_module_says_what_to_install(clone: Clone) -> None:
    """Debian packs venv apart: exit 7 with the package's name, and no half environment."""
    clone.python(no_venv=1)
    done = clone.run()
    assert done.returncode == 7
    assert "apt-get install python3-venv" in done.stderr
    assert "python3.11-venv" in done.stderr
    assert not (clone.folder / ".venv").exists()


def test_an_old_python_is_refused(clone: Clone) -> None:
    """No Python of 3.11 or newer: exit 7, what to install, nothing made."""
    clone.python(too_old=1)
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        (clone.folder / "bin" / name).symlink_to("python3")
    done = clone.run()
    assert done.returncode == 7
    assert "Python 3.11 or newer was not found" in done.stderr
    assert clone.log() == []
