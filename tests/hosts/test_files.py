"""Bundles reach a host whole, flags move traffic once, and what was edited is found."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from errors import CmctlError
from hosts import bundles, detached, flags, lease
from tests.hosts.machines import host, spec


async def test_bundle_arrives_whole_and_private(tmp_path: Path) -> None:
    """Files lie as given; secret files only in folders of their owner; the record for a rollback holds no secret in the plain part."""
    one, release = host(tmp_path), spec()
    async with lease.held({"one": one}, "x") as mine:
        await bundles.upload(one, mine, release, release.release_id())
    folder = Path(one.paths.release(release.release_id()))
    assert (folder / "base/nginx/nginx.conf").read_text() == "a"
    assert (folder / "base/secrets").stat().st_mode & 0o777 == 0o700
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert "hidden" not in (folder / bundles.RECORD).read_text()
    assert await bundles.stored(one, release.release_id()) == release


async def test_base_is_replaced_file_by_file(tmp_path: Path) -> None:
    """Only changed files are written, removed ones go, and the folder itself stays, because containers have it mounted."""
    one, first = host(tmp_path), spec()
    second = spec({"base/compose.yaml": "services: {}\n", "base/nginx/nginx.conf": "b"}, {"base/secrets/other": "hidden"})
    async with lease.held({"one": one}, "x") as mine:
        for release in (first, second):
            await bundles.upload(one, mine, release, release.release_id())
        assert sorted(await bundles.place_base(one, mine, first.release_id())) == ["compose.yaml", "nginx/nginx.conf", "secrets/key"]
        inode = Path(one.paths.base).stat().st_ino
        assert sorted(await bundles.place_base(one, mine, second.release_id())) == ["nginx/nginx.conf", "secrets/other"]
        assert Path(one.paths.base).stat().st_ino == inode
        assert not (Path(one.paths.base) / "secrets/key").exists()
        assert await bundles.place_base(one, mine, second.release_id()) == []


async def test_edited_files_are_found(tmp_path: Path) -> None:
    """An edited and a missing file are named; an untouched host differs in nothing."""
    one, release = host(tmp_path), spec()
    async with lease.held({"one": one}, "x") as mine:
        await bundles.upload(one, mine, release, release.release_id())
        await bundles.place_base(one, mine, release.release_id())
    assert await bundles.differing(one, release, "blue") == []
    (Path(one.paths.base) / "nginx/nginx.conf").write_text("edited")
    (Path(one.paths.base) / "secrets/key").unlink()
    assert sorted(await bundles.differing(one, release, "blue")) == ["base/nginx/nginx.conf", "base/secrets/key"]


async def test_unkept_release(tmp_path: Path) -> None:
    """A release that the host has not kept is an error with a hint."""
    with pytest.raises(CmctlError, match=r"9\.9\.9-x is not kept"):
        await bundles.stored(host(tmp_path), "9.9.9-x")


async def test_prune_keeps_what_is_used(tmp_path: Path) -> None:
    """Five releases stay, and any that is in use."""
    one = host(tmp_path)
    for number in range(8):
        Path(one.paths.release(str(number))).mkdir(parents=True)
        os.utime(one.paths.release(str(number)), (number, number))
    async with lease.held({"one": one}, "x") as mine:
        await bundles.prune(one, mine, {"0"})
    assert sorted(await bundles.kept(one)) == ["0", "3", "4", "5", "6", "7"]


STANDING = ("maintenance", "without-app2", "relief-shop-lab-phase2")


@pytest.mark.parametrize(("before", "after"), [((), ("green",)), (("green",), ()), (("phase1",), ("phase2",)), (("phase3",), ("phase1",))])
async def test_flags(tmp_path: Path, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """The flag folder holds exactly the wanted flags, and what is not a release's is left as it is: maintenance mode, a handover's flag."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "x") as mine:
        await flags.write(one, mine, before)
        for standing in STANDING:
            (Path(one.paths.live) / standing).touch()
        await flags.write(one, mine, after)
    assert set(await flags.read(one)) == {*after, *STANDING}
    assert set(flags.traffic(await flags.read(one))) == set(after)


async def test_detached_steps_tell_how_they_ended(tmp_path: Path) -> None:
    """A detached step's last lines come back; its failure names step, host and exit code."""
    one = host(tmp_path)
    async with lease.held({"one": one}, "x") as mine:
        assert await detached.run(one, mine, "hello", ["echo", "it's $HOME `x`"], 10) == "it's $HOME `x`"
        with pytest.raises(CmctlError, match=r"broken failed on one \(exit 3\)") as caught:
            await detached.run(one, mine, "broken", ["sh", "-c", "echo why; exit 3"], 10)
        assert caught.value.why == "why"
        with pytest.raises(CmctlError, match="did not end within 0 s"):
            await detached.run(one, mine, "slow", ["sleep", "1"], 0)
        with pytest.raises(CmctlError, match=r"gone failed on one \(exit 137\)"):
            await detached.run(one, mine, "gone", ["sh", "-c", f"sleep 0.3; rm -rf {one.paths.run('gone')}"], 10)


async def test_what_outlives_its_controller_is_waited_for(tmp_path: Path) -> None:
    """The next command waits for a step that still runs, and does not mistake one that was ended for one that runs."""
    one = host(tmp_path)
    begun, marker = tmp_path / "begun", tmp_path / "done"
    async with lease.held({"one": one}, "x") as mine:
        started = asyncio.create_task(detached.run(one, mine, "long", ["sh", "-c", f"touch {begun}; sleep 0.4; touch {marker}"], 10))
        async with asyncio.timeout(5):
            while not begun.exists():
                await asyncio.sleep(0.01)
        started.cancel()
        await detached.settled(one)
        assert marker.exists()
        with pytest.raises(CmctlError, match=r"ended failed on one \(exit 137\)"):
            await detached.run(one, mine, "ended", ["sh", "-c", "kill -9 0"], 10)


async def test_a_canary_step_ends_by_itself_when_its_controller_is_gone(tmp_path: Path) -> None:
    """The host removes the flag after the step's time; a newer owner's flag of the same name is left alone."""
    one = host(tmp_path)
    flag = Path(one.paths.live) / "to-green-5"
    async with lease.held({"one": one}, "x") as mine:
        await flags.guard(one, mine, flag.name, 0.3)
        await flags.write(one, mine, (flag.name,))
        async with asyncio.timeout(10):
            while flag.exists():
                await asyncio.sleep(0.02)
        await flags.guard(one, mine, flag.name, 0.1)
    async with lease.held({"one": one}, "y") as newer:
        await flags.write(one, newer, (flag.name,))
        await asyncio.sleep(0.4)
        assert flag.exists()
