"""Steps that change containers run detached on the host and are polled: a controller that dies never leaves one half done.

Each run has a folder with `log` and, when it has ended, `rc`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from errors import CmctlError
from hosts.fleet import Host
from hosts.lease import LOST, Lease

# $1 folder, then the command
START = """
folder=$1; shift; rm -rf "$folder"; mkdir -p "$folder"
setsid sh -c 'folder=$1; shift; "$@" > "$folder/log" 2>&1 < /dev/null; echo $? > "$folder/rc.new"; mv "$folder/rc.new" "$folder/rc"' run "$folder" "$@" > /dev/null 2>&1 &
echo $! > "$folder/pid"
"""
# $1 folder: waits up to 2 s for the end
POLL = """
i=0; while [ ! -f "$1/rc" ] && [ $i -lt 40 ]; do sleep 0.05; i=$((i + 1)); done
[ -f "$1/rc" ] || exit 77
cat "$1/rc"; tail -n 40 "$1/log"
"""
# $1 folder of all runs: waits until none is under way, at most 60 s
SETTLED = """
i=0; for run in "$1"/*/; do
  while [ -d "$run" ] && [ ! -f "$run/rc" ] && kill -0 "$(cat "$run/pid" 2>/dev/null)" 2>/dev/null && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done
done; exit 0
"""
UNDER_WAY = 77


async def run(host: Host, lease: Lease, name: str, argv: Sequence[str], timeout_s: float) -> str:
    """Run `argv` to its end on the host; returns its last lines. Raises CmctlError when it fails or takes longer."""
    folder = host.paths.run(name)
    done = await host.connection.run(lease.fenced(host, "sh", "-c", START, "start", folder, *argv))
    if done.code == LOST:
        raise CmctlError(f"{name} was refused on {host.name}", why="another command has taken the lease meanwhile")
    if done.code:
        raise CmctlError(f"{name} could not be started on {host.name}", why=done.stderr.strip())
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        done = await host.connection.run(["sh", "-c", POLL, "poll", folder])
        if done.code != UNDER_WAY:
            code, _, log = done.stdout.partition("\n")
            if code.strip() != "0":
                raise CmctlError(f"{name} failed on {host.name} (exit {code.strip()})", why=log.strip())
            return log.strip()
    raise CmctlError(
        f"{name} did not end within {timeout_s:.0f} s on {host.name}", why="it goes on there; the next command waits for its end"
    )


async def settled(host: Host) -> None:
    """Wait until no run of a former controller is under way."""
    await host.connection.run(["sh", "-c", SETTLED, "settled", f"{host.paths.folder}/runs"], timeout_s=90)
