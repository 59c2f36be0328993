"""The release transaction on a fleet of two balancers and two app hosts: all or none, whatever breaks and wherever.

Real shells by the thousand, without root or Docker: a second or three each, so `make live` runs them, and
`pytest -m live tests/hosts/test_transaction.py` while one works on a release. The fast suite has test_apply.py.
"""

from __future__ import annotations

import asyncio

import pytest

from errors import CmctlError, Interrupted, RolledBack, Unreachable
from hosts import drift, steps, transaction
from hosts.events import StepEvent, silent
from hosts.rollback import rollback
from hosts.transaction import apply
from layout.release import Bundle
from tests.hosts.fleet import GATE, Fleet

pytestmark = pytest.mark.live


async def test_the_way_back_moves_the_flag_and_brings_the_former_base_part_back(fleet: Fleet) -> None:
    """Rolling back to a warm slot starts nothing; configuration that came with the newer release goes with it."""
    one, two = fleet.spec("1", base="a"), fleet.spec("2", base="b")
    await apply(one, silent)
    await apply(two, silent)
    outcome, spec = await rollback("s", two.hosts, None, silent)
    assert (spec.version, outcome.slot, fleet.live()) == ("1", "blue", {one.release_id()})
    assert (fleet.folder / "lb1/s/base/compose.yaml").read_text().startswith("# a")
    assert not (await apply(one, silent)).changed
    await rollback("s", two.hosts, two.release_id(), silent)
    assert fleet.live() == {two.release_id()}


async def names(fleet: Fleet) -> list[str]:
    seen: list[str] = []

    def note(event: StepEvent) -> None:
        if event.state == "begin":
            seen.append(event.step)

    await apply(fleet.spec("1"), silent)
    await apply(fleet.spec("2", base="b"), note)
    return seen


