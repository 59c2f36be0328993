"""The browser in which the live suite looks at reports: Debian's Chromium, without a desktop."""

from __future__ import annotations

from collections.abc import Callable

from errors import CmctlError
from tools.machine import Machine, ThisMachine

Report = Callable[[str], None]
INSTALL_S = 900
PROGRAM, PACKAGE = "chromium", "chromium"


def install(report: Report, machine: Machine | None = None) -> None:
    """Install it where it is missing and root and apt-get are there; elsewhere the suite says what is missing. Raises CmctlError when it fails."""
    here = machine or ThisMachine()
    if here.which(PROGRAM) is not None or not here.is_root() or here.which("apt-get") is None:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE]
    report(f"installing the browser for reports: {' '.join(command)}")
    for step in (["apt-get", "update", "-qq"], command):
        answer = here.ask(step, timeout_s=INSTALL_S, environment={"DEBIAN_FRONTEND": "noninteractive"})
        if answer.code:
            tail = "\n".join((answer.err or answer.out).splitlines()[-8:])
            raise CmctlError(f"{' '.join(step[:2])} failed", why=tail, hint="make live-load, once the cause above is mended")
