"""This machine as the doctor and the engine's installer see it: one door, so that tests can put a table in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

# Daemons lie here, and a user's PATH often leaves these folders out.
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Answer:
    """What a program said. `code` is 127 when it is not there and 124 when it did not end in time, as a shell has it."""

    code: int
    out: str = ""
    err: str = ""


class Machine(Protocol):
    def which(self, program: str) -> Path | None: ...
    def ask(self, argv: Sequence[str], *, timeout_s: float = 10, environment: Mapping[str, str] | None = None) -> Answer: ...
    def text(self, path: Path) -> str | None: ...
    def setting(self, name: str) -> str: ...
    def is_root(self) -> bool: ...
    def free_bytes(self, folder: Path) -> int: ...
    def memory_bytes(self) -> int: ...


class ThisMachine:
    """The machine cmctl runs on."""

    def which(self, program: str) -> Path | None:
        folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS))
        found = shutil.which(program, path=folders)
        return Path(found) if found else None

    def ask(self, argv: Sequence[str], *, timeout_s: float = 10, environment: Mapping[str, str] | None = None) -> Answer:
        """Run to the end with no input; never raises for what the program does."""
        full = os.environ | dict(environment or {})
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s, env=full, check=False
            )
        except OSError as error:
            return Answer(127, err=str(error))
        except subprocess.TimeoutExpired:
            return Answer(124, err=f"{argv[0]} did not end within {timeout_s:g} s")
        return Answer(done.returncode, done.stdout.strip(), done.stderr.strip())

    def text(self, path: Path) -> str | None:
        """A file's text; None when it cannot be read."""
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def setting(self, name: str) -> str:
        return os.environ.get(name, "")

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def free_bytes(self, folder: Path) -> int:
        """Free room where `folder` is, or will be."""
        there = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(there).free

    def memory_bytes(self) -> int:
        """Memory that programs can still take."""
        return int(psutil.virtual_memory().available)
