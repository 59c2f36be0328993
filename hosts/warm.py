"""The slot that a release left stays warm for the way back, and is stopped when its time is over.

A sleeper on the host does it, so that no controller has to come back. It goes away as soon as the host's books are not the
ones it was started for, and stops the slot only while nobody holds the lease; its containers stay and start again in a second.
"""

from __future__ import annotations

from hosts.fleet import Host
from hosts.lease import Lease
from hosts.state import State

# $1 seconds, $2 state file, $3 its sum, $4 lease file, $5 compose project
SLEEPER = """
same() { [ "$(sha256sum < "$1" 2> /dev/null)" = "$2" ]; }
end=$(($(date +%s) + $1))
while [ "$(date +%s)" -lt "$end" ]; do [ -f "$2" ] && same "$2" "$3" || exit 0; sleep 5; done
exec 9>"$4.lock" || exit 0
while flock 9 && [ "$(sed -n 2p "$4")" -gt "$(date +%s)" ]; do flock -u 9; sleep 1; done
[ -f "$2" ] && same "$2" "$3" && [ ! -e "$(dirname "$2")/journal.json" ] || exit 0
docker ps -q --filter "label=com.docker.compose.project=$5" | xargs -r docker stop 9>&-
"""
START = 'sum=$(sha256sum < "$3"); setsid sh -c "$1" sleeper "$2" "$3" "$sum" "$4" "$5" > /dev/null 2>&1 < /dev/null &'


async def stop_later(host: Host, lease: Lease, state: State) -> None:
    """Begin the warm time of the slots that are not live."""
    for slot in state.slots:
        if slot != state.live:
            argv = [SLEEPER, str(state.keep_warm_s), host.paths.state, host.paths.lease, f"{host.paths.stack}-{slot}"]
            await lease.run(host, "sh", "-c", START, "start", *argv, what="keeping the former slot warm")
