"""Local builds: a Debian base made by mmdebstrap, and one thin image per catalogue entry on top of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from errors import CmctlError, Unreachable
from images import engine
from images.catalogue import BASE_PACKAGES, Image

Report = Callable[[str], None]
ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "images" / "recipes"
# The Debian 12 base has Python 3.11 and glibc 2.36; wheels are chosen for it, not for the Python that runs cmctl.
WHEEL_PYTHON = "3.11"
WHEEL_PLATFORMS = ("manylinux_2_36", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
SLIM = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*")


def digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8) + part)
    return total.hexdigest()[:12]


def base_tag() -> str:
    return f"cmctl/base:{digest([*(name.encode() for name in BASE_PACKAGES), Path(__file__).read_bytes()])}"


def tag(image: Image, version: str, program: Path | None) -> str:
    """The tag of a local build: the same inputs have the same tag."""
    parts = [base_tag().encode(), (RECIPES / f"{image.recipe}.Dockerfile").read_bytes()]
    if "app" in image.needs:
        parts += [*_contents(ROOT / "app"), version.encode()]
    if "pages" in image.needs:
        parts += [*_contents(ROOT / "app" / "frontend"), version.encode()]
    if program:
        parts.append(program.parent.name.encode())
    return f"cmctl/{image.name}:{digest(parts)}"


def _contents(folder: Path) -> list[bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [part for path in files for part in (str(path.relative_to(folder)).encode(), path.read_bytes())]


def base(report: Report) -> str:
    """The Debian base, made if it is not there. Needs root and mmdebstrap."""
    reference = base_tag()
    if reference in engine.ids([reference]):
        return reference
    _need_mmdebstrap(report)
    report("building the Debian base of the local images (about 30 s)")
    with tempfile.TemporaryDirectory(dir=_fast_folder(), prefix="cmctl-base-") as name:
        archive = Path(name) / "base.tar"
        excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in SLIM]
        command = ["mmdebstrap", "--variant=minbase", "--mode=root", "--dpkgopt=force-unsafe-io", *excluded]
        command += ["--aptopt=APT::Install-Recommends false", f"--include={','.join(BASE_PACKAGES)}"]
        command += ["--customize-hook=ln -sf python3 $1/usr/bin/python"]
        command += [_codename(), str(archive), *_sources()]
        _run(command, os.environ | {"TMPDIR": name}, "mmdebstrap")
        engine.docker(["import", str(archive), reference], timeout_s=300)
    return reference


def _need_mmdebstrap(report: Report) -> None:
    if os.geteuid() != 0:
        raise Unreachable("local images need root once, to unpack Debian packages", hint="sudo make demo, or use a machine that reaches a container registry")
    if shutil.which("mmdebstrap") is None:
        report("installing mmdebstrap from Debian's packages")
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _run(["apt-get", "update", "-qq"], quiet, "apt-get update")
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mmdebstrap"], quiet, "apt-get install mmdebstrap")


def _fast_folder() -> str | None:
    """Memory where there is plenty: unpacking packages is bound by fsync on a disk."""
    shm = Path("/dev/shm")  # noqa: S108 - a tmpfs for speed; the folder in it has an unguessable name
    return str(shm) if shm.is_dir() and shutil.disk_usage(shm).free > 3 << 30 else None


def _codename() -> str:
    facts = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return facts.get("VERSION_CODENAME", "bookworm").strip('"')


def _sources() -> list[str]:
    candidates = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("debian*")), *sorted(Path("/etc/apt/sources.list.d").glob("ubuntu*"))]
    found = [str(path) for path in candidates if path.is_file() and any(line[:3] == "deb" or line[:6] == "Types:" for line in path.read_text().splitlines())]
    if not found:
        raise Unreachable("no Debian package sources were found", why="local images are made of Debian packages", hint="use a machine that reaches a container registry")
    return found


def _run(command: list[str], environment: dict[str, str], what: str) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CmctlError(f"{what} failed", why="\n".join(done.stderr.strip().splitlines()[-12:]), hint="cmctl images, once the cause above is mended")


def build(image: Image, reference: str, version: str, program: Path | None, report: Report) -> str:
    """Build one image on the base; returns its id."""
    with tempfile.TemporaryDirectory(prefix=f"cmctl-{image.name}-") as name:
        context = Path(name)
        if program:
            shutil.copy(program, context / program.name)
        if "app" in image.needs:
            _app(context, report)
        if "pages" in image.needs:
            _pages(context)
        recipe = RECIPES / f"{image.recipe}.Dockerfile"
        arguments = ["build", "--quiet", "--network", "none", "-f", str(recipe), "-t", reference, "--build-arg", f"BASE={base_tag()}"]
        engine.docker([*arguments, "--build-arg", f"VERSION={version}", str(context)], timeout_s=300)
    return engine.ids([reference])[reference]


def _app(context: Path, report: Report) -> None:
    shutil.copytree(ROOT / "app", context / "app", ignore=shutil.ignore_patterns("__pycache__", "frontend", "requirements.*"))
    _normal_times(context / "app")
    shutil.copytree(_wheels(report), context / "lib", copy_function=os.link)


def _pages(context: Path) -> None:
    source = ROOT / "app" / "frontend"
    _run([sys.executable, str(source / "build.py"), str(context / "dist")], dict(os.environ), "building the frontend")
    shutil.copy(source / "nginx.conf", context / "nginx.conf")
    _normal_times(context)


def _normal_times(folder: Path) -> None:
    """One time and mode for all files, so that BuildKit's cache sees only content."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (0, 0))
        path.chmod(0o755 if path.is_dir() else 0o644)


def _wheels(report: Report) -> Path:
    """The app's locked dependencies, unpacked for the base's Python; kept in the cache by the lock's hash."""
    from environments.home import cache

    lock = ROOT / "app" / "requirements.txt"
    target = cache() / "wheels" / digest([lock.read_bytes(), WHEEL_PYTHON.encode()])
    if not target.exists():
        report("fetching the app's locked Python packages")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            whole = Path(name) / "lib"
            platforms = [part for platform in WHEEL_PLATFORMS for part in ("--platform", f"{platform}_{os.uname().machine}")]
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(whole), "--only-binary=:all:", "--no-compile", "--no-deps"]
            _run([*command, "--python-version", WHEEL_PYTHON, *platforms, "--require-hashes", "-r", str(lock)], dict(os.environ), "fetching the app's packages")
            _normal_times(whole)
            whole.replace(target)
    return target
