"""A machine reached over SSH as a host: the same commands that this machine would get, run as root there.

A user other than root goes through `sudo -n`. Everything that runs there ends by itself a little after its limit, so that a
connection that breaks leaves nothing behind; and what a program reads from stdin reaches it whole or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncssh

from errors import CmctlError, Unreachable
from hosts.connection import REPLACE, Completed
from hosts.ssh_errors import Lost, NoAnswer, NoSudo
from hosts.ssh_link import ATTEMPTS, Link, link
from layout.release import Target

Value = TypeVar("Value")
START_S = 15.0
AGAIN_S = 0.1
END_S = 3.0
# How much longer than here a program may run there.
GRACE_S = 5
NOT_THERE = 66
# $1 limit in seconds, $2 bytes of stdin or -, then the command. A line on both outputs tells its process group; what comes before
# it is the login's own talk. Stdin is spooled in memory, in a file without a name: secrets in it are gone with the program, however
# it ends, and a full disk is in nobody's way.
RUN = """
echo "cmctl-run $$"; echo "cmctl-run $$" >&2; limit=$1 size=$2; shift 2
if [ "$size" != - ]; then
  all=$(mktemp -p /dev/shm 2> /dev/null || mktemp) && exec 3<> "$all" && rm "$all" && cat >&3 &&
    [ "$(stat -L -c %s /proc/self/fd/3)" = "$size" ] || { echo cmctl-no-stdin >&2; exit 74; }
  exec < /proc/self/fd/3 3>&-
fi
exec timeout -s KILL "$limit" "$@"
"""
# $1 process group, or a process that has not become one yet
END = 'kill -s KILL -- "-$1" 2>/dev/null || kill -s KILL "$1"'
READ = f'[ -e "$1" ] || exit {NOT_THERE}; cat "$1"'
STARTED = re.compile(rb"^cmctl-run (\d+)\n", re.MULTILINE)
NO_PROGRAM = "timeout: failed to run command"
NO_STDIN = "cmctl-no-stdin\n"


class SshConnection:
    """One host. Raises one of hosts/ssh_errors.py; a cancelled call ends its program there."""

    def __init__(self, name: str, target: Target, own: Link | None = None) -> None:
        self.name = name
        self._target = target
        self._own = own

    def _way(self) -> Link:
        return self._own or link(self.name, self._target)

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        way = self._way()
        size = "-" if stdin is None else str(len(stdin))
        async with way.sessions:
            process = await self._start(way, ["sh", "-c", RUN, "run", f"{timeout_s + GRACE_S:g}", size, *argv])
            try:
                async with asyncio.timeout(timeout_s):
                    out, err = await _talk(process, stdin)
            except TimeoutError as error:
                await self._end(way, process)
                raise Unreachable(
                    f"{argv[0]} on {self.name} did not end within {timeout_s:.0f} s", hint="is the machine overloaded?"
                ) from error
            except asyncio.CancelledError:
                await asyncio.shield(self._end(way, process))
                raise
            except (OSError, asyncssh.Error) as error:
                raise self._lost(argv[0], str(error)) from error
            finally:
                process.close()
        return self._completed(argv[0], process.returncode, out, err)

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        argv = ["sh", "-c", REPLACE, "write", path, f"{mode:o}"]
        done = await repeated(lambda: self.run(argv, stdin=data))
        if done.code:
            raise CmctlError(f"{path} cannot be written on {self.name}", why=done.stderr.strip())

    async def read(self, path: str) -> str | None:
        done = await repeated(lambda: self.run(["sh", "-c", READ, "read", path]))
        if done.code == NOT_THERE:
            return None
        if done.code:
            raise CmctlError(f"{path} cannot be read on {self.name}", why=done.stderr.strip())
        return done.stdout

    @contextlib.asynccontextmanager
    async def offered(self, serve: Callable[[Any, Any], Awaitable[None]]) -> AsyncIterator[int]:
        """A port of the host's own loopback; whoever connects to it there is served here, over this connection."""
        connection = await self._way().opened()
        try:
            listener = await connection.start_server(lambda _host, _port: serve, "127.0.0.1", 0)
        except asyncssh.ChannelListenError as error:
            raise Unreachable(
                f"{self.name}: sshd does not let a port be offered", why=str(error),
                hint="in its sshd_config: AllowTcpForwarding yes (or remote), then systemctl reload ssh",
            ) from error  # fmt: skip
        try:
            yield listener.get_port()
        finally:
            listener.close()
            with contextlib.suppress(OSError, asyncssh.Error, TimeoutError):
                async with asyncio.timeout(END_S):
                    await listener.wait_closed()

    async def _start(self, way: Link, argv: Sequence[str]) -> asyncssh.SSHClientProcess[bytes]:
        connection = await way.opened()
        try:
            async with asyncio.timeout(START_S):
                return await _process(connection, self._line(argv))
        except TimeoutError as error:
            raise NoAnswer(
                f"{self.name}: {way.where} starts no program within {START_S:.0f} s", hint="is the machine overloaded?"
            ) from error
        except (OSError, asyncssh.Error) as error:
            raise self._lost("a program", str(error)) from error

    def _line(self, argv: Sequence[str]) -> str:
        become = [] if self._target.user in {"", "root"} else ["sudo", "-n", "--"]
        return shlex.join(["env", "LC_ALL=C.UTF-8", *become, *argv])

    async def _end(self, way: Link, process: asyncssh.SSHClientProcess[bytes]) -> None:
        """Kill the program's process group there; it has its own limit too, so this may fail."""
        with contextlib.suppress(Unreachable, OSError, asyncssh.Error, TimeoutError):
            async with asyncio.timeout(END_S):
                group = await _group(process)
                process.close()
                async with way.endings:
                    connection = await way.opened()
                    await connection.run(self._line(["sh", "-c", END, "end", group]), stdin=asyncssh.DEVNULL)

    def _completed(self, program: str, code: int | None, out: bytes, err: bytes) -> Completed:
        if code is None:
            raise self._lost(program, "it ended without an answer")
        started, started_err = STARTED.search(out), STARTED.search(err)
        if started is None or started_err is None:
            raise self._no_sudo(err.decode(errors="replace").strip())
        stderr = err[started_err.end() :].decode(errors="replace")
        if code in {126, 127} and NO_PROGRAM in stderr:
            raise Unreachable(f"{program} is not installed on {self.name}", hint=f"cmctl host add {self.name} makes the machine ready")
        if code == 74 and stderr.endswith(NO_STDIN):
            raise CmctlError(
                f"{self.name} has no room for what {program} reads", why=stderr.removesuffix(NO_STDIN).strip(), hint="df -h, there"
            )
        return Completed(code, out[started.end() :].decode(errors="replace"), stderr)

    def _no_sudo(self, said: str) -> NoSudo:
        user = self._target.user
        why = "sudo asks for a password" if "password" in said else "sudo or sh does not run there"
        return NoSudo(
            f"{self.name}: {user} may not become root without a password", why=f"{why}: {said or 'it says nothing'}",
            hint=f"on the machine, as root: echo '{user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{user}; or give user: root",
        )  # fmt: skip

    def _lost(self, program: str, why: str) -> Lost:
        return Lost(
            f"the connection to {self.name} was lost while {program} ran",
            why=f"{why}; it may go on there until its limit", hint="run the same command again: it goes on from where this one stopped",
        )  # fmt: skip


