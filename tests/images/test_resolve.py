"""Names → images: present, pulled by digest, or built; never twice, never by guess."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from errors import BadInput, CmctlError, Unreachable
from images import base, build, engine, unused
from images.catalogue import BUSYBOX, CATALOGUE
from images.resolve import resolve
from tests.images.engines import FakeEngine

PUBLIC = sorted(name for name, image in CATALOGUE.items() if image.upstream)
UPSTREAM = {image.upstream for image in CATALOGUE.values() if image.upstream}
BASES = {image.base for image in CATALOGUE.values() if image.base} | {BUSYBOX}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    """An engine that has the Debian base, and a registry that gives everything of the catalogue."""
    found = FakeEngine({base.debian_tag(): "sha256:base"}, UPSTREAM | BASES, labels={base.debian_tag(): "3.11 2.36"})
    monkeypatch.setattr(engine, "docker", found)
    monkeypatch.setenv("CMCTL_CACHE", str(tmp_path / "cache"))
    return found


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "0123456789abcdef" / "ferretdb"
    path.parent.mkdir()
    path.write_text("program")
    return path


def offline() -> bool:
    return False


def online() -> bool:
    return True


def test_where_no_registry_answers_everything_is_built_on_the_debian_base(fake: FakeEngine, program: Path) -> None:
    """Offline nothing is pulled; each image is built on the one base and the talk says why."""
    said: list[str] = []
    names = [*PUBLIC, "mongo", "redis-exporter"]
    resolved = resolve(names, "1.0.0", {"ferretdb": lambda _: program}, said.append, answers=offline)
    assert {one.way for one in resolved.values()} == {"built"}
    assert fake.lines("pull") == []
    assert len(fake.lines("build")) == len(names)
    assert all(f"BASE={base.debian_tag()}" in line and "--network none" in line for line in fake.lines("build"))
    assert "building nginx: no registry answers" in said


def test_where_the_registry_answers_public_images_are_pulled_by_digest(fake: FakeEngine) -> None:
    """Online every public image is pulled by its digest, and none is built."""
    resolved = resolve(PUBLIC, "1.0.0", {}, lambda _: None, answers=online)
    assert {one.way for one in resolved.values()} == {"registry"}
    assert fake.lines("build") == []
    assert sorted(fake.lines("pull")) == sorted(f"pull --quiet {CATALOGUE[name].upstream}" for name in PUBLIC)


def test_online_the_apps_images_need_no_root(fake: FakeEngine, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the registry answers, images without an upstream are built on a published base, so no Debian base is made."""
    del fake.images[base.debian_tag()]
    monkeypatch.setattr(base, "need_mmdebstrap", lambda _: pytest.fail("the Debian base was wanted"))
    resolved = resolve(["mongo", "redis-exporter"], "1.0.0", {"ferretdb": lambda _: program}, lambda _: None, answers=online)
    assert {one.way for one in resolved.values()} == {"built"}
    assert all(re.search(r"BASE=cmctl/published:[0-9a-f]{12} ", line) for line in fake.lines("build"))


def test_a_second_run_asks_the_engine_once_and_the_registry_never(fake: FakeEngine, program: Path) -> None:
    """With everything present there is one question, and no programs are copied."""
    programs = {"ferretdb": lambda _: program}
    first = resolve([*PUBLIC, "mongo"], "1.0.0", programs, lambda _: None, answers=offline)
    fake.asked.clear()
    again = resolve([*PUBLIC, "mongo"], "1.0.0", programs, pytest.fail, answers=lambda: pytest.fail("asked"))
    assert len(fake.asked) == 1
    assert {one.way for one in again.values()} == {"present"}
    assert {name: one.reference for name, one in again.items()} == {name: one.reference for name, one in first.items()}


def test_a_pull_that_fails_ends_pulling_and_is_told(fake: FakeEngine) -> None:
    """A registry that refuses one image is not asked for the next; all are built and the reason is said once."""
    fake.served = set()
    said: list[str] = []
    resolved = resolve(PUBLIC, "1.0.0", {}, said.append, answers=online)
    assert {one.way for one in resolved.values()} == {"built"}
    assert len(fake.lines("pull")) == 1
    assert [line for line in said if "cannot be pulled" in line and "manifest unknown" in line]


