"""The Host resource: made as its machine says, its drift read back property by property."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hosts.events import StepEvent
from layout.machine import ANYONE, Machine
from stacks.provider.host import Host
from stacks.provider.tasks import Tasks
from tests.stacks.folder_door import FolderDoor
from tests.stacks.specs import target

WANTED = Machine(
    firewall={"tcp 22": ANYONE, "INPUT": "closed"}, sysctl={"vm.swappiness": "10"}, services={"docker": "running"}, swap_mb=2048
)
INPUTS: dict[str, Any] = {"name": "app-1", "target": target("app-1").model_dump(mode="json"), "machine": WANTED.model_dump(mode="json")}


@pytest.fixture
def folder(tmp_path: Path) -> FolderDoor:
    return FolderDoor(tmp_path)


@pytest.fixture
def host(folder: FolderDoor) -> Host:
    return Host(lambda: folder, Tasks())


def quiet(event: StepEvent) -> None:
    del event


def test_a_host_is_made_as_its_machine_says(host: Host, folder: FolderDoor) -> None:
    """Creating a Host makes the machine, tells its steps, and gives its facts."""
    told: list[StepEvent] = []
    made, outputs = host.create(INPUTS, told.append)
    assert (made, outputs["facts"]["memory_mb"]) == ("app-1", 8192)
    assert Machine.model_validate_json(folder.machines("app-1").read_text()) == WANTED
    assert [event.step for event in told] == ["app-1: machine"]


def test_without_a_machine_nothing_is_made(host: Host, folder: FolderDoor) -> None:
    """This machine is its owner's: a Host without `machine` is only looked at."""
    bare = {key: value for key, value in INPUTS.items() if key != "machine"}
    host.create(bare, quiet)
    host.update("app-1", {}, bare, quiet)
    assert not folder.machines("app-1").exists()


def test_what_is_right_is_no_difference(host: Host) -> None:
    """After a create, reading gives the very inputs back."""
    _, outputs = host.create(INPUTS, quiet)
    found = host.read("app-1", INPUTS, outputs)
    assert found is not None
    assert found.inputs == INPUTS
    assert host.difference(found.inputs, found.outputs, INPUTS).inputs == {}


def test_drift_is_shown_property_by_property(host: Host, folder: FolderDoor) -> None:
    """An opened port, a changed kernel setting and a stopped engine are three differences, each with its own path."""
    _, outputs = host.create(INPUTS, quiet)
    drifted = WANTED.model_copy(
        update={"firewall": {**WANTED.firewall, "tcp 6379": ANYONE}, "sysctl": {"vm.swappiness": "60"}, "services": {"docker": "stopped"}}
    )
    folder.machines("app-1").write_text(drifted.model_dump_json())
    found = host.read("app-1", INPUTS, outputs)
    assert found is not None
    assert host.difference(found.inputs, found.outputs, INPUTS).inputs == {
        'machine.firewall["tcp 6379"]': "delete", 'machine.sysctl["vm.swappiness"]': "update", "machine.services.docker": "update",
    }  # fmt: skip
    assert found.outputs == outputs


def test_another_machine_is_an_update_not_a_new_host(host: Host) -> None:
    """Only another name is another host: a machine is never replaced for what stands on it."""
    other = {**INPUTS, "machine": WANTED.model_copy(update={"swap_mb": 4096}).model_dump(mode="json")}
    assert host.difference(INPUTS, {}, other).replaces == ()
    assert host.difference(INPUTS, {}, other).inputs == {"machine.swap_mb": "update"}
    assert host.difference(INPUTS, {}, {**INPUTS, "name": "app-2"}).replaces == ("name",)


def test_a_stranger_is_found_and_stopped(host: Host, folder: FolderDoor) -> None:
    """A container that nobody placed is a difference of the state under its name; the update that follows stops it."""
    _, outputs = host.create(INPUTS, quiet)
    (folder.folder / "strangers-app-1").write_text("miner")
    found = host.read("app-1", INPUTS, outputs)
    assert found is not None
    assert host.difference(found.inputs, found.outputs, INPUTS).state == {"strangers.miner": "delete"}
    assert host.update("app-1", found.outputs, INPUTS, quiet)["strangers"] == {}
    assert host.difference(INPUTS, host.read("app-1", INPUTS, found.outputs).outputs, INPUTS).state == {}  # type: ignore[union-attr]
