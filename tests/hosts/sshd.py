"""An SSH server in this process, for fast tests: it runs what it is told as this user, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from layout.release import Target


@dataclass
class Server:
    """What a server saw: logins that were tried, sessions that are open at once, connections."""

    port: int = 0
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    user_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    certificate: asyncssh.SSHCertificate | None = None
    environment: dict[str, str] | None = None
    offering: bool = True
    noise: str = ""
    logins: list[str] = field(default_factory=list)
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    open: int = 0
    most: int = 0
    forwarding: bool = True
    cut_next: int = 0
    deaf_after: int = 0
    running: set[asyncio.Task[None]] = field(default_factory=set)

    def pin(self) -> str:
        return self.host_key.export_public_key().decode().strip()

    def identity(self, folder: Path) -> str:
        """A file with the private key that this server lets in."""
        path = folder / f"id_{self.user_key.get_fingerprint()[-8:].replace('/', '_')}"
        path.touch(mode=0o600)
        path.write_bytes(self.user_key.export_private_key())
        return str(path)

    def target(self, folder: Path, **changes: Any) -> Target:
        """How this server is reached, its key pinned, with an identity that it lets in."""
        identity = self.identity(folder)
        facts = {"connection": "ssh", "address": "127.0.0.1", "root": str(folder), "user": "root", "port": self.port}
        return Target.model_validate(facts | {"identity": identity, "host_key": self.pin()} | changes)


class _Door(asyncssh.SSHServer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.server.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        self.server.logins.append(username)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data == self.server.user_key.public_data

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return self.server.forwarding

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return self.server.offering


@contextlib.asynccontextmanager
async def serving(server: Server | None = None) -> AsyncIterator[Server]:
    """A server on a free port of the loopback."""
    server = server or Server()
    listener = await asyncssh.create_server(
        lambda: _Door(server),
        "127.0.0.1",
        server.port,
        server_host_keys=[(server.host_key, server.certificate) if server.certificate else server.host_key],
        process_factory=lambda process: _begin(server, process),
        encoding=None,
    )
    server.port = listener.get_port()
    try:
        yield server
    finally:
        listener.close()
        for connection in server.connections:
            connection.abort()
        for task in server.running:
            task.cancel()
        await asyncio.gather(*server.running, return_exceptions=True)
        await listener.wait_closed()


def _begin(server: Server, process: asyncssh.SSHServerProcess[bytes]) -> None:
    task = asyncio.ensure_future(_run(server, process))
    server.running.add(task)
    task.add_done_callback(server.running.discard)


async def _run(server: Server, process: asyncssh.SSHServerProcess[bytes]) -> None:
    server.commands.append(process.command or "")
    if server.cut_next:
        server.cut_next -= 1
        server.connections[-1].abort()
        return
    server.open += 1
    server.most = max(server.most, server.open)
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", f"{server.noise}exec {process.command}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=server.environment, start_new_session=True,
    )  # fmt: skip
    feeding = asyncio.create_task(_feed(server, process.stdin, child.stdin))
    try:
        await asyncio.gather(_tell(child.stdout, process.stdout), _tell(child.stderr, process.stderr))
        code = await child.wait()
        if code < 0:
            process.exit_with_signal({-9: "KILL", -15: "TERM"}[code])
        else:
            process.exit(code)
    finally:
        feeding.cancel()
        server.open -= 1
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


async def _feed(server: Server, source: Any, sink: Any) -> None:
    """Pass stdin on; a server that is deaf after some bytes loses its connection there, as sshd would, and closes the pipe."""
    passed = 0
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(10_000):
            sink.write(data)
            await sink.drain()
            passed += len(data)
            if server.deaf_after and passed >= server.deaf_after:
                server.connections[-1].abort()
                break
    sink.close()


async def _tell(source: Any, sink: Any) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
