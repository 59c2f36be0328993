"""One SSH connection per machine, opened when it is first needed, used by all that runs there, closed with the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from random import SystemRandom

import asyncssh

from hosts import ssh_keys, ssh_pins
from hosts.ssh_errors import NoAnswer, Refused, told
from hosts.ssh_keys import Keys
from hosts.ssh_pins import Guard, Pins
from layout.release import Login, Target

ATTEMPTS = 3
CONNECT_S = 8.0
# Before the second attempt twice this, before the third four times.
WAIT_S = (0.2, 0.6)
# After a host was given up, a command tries once until this long has passed: a dead host costs a fleet little.
GIVEN_UP_S = 15.0
# Silence of 4 s is asked about twice: a dead peer is noticed within 12 s.
ALIVE_S, ALIVE_ASKED = 4, 2
CLOSE_S = 1.0
# sshd's default is ten sessions a connection; one more is needed to end a program that took too long.
SESSIONS = 8

_CHANCE = SystemRandom()
_LINKS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[Login, Login | None], Link]] = weakref.WeakKeyDictionary()


class Link:
    """The connection to one machine. `sessions` and `endings` hold back what sshd would refuse."""

    def __init__(self, name: str, login: Login, door: Link | None) -> None:
        self.name, self.login, self._door = name, login, door
        self.sessions, self.endings = asyncio.Semaphore(SESSIONS), asyncio.Semaphore(1)
        self._opening = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._given_up = -GIVEN_UP_S

    @property
    def where(self) -> str:
        through = f" through {self._door.login.address}" if self._door else ""
        return f"{self.login.address} port {self.login.port}{through}"

    async def opened(self) -> asyncssh.SSHClientConnection:
        """The connection, made when there is none. Raises one of hosts/ssh_errors.py after at most three attempts."""
        async with self._opening:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._open()
                self._keeper = asyncio.create_task(_keep(self._connection))
            return self._connection

    async def close(self) -> None:
        """End the connection, and that of a jump host that only this link uses."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._door is not None:
            await self._door.close()

    async def _open(self) -> asyncssh.SSHClientConnection:
        tunnel = await self._door.opened() if self._door else None
        attempts = 1 if time.monotonic() - self._given_up < GIVEN_UP_S else ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                return await self._attempt(tunnel)
            except (Refused, NoAnswer):
                if attempt == attempts:
                    self._given_up = time.monotonic()
                    raise
            await asyncio.sleep(_CHANCE.uniform(*WAIT_S) * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
        known = ssh_pins.pins(self.login)
        keys = await ssh_keys.keys(self.name, self.login)
        try:
            return await self._knock(known, keys, tunnel)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise told(error, self.name, self.login, self.where, keys.told, CONNECT_S) from error
        finally:
            keys.close()

    async def _knock(self, known: Pins, keys: Keys, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
        """Connect; another key than the pinned one is looked at, so that it can be shown, and refused."""
        offered: asyncssh.SSHKey | None = None
        for family in known.families() or ((),):
            guard = Guard(known)
            try:
                return await _connect(self.login, guard, keys, tunnel, family)
            except asyncssh.HostKeyNotVerifiable:
                offered = guard.offered
            except asyncssh.KeyExchangeFailed:
                offered = offered or await self._look(tunnel)
        raise ssh_pins.refusal(self.name, self.login, known, offered)

    async def _look(self, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHKey | None:
        """The key that a machine shows when it has none of the pinned type. Nothing is trusted and nobody logs in."""
        guard = Guard(Pins("nothing"))
        with contextlib.suppress(asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
            await _connect(self.login, guard, Keys((), ()), tunnel, ())
        return guard.offered


async def _connect(
    login: Login, guard: Guard, keys: Keys, tunnel: asyncssh.SSHClientConnection | None, family: str | tuple[()]
) -> asyncssh.SSHClientConnection:
    """One connection with everything said, so that no file of the user's changes whom it trusts or where it goes."""
    known = guard.pins
    async with asyncio.timeout(CONNECT_S):
        connection, _ = await asyncssh.create_connection(
            lambda: guard, login.address, login.port, config=None, tunnel=tunnel or (), username=login.user or "root",
            known_hosts=known.trusted(), server_host_key_algs=family, client_keys=list(keys.pairs) or None, agent_path=None,
            preferred_auth="publickey", password_auth=False, kbdint_auth=False, gss_auth=False, gss_kex=False, host_based_auth=False,
            keepalive_interval=ALIVE_S, keepalive_count_max=ALIVE_ASKED, connect_timeout=CONNECT_S, login_timeout=CONNECT_S,
        )  # fmt: skip
    return connection


async def _keep(connection: asyncssh.SSHClientConnection) -> None:
    """Lives as long as the connection; when the event loop ends first, says good-bye for it."""
    try:
        await connection.wait_closed()
    finally:
        connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await connection.wait_closed()
        connection.abort()


def link(name: str, target: Target, *, shared: bool = True) -> Link:
    """The machine's one link in the running event loop; or one that nobody else uses."""
    links = _LINKS.setdefault(asyncio.get_running_loop(), {}) if shared else {}
    login = Login(**{field: getattr(target, field) for field in Login.model_fields})
    door = links.setdefault((target.jump, None), Link(f"{name}'s jump host", target.jump, None)) if target.jump else None
    return links.setdefault((login, target.jump), Link(name, login, door))
