"""The flag files that move traffic: `live/green` for the slot, `live/phaseN` at the local edge. One rename, one truth."""

from __future__ import annotations

from collections.abc import Iterable

from hosts.fleet import Host
from hosts.lease import Lease
from layout.model import Slot

# $1 folder, $2 flags that shall stand (words). What is new appears first, what is old goes after, lowest first: with
# "the highest flag wins" the traffic moves exactly once.
SET = """
mkdir -p "$1"; cd "$1" || exit 1
for flag in $2; do [ -e "$flag" ] || { : > ".$flag.new" && mv ".$flag.new" "$flag"; } || exit 1; done
for flag in $(ls | sort); do case " $2 $3 " in *" $flag "*) ;; *) rm -f "$flag" ;; esac; done
sync .
"""
KEPT = "maintenance"


async def write(host: Host, lease: Lease, flags: Iterable[str]) -> None:
    """Make exactly `flags` stand in the host's flag folder (maintenance mode is left as it is). Raises CmctlError or Overtaken."""
    words = " ".join(sorted(flags))
    await lease.must(host, ["sh", "-c", SET, "flags", host.paths.live, words, KEPT], what="setting the flag that moves traffic")


async def read(host: Host) -> tuple[str, ...]:
    done = await host.connection.run(["ls", host.paths.live])
    return tuple(sorted(done.stdout.split()))


def moving(flags: Iterable[str]) -> tuple[str, ...]:
    """Those flags that say where traffic goes."""
    return tuple(flag for flag in flags if flag != KEPT)


def of(slot: Slot) -> tuple[str, ...]:
    """The flags that mean a slot."""
    return ("green",) if slot == "green" else ()


def slot(flags: Iterable[str]) -> Slot:
    return "green" if "green" in flags else "blue"
