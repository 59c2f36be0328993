"""What bootstrapping is made of: the facts of a system, one step that changes it, and an item that knows one section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hosts.connection import REPLACE
from layout.machine import Machine

SUPPORTED = {"debian": ("12",), "ubuntu": ("22.04", "24.04")}


@dataclass(frozen=True)
class System:
    """What a machine is, as far as cmctl does not make it so. Memory and disk in MiB; `clock` its seconds since 1970.

    `init` is systemd or empty; `user` the one that commands run as (root, unless it may not become that). `owner`: the
    `platform/environment/host` that the machine was made for, or empty.
    """

    distribution: str
    version: str
    name: str
    init: str
    user: str
    arch: str
    cpus: int
    memory_mb: int
    disk_mb: int
    disk_free_mb: int
    clock: int
    owner: str = ""

    @property
    def supported(self) -> bool:
        return self.version in SUPPORTED.get(self.distribution, ())


@dataclass(frozen=True)
class Step:
    """One change: a program with what it reads from stdin. `long` ones run detached and are polled.

    `risky` ones could cut the way in: they are taken together, with a timer that takes them back.
    """

    what: str
    argv: tuple[str, ...]
    stdin: bytes | None = None
    long: bool = False
    risky: bool = False


class Item(Protocol):
    """One section of a machine."""

    section: str

    def probe(self, wanted: Machine) -> str:
        """A shell script whose output tells the section. It changes nothing and always ends with 0."""

    def found(self, text: str, wanted: Machine) -> Any:
        """The section's value as the probe tells it, in the shape of `wanted`."""

    def steps(self, found: Machine, wanted: Machine, system: System) -> Sequence[Step]:
        """What makes the section right. Empty when it is."""


def write(what: str, path: str, text: str, mode: str = "644", *, risky: bool = False) -> Step:
    return Step(what, ("sh", "-c", REPLACE, "write", path, mode), text.encode(), risky=risky)


def script(what: str, text: str, *words: str, long: bool = False, risky: bool = False) -> Step:
    """A shell text of ours with its parameters; it stops at the first failure."""
    return Step(what, ("sh", "-ec", text, "step", *words), long=long, risky=risky)
