"""What the lab needs of this machine, and how it gets there."""

from __future__ import annotations

import sys
from collections.abc import Callable

from errors import CmctlError, Unreachable
from tools.machine import Machine, ThisMachine

Report = Callable[[str], None]
INSTALL_S = 600
# Program → the Debian and Ubuntu package that has it.
PROGRAMS = {
    "ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "setpriv": "util-linux", "mkfs.ext4": "e2fsprogs",
    "ssh-keygen": "openssh-client", "ssh": "openssh-client", "mmdebstrap": "mmdebstrap", "dpkg-deb": "dpkg",
}  # fmt: skip


def missing(machine: Machine) -> list[str]:
    """The packages whose programs are not there."""
    return sorted({package for program, package in PROGRAMS.items() if machine.which(program) is None})


def refuse(machine: Machine | None = None) -> None:
    """Raises Unreachable where no lab can be: not Linux, or not root."""
    machine = machine or ThisMachine()
    if sys.platform != "linux":
        raise Unreachable("a lab needs Linux", why="its hosts are namespaces of the Linux kernel", hint="run it in a Linux VM")
    if not machine.is_root():
        raise Unreachable("a lab needs root", why="it makes namespaces, mounts and network links", hint="sudo .venv/bin/cmctl lab up")


def install(report: Report, machine: Machine | None = None) -> None:
    """Install what is missing, and say so first. Raises Unreachable where that cannot be, CmctlError when it fails."""
    here = machine or ThisMachine()
    refuse(here)
    lacking = missing(here)
    if not lacking:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacking]
    if here.which("apt-get") is None:
        raise Unreachable("programs for the lab are missing", why=", ".join(lacking), hint="the lab is for Debian and Ubuntu")
    report(f"installing what the lab needs: {' '.join(command)}")
    for step in (["apt-get", "update", "-qq"], command):
        answer = here.ask(step, timeout_s=INSTALL_S, environment={"DEBIAN_FRONTEND": "noninteractive"})
        if answer.code:
            tail = "\n".join((answer.err or answer.out).splitlines()[-8:])
            raise CmctlError(f"{' '.join(step[:2])} failed", why=tail, hint="cmctl lab up, once the cause above is mended")
