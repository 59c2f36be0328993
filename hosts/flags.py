"""The flag files that move traffic: `live/green` for the slot, `live/phaseN` at the local edge. One rename, one truth."""

from __future__ import annotations

from collections.abc import Iterable

from errors import CmctlError
from hosts.fleet import Host
from hosts.lease import LOST, Lease
from layout.model import Slot

# $1 folder, $2 flags that shall stand (words). What is new appears first, what is old goes after, lowest first: with
# "the highest flag wins" the traffic moves exactly once.
SET = """
mkdir -p "$1"; cd "$1" || exit 1
for flag in $2; do [ -e "$flag" ] || { : > ".$flag.new" && mv ".$flag.new" "$flag"; }; done
for flag in $(ls | sort); do case " $2 $3 " in *" $flag "*) ;; *) rm -f "$flag" ;; esac; done
sync .
"""
MAINTENANCE = "maintenance"


async def write(host: Host, lease: Lease, flags: Iterable[str]) -> None:
    """Make exactly `flags` stand in the host's flag folder (maintenance mode is left as it is)."""
    done = await host.connection.run(lease.fenced(host, "sh", "-c", SET, "flags", host.paths.live, " ".join(sorted(flags)), MAINTENANCE))
    if done.code == LOST:
        raise CmctlError(f"the switch was refused on {host.name}", why="another command has taken the lease meanwhile")
    if done.code:
        raise CmctlError(f"the flag could not be set on {host.name}", why=done.stderr.strip())


async def read(host: Host) -> tuple[str, ...]:
    done = await host.connection.run(["sh", "-c", '[ ! -e "$1" ] || ls "$1"', "flags", host.paths.live])
    if done.code:
        raise CmctlError(f"the flags on {host.name} cannot be read", why=done.stderr.strip(), hint="cmctl doctor")
    return tuple(sorted(done.stdout.split()))


def of(slot: Slot) -> tuple[str, ...]:
    """The flags that mean a slot."""
    return ("green",) if slot == "green" else ()


def slot(flags: Iterable[str]) -> Slot:
    return "green" if "green" in flags else "blue"