def test_an_engine_that_stops_answering_is_no_failed_pull(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine: exit 7, instead of a build that fails as well."""

    def silent(arguments: list[str], **_: object) -> str:
        if arguments[0] == "pull":
            raise Unreachable(engine.SILENT)
        return fake(arguments)

    monkeypatch.setattr(engine, "docker", silent)
    with pytest.raises(Unreachable):
        resolve(["nginx"], "1.0.0", {}, lambda _: None, answers=online)


def test_an_unknown_name_is_refused_with_the_known_ones(fake: FakeEngine) -> None:
    """A name that the catalogue does not hold: exit 2, nothing asked."""
    with pytest.raises(BadInput, match="no such image: ngnix, rediss") as caught:
        resolve(["rediss", "ngnix", "nginx"], "1.0.0", {}, lambda _: None, answers=offline)
    assert "nginx" in caught.value.why
    assert fake.asked == []


def test_no_name_is_no_work(fake: FakeEngine) -> None:
    """Nothing wanted, nothing brought."""
    assert resolve([], "1.0.0", {}, lambda _: None, answers=lambda: pytest.fail("asked")) == {}


def test_a_client_without_buildkits_front_end_builds_without_it(fake: FakeEngine) -> None:
    """Debian 13 packs buildx apart: the classic builder does the same."""
    fake.buildx = False
    assert resolve(["nginx"], "1.0.0", {}, lambda _: None, answers=offline)["nginx"].way == "built"


@pytest.mark.parametrize("change", ["upstream", "base", "recipe"])
def test_the_tag_changes_with_the_catalogue(change: str) -> None:
    """Another digest, base or recipe is another image; nothing stale passes for present."""
    image = CATALOGUE["backend"]
    other = dataclasses.replace(image, **{change: {"recipe": "frontend"}.get(change, f"docker.io/other@sha256:{'1' * 64}")})
    assert build.tag(image, "1.0.0", None) != build.tag(other, "1.0.0", None)


def test_the_tag_changes_with_version_program_and_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version counts for the app's images only; the program's key and the app's files count where they go in."""
    backend, nginx, mongo = CATALOGUE["backend"], CATALOGUE["nginx"], CATALOGUE["mongo"]
    assert build.tag(backend, "1.0.0", None) != build.tag(backend, "1.0.1", None)
    assert build.tag(nginx, "1.0.0", None) == build.tag(nginx, "1.0.1", None)
    assert build.tag(mongo, "1", tmp_path / "a" / "ferretdb") != build.tag(mongo, "1", tmp_path / "b" / "ferretdb")
    (tmp_path / "app" / "frontend").mkdir(parents=True)
    (tmp_path / "app" / "main.py").write_text("one")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    tags = [build.tag(backend, "1", None)]
    for path in ("app/main.py", "app/other.py", "app/frontend/page.html", "app/__pycache__/main.pyc"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("two")
        tags.append(build.tag(backend, "1", None))
    assert len(set(tags[:3])) == 3, "code counts"
    assert len(set(tags[2:])) == 1, "pages and caches do not"


def test_a_build_that_fails_shows_the_engines_words(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's last lines are the reason, and no context stays behind."""

    contexts: list[Path] = []

    def failing(arguments: list[str], **more: bool) -> str:
        if arguments[0] == "build":
            contexts.append(Path(arguments[-1]))
            raise CmctlError("docker build failed", why="no space left on device")
        return fake(arguments, **more)

    monkeypatch.setattr(engine, "docker", failing)
    with pytest.raises(CmctlError) as caught:
        resolve(["nginx"], "1.0.0", {}, lambda _: None, answers=offline)
    assert caught.value.why == "no space left on device"
    assert [one.exists() for one in contexts] == [False]


def test_pruning_keeps_the_base_what_is_wanted_and_what_runs(fake: FakeEngine) -> None:
    """Only an image of cmctl's own that nobody wants and no container uses goes; an old base goes too."""
    fake.images |= {
        "cmctl/backend:old": "1",
        "cmctl/backend:new": "2",
        "cmctl/backend:runs": "3",
        "cmctl/base:old": "4",
        "cmctl/published:aa": "5",
    }
    fake.used = {"cmctl/backend:runs"}
    assert sorted(unused.prune({"2"})) == ["cmctl/backend:old", "cmctl/base:old"]
    assert set(fake.images) == {base.debian_tag(), "cmctl/backend:new", "cmctl/backend:runs", "cmctl/published:aa"}
