"""One connection per machine, reused, bounded, through a jump host where there is one, and gone with the event loop."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncssh
import pytest

from errors import Unreachable
from hosts import ssh_link
from hosts.fleet import connect, each
from hosts.ssh import SshConnection, fresh
from hosts.ssh_errors import KeyChanged, Lost, Refused
from layout.release import Login
from tests.hosts.sshd import Server, serving
from tests.hosts.wire import Wire


async def test_one_connection_is_reused(tmp_path: Path) -> None:
    """However often a stack's hosts are connected to in one command, a machine is logged in to once, and runs at most 8
    programs at a time."""
    async with serving() as server:
        for _ in range(3):
            hosts = connect("stack", {"a": server.target(tmp_path)})
            await asyncio.gather(*(hosts["a"].connection.run(["sleep", "0.03"]) for _ in range(20)))
        assert len(server.connections) == 1
        assert server.most == ssh_link.SESSIONS


async def test_machines_are_worked_on_at_once(tmp_path: Path) -> None:
    """Four machines that need 0.5 s each take together hardly longer than one."""
    async with serving() as one, serving() as two, serving() as three, serving() as four:
        targets = {f"h{number}": server.target(tmp_path) for number, server in enumerate((one, two, three, four))}
        begun = time.monotonic()
        await each(connect("stack", targets), lambda host: host.connection.run(["sleep", "0.5"]))
        assert time.monotonic() - begun < 1.8


async def test_a_relative_identity_lies_under_the_home(private_home: Path) -> None:
    """`lab/id` is looked for under cmctl's home, wherever the command is typed."""
    async with serving() as server:
        (private_home / "lab").mkdir(parents=True)
        Path(server.identity(private_home / "lab")).rename(private_home / "lab" / "id")
        host = SshConnection("a", server.target(private_home, identity="lab/id"))
        assert (await host.run(["echo", "in"])).stdout == "in\n"


def test_the_connection_ends_with_the_loop(tmp_path: Path) -> None:
    """After a command's loop has ended nothing is left open, and the next loop connects anew."""

    async def command() -> int:
        async with serving() as server:
            await SshConnection("a", server.target(tmp_path)).run(["true"])
            return len(server.connections)

    assert [asyncio.run(command()) for _ in range(2)] == [1, 1]


async def test_a_fresh_connection_asks_the_machine_anew(tmp_path: Path) -> None:
    """Beside the shared connection another one logs in by itself and is gone afterwards; the shared one goes on."""
    async with serving() as server:
        host = SshConnection("a", server.target(tmp_path))
        await host.run(["true"])
        async with fresh("a", server.target(tmp_path)) as other:
            assert (await other.run(["echo", "in"])).stdout == "in\n"
        assert len(server.connections) == 2
        await server.connections[1].wait_closed()
        assert (await host.run(["echo", "in"])).stdout == "in\n"
        assert len(server.connections) == 2


async def test_a_port_is_offered_on_the_host(tmp_path: Path) -> None:
    """Whoever connects to the port on the host's loopback is served from here, and after it nobody is."""
    async with serving() as server:
        host = SshConnection("a", server.target(tmp_path))

        async def serve(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
            writer.write(b"you said " + await reader.readline())
            writer.close()

        async with host.offered(serve) as port:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            back.write(b"hello\n")
            assert await there.read() == b"you said hello\n"
            back.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_an_sshd_that_lets_no_port_be_offered(tmp_path: Path) -> None:
    """The text names the setting."""
    async with serving(Server(offering=False)) as server:
        with pytest.raises(Unreachable, match="does not let a port be offered") as caught:
            async with SshConnection("a", server.target(tmp_path)).offered(lambda _reader, _writer: asyncio.sleep(0)):
                pass
        assert "AllowTcpForwarding" in caught.value.hint


async def test_through_a_jump_host(tmp_path: Path) -> None:
    """The jump host is logged in to once for all machines behind it, and both keys are pinned."""
    async with serving() as door, serving() as one, serving() as two:
        jump = Login(address="127.0.0.1", port=door.port, user="root", identity=door.identity(tmp_path), host_key=door.pin())
        targets = {
            "one": one.target(tmp_path, jump=jump),
            "two": two.target(tmp_path, jump=jump),
        }
        done = await each(connect("stack", targets), lambda host: host.connection.run(["echo", host.name]))
        assert {name: one.stdout for name, one in done.items()} == {"one": "one\n", "two": "two\n"}
        assert (len(door.connections), door.commands) == (1, [])


async def test_a_false_jump_host(tmp_path: Path) -> None:
    """A jump host with another key is refused, and the machine behind it is not spoken to."""
    async with serving() as door, serving() as one:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        jump = Login(address="127.0.0.1", port=door.port, user="root", identity=door.identity(tmp_path), host_key=other)
        with pytest.raises(KeyChanged, match="one's jump host"):
            await SshConnection("one", one.target(tmp_path, jump=jump)).run(["true"])
        assert (door.logins, one.connections) == ([], [])


async def test_a_jump_host_that_lets_nothing_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forwarding that is switched off is told as such."""
    monkeypatch.setattr(ssh_link, "WAIT_S", (0.0, 0.01))
    async with serving(Server(forwarding=False)) as door, serving() as one:
        jump = Login(address="127.0.0.1", port=door.port, user="root", identity=door.identity(tmp_path), host_key=door.pin())
        with pytest.raises(Refused, match=r"through 127\.0\.0\.1 is not let through"):
            await SshConnection("one", one.target(tmp_path, jump=jump)).run(["true"])


async def test_a_dead_peer_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that goes silent without a word ends the call after a few unanswered questions: 12 s as it is set, here 0.6 s."""
    assert ssh_link.ALIVE_S * (ssh_link.ALIVE_ASKED + 1) <= 15
    monkeypatch.setattr(ssh_link, "ALIVE_S", 0.2)
    async with serving() as server, Wire(server.port) as cut:
        host = SshConnection("a", server.target(tmp_path, port=cut.port, host_key=server.pin()))
        call = asyncio.create_task(host.run(["sleep", "20"]))
        while not server.open:
            await asyncio.sleep(0.01)
        cut.silent = True
        begun = time.monotonic()
        with pytest.raises(Lost):
            await call
        assert time.monotonic() - begun < 3
