"""Programs from Go modules: what is installed is whole, once per content, whoever dies when."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from tools import builder
from tools.builder import Family, build, go_needed, installed

SCRIPT = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit 0; fi
echo "$@" >> {log}
while [ "$1" != -o ]; do shift; done
{body}
"""
GOOD = 'echo built > "$2"'


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder with one wrapper module, a cache, and a `go` on PATH that does what the test says."""

    folder: Path

    def go(self, body: str = GOOD, version: str = "1.26.1") -> None:
        program = self.folder / "bin" / "go"
        program.parent.mkdir(exist_ok=True)
        program.write_text(SCRIPT.format(version=version, log=self.log, body=body))
        program.chmod(0o755)

    @property
    def log(self) -> Path:
        return self.folder / "calls"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def family(self) -> Family:
        return Family(
            "toy", "toy", "example.invalid/cmd/toy", "1.2.3", ("small",), ("-X main.version=1.2.3",), root=self.folder / "modules"
        )

    def leftovers(self) -> list[Path]:
        return [path for path in (self.cache / "tools").rglob("*") if path.name.startswith(builder.BEGUN)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    module = tmp_path / "modules" / "toy"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module cmctl.invalid/toy\n\ngo 1.26.0\n")
    (module / "go.sum").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    place = Place(tmp_path)
    place.go()
    return place


def test_a_program_is_built_once(place: Place) -> None:
    """The second call finds the program and runs no Go."""
    first = build(place.family, place.cache, lambda _: None)
    again = build(place.family, place.cache, lambda _: None)
    assert first == again == installed(place.family, place.cache)
    assert first.read_text() == "built\n"
    assert len(place.calls()) == 1


def test_the_build_is_asked_for_reproducibly(place: Place) -> None:
    """The command trims paths, sets tags and the version the program reports, and names the package last."""
    command = place.family.command(Path("out"))
    assert command[:3] == ["go", "build", "-trimpath"]
    assert command[-1] == "example.invalid/cmd/toy"
    assert command[command.index("-ldflags") + 1] == "-s -w -X main.version=1.2.3"
    assert command[command.index("-tags") + 1] == "small"


def test_a_failed_build_leaves_nothing_and_says_why(place: Place) -> None:
    """A build that fails after it wrote half a program installs nothing; the error holds the compiler's last lines."""
    place.go('echo half > "$2"; echo "toy.go:7: undefined: x" >&2; exit 2')
    with pytest.raises(CmctlError, match="building toy failed") as caught:
        build(place.family, place.cache, lambda _: None)
    assert "toy.go:7: undefined: x" in caught.value.why
    assert not installed(place.family, place.cache).exists()
    assert place.leftovers() == []


def test_a_killed_build_leaves_nothing_that_looks_installed(place: Place) -> None:
    """SIGKILL in the middle: the program is not there, the next call builds it and clears what was left."""
    place.go('echo half > "$2"; exec sleep 30')
    code = f"import sys; sys.path[:0] = {sys.path!r}\nfrom pathlib import Path\nfrom tools.builder import Family, build\nbuild({place.family!r}, {place.cache!r}, print)"
    code = code.replace("PosixPath", "Path")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while not [path for path in place.leftovers() if (path / "toy").exists()]:
        assert time.monotonic() < deadline, "the build never began"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert not installed(place.family, place.cache).exists()
    place.go()
    assert build(place.family, place.cache, lambda _: None).read_text() == "built\n"
    assert place.leftovers() == []


