"""Load workers on hosts: led through the SSH connection, gone at the end, and told apart when they do not come. The engine is a script."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from hosts import load_workers, ssh_link
from hosts.beside import beside
from hosts.fleet import Host, connect
from hosts.load_workers import Crew, at_work
from layout.release import Target
from tests.hosts.sshd import Server, serving

# A container is a file that holds its arguments, as long as its worker runs. A worker says its host's name to its leader and waits for a word.
DOCKER = f"""#!{sys.executable}
import os, socket, sys, time
from pathlib import Path
engine, args = Path(os.environ["ENGINE"]), sys.argv[1:]
if args[:2] == ["image", "inspect"]:
    print(args[-1])
elif args[0] == "ps":
    print(*[path.name for path in engine.iterdir()], sep="\\n")
elif args[0] == "inspect":
    print(4711)
elif args[0] == "rm":
    for name in args[2:]:
        (engine / name).unlink(missing_ok=True)
elif args[0] == "run":
    container = engine / args[args.index("--name") + 1]
    container.write_text(" ".join(args))
    if os.environ.get("WORKER") == "broken":
        container.unlink()
        sys.exit("ModuleNotFoundError: No module named 'locust'")
    place, name = args[args.index("--worker") + 1:]
    while container.exists() and os.environ.get("WORKER") != "idle":
        try:
            with socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2]))) as leader:
                leader.sendall(name.encode())
                word = leader.recv(10)
        except ConnectionError:  # no leader yet, and the end came before the name had gone
            word = b""
        if word == b"bye":
            container.unlink()
            break
        if word == b"die":
            container.unlink()
            sys.exit(137)
        time.sleep(0.02)
    while container.exists():
        time.sleep(0.02)
"""
CREW = Crew("0123abcd", "sha256:" + "1" * 64, ("a", "b", "b"))


class Rig:
    """Two hosts, an engine each, and what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.targets: dict[str, Target] = {}
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("docker", DOCKER), ("chrt", f'#!/bin/sh\necho "$@" >> {folder}/chrt\n')):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)

    @property
    def hosts(self) -> dict[str, Host]:
        return connect("load", self.targets)

    def containers(self) -> list[str]:
        return sorted(path.name for host in ("a", "b") for path in (self.folder / host).iterdir())

    def server(self, name: str, **more: str) -> Server:
        (self.folder / name).mkdir()
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return Server(environment={**os.environ, "PATH": path, "ENGINE": str(self.folder / name), **more})


@asynccontextmanager
async def rig(folder: Path, **more: str) -> AsyncIterator[Rig]:
    """`more` are variables of host b's programs."""
    found = Rig(folder)
    async with serving(found.server("a")) as a, serving(found.server("b", **more)) as b:
        found.targets = {"a": a.target(folder), "b": b.target(folder)}
        yield found


@asynccontextmanager
async def leader(port: int, word: bytes = b"bye") -> AsyncIterator[list[str]]:
    """Listens where the workers look, notes who came, and says the word when the block ends."""
    came: list[str] = []
    over = asyncio.Event()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append((await reader.read(10)).decode())
        await over.wait()
        writer.write(word)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(lead, "127.0.0.1", port):
        try:
            yield came
        finally:
            over.set()
            await asyncio.sleep(0.1)


async def until(came: list[str], count: int) -> None:
    async with asyncio.timeout(10):
        while len(came) < count:
            await asyncio.sleep(0.01)


async def test_workers_find_their_leader_through_ssh_and_end_with_it(tmp_path: Path) -> None:
    """One worker for each seat calls a loopback port of its host and is led to the leader here, also when that comes later."""
    async with rig(tmp_path) as hosts:
        async with at_work(hosts.hosts, CREW, hosts.said.append) as port:
            assert hosts.containers() == ["cmctl-load-0123abcd-1", "cmctl-load-0123abcd-2", "cmctl-load-0123abcd-3"]
            arguments = (tmp_path / "a" / "cmctl-load-0123abcd-1").read_text()
            async with leader(port) as came:
                await until(came, 3)
        assert sorted(came) == ["a", "b", "b"]
        assert hosts.containers() == []
    assert {"--rm", "--read-only", "--cap-drop", "--pids-limit", "--network"} <= set(arguments.split())
    assert "--cap-add" not in arguments
    assert (tmp_path / "chrt").read_text().splitlines() == ["--all-tasks --rr --pid 1 4711"] * 3
    assert hosts.said == []


