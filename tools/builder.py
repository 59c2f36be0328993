"""Programs built from published Go modules, once per content: <cache>/tools/<family>/<key>/<program>.

The key is the hash of go.mod, go.sum, own sources and flags. A build happens in a temporary folder that is renamed when it
is whole, under a file lock, so that a build that dies leaves nothing that looks installed and two builds do not meet.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from errors import CmctlError, Unreachable

Report = Callable[[str], None]
ROOT = Path(__file__).parent
PROGRESS_S = 15


@dataclass(frozen=True)
class Family:
    """Programs of one wrapper module. `package` is what `go build` gets; `ldflags` set the version the program reports."""

    name: str
    program: str
    package: str
    version: str
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    minutes: float = 1.0

    @property
    def module(self) -> Path:
        return ROOT / self.name

    def key(self) -> str:
        digest = hashlib.sha256(repr((self.package, self.version, self.tags, self.ldflags)).encode())
        for path in sorted(self.module.iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def command(self, target: Path) -> list[str]:
        flags = ["-trimpath", *(["-tags", ",".join(self.tags)] if self.tags else []), "-ldflags", " ".join(("-s -w", *self.ldflags))]
        return ["go", "build", *flags, "-o", str(target), self.package]


def installed(family: Family, cache: Path) -> Path:
    """Where the program is once it is built; the file exists only when it is whole."""
    return cache / "tools" / family.name / family.key() / family.program


def build(family: Family, cache: Path, report: Report) -> Path:
    """The program, built if it is not there. Raises Unreachable without Go, CmctlError when the build fails."""
    target = installed(family, cache)
    if target.exists():
        return target
    if shutil.which("go") is None:
        raise Unreachable(
            f"{family.program} {family.version} has to be built and Go is not installed", hint="install Go 1.26 or newer, then run the same command"
        )
    with _alone(target.parent.parent):
        if not target.exists():
            report(f"building {family.program} {family.version} from its published Go module (about {family.minutes:g} min the first time)")
            _build_whole(family, target, report)
    return target


def _build_whole(family: Family, target: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix=".building-") as name:
        _compile(family, Path(name) / family.program, report)
        Path(name).chmod(0o755)
        target.parent.mkdir(exist_ok=True)
        (Path(name) / family.program).replace(target)


def _compile(family: Family, target: Path, report: Report) -> None:
    environment = os.environ | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(family.command(target), cwd=family.module, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait(process, family, report)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            log.seek(0)
            tail = "\n".join(log.read().splitlines()[-15:])
            raise CmctlError(f"building {family.program} failed", why=tail, hint="cmctl toolchain, once the cause above is mended")


def _wait(process: subprocess.Popen[bytes], family: Family, report: Report) -> None:
    start = time.monotonic()
    while True:
        try:
            process.wait(PROGRESS_S)
        except subprocess.TimeoutExpired:
            report(f"building {family.program}: {time.monotonic() - start:.0f} s of about {family.minutes * 60:.0f} s")
        else:
            return


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
