"""A connection that is cut at every place: what runs runs once at most, what is written is whole, and the answer says which."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from errors import Unreachable
from hosts import ssh_link
from hosts.ssh import SshConnection
from tests.hosts.sshd import Server, serving
from tests.hosts.wire import Wire

STEP = 97
ADD = ["sh", "-c", 'echo x >> "$1"', "x"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_link, "WAIT_S", (0.0, 0.001))


async def length(server: Server, folder: Path, work: Callable[[SshConnection], Awaitable[object]]) -> int:
    """How many bytes go over the wire for a piece of work, the login included."""
    async with Wire(server.port) as wire:
        await work(SshConnection("a", server.target(folder, port=wire.port)))
        return wire.passed


async def ended(server: Server) -> None:
    await asyncio.gather(*server.running, return_exceptions=True)


async def test_a_command_runs_once_at_most(tmp_path: Path) -> None:
    """Cut at every place, three connections in a row: an answer means that it ran once, exit 7 that it ran once or not at all."""
    async with serving() as server:
        total = await length(server, tmp_path, lambda host: host.run([*ADD, str(tmp_path / "dry")]))
        outcomes = set()
        for place in range(0, total + STEP, STEP):
            file = tmp_path / f"lines{place}"
            async with Wire(server.port, [place] * 3) as wire:
                try:
                    done = await SshConnection("a", server.target(tmp_path, port=wire.port)).run([*ADD, str(file)])
                    outcome = f"answer {done.code}"
                except Unreachable as error:
                    outcome = type(error).__name__
            await ended(server)
            lines = file.read_text().count("x") if file.exists() else 0
            outcomes.add((outcome, lines))
        print(f"{total // STEP + 1} places over {total} bytes: {sorted(outcomes)}")
        assert outcomes <= {("Refused", 0), ("Lost", 0), ("Lost", 1), ("answer 0", 1)}
        assert {("Refused", 0), ("Lost", 0), ("answer 0", 1)} <= outcomes


async def test_a_file_is_whole_wherever_the_link_breaks(tmp_path: Path) -> None:
    """Cut at every place of the first connection, a write still succeeds; cut three times, the file is the old or the new one."""
    old, new = b"old" * 100, b"new" * 2000
    async with serving() as server:
        total = await length(server, tmp_path, lambda host: host.write(str(tmp_path / "dry"), new))
        for cuts in (1, 3):
            for place in range(0, total, 8 * STEP):
                file = tmp_path / f"file{cuts}-{place}"
                file.write_bytes(old)
                async with Wire(server.port, [place] * cuts) as wire:
                    try:
                        await SshConnection("a", server.target(tmp_path, port=wire.port)).write(str(file), new)
                        outcome = {new}
                    except Unreachable:
                        assert cuts == 3
                        outcome = {old, new}
                await ended(server)
                assert file.read_bytes() in outcome
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".file")] == []
