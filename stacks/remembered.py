"""An answer of the engine that still holds: it said that nothing would change, and nothing has changed since.

A preview compares what is asked for with the state, and both are bytes. Where the state is a file of this machine and nothing is
bought in a cloud, the answer to the same bytes is the same, so the engine (1 to 2 s for each layer) is not asked again. What
really runs is no part of it: the hosts are asked every time.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from stacks import housekeeping

ROOT = Path(__file__).parent
KEPT = 200


def question(folder: Path, backend: str, stack: str, asked: Sequence[str], key: str) -> Path | None:
    """The file in `folder` that stands when the engine found nothing to change; None where the state is no file, or not there yet.

    `asked`: everything that the stack's program declares from, secrets too. The file's name is a digest of it, of the state and of
    the code, keyed with `key`.
    """
    state = housekeeping.state(backend, stack)
    if state is None:
        return None
    digest = hashlib.blake2b(key=hashlib.sha256(key.encode()).digest(), digest_size=20)
    for text in (stack, _code(), *asked):
        digest.update(f"{len(text)} {text}".encode())
    digest.update(state)
    return folder / digest.hexdigest()


def keep(answer: Path) -> None:
    """Nothing would change: the engine has just said so, or has just made it so. A cache that cannot be written only asks again."""
    with contextlib.suppress(OSError):
        answer.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        answer.touch()
        housekeeping.newest(answer.parent, "*", KEPT)


@cache
def _code() -> str:
    """The programs and the provider as they are installed: other code may declare or compare something else."""
    seen = (f"{path.relative_to(ROOT)} {(stat := path.stat()).st_mtime_ns} {stat.st_size}" for path in sorted(ROOT.rglob("*.py")))
    return "\n".join((version("cmctl"), version("pulumi"), *seen))
