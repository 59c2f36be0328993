"""The flag files that move traffic (layout/live.py names them): one rename, one truth.

Traffic flags (`green`, `to-green-5`, `phase2` at the local edge) belong to releases. Standing flags (`maintenance`,
`without-app2`) are a person's wish that no release touches; `relief-…` belongs to a handover (hosts/handover.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from hosts.connection import output
from hosts.fleet import Host
from hosts.lease import Lease
from layout import live
from layout.model import Slot

# $1 folder, $2 flags that shall stand (words). What is new appears first, what is old goes after, lowest first: with
# "the highest flag wins" the traffic moves exactly once.
SET = f"""
mkdir -p "$1"; cd "$1" || exit 1
for flag in $2; do [ -e "$flag" ] || {{ : > ".$flag.new" && mv ".$flag.new" "$flag" || exit 1; }}; done
for flag in $(ls | sort); do
  case "$flag" in {live.MAINTENANCE}|{live.WITHOUT}*|{live.RELIEF}*) continue ;; esac
  case " $2 " in *" $flag "*) ;; *) rm -f "$flag" ;; esac
done
sync .
"""
# $1 seconds, $2 folder, $3 flag, $4 lease file, $5 fence. A controller that has died never takes its canary step back.
GUARD = """
sleep "$1"; exec 9>"$4.lock"; flock 9
[ "$(sed -n 3p "$4")" = "$5" ] && rm -f "$2/$3"
"""
WATCHED = 'guard=$1; shift; setsid sh -c "$guard" guard "$@" > /dev/null 2>&1 < /dev/null &'
# $1 folder, $2 flag, $3 on or off
STAND = 'mkdir -p "$1" && cd "$1" && if [ "$3" = on ]; then : > ".$2.new" && mv ".$2.new" "$2"; else rm -f "$2"; fi && sync .'


async def write(host: Host, lease: Lease, flags: Iterable[str]) -> None:
    """Make exactly these traffic flags stand in the host's flag folder."""
    await lease.run(host, "sh", "-c", SET, "flags", host.paths.live, " ".join(sorted(flags)), what="the switch")


async def guard(host: Host, lease: Lease, flag: str, seconds: float) -> None:
    """Let the host itself remove a flag of this lease after so long, unless the next step, or another owner, has come before."""
    fence = lease.fences[host.name]
    argv = [GUARD, f"{seconds:g}", host.paths.live, flag, host.paths.lease, fence]
    await lease.run(host, "sh", "-c", WATCHED, "watched", *argv, what="guarding the canary step")


async def stand(host: Host, lease: Lease, flag: str, *, on: bool) -> None:
    """Raise or remove one standing flag."""
    await lease.run(host, "sh", "-c", STAND, "flags", host.paths.live, flag, "on" if on else "off", what=f"the flag {flag}")


async def read(host: Host) -> tuple[str, ...]:
    """All flags, sorted."""
    text = await output(host.connection, ["sh", "-c", '[ ! -e "$1" ] || ls "$1"', "flags", host.paths.live], what="reading the flags")
    return tuple(sorted(text.split()))


def traffic(flags: Iterable[str]) -> tuple[str, ...]:
    """Those that say where the traffic goes."""
    return tuple(flag for flag in flags if flag != live.MAINTENANCE and not flag.startswith((live.WITHOUT, live.RELIEF)))


def slot(flags: Iterable[str]) -> Slot:
    return "green" if live.GREEN in flags else "blue"
