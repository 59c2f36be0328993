"""How another machine is logged in to, and how its key is pinned."""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from documents import broken

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
# SHA-256 in base64 without its padding, as ssh-keygen -l prints it
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")

User = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
Port = Annotated[int, Field(gt=0, lt=65536, strict=True)]
KeyFile = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]+$")]
HostName = Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")]


class Login(BaseModel):
    """Who logs in, at which port, with which key of his own, and which key the machine must show.

    `host_key` is the line that ssh-keyscan prints, its last two words, or a fingerprint as ssh-keygen prints it.
    `known_hosts` is a file in OpenSSH's form; a relative path lies under cmctl's home.
    `identity` is a private key's file, a relative path likewise; without one the agent is asked, and then the usual files of
    ~/.ssh.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    user: User = "deploy"
    port: Port = 22
    identity: KeyFile | None = None
    host_key: str | None = None
    known_hosts: KeyFile | None = None

    @field_validator("host_key")
    @classmethod
    def is_a_key(cls, text: str | None) -> str | None:
        if text is not None and not is_host_key(text):
            raise ValueError("is no `ADDRESS TYPE KEY` line of ssh-keyscan, no `TYPE KEY`, and no `SHA256:…` fingerprint")
        return text

    def check_pinned(self, what: str, address: IPv4Address | str) -> None:
        """Raises when no key is pinned, when two pins could differ, or when the key's line is another address's."""
        if not (self.host_key or self.known_hosts):
            raise broken(f"{what} needs host_key, the line that ssh-keyscan prints for it, or known_hosts, a file of such lines")
        if self.host_key and self.known_hosts:
            raise broken("host_key and known_hosts cannot both hold: two files of keys would be two truths", "known_hosts")
        other = foreign_address(self.host_key or "", str(address))
        if other:
            raise broken(f"is the key of {other}, not of {address}", "host_key")


class Jump(Login):
    """A machine that others are reached through, and that runs nothing of the platform."""

    address: IPv4Address | HostName


def check_reached(what: str, connection: Literal["local", "ssh"], login: Login, address: IPv4Address, jump: str | None) -> None:
    if connection == "ssh":
        login.check_pinned(what, address)
    elif jump:
        raise broken("goes with connection: ssh", "jump")


def is_host_key(text: str) -> bool:
    """Whether a text reads `[ADDRESS] TYPE KEY` with a key of the type it says, or is a fingerprint."""
    words = text.split()
    if len(words) == 1:
        return FINGERPRINT.fullmatch(words[0]) is not None
    found = next((index for index, word in enumerate(words[:2]) if word in KEY_TYPES), None)
    return found is not None and len(words) > found + 1 and _is_blob(words[found], words[found + 1])


def _is_blob(kind: str, text: str) -> bool:
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    size = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + size].decode("ascii", "replace") == kind and len(blob) > 4 + size


def foreign_address(text: str, address: str) -> str:
    """The IPv4 address that a key's line stands for, when that is another one than `address`; names are not judged."""
    words = text.split()
    if len(words) < 3 or words[0] in KEY_TYPES:
        return ""
    named = [part.partition("]")[0].removeprefix("[") for part in words[0].split(",")]
    numbers = [part for part in named if re.fullmatch(r"\d+(\.\d+){3}", part)]
    return "" if not numbers or address in numbers or len(numbers) < len(named) else ", ".join(numbers)
