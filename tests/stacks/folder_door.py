"""A door whose hosts are files in $FOLDER_DOOR: what runs is a JSON file, and orders to it lie beside it.

The provider's process loads it by CMCTL_DOOR. It keeps the promises of hosts/: a refused release leaves what ran, a cancelled
one is taken back.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from errors import Interrupted, Locked, RolledBack
from hosts.events import Outcome, Report, StepEvent
from layout.machine import Machine
from layout.release import ReleaseSpec, Target
from stacks.provider.door import Running

LIMIT_S = 60


class FolderDoor:
    """`version` of a release is an order too: `refused` is rolled back, `held` finds a lease, `slow` waits for the file `go`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def runs(self, stack: str) -> Path:
        return self.folder / f"{stack}.json"

    async def apply(self, spec: ReleaseSpec, report: Report) -> Outcome:
        report(StepEvent("check", 1, 2, "begin"))
        self.note("applying", spec)
        if spec.version == "refused":
            raise RolledBack(
                "app-2 never got ready\n100 %",
                why='its last lines:\n  boom "quoted" %s',
                hint="cmctl status",
                read="runbooks/deploy-failed.md",
            )
        if spec.version == "held":
            raise Locked("the lease is held", why="by another")
        if spec.version == "slow":
            await self.wait_for_go(spec)
        self.runs(spec.stack).write_text(spec.model_dump_json())
        report(StepEvent("settle", 2, 2, "end", "done", 0.1))
        self.note("applied", spec)
        return Outcome(spec.release_id(), changed=True, slot="blue")

    async def wait_for_go(self, spec: ReleaseSpec) -> None:
        (self.folder / "waiting").touch()
        limit = time.monotonic() + LIMIT_S
        try:
            while not (self.folder / "go").exists() and time.monotonic() < limit:
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.note("taken back", spec)
            raise Interrupted(f"interrupted: {spec.stack} was taken back", why="the former release serves as before") from None

    async def observe(self, spec: ReleaseSpec) -> Running | None:
        path = self.runs(spec.stack)
        if not path.exists():
            return None
        seen = ReleaseSpec.model_validate_json(path.read_text())
        problems = json.loads((self.folder / "problems").read_text()) if (self.folder / "problems").exists() else {}
        return Running(seen, seen.release_id(), "blue", problems)

    async def remove(self, spec: ReleaseSpec, *, keep_volumes: bool) -> None:
        self.note("removed, volumes kept" if keep_volumes else "removed", spec)
        self.runs(spec.stack).unlink(missing_ok=True)

    def machines(self, name: str) -> Path:
        return self.folder / f"machine-{name}.json"

    async def machine(self, name: str, target: Target, wanted: Machine) -> Machine:
        path = self.machines(name)
        return Machine.model_validate_json(path.read_text()) if path.exists() else Machine()

    async def make(self, name: str, target: Target, wanted: Machine, report: Report) -> None:
        report(StepEvent(f"{name}: machine", 1, 1, "end", "done", 0.1))
        self.machines(name).write_text(wanted.model_dump_json())

    async def strangers(self, name: str, target: Target) -> Mapping[str, str]:
        path = self.folder / f"strangers-{name}"
        return dict.fromkeys(path.read_text().split(), "foreign: runs x") if path.exists() else {}

    async def send_away(self, name: str, target: Target, names: list[str]) -> None:
        (self.folder / f"strangers-{name}").unlink()

    async def facts(self, name: str, target: Target) -> Mapping[str, Any]:
        return {"engine": "20.10.24", "os": f"{name} at {target.address}", "memory_mb": 8192, "cpus": 2}

    def note(self, what: str, spec: ReleaseSpec) -> None:
        with (self.folder / "log").open("a") as file:
            file.write(f"{what} {spec.stack} {spec.version}\n")


def door() -> FolderDoor:
    return FolderDoor(Path(os.environ["FOLDER_DOOR"]))
