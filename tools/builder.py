"""Programs built from published Go modules, once per content: <cache>/tools/<family>/<key>/<program>.

The key is the hash of go.mod, go.sum, own sources, flags and the kind of machine. A build happens in a temporary folder
that is renamed when it is whole, under a file lock, so that a build that dies leaves nothing that looks installed and two
builds do not meet.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from errors import CmctlError, Unreachable

Report = Callable[[str], None]
ROOT = Path(__file__).parent
PROGRESS_S = 15
# A slow machine may take ten times what was measured; a build that takes longer has stopped.
PATIENCE = 10
BEGUN = ".begun-"


@dataclass(frozen=True)
class Family:
    """Programs of one wrapper module. `package` is what `go build` gets; `ldflags` set the version the program reports.

    `minutes` is what a build with empty caches took on two idle cores.
    """

    name: str
    program: str
    package: str
    version: str
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    minutes: float = 1.0
    root: Path = ROOT

    @property
    def module(self) -> Path:
        return self.root / self.name

    def key(self) -> str:
        made_of = (self.package, self.version, self.tags, self.ldflags, platform.system(), platform.machine())
        digest = hashlib.sha256(repr(made_of).encode())
        for path in sorted(path for path in self.module.iterdir() if path.is_file()):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def command(self, target: Path) -> list[str]:
        flags = ["-trimpath", *(["-tags", ",".join(self.tags)] if self.tags else []), "-ldflags", " ".join(("-s -w", *self.ldflags))]
        return ["go", "build", *flags, "-o", str(target), self.package]


def installed(family: Family, cache: Path) -> Path:
    """Where the program is once it is built; the file exists only when it is whole."""
    return cache / "tools" / family.name / family.key() / family.program


def build(family: Family, cache: Path, report: Report) -> Path:
    """The program, built if it is not there. Raises Unreachable without a Go that is new enough, CmctlError when the build fails."""
    target = installed(family, cache)
    if target.exists():
        return target
    _need_go(family)
    with alone(target.parent.parent, report):
        if not target.exists():
            report(
                f"building {family.program} {family.version} from its published Go module (about {family.minutes:g} min with empty caches)"
            )
            _build_whole(family, target, report)
    return target


def go_needed(root: Path = ROOT, *names: str) -> str:
    """The newest `go` line of the wrapper modules, or of those named, e.g. "1.26.0"."""
    modules = [root / name / "go.mod" for name in names] or root.glob("*/go.mod")
    lines = [line.split()[1] for path in modules for line in path.read_text().splitlines() if line.startswith("go ")]
    return max(lines, key=numbers)


def go_version() -> str | None:
    """What the `go` on PATH says it is; None when there is none. A fork's suffix is left out."""
    program = shutil.which("go")
    if program is None:
        return None
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    said = subprocess.run(
        [program, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=20, check=False
    ).stdout
    found = re.search(r"\bgo(\d+(?:\.\d+)+)", said)
    return found[1] if found else "0"


def numbers(version: str) -> tuple[int, ...]:
    """A Go version as numbers that compare: "1.26" is "1.26.0"."""
    parts = [int(part) for part in version.split(".")]
    return (*parts, *[0] * (3 - len(parts)))


def _need_go(family: Family) -> None:
    found, wanted = go_version(), go_needed(family.root, family.name)
    if found is None or numbers(found) < numbers(wanted):
        why = "Go is not installed" if found is None else f"Go {found} is older than {wanted}"
        hint = f"install Go {wanted} or newer (go.dev/dl), then run the same command"
        raise Unreachable(f"{family.program} {family.version} has to be built here and cannot be", why=why, hint=hint)


def _build_whole(family: Family, target: Path, report: Report) -> None:
    with begun(target.parent.parent) as folder:
        _compile(family, folder / family.program, report)
        target.parent.mkdir(exist_ok=True)
        (folder / family.program).replace(target)


@contextmanager
def begun(folder: Path) -> Iterator[Path]:
    """A temporary folder beside what is installed; what a killed run left of its own goes first. Only under `alone`."""
    for left in folder.glob(f"{BEGUN}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=BEGUN) as name:
        yield Path(name)


def _compile(family: Family, target: Path, report: Report) -> None:
    environment = os.environ | {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            family.command(target),
            cwd=family.module,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(process, family, report)
        finally:
            _end(process)
        if process.returncode:
            log.seek(0)
            tail = "\n".join(log.read().splitlines()[-15:])
            raise CmctlError(f"building {family.program} failed", why=tail, hint="cmctl toolchain, once the cause above is mended")


def _end(process: subprocess.Popen[bytes]) -> None:
    """No compiler outlives its build: the whole process group goes."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], family: Family, report: Report) -> None:
    start = time.monotonic()
    while True:
        try:
            process.wait(PROGRESS_S)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - start
            if elapsed > PATIENCE * family.minutes * 60:
                raise CmctlError(
                    f"building {family.program} did not end within {elapsed / 60:.0f} min",
                    why="the Go module proxy may be silent",
                    hint="cmctl toolchain",
                ) from None
            report(f"building {family.program}: {elapsed:.0f} s of about {family.minutes * 60:.0f} s")
        else:
            return


@contextmanager
def alone(folder: Path, report: Report) -> Iterator[None]:
    """Hold `folder` against other runs; says so when it has to wait. A killed holder lets go by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"waiting for another cmctl that installs {folder.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
