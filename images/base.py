"""What local builds stand on: a Debian base made by mmdebstrap, or a published base by digest where the registry answers."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import CmctlError, Unreachable
from images import engine
from images.catalogue import BASE_PACKAGES, BUSYBOX

Report = Callable[[str], None]
# Documentation, and the time zone tables that Prometheus' own pages load: 220 of 525 MB.
LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*", "/usr/share/javascript/moment-timezone/data/*",
)  # fmt: skip
# One name for the exporter, whichever base is under its image.
HOOKS = (
    'ln -sf python3 "$1/usr/bin/python"',
    'ln -sf /usr/bin/prometheus-redis-exporter "$1/redis_exporter"',
)
PYTHON_LABEL = "io.cmctl.python"
ASK_PYTHON = "import os, sys; print('%d.%d' % sys.version_info[:2], os.confstr('CS_GNU_LIBC_VERSION').split()[1])"


@dataclass(frozen=True)
class Base:
    """`reference` is what a recipe builds FROM; `tools` is an image with /bin/wget. Both are here."""

    reference: str
    tools: str


def digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8) + part)
    return total.hexdigest()[:12]


def recipe(codename: str, sources: Sequence[str], archive: str) -> list[str]:
    """The command that makes the Debian base into a tar file."""
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    hooks = [f"--customize-hook={hook}" for hook in HOOKS]
    return [
        "mmdebstrap", "--variant=minbase", "--mode=root", "--dpkgopt=force-unsafe-io", *excluded, "--aptopt=APT::Install-Recommends false",
        f"--include={','.join(BASE_PACKAGES)}", *hooks, codename, archive, *sources,
    ]  # fmt: skip


def debian_tag() -> str:
    """The tag of the Debian base: the same recipe has the same tag."""
    return f"cmctl/base:{digest(part.encode() for part in (*recipe(codename(), (), ''), ASK_PYTHON))}"


def debian(report: Report) -> Base:
    """The Debian base, made if it is not there. Needs root and mmdebstrap for that."""
    reference = debian_tag()
    if reference not in engine.ids([reference]):
        need_mmdebstrap(report)
        report("building the Debian base of the local images (about 30 s, once)")
        start = time.monotonic()
        _make(reference)
        report(f"the Debian base took {time.monotonic() - start:.1f} s")
    return Base(reference, reference)


def published(upstream: str, report: Report) -> Base:
    """A published base and the tools for its health check, pulled by digest if they are not there."""
    return Base(_pulled(upstream, report), _pulled(BUSYBOX, report))


def _pulled(upstream: str, report: Report) -> str:
    # A build names its base by tag: BuildKit takes no image id.
    reference = f"cmctl/published:{upstream.rpartition(':')[2][:12]}"
    if reference not in engine.ids([reference]):
        report(f"pulling {upstream}")
        engine.docker(["tag", engine.pull(upstream), reference])
    return reference


def python_of(base: Base) -> tuple[str, int]:
    """Python's version in a base and the minor version of its glibc, e.g. ("3.11", 36): which wheels fit."""
    said = engine.docker(["image", "inspect", "--format", f'{{{{index .Config.Labels "{PYTHON_LABEL}"}}}}', base.reference]).strip()
    if not said:
        said = engine.docker(["run", "--rm", "--network", "none", "--entrypoint", "python3", base.reference, "-c", ASK_PYTHON]).strip()
    version, _, glibc = said.partition(" ")
    return version, int(glibc.partition(".")[2])


def _make(reference: str) -> None:
    with tempfile.TemporaryDirectory(dir=_fast_folder(), prefix="cmctl-base-") as name:
        archive, said = Path(name) / "base.tar", Path(name) / "python"
        ask = f'--customize-hook=chroot "$1" python3 -c "{ASK_PYTHON}" > {said}'
        command = recipe(codename(), sources(), str(archive))
        run([command[0], ask, *command[1:]], os.environ | {"TMPDIR": name}, "mmdebstrap")
        engine.docker(["import", "--change", f'LABEL {PYTHON_LABEL}="{said.read_text().strip()}"', str(archive), reference], timeout_s=300)


def need_mmdebstrap(report: Report) -> None:
    """Raise Unreachable where the Debian base cannot be made; install mmdebstrap where it can."""
    if os.geteuid() != 0:
        raise Unreachable(
            "local images need root once, to unpack Debian packages", why="no registry answers", hint="sudo .venv/bin/cmctl images"
        )
    if shutil.which("mmdebstrap"):
        return
    if shutil.which("apt-get") is None:
        raise Unreachable(
            "images cannot be built here",
            why="no registry answers, and this is not Debian or Ubuntu",
            hint="let this machine reach a registry",
        )
    report("installing mmdebstrap: apt-get install -y --no-install-recommends mmdebstrap")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], quiet, "apt-get update")
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "mmdebstrap"], quiet, "apt-get install mmdebstrap")


def _fast_folder() -> str | None:
    """Memory where there is plenty: unpacking packages is bound by fsync on a disk."""
    shm = Path("/dev/shm")  # noqa: S108 - a tmpfs for speed; the folder in it has an unguessable name
    return str(shm) if shm.is_dir() and shutil.disk_usage(shm).free > 3 << 30 else None


def codename(text: str | None = None) -> str:
    """The release of this Debian or Ubuntu, from /etc/os-release; Debian 12 where it does not say."""
    path = Path("/etc/os-release")
    lines = (text if text is not None else path.read_text() if path.exists() else "").splitlines()
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    return facts.get("VERSION_CODENAME", "bookworm").strip('"')


def sources(apt: Path = Path("/etc/apt")) -> list[str]:
    """The files that name this machine's Debian or Ubuntu packages; other sources stay out."""
    more = apt / "sources.list.d"
    candidates = [apt / "sources.list", *sorted(more.glob("debian*")), *sorted(more.glob("ubuntu*"))]
    found = [str(path) for path in candidates if path.suffix in {".list", ".sources"} and path.is_file() and _names_packages(path)]
    if not found:
        raise Unreachable(
            "no Debian package sources were found", why="local images are made of Debian packages", hint="let this machine reach a registry"
        )
    return found


def _names_packages(path: Path) -> bool:
    return any(line.startswith(("deb ", "deb\t", "Types:")) for line in path.read_text().splitlines())


def run(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
    """Run to the end; raises CmctlError with the last lines it said."""
    done = subprocess.run(command, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise CmctlError(f"{what} failed", why=tail, hint="cmctl images, once the cause above is mended")
