"""One owner at a time, by the host's clock, with fencing numbers; the dead make room, the living are named."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from errors import CmctlError, Locked
from hosts import lease
from tests.hosts.machines import host


def lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()


def dead_owner(owner: str) -> str:
    """The same person, machine and boot, with a process that is no more."""
    who, _, start, place = owner.rsplit(" ", 3)
    return f"{who} 999999999 {start} {place}"


async def test_a_living_owner_is_named(tmp_path: Path) -> None:
    """A second owner is refused with exit 5, and told what runs, who runs it and since when."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "deploy of 1.0.0"):
        with pytest.raises(Locked, match=r"deploy of 1\.0\.0 is running: .*@.* pid \d+, on one, since 20"):
            async with lease.held({"one": one}, "deploy of 2.0.0"):
                pytest.fail("two owners")
    async with lease.held({"one": one}, "deploy of 2.0.0"):
        assert (await lease.holder(one)) is not None
    assert (await lease.holder(one)) is None


async def test_who_is_interrupted_gives_back(tmp_path: Path) -> None:
    """Interrupted once or twice, at any moment from the question to the end, nobody holds the lease a moment later."""
    one = host(tmp_path)

    async def owner() -> None:
        async with lease.held({"one": one}, "x"):
            pass

    for number in range(40):
        task = asyncio.create_task(owner())
        await asyncio.sleep(number * 0.0008)
        task.cancel()
        await asyncio.sleep(number % 3 * 0.001)
        task.cancel()
        await asyncio.wait([task])
        assert await lease.holder(one) is None, f"interrupted after {number * 0.8:.1f} ms"


async def test_the_fence_only_grows(tmp_path: Path) -> None:
    """Every owner gets a higher number than the one before, also after the lease was given back."""
    one = host(tmp_path)
    seen = []
    for _ in range(3):
        async with lease.held({"one": one}, "x") as mine:
            seen.append(int(mine.fences["one"]))
    assert seen == sorted(set(seen))


async def test_a_zombies_late_step_is_refused(tmp_path: Path) -> None:
    """A step that carries an old fencing number does not run."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "old") as old:
        pass
    async with lease.held({"one": one}, "new") as new:
        late = await one.connection.run(old.fenced(one, "touch", str(tmp_path / "late")))
        mine = await one.connection.run(new.fenced(one, "touch", str(tmp_path / "mine")))
    assert late.code == lease.LOST
    assert mine.code == 0
    assert not (tmp_path / "late").exists()
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("age", ["dead process", "ended lease"])
async def test_a_dead_owners_lease_is_taken_over(tmp_path: Path, age: str) -> None:
    """An owner whose process is gone from this machine, or whose lease has ended, makes room at once."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "x"):
        path = Path(one.paths.lease)
        found = lines(one.paths.lease)
        token = "f" * 32
        if age == "dead process":
            path.write_text("\n".join([token, found[1], found[2], dead_owner(found[3]), *found[4:]]) + "\n", encoding="utf-8")
        else:
            path.write_text("\n".join([token, "1", *found[2:]]) + "\n", encoding="utf-8")
        async with lease.held({"one": one}, "y") as mine:
            assert int(mine.fences["one"]) == int(found[2]) + 1


async def test_all_hosts_or_none(tmp_path: Path) -> None:
    """When one host is taken, the others are given back."""
    one, two = host(tmp_path, "one"), host(tmp_path, "two")
    async with lease.held({"two": two}, "elsewhere"):
        with pytest.raises(Locked):
            async with lease.held({"one": one, "two": two}, "mine"):
                pytest.fail("half a lease")
    assert (await lease.holder(one)) is None


async def test_sixteen_at_once(tmp_path: Path) -> None:
    """Of sixteen who ask at once exactly one gets the lease."""
    one = host(tmp_path)
    inside = asyncio.Event()
    won = 0

    async def ask() -> None:
        nonlocal won
        try:
            async with lease.held({"one": one}, "race"):
                won += 1
                await inside.wait()
        except Locked:
            return

    tasks = [asyncio.create_task(ask()) for _ in range(16)]
    async with asyncio.timeout(20):
        while sum(task.done() for task in tasks) < 15:
            await asyncio.sleep(0.01)
    inside.set()
    await asyncio.gather(*tasks)
    assert won == 1


async def test_an_owner_elsewhere_is_never_taken_for_dead(tmp_path: Path) -> None:
    """The same name and process number on another machine, in a container, or before a reboot says nothing of this one."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "x"):
        path = Path(one.paths.lease)
        found = lines(one.paths.lease)
        path.write_text("\n".join(["f" * 32, *found[1:3], f"{dead_owner(found[3])}-elsewhere", *found[4:]]) + "\n", encoding="utf-8")
        with pytest.raises(Locked):
            async with lease.held({"one": one}, "y"):
                pytest.fail("two owners")


async def test_giving_back_to_a_host_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    """Work that is done stays done when the lease's folder, or the way to it, is gone at the end."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "x") as mine:
        await mine.run(one, "rm", "-rf", one.paths.folder, what="removing")
    assert not Path(one.paths.folder).exists()


async def test_a_fenced_write_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """The newest owner's file appears with its mode; an old owner's is refused by name and changes nothing."""
    one = host(tmp_path)
    target = tmp_path / "new" / "state.json"
    async with lease.held({"one": one}, "old") as old:
        await old.write(one, str(target), b"first", 0o640)
    async with lease.held({"one": one}, "new"):
        with pytest.raises(CmctlError, match=r"writing state\.json was refused on one"):
            await old.write(one, str(target), b"late")
    assert target.read_bytes() == b"first"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in target.parent.iterdir()] == ["state.json"]
