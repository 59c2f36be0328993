"""Power of one host: boot until it answers, and off as when the plug is pulled. Its disk stays between the two."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from errors import CmctlError
from tools.lab import disk, groups, launch
from tools.lab.call import HELD
from tools.lab.plan import Host
from tools.lab.wait import until
from tools.machine import Answer

BOOT_S = 60
OFF_S = 20
LAUNCH = [sys.executable, "-I", str(Path(launch.__file__))]
INIT = Path(__file__).with_name("init.sh")
# As /proc/net/tcp has them.
SSH_PORT, LISTENING = ":0016", "0A"
ENGINE_SOCKET = "run/docker.sock"


@dataclass(frozen=True)
class Place:
    """A host's own folder on this machine."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    @property
    def seed(self) -> Path:
        return self.folder / "seed"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"


def start(host: Host, place: Place, layers: Sequence[Path], offered: Path, memory_mb: int | None) -> None:
    """Start a host whose namespace, seed and disk are there."""
    until(lambda: not disk.in_use(place.disk), OFF_S, f"the disk of {host.name} is not let go")
    (place.folder / "root").mkdir(exist_ok=True)
    told = {
        "LAB_HOST": host.name,
        "LAB_DISK": str(place.disk),
        "LAB_LAYERS": ":".join(map(str, (place.seed, *layers))),
        "LAB_PACKAGES": str(offered),
        "LAB_ROOT": str(place.folder / "root"),
        "LAB_MEMORY_MB": str(memory_mb or ""),
    }
    command = [*LAUNCH, "start", host.group, host.namespace, "--", "bash", str(INIT)]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with (
        place.console.open("wb") as console,
        subprocess.Popen(
            command, env=told | {"PATH": path}, stdin=subprocess.DEVNULL, stdout=console, stderr=console, pass_fds=tuple(HELD)
        ) as process,
    ):
        until(lambda: process.poll() is not None, OFF_S, f"{host.name} does not start", lambda: _last_words(place))
    if process.returncode:
        raise CmctlError(f"{host.name} cannot be started", why=_last_words(place))


def await_answers(host: Host, place: Place, *, engine: bool) -> float:
    """Seconds until sshd listens and, if asked for, the engine answers. Raises CmctlError after BOOT_S or when the host ends."""

    def answers() -> bool:
        first = groups.first_process(host.group)
        if first is None and not _starting(host):
            raise CmctlError(f"{host.name} went off while it booted", why=_last_words(place))
        return first is not None and listens(first) and (not engine or engine_answers(first))

    return until(answers, BOOT_S, f"{host.name} does not answer", lambda: _last_words(place))


def off(host: Host, place: Place) -> None:
    """No power: every process ends at once, and the disk is let go."""
    groups.end(host.group)
    until(lambda: not disk.in_use(place.disk), OFF_S, f"the disk of {host.name} is not let go")


def enter(host: Host, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Answer:
    """Run a program as root inside a running host, as on its console: no link is needed."""
    first = running(host)
    command = [*LAUNCH, "enter", str(first), "--", *argv]
    try:
        done = subprocess.run(command, input=stdin or b"", capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return Answer(124, err=f"{argv[0]} did not end within {timeout_s:g} s")
    return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def running(host: Host) -> int:
    """The pid of a host's first process. Raises CmctlError while it is off."""
    first = groups.first_process(host.group)
    if first is None:
        raise CmctlError(f"{host.name} is off", hint=f"cmctl lab fault boot {host.number}")
    return first


def listens(first: int) -> bool:
    """Whether sshd listens, seen from inside: a cut link is no matter."""
    sockets = [line.split() for name in ("tcp", "tcp6") for line in _lines(Path("/proc", str(first), "net", name))[1:]]
    return any(row[1].endswith(SSH_PORT) and row[3] == LISTENING for row in sockets)


def engine_answers(first: int) -> bool:
    """Whether the engine answers on its socket, reached through the host's root."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as there:
        there.settimeout(2)
        there.connect(str(Path("/proc", str(first), "root", ENGINE_SOCKET)))
        there.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in there.recv(64)
    return False


def _starting(host: Host) -> bool:
    return bool(groups.members(host.group))


def _last_words(place: Place) -> str:
    return "\n".join(_lines(place.console)[-8:])


def _lines(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    return []