@contextlib.asynccontextmanager
async def fresh(name: str, target: Target) -> AsyncIterator[SshConnection]:
    """A connection of its own, closed at the end: it proves that the way in is open now, whatever older connections say."""
    own = link(name, target, shared=False)
    try:
        yield SshConnection(name, target, own)
    finally:
        await own.close()


async def _process(connection: asyncssh.SSHClientConnection, line: str) -> asyncssh.SSHClientProcess[bytes]:
    """Start a program. sshd counts a session until it has buried its program, so a refused one is asked for again: nothing ran."""
    while True:
        try:
            return await connection.create_process(line, encoding=None)
        except asyncssh.ChannelOpenError:
            if connection.is_closed():
                raise
        await asyncio.sleep(AGAIN_S)


async def _talk(process: asyncssh.SSHClientProcess[bytes], stdin: bytes | None) -> tuple[bytes, bytes]:
    if not stdin:
        process.stdin.write_eof()
    return await process.communicate(stdin)


async def _group(process: asyncssh.SSHClientProcess[bytes]) -> str:
    """The number of the program's process group: its first line on stderr, which may still be under way."""
    said = b""
    while True:
        said += process.collect_output()[1]
        if found := STARTED.search(said):
            return found[1].decode()
        await asyncio.sleep(AGAIN_S)


async def repeated(work: Callable[[], Awaitable[Value]]) -> Value:
    """`work` again when the connection was lost, at most three times in all. Only for what does the same when it is done twice."""
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(Lost):
            return await work()
    return await work()
