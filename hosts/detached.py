"""Steps that change containers run detached on the host and are polled: a controller that dies never leaves one half done.

Each run has a folder with `log` and, when it has ended, `rc`. While it runs it holds a lock on its folder's `lock`, which
no crash leaves behind and no reused process number imitates.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from errors import CmctlError
from hosts.fleet import Host
from hosts.lease import Lease

# $1 folder, then the command
START = """
folder=$1; shift
[ ! -f "$folder/lock" ] || flock -n "$folder/lock" true || { echo "the one before is still running" >&2; exit 73; }
rm -rf "$folder" && mkdir -p "$folder" && exec 8>"$folder/lock" && flock -n 8 || exit 73
setsid sh -c 'folder=$1; shift; "$@" > "$folder/log" 2>&1 < /dev/null; echo $? > "$folder/rc.new"; mv "$folder/rc.new" "$folder/rc"' run "$folder" "$@" > /dev/null 2>&1 &
echo $! > "$folder/pid"
"""
# $1 folder: waits up to 2 s for the end; a run without an end whose lock is free was ended from outside
POLL = """
[ -d "$1" ] || { echo 137; echo "$1 is gone"; exit 0; }
[ -f "$1/rc" ] || flock -w 2 "$1/lock" true || [ -f "$1/rc" ] || exit 77
[ -f "$1/rc" ] && cat "$1/rc" || echo 137
tail -n 40 "$1/log"
"""
# $1 folder of all runs, $2 seconds: waits until none is under way
SETTLED = """
end=$(($(date +%s) + $2))
for run in "$1"/*/; do
  [ -f "$run/lock" ] || continue
  left=$((end - $(date +%s))); flock -w "$([ "$left" -gt 0 ] && echo "$left" || echo 0)" "$run/lock" true || { echo "$run"; exit 77; }
done
"""
STOP = 'kill -TERM -- "-$(cat "$1/pid")" 2>/dev/null; flock -w 20 "$1/lock" true'
UNDER_WAY = 77
SETTLED_S = 240


async def run(host: Host, lease: Lease, name: str, argv: Sequence[str], timeout_s: float) -> str:
    """Run `argv` to its end on the host; returns its last lines. Raises CmctlError when it fails or is ended for taking longer."""
    folder = host.paths.run(name)
    await lease.run(host, "sh", "-c", START, "start", folder, *argv, what=name)
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        done = await host.connection.run(["sh", "-c", POLL, "poll", folder])
        if done.code != UNDER_WAY:
            code, _, log = done.stdout.partition("\n")
            if code.strip() != "0":
                raise CmctlError(f"{name} failed on {host.name} (exit {code.strip()})", why=log.strip())
            return log.strip()
    await lease.run(host, "sh", "-c", STOP, "stop", folder, what=f"ending {name}")
    raise CmctlError(f"{name} did not end within {timeout_s:.0f} s on {host.name}", why="it was ended")


async def settled(host: Host) -> None:
    """Wait until no run of a former controller is under way. Raises CmctlError when one does not end."""
    folder = f"{host.paths.folder}/runs"
    done = await host.connection.run(["sh", "-c", SETTLED, "settled", folder, str(SETTLED_S)], timeout_s=SETTLED_S + 30)
    if done.code:
        raise CmctlError(f"a former command's step still runs on {host.name}", why=done.stdout.strip() or done.stderr.strip())
