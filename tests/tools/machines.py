"""A machine as a table: which programs are there and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.machine import Answer

MISSING = Answer(127, err="no such program")


@dataclass
class FakeMachine:
    """`answers` maps the start of a command line to what it says; a list is said one after the other, its last for ever."""

    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    root: bool = True
    free: int = 100 << 30
    memory: int = 16 << 30
    asked: list[str] = field(default_factory=list)
    appears: dict[str, set[str]] = field(default_factory=dict)

    def which(self, program: str) -> Path | None:
        name = Path(program).name
        return Path("/usr/bin", name) if name in self.programs else None

    def ask(self, argv: Sequence[str], *, timeout_s: float = 10, environment: Mapping[str, str] | None = None) -> Answer:
        line = " ".join(argv)
        self.asked.append(line)
        start = max((start for start in self.answers if line.startswith(start)), key=len, default=None)
        for installed, programs in self.appears.items():
            if line.startswith(installed):
                self.programs |= programs
        if start is None:
            return MISSING
        said = self.answers[start]
        if isinstance(said, Answer):
            return said
        return said.pop(0) if len(said) > 1 else said[0]

    def text(self, path: Path) -> str | None:
        return self.files.get(str(path)) or (
            path.read_text() if path.exists() and not str(path).startswith(("/proc", "/sys", "/var", "/etc")) else None
        )

    def setting(self, name: str) -> str:
        return self.settings.get(name, "")

    def is_root(self) -> bool:
        return self.root

    def free_bytes(self, folder: Path) -> int:
        return self.free

    def memory_bytes(self) -> int:
        return self.memory
