"""What a host must offer: run an argument list, and write small files whole. Anything more is built from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from errors import CmctlError

# $1 path, $2 mode: stdin beside it, then renamed, so that nobody ever reads half a file; folder and file are on the disk at its end
REPLACE = """
folder=${1%/*}/; { [ -d "$folder" ] || mkdir -p "$folder"; } && new=$(mktemp "$folder.${1##*/}.XXXXXX") || exit 1
cat > "$new" && { [ "$2" = 600 ] || chmod "$2" "$new"; } && sync "$new" && mv -fT "$new" "$1" && sync "$folder" || { rm -f "$new"; exit 1; }
"""


@dataclass(frozen=True)
class Completed:
    """How a program ended on a host."""

    code: int
    stdout: str
    stderr: str


class Connection(Protocol):
    """One host. Every call is bounded in time; a host that cannot be reached raises errors.Unreachable."""

    name: str

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed: ...

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Replace `path` whole: temporary file beside it, fsync, rename."""

    async def read(self, path: str) -> str | None:
        """The text of `path`, or None when it does not exist."""


async def output(host: Connection, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60, what: str = "") -> str:
    """Stdout of a program that must succeed. Raises CmctlError with its last lines otherwise."""
    done = await host.run(argv, stdin=stdin, timeout_s=timeout_s)
    if done.code:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise CmctlError(f"{what or argv[0]} failed on {host.name} (exit {done.code})", why=tail)
    return done.stdout
