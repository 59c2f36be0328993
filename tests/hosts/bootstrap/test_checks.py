"""What is refused before any machine is changed: every finding of every host, in one error."""

from __future__ import annotations

import dataclasses

import pytest

from errors import BadInput, CmctlError, Unreachable
from hosts.bootstrap import checks
from hosts.bootstrap.checks import Need, judge
from hosts.bootstrap.model import System
from hosts.connection import Completed
from layout.release import Target
from tests.hosts.bootstrap.machines import system
from tests.hosts.bootstrap.test_run import FACTS

NEED = Need(memory_mb=3000, disk_mb=34000, free_mb=3072, owner="shop/production/app1")
NOW = 1_800_000_000.0


def changed(**values: object) -> System:
    return dataclasses.replace(system(), **values)  # type: ignore[arg-type]


def test_a_machine_that_will_do_has_no_finding() -> None:
    """Enough of everything, a clock within seconds, and nobody's: nothing is said."""
    assert judge("app1", system(), 2.0, NEED) == []
    assert judge("app1", changed(owner=NEED.owner), -9.0, NEED) == []


@pytest.mark.parametrize(
    ("seen", "offset", "said"),
    [
        (changed(distribution="fedora", version="43", name="Fedora 43"), 0, "Fedora 43 is not supported (debian 12; ubuntu 22.04, 24.04)"),
        (changed(version="11", name="Debian 11"), 0, "Debian 11 is not supported"),
        (changed(user="deploy"), 0, "run as deploy, who is not root"),
        (changed(memory_mb=1966), 0, "1966 MiB of memory, its containers need 3000 MiB"),
        (changed(disk_mb=19500), 0, "a disk of 19500 MiB"),
        (changed(disk_free_mb=900), 0, "900 MiB free"),
        (system(), 86_400, "24 h ahead"),
        (system(), -86_400, "24 h behind"),
        (system(), 31, "31 s ahead"),
        (changed(owner="shop/staging/app1"), 0, "belongs to shop/staging/app1, not to shop/production/app1"),
        (changed(owner="shop/production/app2"), 0, "belongs to shop/production/app2"),
    ],
)
def test_each_thing_in_the_way_is_said_with_what_to_do(seen: System, offset: float, said: str) -> None:
    """A wrong system, user, size, clock or owner is one sentence that names the host and the remedy."""
    (line,) = judge("app1", seen, offset, NEED)
    assert line.startswith("app1: ")
    assert said in line


def test_all_findings_of_one_machine_at_once() -> None:
    """A machine that is wrong in four ways is told four times, not one after another."""
    assert len(judge("app1", changed(version="11", memory_mb=512, disk_mb=100, owner="x/y/z"), 86_400, NEED)) == 5


class Told:
    """A host that answers its facts, or does not."""

    def __init__(self, name: str, facts: str | None) -> None:
        self.name, self._facts = name, facts

    async def run(self, argv: object, *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        if self._facts is None:
            raise Unreachable(f"{self.name} does not answer", hint="is it on?")
        return Completed(0, self._facts, "")


def fleet(monkeypatch: pytest.MonkeyPatch, **facts: str | None) -> dict[str, Target]:
    monkeypatch.setattr(checks, "connection", lambda name, target: Told(name, facts[name]))
    monkeypatch.setattr(checks.time, "time", lambda: NOW)
    return {name: Target(connection="ssh", address="192.0.2.1", root="/x", host_key="SHA256:x") for name in facts}


async def test_hosts_that_do_not_answer_stand_beside_what_others_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts away and one with a wrong clock: one error, exit 7, with all three in it."""
    late = FACTS.replace("1800000000", str(int(NOW) - 90_000))
    targets = fleet(monkeypatch, app1=None, app2=late, lb1=None)
    with pytest.raises(Unreachable) as caught:
        await checks.check(targets, dict.fromkeys(targets, NEED))
    assert all(part in caught.value.what for part in ("app1 does not answer", "lb1 does not answer", "app2: its clock is 25 h behind"))
    assert caught.value.why == "nothing was changed"


async def test_machines_that_answer_but_will_not_do_are_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """All hosts answer and two are wrong: exit 2, both named."""
    targets = fleet(monkeypatch, app1=FACTS.replace("version=12", "version=11"), app2=FACTS.replace("3915", "900"), lb1=FACTS)
    with pytest.raises(BadInput) as caught:
        await checks.check(targets, dict.fromkeys(targets, NEED))
    assert [line.partition(":")[0] for line in caught.value.what.splitlines()] == ["app1", "app2"]


async def test_machines_that_will_do_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is in the way the systems are answered, and a host that cannot be read is an error, not a pass."""
    seen = await checks.check(fleet(monkeypatch, app1=FACTS), {"app1": NEED})
    assert seen["app1"].memory_mb == 3915
    with pytest.raises(CmctlError, match="cannot be read"):
        await checks.check(fleet(monkeypatch, app1="nonsense\n"), {"app1": NEED})