async def test_a_failed_load_test_ends_its_workers_at_once(tmp_path: Path) -> None:
    """An error in the block ends workers that no leader says good-bye to, and stays the error."""
    async with rig(tmp_path) as hosts:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ValueError, match="the test itself"):
            async with at_work(hosts.hosts, CREW, hosts.said.append):
                raise ValueError("the test itself")
        assert hosts.containers() == []
        assert asyncio.get_running_loop().time() - begun < load_workers.GOODBYE_S


async def test_a_worker_that_cannot_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    """A worker that ends before it calls is exit 7 with its host and what it said; the others are ended."""
    async with rig(tmp_path, WORKER="broken") as hosts:
        with pytest.raises(Unreachable, match="b: its load worker ended at once") as caught:
            async with at_work(hosts.hosts, CREW, hosts.said.append):
                raise AssertionError("a block without all of its workers")
        assert "No module named 'locust'" in str(caught.value)
        assert hosts.containers() == []


async def test_a_worker_that_never_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts and does not call is waited for no longer than its time, and ended."""
    monkeypatch.setattr(load_workers, "START_S", 0.5)
    async with rig(tmp_path, WORKER="idle") as hosts:
        with pytest.raises(Unreachable, match="b: its load worker did not call"):
            async with at_work(hosts.hosts, CREW, hosts.said.append):
                raise AssertionError("a block without all of its workers")
        assert hosts.containers() == []


async def test_a_host_that_is_not_there_is_named_before_any_worker_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that cannot be reached is exit 7 with its name; on the other nothing is left."""
    monkeypatch.setattr(ssh_link, "WAIT_S", (0.01, 0.02))
    async with rig(tmp_path) as hosts:
        hosts.targets["b"] = hosts.targets["b"].model_copy(update={"port": 1})
        with pytest.raises(Unreachable, match="b: "):
            async with at_work(hosts.hosts, CREW, hosts.said.append):
                raise AssertionError("a block without all of its workers")
        assert hosts.containers() == []


async def test_a_lost_worker_is_told(tmp_path: Path) -> None:
    """A worker that dies while the load test goes on is told with its host once the test is over."""
    async with rig(tmp_path) as hosts:
        async with at_work(hosts.hosts, Crew("0123abcd", CREW.image, ("a",)), hosts.said.append) as port:
            async with leader(port, b"die") as came:
                await until(came, 1)
            await asyncio.sleep(0.3)
        assert hosts.said == ["a: its load worker was lost: exit 137"]


async def test_this_machine_is_no_host_for_workers(tmp_path: Path) -> None:
    """A host that is this machine is refused: the leader starts its own processes here."""
    async with rig(tmp_path) as hosts:
        hosts.targets["a"] = Target(connection="local", address="127.0.0.1", root=str(tmp_path))
        with pytest.raises((CmctlError, Unreachable)):
            async with at_work(hosts.hosts, CREW, hosts.said.append):
                raise AssertionError("a block without all of its workers")


class Context:
    """An asynchronous context that notes how it was left."""

    def __init__(self, broken: bool = False) -> None:
        self.broken, self.seen = broken, list[str]()

    async def __aenter__(self) -> int:
        await asyncio.sleep(0)
        if self.broken:
            raise CmctlError("not today")
        return 7

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await asyncio.sleep(0)
        self.seen.append(kind.__name__ if kind else "")


def test_a_context_beside_a_block() -> None:
    """A block without a loop gets the context's value, and the context hears how the block ended, once."""
    whole, hurt = Context(), Context()
    with beside(whole) as value:
        assert (value, whole.seen) == (7, [])
    with pytest.raises(KeyboardInterrupt), beside(hurt):
        raise KeyboardInterrupt
    assert (whole.seen, hurt.seen) == ([""], ["CancelledError"])


def test_a_context_that_cannot_be_entered() -> None:
    """What the context raises when it is entered is raised here, and the block does not run."""
    with pytest.raises(CmctlError, match="not today"), beside(Context(broken=True)):
        raise AssertionError("the block")
