"""The namespaces a lab cluster lives in: made, joined and removed. Ending its first process ends every process in them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from errors import CmctlError, Locked, Unreachable
from tools.cluster.place import Place

NETNS = Path("/run/netns")
CGROUPS = Path("/sys/fs/cgroup")
INIT = Path(__file__).with_name("init.py")
# Folders that containerd, the kubelet and the network plugins write to by fixed names.
OWN_FOLDERS = ("/run", "/var/log", "/var/lib/kubelet")
START_S, END_S = 20, 20


@dataclass(frozen=True)
class Process:
    """A process that can be found again: its number, and when the kernel started it (so that a number given anew is not it)."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it runs. The remains of a child of this process are cleared on the way."""
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return started(self.pid) == self.started

    def kill(self) -> None:
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def started(pid: int) -> int | None:
    """The kernel's start time of a process in clock ticks; None when there is none, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def process(pid: int) -> Process:
    return Process(pid, started(pid) or 0)


def need() -> None:
    """Raises Unreachable where no namespaces can be made: another system than Linux, another user than root, missing programs."""
    if sys.platform != "linux":
        raise Unreachable("a lab cluster needs Linux", why="it lives in namespaces of the kernel", read="docs/cluster-lab.md")
    if os.geteuid() != 0:
        raise Unreachable(
            "a lab cluster needs root", why="it makes network namespaces and cgroups", hint="sudo -E .venv/bin/cmctl cluster up"
        )
    missing = [name for name in ("ip", "nsenter", "unshare", "mount") if shutil.which(name) is None]
    if missing:
        raise Unreachable(f"a lab cluster needs {', '.join(missing)}", hint="sudo apt-get install iproute2 util-linux mount")


def create(place: Place, cpus: int = 0) -> tuple[Process, Process]:
    """Network, mount and process namespaces. Returns the process that holds them and, seen from outside, their first process.

    `cpus` above 0 is what a real node in them offers, whatever the machine has.

    Raises Locked when a cluster of this number runs already.
    """
    if (NETNS / place.name).exists():
        if pids(place):
            raise Locked(
                f"{place.name} runs already", why="perhaps for another CMCTL_HOME", hint="cmctl cluster down, or set CMCTL_CLUSTER_NUMBER"
            )
        remove(place)
    _network(place)
    for folder in OWN_FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
    for group in groups(place):
        group.mkdir(exist_ok=True)
        _weigh(group, cpus or os.cpu_count() or 1)
    return _first(place, cpus)


def _network(place: Place) -> None:
    inside = ("ip", "-n", place.name)
    _ip("ip", "netns", "add", place.name)
    _ip("ip", "link", "add", place.link, "type", "veth", "peer", "name", "eth0", "netns", place.name)
    _ip("ip", "address", "add", f"{place.machine_address}/24", "dev", place.link)
    _ip("ip", "link", "set", place.link, "up")
    _ip(*inside, "address", "add", f"{place.address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "link", "set", "lo", "up")
    for network in (place.pods, place.services):
        _ip("ip", "route", "replace", network, "via", place.address)
    # No default route: nothing in the lab reaches anything but the lab. The API server only asks for one to name itself.
    _ip("ip", "netns", "exec", place.name, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")


def _weigh(group: Path, cpus: int) -> None:
    """What the kubelet gives the pods of a node that is a machine's own: the weight of so many processes, not of one."""
    for name, value in (("cpu.shares", cpus * 1024), ("cpu.weight", min(cpus * 100, 10_000))):
        if (group / name).exists():
            (group / name).write_text(str(value), encoding="utf-8")


def _first(place: Place, cpus: int) -> tuple[Process, Process]:
    argv = ["nsenter", f"--net={NETNS / place.name}", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    reading, writing = os.pipe()
    holder = _detached([*argv, sys.executable, "-I", str(INIT), str(cpus), *OWN_FOLDERS], writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as told:
        said = told.readline()
        if said != "ready\n":
            why = (said + told.read()).strip()[-300:]
            holder.kill()
            remove(place)
            raise CmctlError("the lab cluster's namespaces cannot be made", why=why, hint="cmctl doctor", read="docs/cluster-lab.md")
    child = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text(encoding="utf-8").split()
    return holder, process(int(child[0]))


def _detached(argv: Sequence[str], output: int) -> Process:
    """Start a program that outlives this command, in a session of its own; what it prints goes to the open file `output`."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    return process(os.posix_spawnp(argv[0], list(argv), os.environ, file_actions=actions, setsid=True))


def joining(first: Process, argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` inside the namespaces."""
    return ["nsenter", f"--target={first.pid}", "--net", "--mount", "--pid", "--wd=/", "--", *argv]


def spawn(first: Process, argv: Sequence[str], log: IO[bytes]) -> Process:
    """Start a program inside that outlives this command; its output goes to `log`."""
    return _detached(joining(first, argv), log.fileno())


def run(first: Process, argv: Sequence[str], timeout_s: float = 60) -> str:
    """What a program inside prints. Raises CmctlError with its words when it fails."""
    done = subprocess.run(joining(first, argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise CmctlError(f"{' '.join(argv[:4])} … failed in the lab cluster", why=(done.stderr or done.stdout).strip()[-600:])
    return done.stdout


def pids(place: Place) -> list[int]:
    """The processes in the cluster's network namespace, as this machine numbers them."""
    done = subprocess.run(["ip", "netns", "pids", place.name], capture_output=True, text=True, timeout=20, check=False)
    return [int(word) for word in done.stdout.split()]


def end(place: Place, holder: Process | None, first: Process | None = None) -> None:
    """End every process of the cluster and wait until they are gone, then remove what they lived in.

    The first process ends last: the kernel lets it go when every other of its namespace has gone, pods' processes too, which
    have networks of their own. Without a record of it, the processes are found by the cluster's network.
    """
    known = [one for one in (holder, first) if one]
    for one in known:
        one.kill()
    limit = time.monotonic() + END_S
    while left := [one.pid for one in (*known, *map(process, pids(place))) if one.alive]:
        if not known or time.monotonic() > limit - END_S / 2:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if time.monotonic() > limit:
            raise CmctlError(f"processes of {place.name} do not end: {left}", hint="cmctl cluster down")
        time.sleep(0.02)
    remove(place)


def remove(place: Place) -> None:
    """The namespace, its interface and cgroups; absent ones are fine."""
    for argv in (["ip", "link", "delete", place.link], ["ip", "netns", "delete", place.name]):
        subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    limit = time.monotonic() + END_S
    while (left := [group for group in groups(place) if group.exists()]) and time.monotonic() < limit:
        for group in left:
            _remove_group(group)
    with suppress(OSError):
        Path(OWN_FOLDERS[-1]).rmdir()  # made for the lab where no kubelet of the machine's own uses it


def _remove_group(group: Path) -> None:
    """A cgroup and those in it; one that just lost its last process may need another try."""
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()


def groups(place: Place) -> list[Path]:
    """The cluster's cgroup in every hierarchy the kernel has: one with version 2, several with version 1."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / place.name]
    return [folder / place.name for folder in sorted(CGROUPS.iterdir()) if folder.is_dir() and not folder.is_symlink()]


def _ip(*argv: str) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise CmctlError(f"`{' '.join(argv)}` failed", why=done.stderr.strip(), hint="cmctl cluster down", read="docs/cluster-lab.md")
