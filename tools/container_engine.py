"""The container engine: a running one is used as it is; `cmctl doctor --fix` installs and starts Debian's where there is none.

Nothing is done silently and nothing without root: each step is reported before it is taken, and where cmctl may not take it
the error holds the commands that do.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from errors import CmctlError, Unreachable
from tools.machine import Machine, ThisMachine

Report = Callable[[str], None]
INSTALL_S = 600
START_S = 60
# docker.io holds the engine everywhere; newer Debian and Ubuntu keep the client and BuildKit's front end apart from it.
PACKAGES = ("docker.io", "iptables")
PACKAGES_WHERE_KNOWN = ("docker-cli", "docker-buildx")
# live-restore: containers outlive a crash of the engine. userland-proxy: its proxy takes connections before the app listens.
SETTINGS = {
    "live-restore": True,
    "userland-proxy": False,
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
}


@dataclass(frozen=True)
class Engine:
    """`version` is empty when the engine does not answer, and `why` says what the client heard instead."""

    version: str = ""
    why: str = ""


@dataclass(frozen=True)
class Places:
    """Where an engine that is started by hand keeps its files. `options` are further arguments of dockerd."""

    config: Path = Path("/etc/docker/daemon.json")
    log: Path = Path("/var/log/dockerd.log")
    pid: Path = Path("/var/run/docker.pid")
    socket: Path = Path("/var/run/docker.sock")
    options: tuple[str, ...] = ()

    @property
    def argv(self) -> list[str]:
        return ["dockerd", "--config-file", str(self.config), "--host", f"unix://{self.socket}", "--pidfile", str(self.pid), *self.options]


def look(machine: Machine, host: str = "") -> Engine:
    """Ask the engine for its version. `host` as in DOCKER_HOST; empty for the client's own choice."""
    address = ["--host", host] if host else []
    answer = machine.ask(["docker", *address, "version", "--format", "{{.Server.Version}}"])
    if answer.code == 0 and answer.out:
        return Engine(answer.out)
    return Engine(why="docker is not installed" if answer.code == 127 else (answer.err or "docker says nothing").splitlines()[-1])


def install_and_start(report: Report, machine: Machine | None = None, places: Places | None = None) -> Engine:
    """A running engine: the one that runs, else Debian's `docker.io`, installed if it is not there, and started.

    Raises Unreachable when this user may not do it (the hint holds the commands), CmctlError when a step fails.
    """
    here, places = machine or ThisMachine(), places or Places()
    engine = look(here)
    if engine.version:
        report(f"the container engine runs: Docker {engine.version}")
        return engine
    refuse(here, engine)
    if not _installed(here):
        _install(here, report, places)
    engine = look(here)
    return engine if engine.version else _start(here, report, places)


def refuse(machine: Machine, engine: Engine) -> None:
    """Raise Unreachable with what to run where cmctl must not, or cannot, install or start the engine itself."""
    elsewhere = machine.setting("DOCKER_HOST")
    if elsewhere:
        raise Unreachable(
            f"the container engine at {elsewhere} does not answer",
            why=engine.why,
            hint="start it, or unset DOCKER_HOST to use this machine's",
        )
    if "permission denied" in engine.why:
        raise Unreachable(
            "this user may not talk to the container engine",
            why=engine.why,
            hint='sudo usermod -aG docker "$USER", log in anew, then cmctl doctor',
        )
    installed = _installed(machine)
    if not installed and machine.which("apt-get") is None:
        raise Unreachable(
            "no container engine is installed",
            why="this is not Debian or Ubuntu",
            hint="install Docker Engine for this system, then cmctl doctor",
        )
    if not machine.is_root():
        start = "sudo systemctl start docker" if _systemd(machine) else "sudo dockerd &"
        install = f"sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(PACKAGES)} && "
        what = "the container engine does not run" if installed else "no container engine is installed"
        raise Unreachable(what, why=f"{engine.why}; only root may change that", hint=start if installed else install + start)


