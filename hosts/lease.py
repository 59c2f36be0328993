"""One owner at a time: a lease of 30 s on every host, renewed every 10 s, with a fencing number that every changing step checks.

The lease file has six lines: token, end (host's clock, s), fence, owner, since, operation. All of it is read and written
under flock on the host, by the host's clock. An owner that is known to be dead makes room at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from errors import CmctlError, Locked
from hosts.connection import REPLACE, Completed
from hosts.fleet import Host, each, to_the_end
from hosts.owner import Holder, me

TTL_S = 30
RENEW_S = 10
HELD, LOST = 75, 76

# $1 lease file, $2 token, $3 owner, $4 operation, $5 ttl, $6 token of a dead owner
ACQUIRE = """
mkdir -p "$(dirname "$1")" && exec 9>"$1.lock" && flock -w 30 9 || exit 74
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
[ -f "$1" ] && exec 9>"$1.lock" && flock -w 5 9 || exit 74
{ read -r token; read -r until; read -r fence; read -r owner; read -r since; read -r operation; } < "$1" || exit 76
[ "$token" = "$2" ] || exit 76
[ "$3" = 0 ] && token= until=0 || until=$(($(date +%s) + $3))
printf '%s\\n' "$token" "$until" "$fence" "$owner" "$since" "$operation" > "$1.new" && mv "$1.new" "$1"
"""
# $1 lease file, $2 fence: goes on only while the fence is the caller's, and holds it
FENCE = """
exec 9>"$1.lock"; flock -s -w 5 9 || exit 74
fence=; { read -r _; read -r _; read -r fence; } < "$1"
[ "$fence" = "$2" ] || exit 76
shift 2
"""
# … then the command
FENCED = FENCE + '"$@" 9>&-\n'


@dataclass(frozen=True)
class Lease:
    """What the owner holds: one token, and each host's fencing number."""

    token: str
    fences: Mapping[str, str]

    def fenced(self, host: Host, *argv: str) -> list[str]:
        """`argv`, run on the host only while this lease is the newest."""
        return ["sh", "-c", FENCED, "fenced", host.paths.lease, self.fences[host.name], *argv]

    async def run(self, host: Host, *argv: str, what: str, stdin: bytes | None = None, timeout_s: float = 60) -> str:
        """Run `argv` fenced; returns its stdout. Raises CmctlError when it fails or the lease is another's by now."""
        return self._said(await host.connection.run(self.fenced(host, *argv), stdin=stdin, timeout_s=timeout_s), host, what)

    async def write(self, host: Host, path: str, data: bytes, mode: int = 0o600) -> None:
        """Replace `path` whole, fenced. A full disk leaves the old content."""
        argv = ["sh", "-c", FENCE + REPLACE, "write", host.paths.lease, self.fences[host.name], path, f"{mode:o}"]
        self._said(await host.connection.run(argv, stdin=data), host, f"writing {path.rpartition('/')[2]}")

    @staticmethod
    def _said(done: Completed, host: Host, what: str) -> str:
        if done.code == LOST:
            raise CmctlError(f"{what} was refused on {host.name}", why="another command has taken the lease meanwhile", hint="cmctl status")
        if done.code:
            tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
            raise CmctlError(f"{what} failed on {host.name} (exit {done.code})", why=tail)
        return done.stdout


@contextlib.asynccontextmanager
async def held(hosts: Mapping[str, Host], operation: str) -> AsyncIterator[Lease]:
    """The lease on all hosts, or on none. Raises Locked naming who holds it, where and since when."""
    token = uuid.uuid4().hex
    fences: dict[str, str] = {}
    try:
        for name, host in hosts.items():
            try:
                fences[name] = await _acquire(host, token, operation)
            except asyncio.CancelledError:
                fences[name] = ""  # it may just have said yes
                raise
        # Taking the last one may have used up most of the first one's time.
        await each(hosts, lambda host: _extend(host, token, TTL_S))
        renewal = asyncio.create_task(_renew(hosts, token))
        try:
            yield Lease(token, fences)
        finally:
            renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewal
    finally:
        await to_the_end(each({name: hosts[name] for name in fences}, lambda host: _extend(host, token, 0)))


async def _acquire(host: Host, token: str, operation: str, dead: str = "") -> str:
    done = await host.connection.run(["sh", "-c", ACQUIRE, "acquire", host.paths.lease, token, me(), operation, str(TTL_S), dead])
    if done.code == 0:
        return done.stdout.strip()
    lines = done.stdout.splitlines()
    if done.code != HELD or len(lines) < 4:
        raise CmctlError(f"the lease on {host.name} cannot be taken", why=done.stderr.strip() or f"exit {done.code}", hint="df -h, there")
    holder = Holder(*lines[:4])
    if not dead and holder.gone():
        return await _acquire(host, token, operation, dead=holder.token)
    raise Locked(
        f"{holder.operation} is running: {holder.person()}, on {host.name}, since {holder.since}",
        why="one command at a time may change a fleet", hint="wait for it; a dead owner's lease ends by itself within 30 s", read="runbooks/engine-lock-held.md",
    )  # fmt: skip


async def take_over(host: Host, holder: Holder) -> None:
    """End a holder's lease whether it lives or not: the fence grows, so that its late steps are refused."""
    token = uuid.uuid4().hex
    await _acquire(host, token, "taking a lock over", dead=holder.token)
    await _extend(host, token, 0)


async def _extend(host: Host, token: str, ttl_s: int) -> None:
    """A host that does not answer is no failure here: its lease ends by itself, and every step that changes it is fenced."""
    with contextlib.suppress(CmctlError):
        await host.connection.run(["sh", "-c", RENEW, "renew", host.paths.lease, token, str(ttl_s)], timeout_s=RENEW_S)


async def _renew(hosts: Mapping[str, Host], token: str) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        await each(hosts, lambda host: _extend(host, token, TTL_S))


async def holder(host: Host) -> Holder | None:
    """Who holds the lease on a host, if it has not ended."""
    text = await host.connection.read(host.paths.lease)
    lines = (text or "").splitlines()
    if len(lines) < 6 or not lines[0]:
        return None
    now = await host.connection.run(["date", "+%s"])
    found = Holder(lines[0], lines[3], lines[4], lines[5])
    return None if int(lines[1]) <= int(now.stdout) or found.gone() else found
