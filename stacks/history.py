"""One line per change of an environment: what, when, how long, how it ended. Expected times come from here, not from hope."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

KEPT = 1000
RECENT = 5


@dataclass(frozen=True)
class Entry:
    """`command` is the verb, `layers` what changed, `seconds` from start to end, `code` the exit code."""

    when: str
    command: str
    phase: int
    version: str
    layers: tuple[str, ...]
    seconds: float
    code: int


def path(home: Path, platform: str, environment: str) -> Path:
    return home / "history" / f"{platform}-{environment}.jsonl"


def read(home: Path, platform: str, environment: str) -> list[Entry]:
    """Entries, oldest first; a line that was cut off by a crash is passed over."""
    file = path(home, platform, environment)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [entry for line in lines if (entry := _entry(line)) is not None]


def _entry(line: str) -> Entry | None:
    try:
        row = json.loads(line)
        return Entry(**{**row, "layers": tuple(row["layers"])})
    except (ValueError, TypeError, KeyError):
        return None


def add(home: Path, platform: str, environment: str, entry: Entry) -> None:
    file = path(home, platform, environment)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(entry)) + "\n")


def expected_s(entries: Iterable[Entry], command: str, phase: int, layers: Iterable[str]) -> float | None:
    """The median time of the last runs of this kind that ended well; None when there was none."""
    wanted = tuple(sorted(layers))
    times = [one.seconds for one in entries if (one.command, one.phase, one.code, tuple(sorted(one.layers))) == (command, phase, 0, wanted)]
    return statistics.median(times[-RECENT:]) if times else None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
