"""Steps that change containers run detached on the host and are polled: a controller that dies never leaves one half done.

Each run has a folder with `pid` (and when that process started), `log` and, when it has ended, `rc`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from errors import CmctlError, Locked
from hosts.fleet import Host
from hosts.lease import Lease

# $1 folder, then the command; ends once the run has written who it is
START = """
folder=$1; shift; mkdir -p "$folder" || exit 1
setsid sh -c 'folder=$1; shift; echo "$$ $(cut -d" " -f22 /proc/$$/stat)" > "$folder/pid"
"$@" > "$folder/log" 2>&1 < /dev/null; echo $? > "$folder/rc.new"; mv "$folder/rc.new" "$folder/rc"' run "$folder" "$@" > /dev/null 2>&1 &
i=0; while [ ! -s "$folder/pid" ]; do [ $i -lt 500 ] || exit 1; sleep 0.01; i=$((i + 1)); done
"""
# $1 folder: waits up to 2 s for the end
POLL = """
i=0; while [ ! -f "$1/rc" ] && [ $i -lt 40 ]; do sleep 0.05; i=$((i + 1)); done
[ -f "$1/rc" ] || exit 77
cat "$1/rc"; tail -n 40 "$1/log"
"""
# $1 folder of all runs, $2 tenths of a second to wait for those under way. A job is not waited for: it ends with its slot.
SETTLED = """
i=0; for run in "$1"/*/; do
  case "$run" in */job-*) [ ! -f "$run/rc" ] || rm -rf "$run"; continue ;; esac
  while [ -d "$run" ] && [ ! -f "$run/rc" ] && { read -r pid start < "$run/pid"; } 2>/dev/null \
    && [ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" = "$start" ]; do
    [ $i -lt "$2" ] || { echo "$run"; exit 77; }; sleep 0.1; i=$((i + 1))
  done
  rm -rf "$run"
done; exit 0
"""
UNDER_WAY = 77
SETTLE_S = 240


async def run(host: Host, lease: Lease, name: str, argv: Sequence[str], timeout_s: float) -> str:
    """Run `argv` to its end on the host; returns its last lines. Raises CmctlError when it fails or takes longer."""
    folder = host.paths.run(f"{name}-{uuid.uuid4().hex[:8]}")
    await lease.must(host, ["sh", "-c", START, "start", folder, *argv], what=f"starting {name}")
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


async def settled(host: Host, limit_s: float = SETTLE_S) -> None:
    """Wait until no run of a former controller is under way. Raises Locked when one takes longer than `limit_s`."""
    script = ["sh", "-c", SETTLED, "settled", f"{host.paths.folder}/runs", str(int(limit_s * 10))]
    done = await host.connection.run(script, timeout_s=limit_s + 60)
    if done.code == UNDER_WAY:
        name = done.stdout.strip().rstrip("/").rpartition("/")[2].rpartition("-")[0]
        raise Locked(f"{name}, a step of an interrupted command, still runs on {host.name}", hint="wait for its end")
