"""The key a machine must show. Whatever differs is refused while the connection is set up, before any login.

asyncssh reads `known_hosts=None` as "trust anybody" and an empty value as "the user's own file", so it is always given the
pinned keys themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from environments.home import home
from environments.ssh import KEY_TYPES
from hosts.ssh_errors import KeyChanged, KeyUnknown
from layout.release import Login

# A fingerprint does not say of which type its key is, so these are asked for one after another.
FAMILIES = ("ssh-ed25519", "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521", "rsa-sha2-256,rsa-sha2-512")
DEFAULT_PORT = 22


@dataclass(frozen=True)
class Pins:
    """What may be trusted: keys, authorities that sign host keys, fingerprints; and what may not. `source` is where a person finds them."""

    source: str
    keys: tuple[asyncssh.SSHKey, ...] = ()
    authorities: tuple[asyncssh.SSHKey, ...] = ()
    revoked: tuple[asyncssh.SSHKey, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.keys or self.authorities or self.fingerprints)

    def trusted(self) -> tuple[Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey]]:
        return self.keys, self.authorities, self.revoked

    def families(self) -> tuple[str, ...]:
        """Types of keys to ask for, one connection each: () leaves the choice to the pinned keys."""
        return FAMILIES if self.fingerprints else ()

    def expected(self) -> list[str]:
        keys = [_told(key) for key in self.keys] + [f"any key signed by {_told(key)}" for key in self.authorities]
        return keys + list(self.fingerprints)


class Guard(asyncssh.SSHClient):
    """Keeps the key that a machine shows, and lets it pass only when its fingerprint is pinned."""

    def __init__(self, pins: Pins) -> None:
        self.pins = pins
        self.offered: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's
        self.offered = key
        return key.get_fingerprint() in self.pins.fingerprints

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - asyncssh's
        self.offered = key
        return False


def pins(login: Login) -> Pins:
    """What is pinned for a machine. Raises KeyUnknown when its file of keys cannot be read."""
    if not login.host_key:
        return _from_file(login)
    source = "host_key in the environment's file"
    words = login.host_key.split()
    if len(words) == 1:
        return Pins(source, fingerprints=(words[0],))
    start = 0 if words[0] in KEY_TYPES else 1
    try:
        return Pins(source, keys=(asyncssh.import_public_key(" ".join(words[start : start + 2])),))
    except asyncssh.KeyImportError as error:
        raise KeyUnknown(f"the pinned key of {login.address} cannot be read", why=f"{source}: {error}", hint=_how(login)) from error


def _from_file(login: Login) -> Pins:
    path = home() / Path(login.known_hosts).expanduser() if login.known_hosts else None
    if path is None:
        return Pins("nothing")
    try:
        text = path.read_text(encoding="utf-8")
        known = asyncssh.import_known_hosts(text)
    except FileNotFoundError:
        return Pins(f"{path}, which does not exist")
    except (OSError, ValueError) as error:
        raise KeyUnknown(f"the pinned keys of {login.address} cannot be read", why=f"{path}: {error}", hint=_how(login)) from error
    port = None if login.port == DEFAULT_PORT else login.port
    keys, authorities, revoked, *_ = known.match(login.address, "", port)
    return Pins(str(path), tuple(keys), tuple(authorities), tuple(revoked))


def refusal(name: str, login: Login, known: Pins, offered: asyncssh.SSHKey | None) -> KeyUnknown | KeyChanged:
    """The error for a key that is not the pinned one."""
    shown = _told(offered) if offered else "none of a type that can be read"
    where = f"{login.address} port {login.port}"
    if known.empty:
        return KeyUnknown(
            f"{name}: no key is pinned for {where}",
            why=f"it shows {shown}; looked in {known.source}; nothing was sent to it", hint=_how(login),
        )  # fmt: skip
    return KeyChanged(
        f"{name}: {where} shows another key than the pinned one",
        why=f"expected of {name}: {', '.join(known.expected())} (from {known.source})\noffered: {shown}\n"
        "someone may be between, or the machine was made anew; nothing was sent to it",
        hint=f"compare with the machine's own console; only if it is the machine's: {_how(login)}",
    )


def _told(key: asyncssh.SSHKey) -> str:
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def _how(login: Login) -> str:
    scan = f"ssh-keyscan -t ed25519 -p {login.port} {login.address}"
    where = f"into {login.known_hosts}" if login.known_hosts else "into the environment's file as host_key"
    return f"put the line of `{scan}` {where}, after comparing it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` in the provider's console"