def _installed(machine: Machine) -> bool:
    return machine.which("dockerd") is not None and machine.which("docker") is not None


def _systemd(machine: Machine) -> bool:
    return (machine.text(Path("/proc/1/comm")) or "").strip() == "systemd"


def _install(machine: Machine, report: Report, places: Places) -> None:
    _configure(machine, report, places)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    report("installing the container engine: apt-get update")
    _must(machine, ["apt-get", "update", "-qq"], quiet)
    packages = [*PACKAGES, *(name for name in PACKAGES_WHERE_KNOWN if machine.ask(["apt-cache", "show", name]).code == 0)]
    if not _has_cgroups(machine):
        packages.append("cgroupfs-mount")
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    report(f"installing the container engine: {' '.join(command)} (about 20 s)")
    _must(machine, command, quiet)


def _has_cgroups(machine: Machine) -> bool:
    return any(machine.text(Path(path)) is not None for path in ("/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/memory/tasks"))


def _must(machine: Machine, command: list[str], environment: dict[str, str]) -> None:
    answer = machine.ask(command, timeout_s=INSTALL_S, environment=environment)
    if answer.code:
        tail = "\n".join((answer.err or answer.out).splitlines()[-8:])
        raise CmctlError(f"{' '.join(command[:2])} failed", why=tail, hint="cmctl doctor --fix, once the cause above is mended")


def _configure(machine: Machine, report: Report, places: Places) -> None:
    """The engine's settings, written only where there are none: an existing file is its owner's."""
    if machine.text(places.config) is not None:
        return
    report(
        f"writing {places.config}: containers survive a restart of the engine, ports without a proxy, logs of at most three files of 10 MB"
    )
    places.config.parent.mkdir(parents=True, exist_ok=True)
    places.config.write_text(json.dumps(SETTINGS, indent=2) + "\n", encoding="utf-8")


def _start(machine: Machine, report: Report, places: Places) -> Engine:
    _configure(machine, report, places)
    if _systemd(machine):
        report("starting the container engine: systemctl enable --now docker")
        _must(machine, ["systemctl", "enable", "--now", "docker"], {})
        return _wait(machine, places, None)
    if _is_starting(machine, places):
        report("waiting for the container engine, which is starting")
        return _wait(machine, places, None)
    if not _has_cgroups(machine) and machine.which("cgroupfs-mount"):
        report("mounting the kernel's control groups: cgroupfs-mount")
        _must(machine, ["cgroupfs-mount"], {})
    report(f"starting the container engine: {' '.join(places.argv)} (its log: {places.log})")
    return _wait(machine, places, start_by_hand(machine, places))


def _is_starting(machine: Machine, places: Places) -> bool:
    """Whether the pid file names a living dockerd: the package's own scripts may have started one."""
    pid = (machine.text(places.pid) or "").strip()
    return pid.isdigit() and (machine.text(Path(f"/proc/{pid}/comm")) or "").strip() == "dockerd"


def start_by_hand(machine: Machine, places: Places) -> subprocess.Popen[bytes]:
    """Start dockerd in a session of its own, so that it outlives this command and its terminal."""
    program = machine.which("dockerd")
    if program is None:
        raise Unreachable("dockerd is not installed", hint="cmctl doctor --fix")
    places.log.parent.mkdir(parents=True, exist_ok=True)
    folders = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # dockerd calls iptables and containerd by name
    with places.log.open("ab") as log:
        return subprocess.Popen(
            [str(program), *places.argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PATH": folders},
        )


def _wait(machine: Machine, places: Places, process: subprocess.Popen[bytes] | None) -> Engine:
    deadline = time.monotonic() + START_S
    engine = Engine()
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        engine = look(machine, f"unix://{places.socket}")
        if engine.version:
            return engine
        time.sleep(0.2)
    log = "\n".join((machine.text(places.log) or "").splitlines()[-8:]) if process else engine.why
    raise CmctlError(
        f"the container engine did not answer within {START_S} s", why=log, hint=f"read {places.log if process else 'journalctl -u docker'}"
    )
