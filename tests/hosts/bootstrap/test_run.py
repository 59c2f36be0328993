"""One bootstrap from facts to facts, on a paper machine, and the timer that takes a change back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from errors import CmctlError, RolledBack, Unreachable
from hosts.bootstrap import guard, run
from hosts.bootstrap.model import Step, script
from hosts.bootstrap.run import MARK
from hosts.bootstrap.system import parse
from hosts.connection import Completed
from hosts.events import StepEvent
from layout.machine import Machine
from tests.hosts.bootstrap.machines import probe, wanted

FACTS = """distribution=debian
version=12
name=Debian GNU/Linux 12 (bookworm)
init=systemd
user=root
arch=x86_64
cpus=2
memory_mb=3915
disk_mb=40100
disk_free_mb=30000
clock=1800000000
"""
FIREWALL = wanted().firewall


class Paper:
    """Answers the probes of a firewall that is open until its script has run; remembers what was asked of it."""

    name = "paper"

    def __init__(self, facts: str = FACTS, *, heals: bool = True) -> None:
        self.facts, self.heals, self.right, self.asked = facts, heals, False, list[str]()

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        script = (stdin or b"").decode() if list(argv) == ["sh", "-s"] else " ".join(argv)
        if "os-release" in script:
            return Completed(0, self.facts, "")
        if MARK in script:
            return Completed(0, f"\n{MARK}firewall\n{probe(FIREWALL) if self.right else ''}", "")
        self.asked.append(script)
        self.right = self.right or (self.heals and script.endswith("firewall apply step"))
        return Completed(0, "", "")

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        raise AssertionError("bootstrap writes through its own steps")

    async def read(self, path: str) -> str | None:
        raise AssertionError("bootstrap reads through its probes")


async def let_in() -> None:
    """A new connection that comes through."""


def machine() -> Machine:
    return Machine(firewall=FIREWALL)


async def test_a_second_run_writes_nothing() -> None:
    """The first run ends every difference; the second finds none and asks nothing of the machine."""
    paper = Paper()
    first = await run.apply(paper, machine(), let_in)
    assert {path.partition(".")[0] for path in first.differences} == {"firewall"}
    paper.asked.clear()
    second = await run.apply(paper, machine(), let_in)
    assert (second.differences, second.steps, paper.asked) == ({}, (), [])


async def test_steps_are_told_with_their_number() -> None:
    """Each step says which machine, what, and how far."""
    told: list[StepEvent] = []
    done = await run.apply(Paper(), machine(), let_in, told.append)
    ends = [event for event in told if event.state == "end"]
    assert [event.number for event in ends] == list(range(1, len(done.steps) + 1))
    assert all(event.total == len(done.steps) and event.step.startswith("paper: ") for event in ends)


async def test_a_step_that_heals_nothing_is_a_failure() -> None:
    """A machine that is still wrong after all steps is said to be, with what is wrong."""
    with pytest.raises(CmctlError, match="not as it has to be") as caught:
        await run.apply(Paper(heals=False), machine(), let_in)
    assert "firewall.INPUT" in caught.value.why


@pytest.mark.parametrize("line", ["version=11", "version=", "distribution=alpine"])
async def test_a_system_that_is_not_known_is_left_alone(line: str) -> None:
    """An unsupported distribution is refused before anything is changed."""
    paper = Paper(FACTS.replace(f"{line.partition('=')[0]}={'12' if 'version' in line else 'debian'}", line))
    with pytest.raises(CmctlError, match="runs Debian"):
        await run.apply(paper, machine(), let_in)
    assert paper.asked == []


def test_facts_of_something_else_are_an_error() -> None:
    """An answer that is not a Linux machine's is told as one, not as a traceback."""
    with pytest.raises(CmctlError, match="cannot be read"):
        parse("this account is currently not available\n", "x")


RISKY = [script("firewall: apply", "true", risky=True)]


async def carry_out(step: Step) -> None:
    """A step that ends well."""


async def test_a_change_that_lets_us_in_is_kept() -> None:
    """The timer is set before, and told to stand down after a new connection came through."""
    paper = Paper()
    await guard.guarded(paper, RISKY, carry_out, let_in)
    assert guard.ARM in paper.asked[0]
    assert guard.CONFIRM in paper.asked[1]


async def test_a_change_that_locks_us_out_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """No new connection: the change is never confirmed, and the error says that the machine took it back."""

    async def nobody() -> None:
        raise Unreachable("nothing within 8 s")

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    paper = Paper()
    with pytest.raises(RolledBack, match="firewall was taken back") as caught:
        await guard.guarded(paper, RISKY, carry_out, nobody, wait_s=45)
    assert "within 45 s" in caught.value.why
    assert not any(guard.CONFIRM in one for one in paper.asked)
    assert slept[0] > 40


async def test_a_step_that_fails_is_taken_back_too() -> None:
    """A firewall script that the machine refuses leaves the timer running, and the text says so."""

    async def refused(step: Step) -> None:
        raise CmctlError(f"{step.what} failed", why="exit 2")

    with pytest.raises(CmctlError, match="apply failed") as caught:
        await guard.guarded(Paper(), RISKY, refused, let_in)
    assert "takes the change back by itself" in caught.value.why
