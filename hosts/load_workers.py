"""Load workers on hosts: a container each, which finds its leader on this machine through its host's own SSH connection.

The leader listens on this machine's loopback and each worker calls a port of its host's loopback, so nothing that they
say to each other crosses a network unencrypted, and no port is opened to anybody else on a machine that others can reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import asyncssh

from errors import CmctlError, Unreachable
from hosts import transfer
from hosts.connection import Completed
from hosts.fleet import Host, together
from hosts.ssh import SshConnection

Report = Callable[[str], None]
# A soak of an hour, and what comes around it.
LIMIT_S = 7200.0
START_S = 60.0
# The leader's good-bye ends them; who has not heard it by then is ended.
GOODBYE_S, GONE_S = 5.0, 10.0
AGAIN_S = 0.2
LABEL = "io.cmctl.load"
# What a worker may: send, and write into its own memory. Its host's network, because a bridge would be part of what is measured.
CLOSED = (
    "--network", "host", "--read-only", "--tmpfs", "/tmp:size=16m,mode=1777",  # noqa: S108 - the container's own
    "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--pids-limit", "128", "--user", "10001:10001", "--pull", "never",
)  # fmt: skip
# As loadtests/priority.py has it, where a process may do that itself.
PRIORITY = 1
TAIL_LINES = 12


@dataclass(frozen=True)
class Crew:
    """The workers of the load test `run`: `seats` are the hosts they sit on, one entry a worker; `image` is an image id."""

    run: str
    image: str
    seats: tuple[str, ...]

    def name(self, number: int) -> str:
        """A worker's container."""
        return f"cmctl-load-{self.run}-{number}"


class Post:
    """One worker at its place. `came` is set once it has called its leader's port."""

    def __init__(self, host: Host, name: str, crew: Crew, leader: int) -> None:
        self.host, self.name, self._crew, self._leader = host, name, crew, leader
        self.came = asyncio.Event()

    async def work(self) -> Completed:
        """Run the worker to its end."""
        if not isinstance(self.host.connection, SshConnection):
            raise CmctlError(f"{self.host.name} is this machine", hint="cmctl loadtest --processes 2")
        async with self.host.connection.offered(self._lead) as port:
            return await self.host.connection.run(self.command(port), timeout_s=LIMIT_S)

    def command(self, port: int) -> list[str]:
        names = ["--name", self.name, "--label", f"{LABEL}={self._crew.run}"]
        # A leader that died before they met is waited for no longer than this.
        waits = ["--env", f"CMCTL_GATHER_S={START_S:.0f}"]
        worker = ["--worker", f"127.0.0.1:{port}", self.host.name]
        return ["docker", "run", "--rm", *names, *waits, *CLOSED, self._crew.image, *worker]

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the worker, led to the leader; ended when there is none yet: the worker calls again."""
        self.came.set()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._leader)
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass(reader, back))
            both.create_task(_pass(there, writer))


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until either side ends; then the other hears of it."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@contextlib.asynccontextmanager
async def at_work(hosts: Mapping[str, Host], crew: Crew, report: Report) -> AsyncIterator[int]:
    """Workers that wait for a leader on the port of this machine's loopback that is given; gone at the end of the block.

    Raises Unreachable, for all hosts at once, and CmctlError where a worker ends instead of calling.
    """
    await transfer.images(hosts, dict.fromkeys(hosts, (crew.image,)), report)
    port = _free_port()
    posts = [Post(hosts[seat], crew.name(number), crew, port) for number, seat in enumerate(crew.seats, 1)]
    work = {post: asyncio.create_task(post.work()) for post in posts}
    farewell_s = 0.0
    try:
        await _all_there(work)
        await asyncio.gather(*(_ahead(post, report) for post in posts))
        yield port
        farewell_s = GOODBYE_S
    finally:
        await _end(work, farewell_s, report)
        await asyncio.gather(*(_clear(hosts[name], crew, report) for name in dict.fromkeys(crew.seats)))


async def _all_there(work: Mapping[Post, asyncio.Task[Completed]]) -> None:
    """Return when each worker has called. Raises the reasons of those that did not."""
    came = [asyncio.create_task(post.came.wait()) for post in work]
    waiting = [asyncio.create_task(_first(call, task)) for call, task in zip(came, work.values(), strict=True)]
    try:
        await asyncio.wait(waiting, timeout=START_S)
    finally:
        for task in (*came, *waiting):
            task.cancel()
    failures = [_failure(post, task) for post, task in work.items() if not post.came.is_set()]
    if failures:
        raise together(failures)


async def _first(call: asyncio.Task[bool], task: asyncio.Task[Completed]) -> None:
    await asyncio.wait([call, task], return_when=asyncio.FIRST_COMPLETED)


def _failure(post: Post, task: asyncio.Task[Completed]) -> Unreachable:
    if not task.done():
        return Unreachable(f"{post.host.name}: its load worker did not call within {START_S:.0f} s", hint="is the machine overloaded?")
    error = task.exception()
    if isinstance(error, Unreachable):
        return error
    if error:
        raise error
    return Unreachable(f"{post.host.name}: its load worker ended at once (exit {task.result().code})", why=_tail(task.result()))


def _ill(task: asyncio.Task[Completed]) -> str:
    """How a worker ended that should not have; empty where it ended well."""
    if error := task.exception():
        return error.what if isinstance(error, CmctlError) else str(error)
    done = task.result()
    return f"exit {done.code} {_tail(done)}".strip() if done.code else ""


def _tail(done: Completed) -> str:
    return "\n".join((done.stderr or done.stdout).strip().splitlines()[-TAIL_LINES:])


async def _ahead(post: Post, report: Report) -> None:
    """Let a worker run ahead of others on its host, where the kernel lets a container: told from outside, so that it needs no capability."""
    try:
        found = await post.host.connection.run(["docker", "inspect", "--format", "{{.State.Pid}}", post.name])
        done = await post.host.connection.run(["chrt", "--all-tasks", "--rr", "--pid", str(PRIORITY), found.stdout.strip()])
        why = _tail(done) if done.code else ""
    except Unreachable as error:
        why = error.what
    if why:
        report(f"{post.host.name}: its worker has no real-time priority, so it may be late ({why})")


async def _end(work: Mapping[Post, asyncio.Task[Completed]], farewell_s: float, report: Report) -> None:
    """End those that have not heard their leader's good-bye by then, and tell those that were lost before."""
    await asyncio.wait(work.values(), timeout=farewell_s)
    for post, task in work.items():
        if post.came.is_set() and task.done() and (why := _ill(task)):
            report(f"{post.host.name}: its load worker was lost: {why}")
        task.cancel()
    await asyncio.gather(*work.values(), return_exceptions=True)


async def _clear(host: Host, crew: Crew, report: Report) -> None:
    """No container of this run is left on the host, or it is told."""
    mine = ["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}={crew.run}"]
    try:
        async with asyncio.timeout(GONE_S):
            while left := (await host.connection.run(mine)).stdout.split():
                await host.connection.run(["docker", "rm", "--force", *left])
                await asyncio.sleep(AGAIN_S)
    except (Unreachable, TimeoutError) as error:
        why = error.what if isinstance(error, Unreachable) else f"no answer within {GONE_S:.0f} s"
        report(f"{host.name}: whether its load worker is gone is not known ({why}); without its leader it ends by itself")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
