"""The keys of the person who logs in: one named file, else the agent's, else the usual files. Never a password."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
from asyncssh.public_key import decode_ssh_public_key

from environments.home import home
from hosts.ssh_errors import AuthRefused
from layout.release import Login

USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
# sshd closes after six attempts
MOST = 5


@dataclass
class Keys:
    """Key pairs to offer and how a person knows each. `agent` signs with those it holds, and is closed after the login."""

    pairs: Sequence[asyncssh.SSHKeyPair]
    told: tuple[str, ...]
    agent: asyncssh.SSHAgentClient | None = field(default=None)

    def close(self) -> None:
        if self.agent is not None:
            self.agent.close()


async def keys(name: str, login: Login) -> Keys:
    """Raises AuthRefused when the named file cannot be used."""
    if login.identity:
        return await _named(name, login)
    return await _of_agent() or _usual()


async def _named(name: str, login: Login) -> Keys:
    path = os.path.join(home(), os.path.expanduser(login.identity))  # noqa: ASYNC240, PTH111, PTH118 - asks no disk
    try:
        if os.stat(path).st_mode & 0o077:  # noqa: PTH116 - a small file of this machine
            raise _unusable(name, login, "others on this machine may read it", f"chmod 600 {path}")
        pairs = asyncssh.load_keypairs(path)
    except asyncssh.KeyImportError as error:
        if not any(word in str(error).lower() for word in ("passphrase", "encrypt")):
            raise _unusable(name, login, str(error), "give a private key in OpenSSH's form") from error
        held = await _of_agent(public_of(path))
        if held is None:
            raise _unusable(name, login, "it needs a passphrase, and the agent does not hold it", f"ssh-add {path}") from error
        return held
    except OSError as error:
        raise _unusable(name, login, str(error.strerror), _instead(login, error)) from error
    return Keys(pairs, tuple(_told(pair, login.identity) for pair in pairs))


def _instead(login: Login, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "run it as the key's owner; a lab's is root"
    made = "cmctl lab up makes it; or " if login.identity.startswith("lab/") else ""
    return f"{made}correct `identity` in the environment's file"


def _unusable(name: str, login: Login, why: str, hint: str) -> AuthRefused:
    return AuthRefused(f"{name}: the key {login.identity} cannot be used", why=why, hint=hint)


def public_of(path: str) -> tuple[bytes, ...]:
    """The public half beside a private key's file, as the agent names it; () when there is none."""
    try:
        return (asyncssh.read_public_key(f"{path}.pub").public_data,)
    except (OSError, asyncssh.KeyImportError):
        return ()


async def _of_agent(only: tuple[bytes, ...] | None = None) -> Keys | None:
    if only == () or not os.environ.get("SSH_AUTH_SOCK"):
        return None
    try:
        agent = await asyncssh.connect_agent()
        pairs = list(await agent.get_keys(only))[:MOST]
    except (OSError, ValueError):
        return None
    if not pairs:
        agent.close()
        return None
    return Keys(pairs, tuple(_told(pair, f"agent: {_comment(pair)}") for pair in pairs), agent)


def _usual() -> Keys:
    found: list[asyncssh.SSHKeyPair] = []
    told: list[str] = []
    for path in (Path.home() / ".ssh" / name for name in USUAL):
        try:
            pairs = asyncssh.load_keypairs(str(path))
        except (OSError, asyncssh.KeyImportError):
            continue
        found += pairs
        told += [_told(pair, f"~/.ssh/{path.name}") for pair in pairs]
    return Keys(found, tuple(told))


def _told(pair: asyncssh.SSHKeyPair, where: str) -> str:
    try:
        return f"{where} ({decode_ssh_public_key(pair.key_public_data).get_fingerprint()})"
    except asyncssh.KeyImportError:
        return f"{where} ({pair.get_algorithm()})"


def _comment(pair: asyncssh.SSHKeyPair) -> str:
    return pair.get_comment() or pair.get_algorithm()
