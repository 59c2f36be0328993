"""One release on all hosts or none, and a fault at every call of every command (tested in memory, on two hosts)."""

from __future__ import annotations

import asyncio

import pytest

from errors import CmctlError
from tests.hosts.fake_engine import Traits
from tests.hosts.world import KINDS, Fault, Killed, Kind, World


def test_first_release() -> None:
    """A first release serves on every host from the blue slot, and the books say so."""
    world = World()
    done = world.deploy(world.spec("1"))
    assert (done.changed, done.slot, done.former) == (True, "blue", "")
    world.settled()
    print(done)


def started(version: str = "1") -> World:
    world = World()
    world.deploy(world.spec(version))
    return world


SCENES = ("second", "base", "sick", "rollback", "first")


def act(world: World, scene: str, fault: Fault) -> None:
    if scene == "rollback":
        world.roll_back(fault)
        return
    world.traits["2"] = Traits(ready=scene != "sick")
    world.deploy(world.spec("2", base="2" if scene == "base" else "1"), fault)


def prepared(scene: str) -> World:
    if scene == "first":
        return World()
    world = started()
    if scene == "rollback":
        world.deploy(world.spec("0", base="2"))
        world.deploy(world.spec("3", base="1"))
    return world


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_call(scene: str, kind: Kind) -> None:
    """x"""
    at = 0
    while True:
        at += 1
        world = prepared(scene)
        fault = Fault(kind, at)
        try:
            try:
                act(world, scene, fault)
            except (CmctlError, Killed, asyncio.CancelledError):
                pass
            if fault.calls < at:
                break
            world.traits.clear()
            world.deploy(world.spec("4"))
            world.settled()
            assert world.version("a", world.slot("a")) == "4"
        except BaseException as error:
            raise AssertionError(f"{scene} {kind} at {at}") from error
    print(scene, kind, at)
