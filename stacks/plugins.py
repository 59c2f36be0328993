"""Which resource plugins the engine runs: cmctl's own, the official ones where the CLI can get them, else stand-ins of ours.

A stand-in plays a cloud in a file. It is for machines that cannot reach the official plugin and for clouds that are none: an
environment of kind `cloud` refuses it unless $CMCTL_STAND_INS is 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from environments.model import Environment
from errors import Unreachable
from stacks.standin import table

Report = Callable[[str], None]
Origin = Literal["own", "official", "stand-in", "missing"]
MARK = "STAND-IN"
ALLOW = "CMCTL_STAND_INS"
REAL = "kubernetes"
DOWNLOAD_S = 90
AGAIN_S = 24 * 3600
ROOT = Path(__file__).parent.parent

# The plugin folder outlives a checkout and may serve two: the engine's caller says which one speaks.
LAUNCHER = """#!/bin/sh
PYTHONPATH="${{CMCTL_ROOT:-{root}}}" exec "${{CMCTL_PYTHON:-python3}}" -m stacks.standin {package} {version} "$@"
"""


@dataclass(frozen=True)
class Plugin:
    """One resource plugin. `version` is exactly the SDK's."""

    package: str
    version: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.origin} {self.version}"


def packages(environment: Environment) -> tuple[str, ...]:
    """The packages beside cmctl's own that an environment's layers use."""
    bought = {"mongodbatlas": environment.providers.database == "atlas", "cloudflare": environment.providers.edge == "cloudflare"}
    return tuple(package for package, used in bought.items() if used)


class Needs(Protocol):
    """What of the engine's settings matters here; `stacks.workspace.Settings` has it."""

    @property
    def cli(self) -> Path: ...
    @property
    def pulumi_home(self) -> Path: ...
    @property
    def packages(self) -> tuple[str, ...]: ...
    @property
    def stand_ins(self) -> bool: ...


def which(run: Needs) -> dict[str, str]:
    """Package → what plays it now, e.g. `official 6.17.0`, cmctl's own first; nothing is fetched."""
    found = (Plugin(package, sdk_version(package), origin(package, run.pulumi_home)) for package in run.packages)
    return {one.package: str(one) for one in (Plugin("cmctl", version("cmctl"), "own"), *found)}


def acquire(run: Needs, report: Report) -> tuple[Plugin, ...]:
    """Bring every needed package's plugin, the official one before a stand-in.

    Raises Unreachable when only a stand-in could be had and none is allowed.
    """
    return tuple(_acquire(package, run, report) for package in run.packages)


def stand_ins_allowed(environment: Environment) -> bool:
    return environment.kind != "cloud" or os.environ.get(ALLOW) == "1"


def played(package: str, *, stand_ins: bool) -> bool:
    """Whether a stand-in may play a package: kubernetes everywhere, because what it changes is a real cluster."""
    return package == REAL or (stand_ins and package in table.packages())


def sdk_version(package: str) -> str:
    """The plugin version that the installed SDK asks for, without importing the SDK (1.3 s for cloudflare)."""
    spec = find_spec(f"pulumi_{package}")
    if spec is None or not spec.submodule_search_locations:
        raise Unreachable(f"the Python package pulumi-{package} is not installed", hint="make setup")
    facts = json.loads((Path(spec.submodule_search_locations[0]) / "pulumi-plugin.json").read_text(encoding="utf-8"))
    return str(facts["version"])


def origin(package: str, pulumi_home: Path) -> Origin:
    folder = _folder(package, pulumi_home)
    if not (folder / f"pulumi-resource-{package}").exists():
        return "missing"
    return "stand-in" if (folder / MARK).exists() else "official"


def _folder(package: str, pulumi_home: Path) -> Path:
    return pulumi_home / "plugins" / f"resource-{package}-v{sdk_version(package)}"


def _acquire(package: str, run: Needs, report: Report) -> Plugin:
    found = origin(package, run.pulumi_home)
    if found == "official" or (
        found == "stand-in" and played(package, stand_ins=run.stand_ins) and _young(_folder(package, run.pulumi_home) / MARK)
    ):
        if found == "stand-in":
            _launcher(package, run.pulumi_home)
        return Plugin(package, sdk_version(package), found)
    why = _download(package, run, report)
    if why is None:
        return Plugin(package, sdk_version(package), "official")
    if not played(package, stand_ins=run.stand_ins):
        raise Unreachable(
            f"the plugin for {package} {sdk_version(package)} cannot be had", why=why,
            hint=f"run where the network allows downloads, or set {ALLOW}=1 to rehearse against a cloud in a file",
        )  # fmt: skip
    install_stand_in(package, run.pulumi_home)
    against = "the real API server" if package == REAL else "a cloud in a file"
    report(f"{package}: a stand-in plays it, against {against} (the official plugin cannot be had: {why})")
    return Plugin(package, sdk_version(package), "stand-in")


def _young(mark: Path) -> bool:
    return time.time() - mark.stat().st_mtime < AGAIN_S


def _download(package: str, run: Needs, report: Report) -> str | None:
    """None when the CLI brought the official plugin; else the reason it did not, in its own words."""
    report(f"{package}: asking for the official plugin {sdk_version(package)}")
    argv = [str(run.cli), "plugin", "install", "resource", package, sdk_version(package), "--exact", "--reinstall", "--non-interactive"]
    environment = {**os.environ, "PULUMI_HOME": str(run.pulumi_home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False)
    except FileNotFoundError as error:
        raise Unreachable(f"the Pulumi CLI is not at {run.cli}", hint="cmctl toolchain") from error
    except subprocess.TimeoutExpired:
        return f"no answer within {DOWNLOAD_S} s"
    if done.returncode == 0:
        (_folder(package, run.pulumi_home) / MARK).unlink(missing_ok=True)
        return None
    lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line]
    return lines[0].strip() if lines else f"the CLI ended with exit {done.returncode}"


def install_stand_in(package: str, pulumi_home: Path) -> Path:
    """Put the stand-in where the engine looks for exactly the SDK's version; returns its folder."""
    folder = _folder(package, pulumi_home)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("a stand-in of cmctl: see docs/stand-ins.md\n", encoding="utf-8")
    _launcher(package, pulumi_home)
    return folder


def _launcher(package: str, pulumi_home: Path) -> None:
    """The program that the engine starts, as this checkout writes it; one that another checkout left is replaced whole."""
    path = _folder(package, pulumi_home) / f"pulumi-resource-{package}"
    text = LAUNCHER.format(root=ROOT, package=package, version=sdk_version(package))
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(path)
