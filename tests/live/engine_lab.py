"""The real engine with a home of a test's own and pretended hosts, in this process or in one of its own that may be killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from environments.model import Environment
from stacks import compose_phase, engine, workspace
from stacks.engine import Request
from stacks.events import Event
from tests.stacks.specs import STACK, spec

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 30
PASSPHRASE = "passphrase-canary-90ab"


class Lab:
    """A home, a state, a PULUMI_HOME and a folder of pretended hosts of one test."""

    def __init__(self, folder: Path, cli: Path, environment: Environment) -> None:
        self.folder, self.door = folder, folder / "door"
        self.door.mkdir()
        made = workspace.settings(environment, folder / "home", folder / "cache", cli, PASSPHRASE, f"file://{folder}/state")
        own = {**made.environment, "CMCTL_DOOR": "tests.stacks.folder_door:door", "FOLDER_DOOR": str(self.door)}
        self.settings = workspace.Settings(**{**vars(made), "environment": own})
        self.events: list[Event] = []

    def request(self, stack: str = STACK, **changes: Any) -> Request:
        return Request(stack, compose_phase.program(spec(**changes)), self.settings)

    def up(self, **changes: Any) -> engine.Result:
        return engine.up(self.request(**changes), self.events.append)

    def preview(self, **changes: Any) -> engine.Plan:
        return engine.preview(self.request(**changes), self.events.append)

    @property
    def log(self) -> list[str]:
        return (self.door / "log").read_text().splitlines()

    def checkpoint(self) -> Any:
        (path,) = (self.folder / "state").rglob(f"stacks/*/{STACK}.json")
        return json.loads(path.read_text())["checkpoint"]["latest"]

    def locks(self) -> list[Path]:
        return [path for path in (self.folder / "state").rglob("locks/**/*.json") if path.is_file()]


def until(condition: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, f"within {LIMIT_S} s not seen: {what}"
        time.sleep(0.02)


CHILD = """
import sys
from pathlib import PosixPath
from errors import CmctlError
from stacks import compose_phase, engine, workspace
from tests.stacks.specs import STACK, spec
settings = workspace.Settings(**SETTINGS)
try:
    engine.OPERATION(engine.Request(STACK, compose_phase.program(spec(version="VERSION")), settings))
except CmctlError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def process(lab: Lab, operation: str, version: str) -> subprocess.Popen[str]:
    """One engine operation in a process of its own."""
    code = CHILD.replace("SETTINGS", repr(vars(lab.settings))).replace("OPERATION", operation).replace("VERSION", version)
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
