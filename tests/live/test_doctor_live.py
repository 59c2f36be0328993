"""`cmctl doctor --fix` beside a real engine: what a dead command left in the state is healed, what somebody holds is respected."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.live.driver import Driver, wait_for

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    driver = Driver(tmp_path_factory.mktemp("doctor"), https=19443, network="10.89.12.0/24", name="doctored")
    yield driver
    driver.must("destroy", "--all", "--yes")


def locks(cmctl: Driver) -> list[Path]:
    return [path for path in (cmctl.home / "state").rglob("locks/**/*.json") if path.is_file()]


def pending(cmctl: Driver) -> list[str]:
    found = []
    for path in (cmctl.home / "state").rglob(".pulumi/stacks/*/*.json"):
        latest = json.loads(path.read_text(encoding="utf-8"))["checkpoint"].get("latest") or {}
        found += [one["type"] for one in latest.get("pending_operations") or ()]
    return found


@pytest.fixture(scope="module")
def killed(cmctl: Driver) -> tuple[int, str]:
    """A first deploy whose engine stood still while `doctor --fix` ran, and was then killed with cmctl. Gives its pid, and what was said."""
    deploy = cmctl.start("deploy", "--phase", "1", "--yes")
    wait_for(lambda: bool(locks(cmctl)) and "creating" in pending(cmctl), 200, "a create under way")
    (lock,) = locks(cmctl)
    engine = psutil.Process(int(json.loads(lock.read_text(encoding="utf-8"))["pid"]))
    below = engine.children(recursive=True)
    engine.suspend()
    try:
        living = cmctl.run("doctor", "--fix")
        assert living.code == 5, living.err
        assert lock.exists()
    finally:
        deploy.send_signal(signal.SIGKILL)
        engine.send_signal(signal.SIGKILL)
        deploy.communicate()
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in below), 120, "the provider's end")
    return engine.pid, living.err


def test_a_living_owner_is_named(killed: tuple[int, str]) -> None:
    """While the engine lives, however still it stands, doctor leaves its lock alone, says whose it is, and exits 5."""
    pid, said = killed
    assert f"pid {pid}" in said
    assert f"{os.uname().nodename}" in said


def test_a_dead_owners_leftovers_are_shown(cmctl: Driver, killed: tuple[int, str]) -> None:
    """After SIGKILL in the middle of a create, doctor shows the lock, that its owner is dead, and the pending create; it changes nothing."""
    before = [path.read_bytes() for path in locks(cmctl)]
    (left,) = cmctl.must("doctor", "--json").document["state"]["left"]
    assert [(one["pid"], one["dead"]) for one in left["locks"]] == [(killed[0], True)]
    assert [one.split()[0] for one in left["pending"]] == ["creating"]
    assert [path.read_bytes() for path in locks(cmctl)] == before


def test_another_machines_owner_is_respected(cmctl: Driver, killed: tuple[int, str]) -> None:
    """A lock beside it that was made on another machine is named, and nothing of the stack is touched."""
    (dead,) = locks(cmctl)
    other = dead.with_name("other.json")
    other.write_text(json.dumps(json.loads(dead.read_text(encoding="utf-8")) | {"hostname": "laptop.example"}), encoding="utf-8")
    answer = cmctl.run("doctor", "--fix")
    assert answer.code == 5, answer.err
    assert f"on laptop.example, pid {killed[0]}" in answer.err
    assert sorted(locks(cmctl)) == sorted([dead, other])
    assert pending(cmctl) == ["creating"]
    other.unlink()


def test_it_heals_and_a_deploy_converges(cmctl: Driver, killed: tuple[int, str]) -> None:
    """`doctor --fix` removes the dead owner's lock, settles what was pending and says both; then a deploy brings the phase up."""
    healed = cmctl.must("doctor", "--fix")
    assert f"the lock of pid {killed[0]}" in healed.err
    assert "no longer pending: creating" in healed.err
    assert locks(cmctl) == []
    assert pending(cmctl) == []
    assert cmctl.must("doctor", "--json").document["state"]["left"] == []
    deployed = cmctl.must("deploy", "--phase", "1", "--yes")
    again = cmctl.must("deploy", "--phase", "1", "--yes", "--json")
    assert not any(layer["changed"] for layer in again.document["layers"])
    print(f"\ndoctor --fix after SIGKILL: {healed.seconds:.1f} s; deploy after it: {deployed.seconds:.1f} s")
