"""Every connection keeps the same contract: this machine, and a machine over SSH, as root and as a user with sudo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hosts.connection import Connection
from hosts.local import LocalConnection
from hosts.ssh import SshConnection
from tests.hosts.contract import CLAIMS
from tests.hosts.sshd import Server, serving

Claim = Callable[[Connection, str], Awaitable[None]]
# The flags that the connection uses; then the command, as sudo would run it.
SUDO = '#!/bin/sh\n[ "$1 $2" = "-n --" ] || exit 9\nshift 2; exec "$@"\n'


@contextlib.asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Connection]:
    yield LocalConnection("here")


@contextlib.asynccontextmanager
async def ssh(folder: Path, user: str = "root") -> AsyncIterator[Connection]:
    programs = folder / "bin"
    programs.mkdir()
    (programs / "sudo").write_text(SUDO)
    (programs / "sudo").chmod(0o755)
    async with serving(Server(environment=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"})) as server:
        yield SshConnection("there", server.target(folder, user=user))


@contextlib.asynccontextmanager
async def ssh_with_sudo(folder: Path) -> AsyncIterator[Connection]:
    async with ssh(folder, "deploy") as host:
        yield host


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
@pytest.mark.parametrize("way", [local, ssh, ssh_with_sudo], ids=lambda way: way.__name__)
async def test_connection(way: Callable[[Path], contextlib.AbstractAsyncContextManager[Connection]], claim: Claim, tmp_path: Path) -> None:
    """Each claim of tests/hosts/contract.py holds for each kind of connection."""
    work = tmp_path / "work"
    work.mkdir()
    async with way(tmp_path) as host:
        await claim(host, str(work))


async def test_a_cancellation_with_the_answer_counts() -> None:
    """Ctrl-C in the very turn in which a program's answer arrives is not forgotten."""
    for number in range(150):
        call = asyncio.create_task(LocalConnection("here").run(["true"]))
        end = time.perf_counter() + number % 50 * 0.0002
        while time.perf_counter() < end and not call.done():
            await asyncio.sleep(0)
        if call.cancel():
            await asyncio.wait([call])
            assert call.cancelled()
