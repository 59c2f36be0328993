"""The Pulumi CLI as cmctl runs it: a known version, a folder of its own, its own process group, and nothing asked twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from environments.model import Environment
from errors import Interrupted, Unreachable
from stacks import housekeeping, plugins

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Settings:
    """`cli`: the pulumi program; `work_dir`: the folder with Pulumi.yaml; `pulumi_home`: plugins and logs; `backend`: the
    state's URL; `environment`: what plugins get beside the caller's own environment; `packages`: the plugins it needs beside
    cmctl's own, which stand-ins may play where `stand_ins` says so.
    """

    cli: Path
    work_dir: Path
    pulumi_home: Path
    backend: str
    passphrase: str = field(repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    packages: tuple[str, ...] = ()
    stand_ins: bool = False


def settings(environment: Environment, home: Path, cache: Path, cli: Path, passphrase: str, backend: str) -> Settings:
    """How the engine runs for an environment. State on this machine has its project below `home`, other state the checkout."""
    return Settings(
        cli=cli,
        work_dir=project_folder(home) if backend.startswith("file://") else ROOT,
        pulumi_home=cache / "pulumi",
        backend=backend,
        passphrase=passphrase,
        environment={"CMCTL_CLOUDS": str(home / "clouds" / environment.name)},
        packages=plugins.packages(environment),
        stand_ins=plugins.stand_ins_allowed(environment),
    )


def project_folder(home: Path) -> Path:
    """A Pulumi project below `home` that is this one: for state that lives on this machine.

    The engine writes a salt file per stack beside its project. Two homes with one checkout would overwrite each other's.
    """
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    providers = [{**one, "path": str(ROOT / one["path"])} for one in project["plugins"]["providers"]]
    text = yaml.safe_dump({**project, "main": ".", "stackConfigDir": "stacks", "plugins": {"providers": providers}}, sort_keys=False)
    folder = home / "pulumi"
    path = folder / "Pulumi.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = folder / f".Pulumi.yaml.{os.getpid()}"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    return folder


class Cli(automation.PulumiCommand):
    """Runs the CLI in a process group of its own, so that a terminal's Ctrl-C reaches it only through `interrupt`.

    Its output goes to files: a CLI that outlives cmctl then ends in order instead of dying of a broken pipe.
    """

    def __init__(self, path: Path) -> None:
        self.command = str(path)
        self.version = VersionInfo.parse(version("pulumi"))
        self.interrupted = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._changed = threading.Lock()

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> automation.CommandResult:
        """Run to the end. Raises CommandError's family for a code other than 0, Unreachable without the program."""
        del on_output, on_error
        argv = [self.command, "--non-interactive", *args]
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self._wait(argv, cwd, environment, out, err)
            result = automation.CommandResult(stdout=_text(out), stderr=_text(err), code=code)
        if code:
            raise create_command_error(result)
        return result

    def _wait(self, argv: Sequence[str], cwd: str, environment: Mapping[str, str], out: Any, err: Any) -> int:
        with self._changed:
            if self.interrupted:
                raise Interrupted("interrupted before the next step began")
            try:
                self._child = subprocess.Popen(
                    argv, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, process_group=0
                )
            except FileNotFoundError as error:
                raise Unreachable(f"the Pulumi CLI is not at {self.command}", hint="cmctl toolchain") from error
        if self.interrupted:
            self._child.send_signal(signal.SIGINT)
        try:
            return self._child.wait()
        finally:
            self._child = None

    def interrupt(self) -> None:
        """Pass one interruption on: the first lets running operations take themselves back, the second ends the CLI at once."""
        self.interrupted += 1
        if self._child is not None:
            self._child.send_signal(signal.SIGINT)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


class Stack(automation.Stack):
    """A stack that is not selected first (0.3 s) and does not ask for outputs and history after an update (0.5 s)."""

    def __init__(self, name: str, workspace: automation.LocalWorkspace) -> None:
        self.name = name
        self.workspace = workspace

    def command(self, arguments: list[str]) -> str:
        """Stdout of another command of the CLI on this stack."""
        return self._run_pulumi_cmd_sync(arguments).stdout

    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = False) -> automation.UpdateSummary:
        del show_secrets
        return automation.UpdateSummary(kind="", start_time=datetime.now(UTC), message="", environment={}, config={}, result="")


def stack(name: str, program: Callable[[], None] | None, settings: Settings, cli: Cli) -> Stack:
    """The stack called `name`, whether it exists or not; no program of the CLI runs yet."""
    settings.pulumi_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    housekeeping.prune(settings.pulumi_home / "logs", settings.backend, name)
    backend = settings.backend
    if backend.startswith("file://"):
        Path(backend.removeprefix("file://")).mkdir(parents=True, exist_ok=True, mode=0o700)
    workspace = automation.LocalWorkspace(
        work_dir=str(settings.work_dir), pulumi_home=str(settings.pulumi_home), program=program,
        secrets_provider="passphrase", pulumi_command=cli, env_vars=_environment(settings),
    )  # fmt: skip
    return Stack(name, workspace)


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **settings.environment,
        "CMCTL_PYTHON": sys.executable,
        "CMCTL_ROOT": str(ROOT),
        "CMCTL_PID": str(os.getpid()),
        "PULUMI_BACKEND_URL": settings.backend,
        "PULUMI_CONFIG_PASSPHRASE": settings.passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    }
