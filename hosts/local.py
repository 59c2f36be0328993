"""This machine as a host: the same commands that another host would get, without SSH."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from errors import CmctlError, Unreachable
from hosts.connection import Completed


class LocalConnection:
    """Runs programs as this user. A cancelled call ends its program and what that has started, but not what runs detached."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        process = await self._started(argv, stdin is not None)
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin), timeout_s)
        except TimeoutError as error:
            raise Unreachable(f"{argv[0]} on {self.name} did not end within {timeout_s:.0f} s", hint="cmctl doctor") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Completed(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))

    async def _started(self, argv: Sequence[str], fed: bool) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise Unreachable(f"{argv[0]} is not installed on {self.name}", hint="cmctl doctor --fix") from error
        except OSError as error:
            raise CmctlError(f"{argv[0]} cannot be started on {self.name}", why=str(error), hint="cmctl doctor") from error

    async def read(self, path: str) -> str | None:
        try:
            return await asyncio.to_thread(Path(path).read_text, "utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise CmctlError(f"{path} cannot be read on {self.name}", why=str(error)) from error
