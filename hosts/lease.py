"""One owner at a time: a lease of 30 s on every host, renewed every 10 s, with a fencing number that every changing step checks.

The lease file has six lines: token, end (host's clock, s), fence, owner, since, operation. All of it is read and written
under flock on the host, by the host's clock. An owner on this machine whose process is gone is dead at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from errors import CmctlError, Locked
from hosts.fleet import Host, each

TTL_S = 30
RENEW_S = 10
HELD, LOST = 75, 76

# $1 lease file, $2 token, $3 owner, $4 operation, $5 ttl, $6 token of a dead owner
ACQUIRE = """
mkdir -p "$(dirname "$1")"; exec 9>"$1.lock"; flock -w 5 9 || exit 74
now=$(date +%s); token= until=0 fence=0 owner= since= operation=
[ -f "$1" ] && { read -r token; read -r until; read -r fence; read -r owner; read -r since; read -r operation; } < "$1"
if [ -n "$token" ] && [ "$token" != "$2" ] && [ "$until" -gt "$now" ] && [ "$token" != "$6" ]; then
  printf '%s\\n' "$token" "$owner" "$since" "$operation"; exit 75
fi
fence=$((fence + 1))
printf '%s\\n' "$2" $((now + $5)) "$fence" "$3" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$4" > "$1.new" && sync "$1.new" && mv "$1.new" "$1" && echo "$fence"
"""
# $1 lease file, $2 token, $3 ttl; a ttl of 0 gives the lease back and keeps the fence
RENEW = """
exec 9>"$1.lock"; flock -w 5 9 || exit 74
{ read -r token; read -r until; read -r fence; read -r owner; read -r since; read -r operation; } < "$1" || exit 76
[ "$token" = "$2" ] || exit 76
[ "$3" = 0 ] && token= until=0 || until=$(($(date +%s) + $3))
printf '%s\\n' "$token" "$until" "$fence" "$owner" "$since" "$operation" > "$1.new" && mv "$1.new" "$1"
"""
# $1 lease file, $2 fence, then the command: it runs only while the fence is the caller's
FENCED = """
exec 9>"$1.lock"; flock -s -w 5 9 || exit 74
[ "$(sed -n 3p "$1")" = "$2" ] || exit 76
shift 2; "$@" 9>&-
"""


@dataclass(frozen=True)
class Lease:
    """What the owner holds: one token, and each host's fencing number."""

    token: str
    fences: Mapping[str, str]

    def fenced(self, host: Host, *argv: str) -> list[str]:
        """`argv`, run on the host only while this lease is the newest."""
        return ["sh", "-c", FENCED, "fenced", host.paths.lease, self.fences[host.name], *argv]


@dataclass(frozen=True)
class Holder:
    token: str
    owner: str
    since: str
    operation: str

    def gone(self) -> bool:
        """Whether the owner ran on this machine and its process has ended."""
        name, _, process = self.owner.rpartition(":")
        pid, _, start = process.partition("@")
        return name.partition("@")[2] == socket.gethostname() and _start_of(pid) != start


def me() -> str:
    """user@machine:pid@start, which names one process for ever."""
    pid = str(os.getpid())
    return f"{getpass.getuser()}@{socket.gethostname()}:{pid}@{_start_of(pid)}"


def _start_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


@contextlib.asynccontextmanager
async def held(hosts: Mapping[str, Host], operation: str) -> AsyncIterator[Lease]:
    """The lease on all hosts, or on none. Raises Locked naming who holds it, where and since when."""
    token = uuid.uuid4().hex
    fences: dict[str, str] = {}
    try:
        for host in hosts.values():
            fences[host.name] = await _acquire(host, token, operation)
        renewal = asyncio.create_task(_renew(hosts, token))
        try:
            yield Lease(token, fences)
        finally:
            renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewal
    finally:
        for host in hosts.values():
            if host.name in fences:
                await host.connection.run(["sh", "-c", RENEW, "release", host.paths.lease, token, "0"])


async def _acquire(host: Host, token: str, operation: str, dead: str = "") -> str:
    done = await host.connection.run(["sh", "-c", ACQUIRE, "acquire", host.paths.lease, token, me(), operation, str(TTL_S), dead])
    if done.code == 0:
        return done.stdout.strip()
    lines = done.stdout.splitlines()
    if done.code != HELD or len(lines) < 4:
        raise CmctlError(f"the lease on {host.name} cannot be taken", why=done.stderr.strip() or f"exit {done.code}", hint="cmctl doctor")
    holder = Holder(*lines[:4])
    if not dead and holder.gone():
        return await _acquire(host, token, operation, dead=holder.token)
    owner = holder.owner.partition("@")[0] + "@" + holder.owner.partition("@")[2].replace("@", " started ").replace(":", " pid ", 1)
    raise Locked(
        f"{holder.operation} is running: {owner.rpartition(' started')[0]}, on {host.name}, since {holder.since}",
        why="one command at a time may change a fleet", hint="wait for it; a dead owner's lease ends by itself within 30 s", read="runbooks/engine-lock-held.md",
    )  # fmt: skip


async def _renew(hosts: Mapping[str, Host], token: str) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        await each(hosts, lambda host: host.connection.run(["sh", "-c", RENEW, "renew", host.paths.lease, token, str(TTL_S)]))


async def holder(host: Host) -> Holder | None:
    """Who holds the lease on a host, if it has not ended."""
    text = await host.connection.read(host.paths.lease)
    lines = (text or "").splitlines()
    if len(lines) < 6 or not lines[0]:
        return None
    now = await host.connection.run(["date", "+%s"])
    found = Holder(lines[0], lines[3], lines[4], lines[5])
    return None if int(lines[1]) <= int(now.stdout) or found.gone() else found
