"""The last steps before a program runs inside a host. A program of its own, and nothing of cmctl's is imported.

`launch.py start GROUP NETNS -- COMMAND …` joins a control group of the host's own in every hierarchy, makes the host's
namespaces, leaves COMMAND there as process 1 and ends. `launch.py enter PID -- COMMAND …` becomes COMMAND beside it.
What no namespace keeps apart, the machine's clock, kernel modules and swap, is out of reach in both.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, EPERM = 0x7FFF0000, 0x00050001
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
# Kind of machine → its number in linux/audit.h, and its system calls swapon and swapoff.
CALLS = {"x86_64": (0xC000003E, 167, 168), "aarch64": (0xC00000B7, 224, 225)}
# linux/sched.h: mount, cgroup, uts, ipc, pid; and net, which `ip netns` made.
NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000
NETWORK = 0x40000000
OPEN_FILES = 1024
KEPT_AWAY = "-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm"
INSIDE = ("env", "-i", "container=cmctl-lab", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def hierarchies() -> list[Path]:
    """The roots of the machine's control groups: one for v2, one for each controller for v1."""
    lines = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    return [Path(line[1]) for line in lines if line[2] in {"cgroup", "cgroup2"} and Path(line[1]).is_relative_to(GROUPS)]


def join(group: str, memory_mb: str) -> None:
    """Raises SystemExit when memory is to be limited and no hierarchy can."""
    limited = not memory_mb
    for root in hierarchies():
        own = root / group
        own.mkdir(parents=True, exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (own / name).exists() and (root / name).exists():
                (own / name).write_text((root / name).read_text())
        for name in ("memory.limit_in_bytes", "memory.max"):
            if memory_mb and (own / name).exists():
                (own / name).write_text(str(int(memory_mb) << 20))
                limited = True
        (own / "cgroup.procs").write_text(str(os.getpid()))
    if not limited:
        sys.exit("no control group of this machine limits memory: leave --memory-mb out")


def forbid_swap() -> None:
    """A seccomp filter that answers swapon and swapoff with EPERM: the machine has one swap for all."""
    known = CALLS.get(os.uname().machine)
    if known is None:
        return
    architecture, on, off = known
    steps = (
        (LOAD, 0, 0, 4), (EQUAL, 0, 4, architecture),
        (LOAD, 0, 0, 0), (EQUAL, 1, 0, on), (EQUAL, 0, 1, off),
        (RETURN, 0, 0, EPERM), (RETURN, 0, 0, ALLOW),
    )  # fmt: skip
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)


def call(name: str, *arguments: object) -> None:
    """A call of the C library that Python 3.11 has no name for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def start(group: str, namespace: str, command: list[str]) -> None:
    join(group, os.environ["LAB_MEMORY_MB"])
    forbid_swap()
    with Path("/run/netns", namespace).open() as network:
        call("setns", network.fileno(), NETWORK)
    call("unshare", NEW)
    if os.fork() == 0:
        os.setsid()
        os.closerange(3, OPEN_FILES)  # the lab's lock among them: it ends with this program, not with the host
        os.execvp(command[0], command)  # noqa: S606


def enter(pid: str, command: list[str]) -> None:
    forbid_swap()
    namespaces = ["nsenter", "--target", pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
    os.execvp("nsenter", [*namespaces, *INSIDE, "setpriv", "--bounding-set", KEPT_AWAY, *command])  # noqa: S606


def main() -> None:
    verb, *rest = sys.argv[1:]
    cut = rest.index("--")
    if verb == "start":
        start(rest[0], rest[1], rest[cut + 1 :])
    else:
        enter(rest[0], rest[cut + 1 :])


if __name__ == "__main__":
    main()