def test_an_interrupted_build_takes_its_compilers_with_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the whole process group of the build, not only `go`."""
    place.go(f"sleep 30 & echo $! > {place.folder}/child; wait")

    def interrupted(*_: object) -> None:
        deadline = time.monotonic() + 10
        while not (place.folder / "child").exists() or not (place.folder / "child").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(builder, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(place.family, place.cache, lambda _: None)
    child = int((place.folder / "child").read_text())
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline, "a compiler outlived its build"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
    except FileNotFoundError:
        return False


def test_two_runs_build_once(place: Place) -> None:
    """A second run waits for the first, says so, and finds the program."""
    folder = installed(place.family, place.cache).parent.parent
    folder.mkdir(parents=True)
    said: list[str] = []
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=build, args=(place.family, place.cache, said.append))
        second.start()
        deadline = time.monotonic() + 10
        while not said:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        target = installed(place.family, place.cache)
        target.parent.mkdir()
        target.write_text("built by the first\n")
    second.join(10)
    assert said == ["waiting for another cmctl that installs toy"]
    assert place.calls() == []


@pytest.mark.parametrize(
    "change", [{"version": "1.2.4"}, {"tags": ("other",)}, {"ldflags": ("-X main.version=2",)}, {"package": "example.invalid/cmd/other"}]
)
def test_the_key_changes_with_the_flags(place: Place, change: dict[str, object]) -> None:
    """Another version, tag, flag or package is another program."""
    assert dataclasses.replace(place.family, **change).key() != place.family.key()


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go"])
def test_the_key_changes_with_the_module(place: Place, file: str) -> None:
    """Another lock or source is another program; a cache folder beside them is not."""
    before = place.family.key()
    (place.family.module / "__pycache__").mkdir()
    assert place.family.key() == before
    (place.family.module / file).write_text("module cmctl.invalid/toy\n\ngo 1.26.0\n// changed\n")
    assert place.family.key() != before


def test_without_go_the_error_says_what_to_install(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Go: exit 7 and the version to install."""
    (place.folder / "bin" / "go").unlink()
    monkeypatch.setenv("PATH", str(place.folder / "bin"))
    with pytest.raises(Unreachable) as caught:
        build(place.family, place.cache, lambda _: None)
    assert caught.value.why == "Go is not installed"
    assert "1.26.0" in caught.value.hint


@pytest.mark.parametrize(("version", "fits"), [("1.19.8", False), ("1.26", True), ("1.26.0", True), ("1.27.1", True), ("1.100.0", True)])
def test_an_older_go_is_refused_before_it_fails(place: Place, version: str, fits: bool) -> None:
    """Debian's Go 1.19 is named as too old; versions are compared as numbers."""
    place.go(version=version)
    if fits:
        assert build(place.family, place.cache, lambda _: None).exists()
    else:
        with pytest.raises(Unreachable, match="has to be built here and cannot be") as caught:
            build(place.family, place.cache, lambda _: None)
        assert caught.value.why == f"Go {version} is older than 1.26.0"


def test_progress_is_told_with_elapsed_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long build says how far it is."""
    monkeypatch.setattr(builder, "PROGRESS_S", 0.05)
    place.go(f"sleep 0.2; {GOOD}")
    said: list[str] = []
    build(place.family, place.cache, said.append)
    assert said[0].startswith("building toy 1.2.3 from its published Go module")
    assert any(line.startswith("building toy: 0 s of about 60 s") for line in said[1:])


def test_a_build_that_never_ends_is_ended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent module proxy does not hold cmctl for ever."""
    monkeypatch.setattr(builder, "PROGRESS_S", 0.05)
    place.go("exec sleep 30")
    with pytest.raises(CmctlError, match="did not end within"):
        build(dataclasses.replace(place.family, minutes=0.0001), place.cache, lambda _: None)
    assert place.leftovers() == []


def test_the_projects_own_modules_name_one_go() -> None:
    """Every wrapper module says which Go it needs, and names a module path that nothing can be downloaded from."""
    modules = sorted(builder.ROOT.glob("*/go.mod"))
    assert modules
    assert go_needed().count(".") == 2
    assert all(path.read_text().startswith("module cmctl.invalid/tools/") and (path.parent / "go.sum").exists() for path in modules)


def test_the_build_environment_is_fixed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's GOFLAGS and toolchain do not change what is built."""
    monkeypatch.setenv("GOFLAGS", "-race")
    place.go(f'env | grep -E "^(GOTOOLCHAIN|CGO_ENABLED|GOFLAGS)=" | sort > {place.folder}/env; {GOOD}')
    build(place.family, place.cache, lambda _: None)
    assert (place.folder / "env").read_text().splitlines() == [
        "CGO_ENABLED=0",
        "GOFLAGS=-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN=local",
    ]
    assert os.environ["GOFLAGS"] == "-race"