@pytest.mark.parametrize("kind", [CmctlError, OSError, asyncio.CancelledError])
async def test_an_error_of_any_kind_before_the_gates_yes_takes_everything_back(
    fleet: Fleet, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an error nobody thought of, and Ctrl-C: the former release serves, the new slot and base part are gone, and it is said."""

    async def broken(_: object) -> str:
        raise kind("the disk is full")

    one = fleet.spec("1")
    await apply(one, silent)
    monkeypatch.setattr(steps, "watch", broken)
    with pytest.raises(Interrupted if kind is asyncio.CancelledError else RolledBack) as caught:
        await apply(fleet.spec("2", base="b"), silent)
    assert "1 (" in caught.value.why
    assert "serves as before" in caught.value.why
    assert fleet.live() == {one.release_id()}
    assert fleet.journals() == []
    assert not [name for app in ("app1", "app2") for name in fleet.engine(app) if name.endswith("green")]
    assert not (await apply(one, silent)).changed


async def test_a_failure_before_anything_was_begun_leaves_the_warm_slot(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not begun is not taken back: after a refused check the way back is as warm as before."""

    async def refuse(_: object) -> str:
        raise CmctlError("disk is short")

    await apply(fleet.spec("1"), silent)
    await apply(fleet.spec("2"), silent)
    monkeypatch.setattr(steps, "check", refuse)
    with pytest.raises(RolledBack):
        await apply(fleet.spec("3"), silent)
    assert fleet.engine("app1")["app1-blue"] == "running"
    outcome, _ = await rollback("s", fleet.spec("1").hosts, None, silent)
    assert outcome.evidence == "the former slot was warm"


async def test_an_instance_that_never_gets_ready_takes_all_hosts_back(fleet: Fleet) -> None:
    """One host of four fails: the others are as before, and its name is in the message."""
    one = fleet.spec("1")
    await apply(one, silent)
    (fleet.folder / "engines" / "never-ready-app2-green").touch()
    with pytest.raises(RolledBack, match="app2-green never got ready"):
        await apply(fleet.spec("2"), silent)
    assert fleet.live() == {one.release_id()}
    assert "app1-green" not in fleet.engine("app1")


class Killed(BaseException):
    """The controller is gone: nothing of it runs any more."""


STEPS = [
    "check",
    "images",
    "upload",
    "validate",
    "base",
    "start",
    "ready",
    "jobs",
    "probe",
    "canary-5",
    "switch",
    "watch",
    "after",
    "pass",
    "settle",
]


# These two differ most; the live suite walks them all.
FAST = {("before", "switch"), ("before", "pass")}
KILLS = [
    pytest.param(step, moment, marks=() if (moment, step) in FAST else pytest.mark.live) for step in STEPS for moment in ("before", "after")
]


@pytest.mark.parametrize(("step", "moment"), KILLS)
async def test_killed_at_any_step_the_fleet_is_whole_and_the_next_command_converges(
    fleet: Fleet, step: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whole version serves right after the kill; then the same command brings the new release, with no hand."""
    one, two = fleet.spec("1"), fleet.spec("2", base="b")
    await apply(one, silent)

    def die(when: str, _: int, name: str) -> None:
        if (when, name) == (moment, step):
            raise Killed

    monkeypatch.setattr(transaction, "_die", die)
    with pytest.raises(Killed):
        await apply(two, silent)
    assert len(serving(fleet)) == 1
    monkeypatch.setattr(transaction, "_die", lambda *_: None)
    await apply(two, silent)
    assert fleet.live() == {two.release_id()}
    assert fleet.journals() == []


def serving(fleet: Fleet) -> set[tuple[str, ...]]:
    """The slot of each balancer with the states of its instances: one value in a whole fleet."""
    found = set()
    for name in ("lb1", "lb2"):
        slot = "green" if (fleet.folder / name / "s" / "live" / "green").exists() else "blue"
        found.add((slot, *(fleet.engine(app).get(f"{app}-{slot}", "nothing") for app in ("app1", "app2"))))
    assert all(one[1:] == ("running", "running") for one in found)
    return found


async def test_every_step_is_in_the_table_above(fleet: Fleet) -> None:
    """The list that the kill test walks is the list the transaction takes."""
    assert await names(fleet) == STEPS


async def test_a_host_cut_off_in_the_middle_is_told_and_the_next_command_heals(fleet: Fleet) -> None:
    """When taking back cannot reach a host, the text says so (exit 7); traffic stays whole; afterwards the same command converges."""
    one, two = fleet.spec("1"), fleet.spec("2", base="b")
    await apply(one, silent)
    fleet.connections["app2"].cut = "green-up"
    with pytest.raises(Unreachable, match="app2 does not answer") as caught:
        await apply(two, silent)
    assert "taking back stopped" in caught.value.why
    assert fleet.live() == {one.release_id()}
    fleet.connections["app2"].cut = None
    fleet.lease_ends("app2")
    await apply(two, silent)
    assert fleet.live() == {two.release_id()}
    assert fleet.journals() == []


async def test_what_serves_is_never_foreign_to_a_newer_release(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mending before a deploy judges by the release that has settled: the live slot's older images are left alone."""
    monkeypatch.setattr(drift, "connect", fleet.connect)
    await apply(fleet.spec("1"), silent)
    before = fleet.engine("app1")
    newer = fleet.spec("2", base="b")
    await drift.mend(newer.model_copy(update={"bundles": {name: Bundle(files={}) for name in newer.bundles}}))
    assert fleet.engine("app1") == before


async def test_balancers_that_disagree_are_brought_together(fleet: Fleet) -> None:
    """A flag that somebody moved on one balancer is drift: the same deploy puts it right and touches nothing else."""
    one = fleet.spec("1")
    await apply(one, silent)
    await apply(two := fleet.spec("2"), silent)
    (fleet.folder / "lb2" / "s" / "live" / "green").unlink()
    assert (await apply(two, silent)).changed
    assert fleet.live() == {two.release_id()}


async def test_a_balancer_that_is_new_gets_the_fleets_flag_before_it_starts(fleet: Fleet) -> None:
    """A balancer without books never sends anybody to the idle slot."""
    await apply(fleet.spec("1"), silent)
    await apply(two := fleet.spec("2"), silent)
    for path in sorted((fleet.folder / "lb2").rglob("*"), reverse=True):
        path.unlink() if path.is_file() or path.is_symlink() else path.rmdir()
    (fleet.folder / "engines" / "lb2" / "lb2-base").unlink()
    await apply(two, silent)
    assert fleet.live() == {two.release_id()}


async def test_the_slot_that_was_left_stops_when_its_warm_time_is_over(fleet: Fleet) -> None:
    """The sleeper waits for the lease, stops what is not live, and does nothing once the books have changed."""
    no_time = GATE.model_copy(update={"keep_warm_s": 0})
    await apply(fleet.spec("1", gate=no_time), silent)
    await apply(fleet.spec("2", gate=no_time), silent)
    async with asyncio.timeout(10):
        while fleet.engine("app1")["app1-blue"] == "running" or fleet.engine("app2")["app2-blue"] == "running":
            await asyncio.sleep(0.02)
    assert fleet.engine("app1")["app1-green"] == "running"
    outcome, _ = await rollback("s", fleet.spec("2").hosts, None, silent)
    assert (outcome.changed, outcome.evidence == "the former slot was warm") == (True, False)
    assert fleet.engine("app1")["app1-blue"] == "running"
