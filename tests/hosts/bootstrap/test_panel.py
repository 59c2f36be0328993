"""A person's steps in a panel: waited for, and believed only when the machine itself shows them."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from errors import GateRefused
from hosts.bootstrap import panel
from hosts.bootstrap.model import System
from hosts.bootstrap.panel import Size, grown, lacking
from hosts.ssh_errors import KeyChanged, NoAnswer
from layout.release import Target
from tests.hosts.bootstrap.machines import system

SIZE = Size(memory_mb=8192, cpus=4, disk_gb=80)
TARGET = Target(connection="ssh", address="192.0.2.1", root="/x", host_key="SHA256:x")
BIG = dataclasses.replace(system(), memory_mb=7940, cpus=4, disk_mb=78_000)


def test_what_a_machine_tells_is_less_than_what_was_sold() -> None:
    """8 GB are told as 7,940 MiB and 80 GB as 78,000 MiB: that is enough; the plan before is not."""
    assert lacking(BIG, SIZE) == []
    assert len(lacking(system(), SIZE)) == 3


def test_a_disk_that_grew_without_its_file_system_is_told() -> None:
    """The panel's disk is bigger, the file system is not: the sentence says what makes it so."""
    (line,) = lacking(dataclasses.replace(BIG, disk_mb=39_000), SIZE)
    assert "growpart and resize2fs" in line


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the machine answers, one after another; the clock stands still but for the waiting."""
    answers: list[object] = []
    clock = [0.0]

    async def answer(connection: object) -> System:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, System)
        return found

    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(panel.systems, "system", answer)
    monkeypatch.setattr(panel, "connection", lambda name, target: None)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(panel.time, "monotonic", lambda: clock[0])
    return answers


async def test_it_is_waited_for_while_it_is_away(told: list[object]) -> None:
    """Small, gone, back and big: each change is told once, and the machine's own figures are the answer."""
    told += [system(), system(), NoAnswer("x"), NoAnswer("x"), BIG]
    said: list[str] = []
    assert await grown("app1", TARGET, SIZE, 600, said.append) == BIG
    assert [line.partition(" ")[0] for line in said] == ["app1:", "app1:"]
    assert "does not answer" in said[1]


async def test_a_machine_that_does_not_grow_is_a_no(told: list[object]) -> None:
    """After the limit the command says what is still missing and exits with 3."""
    told += [system()]
    with pytest.raises(GateRefused, match="memory is 4096 MiB, not 8192 MiB"):
        await grown("app1", TARGET, SIZE, 60, lambda line: None)


async def test_another_machine_is_not_waited_for(told: list[object]) -> None:
    """A key that changed is not a machine that grows: it is told at once."""
    told += [KeyChanged("another key")]
    with pytest.raises(KeyChanged):
        await grown("app1", TARGET, SIZE, 600, lambda line: None)
