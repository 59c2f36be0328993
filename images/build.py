"""Local builds: one thin image per catalogue entry on top of a base, under a tag that is the hash of all that goes in."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from images import engine, wheels
from images.archive import pack
from images.base import Base, debian_tag, digest, python_of, run
from images.catalogue import Image

Report = Callable[[str], None]
ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "images" / "recipes"
NOT_IN_IMAGES = ("__pycache__", "frontend", "requirements.in", "requirements.txt")
# What the load generator imports of this repository: files, and of packages their own modules, not what lies below them.
GENERATOR = ("documents.py", "environments", "errors.py", "folders.py", "loadtests", "phases")
GENERATOR_LOCK = ROOT / "loadtests" / "requirements.txt"


def tag(image: Image, version: str, program: Path | None) -> str:
    """The tag an image has here, pulled or built: the same inputs have the same tag."""
    parts = [debian_tag().encode(), image.upstream.encode(), image.base.encode(), recipe(image).read_bytes()]
    if "app" in image.needs:
        parts += [*_contents(ROOT / "app", "frontend"), version.encode()]
    if "pages" in image.needs:
        parts += [*_contents(ROOT / "app" / "frontend"), version.encode()]
    if "generator" in image.needs:
        parts += [GENERATOR_LOCK.read_bytes(), *(part for path in generator() for part in (str(path).encode(), (ROOT / path).read_bytes()))]
    if program:
        parts.append(program.parent.name.encode())
    return f"cmctl/{image.name}:{digest(parts)}"


def recipe(image: Image) -> Path:
    return RECIPES / f"{image.recipe}.Dockerfile"


def generator() -> list[Path]:
    """The modules that a load worker is made of, relative to this repository."""
    paths = [ROOT / name for name in GENERATOR]
    files = [file for path in paths for file in (sorted(path.glob("*.py")) if path.is_dir() else [path])]
    return [file.relative_to(ROOT) for file in files]


def _contents(folder: Path, *without: str) -> list[bytes]:
    left_out = {"__pycache__", *without}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not left_out & set(path.relative_to(folder).parts))
    return [part for path in files for part in (str(path.relative_to(folder)).encode(), path.read_bytes())]


def arguments(image: Image, reference: str, version: str, base: Base, context: Path) -> list[str]:
    """`docker …` that builds one image. No network: everything it needs lies in the context or in the base."""
    values = {"BASE": base.reference, "TOOLS": base.tools, "VERSION": version}
    options = [part for name, value in values.items() for part in ("--build-arg", f"{name}={value}")]
    return ["build", "--quiet", "--network", "none", "-f", str(recipe(image)), "-t", reference, *options, str(context)]


@dataclass(frozen=True)
class Order:
    """One image that is wanted, for which version of the app, and the program its recipe takes in."""

    image: Image
    version: str
    program: Path | None

    @property
    def tag(self) -> str:
        return tag(self.image, self.version, self.program)


def build(order: Order, base: Base, report: Report) -> str:
    """Build one image on `base`; returns its id."""
    image, reference = order.image, order.tag
    with tempfile.TemporaryDirectory(prefix=f"cmctl-{image.name}-") as name:
        context = Path(name)
        if order.program:
            shutil.copy(order.program, context / order.program.name)
        if "app" in image.needs:
            _app(context, base, report)
        if "pages" in image.needs:
            _pages(context)
        if "generator" in image.needs:
            _generator(context, base, report)
        engine.build(arguments(image, reference, order.version, base, context))
    return engine.ids([reference])[reference]


def _app(context: Path, base: Base, report: Report) -> None:
    pack(context / "lib.tar", {"srv/lib": wheels.unpacked(ROOT / "app" / "requirements.txt", *python_of(base), report)})
    pack(context / "app.tar", {"srv/app": ROOT / "app"}, NOT_IN_IMAGES)


def _generator(context: Path, base: Base, report: Report) -> None:
    pack(context / "lib.tar", {"srv/lib": wheels.unpacked(GENERATOR_LOCK, *python_of(base), report)})
    pack(context / "generator.tar", {f"srv/{path}": ROOT / path for path in generator()})


def _pages(context: Path) -> None:
    source = ROOT / "app" / "frontend"
    with tempfile.TemporaryDirectory() as built:
        run([sys.executable, str(source / "build.py"), f"{built}/dist"], os.environ, "building the frontend")
        pack(context / "pages.tar", {"usr/share/nginx/html": Path(built) / "dist", "etc/nginx/nginx.conf": source / "nginx.conf"})
