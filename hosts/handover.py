"""A load balancer, or edge, whose container has to be made anew: a relief answers meanwhile, so its entrance is never closed.

1. The relief starts: the new container once more, at another address. 2. The packet filter leads new connections to it,
while those that are open stay where they are. 3. The balancer's clients leave, each with an answer that ends its
connection. 4. The balancer is made anew. 5. New connections go to it, and the relief empties and goes. Behind a local edge a
flag stands for 2 and 3: the edge sends each new request to the relief, and none on a connection that the balancer is about to close.

A controller that dies on the way leaves the relief serving; whoever brings the base part next takes these steps to their end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from ipaddress import ip_address

from errors import CmctlError
from hosts import containers
from hosts.fleet import Host
from hosts.lease import Lease
from hosts.paths import Paths
from layout import live
from layout.release import Entrance, Ready, ReleaseSpec, Relief

READY_S = 60
POLL_S = 0.5
# Beyond `drain_s` a client may still be reading its last answer.
GRACE_S = 10
# $1 tag, $2 address of the relief, then `match port inside` of every entrance; a second time changes nothing
LEAD = """
tag=$1; to=$2; shift 2
while [ $# -gt 0 ]; do
  for chain in PREROUTING OUTPUT; do
    rule="$1 -p tcp --dport $2 -m comment --comment $tag -j DNAT --to-destination $to:$3"
    iptables -w -t nat -C $chain $rule 2> /dev/null || iptables -w -t nat -I $chain 1 $rule || exit 1
  done
  shift 3
done
"""
# $1 tag
LEAD_BACK = """
command -v iptables > /dev/null || exit 0
iptables -w -t nat -S 2> /dev/null | grep -F -- "--comment $1 " | sed 's/^-A/-D/' | while read -r rule; do iptables -w -t nat $rule || exit 1; done
"""
# $1 compose file, $2 container, $3 service, then the words that compose starts with. Exit 0: the container would be made anew.
DIFFERS = """
file=$1; container=$2; service=$3; shift 3
wanted=$("$@" -f "$file" config --hash "$service" | cut -d' ' -f2); [ -n "$wanted" ] || exit 1
found=$(docker inspect --format '{{.State.Running}} {{index .Config.Labels "com.docker.compose.config-hash"}}' "$container" 2> /dev/null)
[ "${found%% *}" = true ] && [ "${found#* }" != "$wanted" ]
"""
# $1 the edge's flag folder, $2 flag, $3 on or off
TURN = '[ -d "$1" ] || exit 0; if [ "$3" = on ]; then : > "$1/$2"; else rm -f "$1/$2"; fi'
ESTABLISHED = "01"


async def up(host: Host, lease: Lease, spec: ReleaseSpec) -> str:
    """Bring the base part's containers; a sentence when a relief stood in for the balancer, else empty."""
    relief, file = spec.reliefs.get(host.name), f"{host.paths.base}/compose.yaml"
    project = f"{spec.stack}-base"
    if relief is None:
        await containers.up(host, lease, project, file)
        return ""
    said = ""
    if await _differs(host, file, relief) and (not relief.entrances or await _can_lead(host)):
        said = await _with_relief(host, lease, spec, relief)
    else:
        await containers.up(host, lease, project, file)
    if await _stands(host, relief):
        await _dismiss(host, lease, spec, relief)
    return said


async def _with_relief(host: Host, lease: Lease, spec: ReleaseSpec, relief: Relief) -> str:
    # One that stands already serves since a handover that was cut short: it must not be touched.
    if not await _stands(host, relief):
        await containers.up(host, lease, f"{spec.stack}-relief", f"{host.paths.base}/relief.yaml")
    await _until_ready(host, relief.container, _ready(spec, relief))
    left = 0
    if relief.entrances:
        await _lead(host, lease, spec.stack, relief)
        left = await _emptied(host, relief.stands_for, relief)
    await _turn(host, lease, spec.stack, relief, on=True)
    await containers.up(host, lease, f"{spec.stack}-base", f"{host.paths.base}/compose.yaml")
    cut = f", {left} connections that did not end were cut" if left else ", no connection was cut"
    return f"{host.name}: a relief answered while the balancer was made anew{cut}"


async def _dismiss(host: Host, lease: Lease, spec: ReleaseSpec, relief: Relief) -> None:
    """New connections go to the balancer again; the relief goes when its clients have left it."""
    await _until_ready(host, relief.stands_for, _ready(spec, relief))
    await _lead_back(host, lease, spec.stack)
    await _turn(host, lease, spec.stack, relief, on=False)
    await _emptied(host, relief.container, relief)
    await containers.down(host, lease, f"{spec.stack}-relief")


async def remove(host: Host, lease: Lease, stack: str) -> None:
    """Leave nothing of a handover that was cut short; who is connected to the relief is cut."""
    await _lead_back(host, lease, stack)
    await lease.run(host, "sh", "-c", 'rm -f "$1"/*/live/"$2"', "turn", host.paths.root, live.relief(stack), what="turning the edge back")
    await containers.down(host, lease, f"{stack}-relief")


def _ready(spec: ReleaseSpec, relief: Relief) -> Ready:
    """What asks the balancer, and its relief, whether it serves."""
    return next(one for one in spec.ready if one.container == relief.stands_for)


async def _differs(host: Host, file: str, relief: Relief) -> bool:
    argv = ["sh", "-c", DIFFERS, "differs", file, relief.stands_for, relief.stands_for.rpartition("-base-")[2], *host.compose]
    return (await host.connection.run(argv)).code == 0


async def _can_lead(host: Host) -> bool:
    """Whether cmctl may change the packet filter here; elsewhere the entrance is closed for about a second."""
    return (await host.connection.run(["sh", "-c", "iptables -w -t nat -L PREROUTING -n > /dev/null 2>&1"])).code == 0


async def _stands(host: Host, relief: Relief) -> bool:
    found = await host.connection.run(["docker", "inspect", "--format", "{{.State.Running}}", relief.container])
    return found.stdout.strip() == "true"


async def _until_ready(host: Host, container: str, ready: Ready) -> None:
    end = time.monotonic() + READY_S
    while (answer := await containers.inside(host, container, ready.command)).code:
        if time.monotonic() > end:
            lines = await containers.last_lines(host, container)
            raise CmctlError(f"{container} is not ready after {READY_S} s", why=f"{answer.stderr.strip()}\n{lines}")
        await asyncio.sleep(POLL_S)


async def _lead(host: Host, lease: Lease, stack: str, relief: Relief) -> None:
    entrances = [part for one in relief.entrances for part in (_match(one), str(one.port), str(one.inside))]
    argv = [LEAD, "lead", f"cmctl-{stack}-relief", relief.address, *entrances]
    await lease.run(host, "sh", "-c", *argv, what="leading new connections to the relief")


async def _lead_back(host: Host, lease: Lease, stack: str) -> None:
    await lease.run(host, "sh", "-c", LEAD_BACK, "lead", f"cmctl-{stack}-relief", what="leading new connections to the balancer")


async def _turn(host: Host, lease: Lease, stack: str, relief: Relief, *, on: bool) -> None:
    """The edge on this host, where there is one, sends the phase's requests to the relief, or to the balancer again."""
    folder = Paths(host.paths.root, relief.edge).live
    if relief.edge:
        await lease.run(host, "sh", "-c", TURN, "turn", folder, live.relief(stack), "on" if on else "off", what="turning the edge")


def _match(one: Entrance) -> str:
    """Packets to the host itself: what its containers ask of the world passes the same chain."""
    return "-m addrtype --dst-type LOCAL" if ip_address(one.address).is_unspecified else f"-d {one.address}"


async def _emptied(host: Host, container: str, relief: Relief) -> int:
    """Wait until no client is connected to the container, `drain_s` and a grace at most; how many still are."""
    end = time.monotonic() + relief.drain_s + GRACE_S
    ports = {one.inside for one in relief.entrances}
    while left := connected(
        (await containers.inside(host, container, ["cat", "/proc/net/tcp", "/proc/net/tcp6"])).stdout.splitlines(), ports
    ):
        if time.monotonic() > end:
            return left
        await asyncio.sleep(POLL_S)
    return 0


def connected(lines: Iterable[str], ports: set[int]) -> int:
    """Established connections to `ports`, in the kernel's table of TCP sockets."""
    rows = [line.split() for line in lines]
    return sum(1 for row in rows if len(row) > 3 and row[3] == ESTABLISHED and int(row[1].rpartition(":")[2], 16) in ports)
