"""Why a host cannot be used over SSH, told apart: each kind has its own next step. All exit with 7."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import asyncssh

from errors import Unreachable
from layout.release import Login

PAGE = "docs/ssh.md"


class SshError(Unreachable):
    """Any of the kinds below; all are explained on one page."""

    def __init__(self, what: str, *, why: str = "", hint: str = "", read: str = PAGE) -> None:
        super().__init__(what, why=why, hint=hint, read=read)


class NameUnknown(SshError):
    """The host's name is not resolved."""


class Refused(SshError):
    """Something answered and turned the connection away before any login."""


class NoAnswer(SshError):
    """Nothing answered within the limit."""


class KeyUnknown(SshError):
    """No key is pinned for the host."""


class KeyChanged(SshError):
    """The host shows another key than the pinned one."""


class AuthRefused(SshError):
    """The host does not let this user in with these keys."""


class NoSudo(SshError):
    """The user may not become root without a password."""


class Lost(SshError):
    """The connection ended while a program ran: how far it came is not known."""


def told(error: Exception, name: str, login: Login, where: str, tried: Sequence[str], limit_s: float) -> Unreachable:
    """What went wrong while a connection was set up, as a person should read it."""
    if isinstance(error, asyncssh.PermissionDenied):
        return AuthRefused(
            f"{name}: {login.address} does not let {login.user} in",
            why=f"tried {', '.join(tried) or 'no key at all: no identity, no agent, none in ~/.ssh'}; it says: {error.reason}",
            hint=f"ssh-copy-id -p {login.port} {login.user}@{login.address}, or correct user and identity in the environment's file",
        )
    if isinstance(error, socket.gaierror):
        return NameUnknown(f"{name}: {login.address} is no known name", why=str(error.strerror), hint=f"getent hosts {login.address}")
    if isinstance(error, TimeoutError | asyncssh.TimeoutError):
        return _silent(name, where, f"nothing within {limit_s:.0f} s")
    return _turned_away(error, name, login, where)


def _turned_away(error: Exception, name: str, login: Login, where: str) -> Unreachable:
    if isinstance(error, asyncssh.ChannelOpenError):
        return Refused(f"{name}: {where} is not let through", why=error.reason, hint="the jump host must reach it and allow TCP forwarding")
    if isinstance(error, ConnectionRefusedError) or "[Errno 111]" in str(error):
        return Refused(f"{name}: {where} refuses connections", why="no sshd listens there", hint=f"nc -vz {login.address} {login.port}")
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return _silent(name, where, str(error.strerror or error))
    return Refused(f"{name}: {where} ended the connection before any login", why=str(error), hint="journalctl -u ssh, in its console")


def _silent(name: str, where: str, why: str) -> NoAnswer:
    return NoAnswer(f"{name}: {where} does not answer", why=why, hint="is the machine on, its address right, its firewall open to you?")
