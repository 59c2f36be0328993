"""Every tool cmctl needs on this machine: where it is, which version, needed for what, how to get it."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from environments.home import cache
from images.base import debian_tag
from images.registry import answers
from tools import browser, container_engine
from tools.builder import ROOT, go_needed, installed, numbers
from tools.cluster import node
from tools.lab import needs
from tools.machine import Machine, ThisMachine
from tools.toolchain import FERRETDB, pulumi_family

GIB = 1 << 30
PYTHON = (3, 11)
# Measured: the engine's CLI leaves 3 GB in Go's caches, images and their base take 1 GB, a release some MB.
DISK_GIB, DISK_TO_BUILD_GIB = 2, 8
# Measured: linking the engine's CLI takes up to 2.2 GB; phase 2 on this machine some 1.2 GB.
MEMORY_GIB, MEMORY_TO_BUILD_GIB = 1.5, 2.5


@dataclass(frozen=True)
class Tool:
    """`found` is None when it is not there. `problem` says why one that is there does not do. `needed`: the main job stops without it."""

    name: str
    found: Path | None
    version: str
    needed_for: str
    fix: str
    needed: bool = True
    problem: str = ""

    @property
    def fits(self) -> bool:
        return self.found is not None and not self.problem

    def as_dict(self) -> dict[str, str | bool | None]:
        return asdict(self) | {"found": str(self.found) if self.found else None, "fits": self.fits}


def missing(tools: Iterable[Tool]) -> list[Tool]:
    """Those without which the main job stops."""
    return [tool for tool in tools if tool.needed and not tool.fits]


def look(machine: Machine | None = None, registry: Callable[[], bool] = answers) -> list[Tool]:
    """Every tool in the order a fresh machine needs them. Bounded: a program has 10 s to say its version, the registry 5 s."""
    here = machine or ThisMachine()
    online = registry()
    return [
        _python(),
        _client(here),
        _engine(here),
        _compose(here),
        _pulumi(here),
        _ferretdb(),
        _go(here),
        _registry(online=online),
        _mmdebstrap(here, online=online),
        _lab(here),
        _cluster(here),
        _browser(here),
        _disk(here),
        _memory(here),
    ]


def _python() -> Tool:
    problem = "" if sys.version_info >= PYTHON else "older than 3.11"
    return Tool(
        "python",
        Path(sys.executable),
        platform.python_version(),
        "cmctl itself",
        "install Python 3.11 or newer, then make demo",
        problem=problem,
    )


def _client(machine: Machine) -> Tool:
    said = machine.ask(["docker", "version", "--format", "{{.Client.Version}}"]).out.splitlines()
    return Tool("docker", machine.which("docker"), said[0] if said else "", "building images, running containers", "cmctl doctor --fix")


def _engine(machine: Machine) -> Tool:
    engine = container_engine.look(machine)
    host = machine.setting("DOCKER_HOST").removeprefix("unix://") or "/var/run/docker.sock"
    found = Path(host) if engine.version else None
    return Tool(
        "container engine",
        found,
        engine.version,
        "running every container",
        "cmctl doctor --fix",
        problem="" if engine.version else engine.why,
    )


def _compose(machine: Machine) -> Tool:
    own = Path(sys.prefix, "bin", "docker-compose")
    found = own if own.exists() else machine.which("docker-compose")
    version = machine.ask([str(found), "version", "--short"]).out if found else ""
    return Tool("docker compose", found, version, "starting the parts of a release", "tools/bootstrap.sh")


def _pulumi(machine: Machine) -> Tool:
    family = pulumi_family()
    on_path, own = machine.which("pulumi"), installed(family, cache())
    other = machine.ask([str(on_path), "version"], environment={"PULUMI_SKIP_UPDATE_CHECK": "true"}).out if on_path else ""
    fits = other == f"v{family.version}"
    found = on_path if fits else own if own.exists() else None
    # Not needed yet: the first command that wants it gets it, by download or with Go.
    return Tool(
        "pulumi",
        found,
        family.version if found else "",
        f"planning and applying: exactly {family.version}",
        "cmctl toolchain",
        needed=False,
    )


def _ferretdb() -> Tool:
    own = installed(FERRETDB, cache())
    found = own if own.exists() else None
    return Tool("ferretdb", found, FERRETDB.version if found else "", "the database of local environments", "cmctl toolchain", needed=False)


def _go(machine: Machine) -> Tool:
    wanted = go_needed(ROOT, "pulumi", "ferretdb")
    found = machine.which("go")
    said = re.search(r"go(\d+(?:\.\d+)+)", machine.ask([str(found), "version"]).out) if found else None
    old = said is not None and numbers(said[1]) < numbers(wanted)
    ready = all(installed(family, cache()).exists() for family in (pulumi_family(), FERRETDB))
    return Tool(
        "go",
        found,
        said[1] if said else "",
        "building pulumi and ferretdb, once" + (" (both are built)" if ready else ""),
        f"install Go {wanted} or newer from go.dev/dl",
        needed=not ready,
        problem=f"older than {wanted}" if old else "",
    )


def _registry(*, online: bool) -> Tool:
    found = Path("registry-1.docker.io") if online else None
    return Tool("image registry", found, "", "images by digest; without it they are built on this machine", "nothing to do", needed=False)


def _mmdebstrap(machine: Machine, *, online: bool) -> Tool:
    why = "building images where no registry answers"
    fix = "sudo .venv/bin/cmctl images, once: as root cmctl installs it and builds their base"
    made = machine.ask(["docker", "image", "inspect", "--format", "{{.Id}}", debian_tag()]).code == 0
    possible = online or made or machine.is_root()
    problem = "" if possible else "unpacking Debian packages needs root, and no registry answers"
    return Tool("mmdebstrap", machine.which("mmdebstrap"), "", why, fix, needed=not possible, problem=problem)


def _lab(machine: Machine) -> Tool:
    lacking = needs.missing(machine)
    return Tool(
        "lab",
        machine.which("nsenter"),
        "",
        "hosts on this machine to deploy to and to break",
        "sudo .venv/bin/cmctl lab up, which installs what is missing",
        needed=False,
        problem=f"without {', '.join(lacking)}" if lacking else "",
    )


def _builds_are_due() -> bool:
    return not installed(pulumi_family(), cache()).exists()


def _cluster(machine: Machine) -> Tool:
    lacking = node.missing()
    return Tool(
        "cluster",
        machine.which("containerd"),
        "",
        "phase 3 with real pods on this machine",
        "sudo .venv/bin/cmctl cluster up --real, which installs what is missing",
        needed=False,
        problem=f"without {', '.join(lacking)}" if lacking else "",
    )


def _browser(machine: Machine) -> Tool:
    return Tool(
        browser.PROGRAM,
        machine.which(browser.PROGRAM),
        "",
        "looking at the pages of load tests in the live suite",
        "make live-load, which installs it as root; or your system's package of it",
        needed=False,
    )


def _disk(machine: Machine) -> Tool:
    wanted = DISK_TO_BUILD_GIB if _builds_are_due() else DISK_GIB
    images = machine.ask(["docker", "info", "--format", "{{.DockerRootDir}}"]).out
    free, folder = min((machine.free_bytes(path) / GIB, path) for path in (cache(), Path(images or cache())))
    problem = "" if free >= wanted else f"less than {wanted} GiB"
    return Tool(
        "disk",
        folder,
        f"{free:.1f} GiB free",
        "programs, images and volumes",
        f"free {wanted} GiB, or set CMCTL_CACHE to another disk",
        problem=problem,
    )


def _memory(machine: Machine) -> Tool:
    wanted = MEMORY_TO_BUILD_GIB if _builds_are_due() else MEMORY_GIB
    free = machine.memory_bytes() / GIB
    problem = "" if free >= wanted else f"less than {wanted:g} GiB"
    return Tool(
        "memory",
        Path("/proc/meminfo"),
        f"{free:.1f} GiB available",
        "containers and builds",
        f"end programs until {wanted:g} GiB are free",
        problem=problem,
    )
