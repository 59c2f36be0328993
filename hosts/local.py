"""This machine as a host: the same commands that another host would get, without SSH."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from errors import Unreachable
from hosts.connection import Completed, Connection


def no_engine(connection: Connection, why: str) -> Unreachable:
    """The error for a host whose container engine does not answer: doctor mends this machine's, and no other's."""
    there = f"cmctl drift --fix, or on {connection.name}: systemctl restart docker"
    hint = "cmctl doctor --fix" if isinstance(connection, LocalConnection) else there
    return Unreachable(f"the container engine on {connection.name} does not answer", why=why, hint=hint)


class LocalConnection:
    """Runs programs as this user. A cancelled call ends its program."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        try:
            process = await _started(argv, asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE)
        except FileNotFoundError as error:
            raise Unreachable(f"{argv[0]} is not installed on {self.name}", hint="cmctl doctor --fix") from error
        try:
            # Not wait_for, which forgets a cancellation that comes with the answer.
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate(stdin)
        except TimeoutError as error:
            raise Unreachable(f"{argv[0]} on {self.name} did not end within {timeout_s:.0f} s", hint="cmctl doctor") from error
        finally:
            await _ended(process)
        return Completed(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        await asyncio.to_thread(_write, Path(path), data, mode)

    async def read(self, path: str) -> str | None:
        try:
            return await asyncio.to_thread(Path(path).read_text, "utf-8")
        except FileNotFoundError:
            return None


async def _started(argv: Sequence[str], stdin: int) -> asyncio.subprocess.Process:
    """The program, whole: cancelled between its fork and its pipes, CPython 3.11 waits for ever for pipes that it has not connected."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True
        )
    )
    cancelled = False
    while not starting.done():
        try:
            await asyncio.wait([starting])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        if starting.exception() is None:
            await _ended(starting.result())
        raise asyncio.CancelledError
    return starting.result()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End the whole group: a child that keeps the pipes open would hold this call for as long as it lives."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), mode)
    Path(name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
