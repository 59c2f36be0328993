"""The load worker's image holds what the load generator imports: modules of this repository, and locked packages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from images import build
from images.archive import pack
from images.build import GENERATOR, GENERATOR_LOCK, ROOT, generator
from images.catalogue import CATALOGUE

# What an import brings, as this interpreter really does it: names of our files, and of everything else that is no part of Python.
ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import loadtests.generator
files = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
print(json.dumps([files, sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names)]))
"""


def versions(lock: Path) -> dict[str, set[str]]:
    """Package → versions that a lock names, one for each range of Pythons."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def imported(root: Path) -> tuple[set[Path], set[str]]:
    """Files below `root` that the generator there imports, and the names of packages that are not Python's own."""
    done = subprocess.run([sys.executable, "-P", "-c", ASK, str(root)], cwd="/", capture_output=True, text=True, check=True)
    files, names = json.loads(done.stdout.splitlines()[-1])
    ours = {path.relative_to(root) for path in map(Path, files) if path.is_relative_to(root) and ".venv" not in path.parts}
    return ours, set(names)


def tops(paths: Iterable[Path]) -> set[str]:
    return {path.parts[0] for path in paths}


def test_the_image_holds_what_the_generator_imports(tmp_path: Path) -> None:
    """Exactly the packages that `python -m loadtests.generator` imports are packed, and it imports from the packed tree alone."""
    ours, _ = imported(ROOT)
    assert tops(ours) == set(GENERATOR)
    packed = tmp_path / "generator.tar"
    pack(packed, {f"srv/{path}": ROOT / path for path in generator()})
    with tarfile.open(packed) as tar:
        tar.extractall(tmp_path, filter="data")
    alone, _ = imported(tmp_path / "srv")
    assert alone == ours


def test_nothing_else_is_in_the_image() -> None:
    """Modules only: no platform's or environment's facts, which a worker gets from its leader."""
    assert {path.suffix for path in generator()} == {".py"}
    assert all(len(path.parts) <= 2 for path in generator())


def test_the_lock_is_the_main_locks_part() -> None:
    """The generator runs with the versions that its leader has; every package is pinned by hash, and no registry is named."""
    own, main = versions(GENERATOR_LOCK), versions(ROOT / "requirements.txt")
    assert {name: own[name] for name in own if not own[name] <= main.get(name, set())} == {}
    text = GENERATOR_LOCK.read_text(encoding="utf-8")
    assert "://" not in text
    assert all("--hash=sha256:" in entry for entry in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:])


def test_what_is_wanted_is_locked() -> None:
    """Each package of requirements.in stands in the lock, and is one that cmctl itself asks for or that Locust is made of."""
    wanted = GENERATOR_LOCK.with_suffix(".in").read_text(encoding="utf-8").split()
    assert set(wanted) <= set(versions(GENERATOR_LOCK))
    assert {"gevent", "geventhttpclient", "hdrhistogram", "locust", "numpy", "pydantic", "pyyaml"} == set(wanted)


def test_a_changed_module_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag is the hash of what goes in: the lock and each packed module, not the version of the platform."""
    image = CATALOGUE["load-worker"]
    first = build.tag(image, "1.0.0", None)
    assert first == build.tag(image, "2.0.0", None)
    for path in (*generator(), Path("images/recipes/load-worker.Dockerfile"), GENERATOR_LOCK.relative_to(ROOT)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert build.tag(image, "1.0.0", None) == first
    with (tmp_path / "loadtests" / "crew.py").open("a") as file:
        file.write("# another word\n")
    assert build.tag(image, "1.0.0", None) != first
