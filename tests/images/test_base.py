"""The Debian base and the app's packages: commands built as values, refused where they cannot work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from images import base, engine, wheels
from images.base import Base, codename, digest, python_of, recipe, sources
from tests.images.engines import FakeEngine


def test_the_bases_command(golden: Callable[[str, str], None]) -> None:
    """Packages are unpacked as root without fsync, documentation is left out, the machine's own sources are used."""
    golden("images/mmdebstrap.txt", "\n".join(recipe("bookworm", ["/etc/apt/sources.list"], "base.tar")) + "\n")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("VERSION_CODENAME=trixie\n", "trixie"),
        ('ID=ubuntu\nVERSION_CODENAME="noble"\n', "noble"),
        ("ID=other\n", "bookworm"),
        ("", "bookworm"),
    ],
)
def test_the_release_is_this_machines(text: str, name: str) -> None:
    """The base is of the release that this machine has package sources for."""
    assert codename(text) == name


def apt(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        path = folder / "sources.list" if name == "main" else folder / "sources.list.d" / name.replace("_", ".")
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"main": "deb http://mirror.invalid/debian bookworm main\n"}, ["sources.list"]),
        ({"main": "# moved\n", "debian_sources": "Types: deb\nURIs: http://mirror.invalid\n"}, ["debian.sources"]),
        ({"ubuntu_sources": "Types: deb\n", "docker_list": "deb https://other.invalid stable main\n"}, ["ubuntu.sources"]),
        ({"debian_sources": "Types: deb\n", "debian_sources_save": "Types: deb\n"}, ["debian.sources"]),
    ],
)
def test_the_distributions_own_sources_are_found(tmp_path: Path, files: dict[str, str], found: list[str]) -> None:
    """Old and new source files count, other vendors' and saved ones do not."""
    assert [Path(path).name for path in sources(apt(tmp_path, **files))] == found


def test_without_package_sources_the_error_says_what_is_missing(tmp_path: Path) -> None:
    """No sources: exit 7 and the other way."""
    with pytest.raises(Unreachable, match="no Debian package sources") as caught:
        sources(apt(tmp_path, main="# nothing\n"))
    assert "registry" in caught.value.hint


def test_without_root_the_error_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not root: nothing is installed, and the command is named."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(base, "run", lambda *_: pytest.fail("something was run"))
    with pytest.raises(Unreachable, match="need root once") as caught:
        base.need_mmdebstrap(pytest.fail)
    assert caught.value.hint == "sudo .venv/bin/cmctl images"


def programs(monkeypatch: pytest.MonkeyPatch, *there: str) -> list[list[str]]:
    ran: list[list[str]] = []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name in there else None)
    monkeypatch.setattr(base, "run", lambda command, *_: ran.append(list(command)))
    return ran


def test_root_gets_mmdebstrap_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root on Debian the missing tool is installed, and said before."""
    ran, said = programs(monkeypatch, "apt-get"), []
    base.need_mmdebstrap(said.append)
    assert [command[:2] for command in ran] == [["apt-get", "update"], ["apt-get", "install"]]
    assert said == ["installing mmdebstrap: apt-get install -y --no-install-recommends mmdebstrap"]


def test_another_system_is_told_to_reach_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root on a system without apt-get cannot build the base."""
    ran = programs(monkeypatch)
    with pytest.raises(Unreachable, match="images cannot be built here"):
        base.need_mmdebstrap(lambda _: None)
    assert ran == []


def test_a_failed_command_shows_its_last_lines() -> None:
    """What the program said last is the reason."""
    with pytest.raises(CmctlError, match="mmdebstrap failed") as caught:
        base.run(["sh", "-c", "echo first >&2; echo 'E: no such suite' >&2; exit 3"], {"PATH": "/usr/bin:/bin"}, "mmdebstrap")
    assert caught.value.why.endswith("E: no such suite")


def test_the_key_tells_parts_apart() -> None:
    """Moving a byte from one part to the next is another key."""
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
    assert len(digest([])) == 12


def test_the_python_of_a_base_is_read_from_its_label_or_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Debian base says its Python in a label; a published base is asked."""
    fake = FakeEngine(labels={"cmctl/base:x": "3.13 2.41\n"})
    monkeypatch.setattr(engine, "docker", fake)
    assert python_of(Base("cmctl/base:x", "")) == ("3.13", 41)
    assert fake.lines("run") == []
    assert python_of(Base("cmctl/published:x", "")) == ("3.11", 36)
    assert len(fake.lines("run")) == 1


def test_wheels_are_chosen_for_the_bases_python(tmp_path: Path) -> None:
    """Only hashed wheels that the base's Python and C library can load, whatever Python runs cmctl."""
    command = wheels.command(tmp_path / "lock", tmp_path / "lib", "3.13", 36)
    assert command[command.index("--python-version") + 1] == "3.13"
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(command)
    platforms = [command[n + 1] for n, part in enumerate(command) if part == "--platform"]
    assert platforms[0].startswith("manylinux_2_36_")
    assert not any(name.startswith(("manylinux_2_37", "manylinux_2_16")) for name in platforms)
    assert any(name.startswith("manylinux_2_17") for name in platforms)


def test_packages_are_unpacked_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second use finds the folder; one that failed half-way is not there."""
    monkeypatch.setenv("CMCTL_CACHE", str(tmp_path / "cache"))
    lock = tmp_path / "requirements.txt"
    lock.write_text("one==1\n")
    ran: list[int] = []

    def pip(command: list[str], *_: object, fails: bool = False) -> None:
        target = Path(command[command.index("--target") + 1])
        target.mkdir()
        (target / "one.py").write_text("")
        ran.append(1)
        if fails:
            raise CmctlError("fetching the app's packages failed")

    monkeypatch.setattr(wheels, "run", lambda *arguments: pip(*arguments, fails=True))
    with pytest.raises(CmctlError):
        wheels.unpacked(lock, "3.11", 36, lambda _: None)
    assert list((tmp_path / "cache" / "wheels").iterdir()) == []
    monkeypatch.setattr(wheels, "run", pip)
    first = wheels.unpacked(lock, "3.11", 36, lambda _: None)
    assert wheels.unpacked(lock, "3.11", 36, pytest.fail) == first
    assert len(ran) == 2
    assert wheels.unpacked(lock, "3.13", 41, lambda _: None) != first
