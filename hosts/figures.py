"""What hosts and the containers on them have used so far, and what they may use: one short call to each host, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from errors import CmctlError
from hosts.fleet import Host
from loadtests.uses import Look

ASK_S = 6.0
# Beside the call itself, a connection has to be made.
REACH = 1.5
# A container's own view of its cgroup, through its first process: the same in both versions of cgroups, on a host that is
# itself a container too, and whatever programs the container has. The engine's own figures take it seconds to give.
# $1 where processes are shown, which is /proc
SCRIPT = """
read -r up _ < "$1/uptime" && echo "clock $up"
awk '
  $1 == "cpu" { busy = $2 + $3 + $4 + $7 + $8 }
  /^cpu[0-9]/ { cores++ }
  $1 == "MemTotal:" { total = $2 }
  $1 == "MemAvailable:" { free = $2 }
  END { printf "host %.0f %d %d %.0f %.0f\\n", busy, hz, cores, (total - free) * 1024, total * 1024 }
' hz="$(getconf CLK_TCK)" "$1/stat" "$1/meminfo"
format='{{.State.Pid}} {{.Name}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}} {{.HostConfig.CpuPeriod}} {{.HostConfig.Memory}}'
found=$(docker ps -q --no-trunc --filter label=io.cmctl.stack) || exit 1
[ -n "$found" ] || exit 0
docker inspect --format "$format" $found | while read -r pid name nano quota period limit; do
  own=$1/$pid/root/sys/fs/cgroup
  if [ -e "$own/cpu.stat" ]; then
    cpu=$(awk '$1 == "usage_usec" { printf "%.0f", $2 * 1000 }' "$own/cpu.stat")
    memory=$(cat "$own/memory.current") cached=$(awk '$1 == "inactive_file" { print $2 }' "$own/memory.stat")
  else
    cpu=$(cat "$own/cpuacct/cpuacct.usage")
    memory=$(cat "$own/memory/memory.usage_in_bytes") cached=$(awk '$1 == "total_inactive_file" { print $2 }' "$own/memory/memory.stat")
  fi
  echo "container ${name#/} ${cpu:--} ${memory:--} ${cached:-0} $nano $quota $period $limit"
done 2> /dev/null
exit 0
"""
NUMBERS = 7


@dataclass(frozen=True)
class Figures:
    """One host at `clock` seconds of its own: itself, and its containers by name. What could not be read is left out."""

    clock: float
    host: Look
    containers: Mapping[str, Look]


async def figures(hosts: Mapping[str, Host], proc: str = "/proc") -> dict[str, Figures | str]:
    """Host → its figures, or why there are none. Never raises for a host; it is over after some ten seconds."""
    found = await asyncio.gather(*(_figures(host, proc) for host in hosts.values()))
    return dict(zip(hosts, found, strict=True))


async def _figures(host: Host, proc: str) -> Figures | str:
    try:
        async with asyncio.timeout(REACH * ASK_S):
            done = await host.connection.run(["sh", "-c", SCRIPT, "figures", proc], timeout_s=ASK_S)
    except TimeoutError:
        return f"{host.name} gave no figures within {REACH * ASK_S:.0f} s"
    except CmctlError as error:
        return error.what
    if done.code:
        return f"{host.name}: {done.stderr.strip() or 'its container engine does not answer'}"
    return parse(done.stdout) or f"{host.name} gave figures that are not understood"


def parse(text: str) -> Figures | None:
    """The figures in what the script says; None without those of the host itself."""
    rows = [line.split() for line in text.splitlines()]
    containers = {row[1]: look for row in rows if row[:1] == ["container"] and (look := _container(row[2:]))}
    with suppress(StopIteration, ValueError, ZeroDivisionError):
        clock = next(float(row[1]) for row in rows if row[:1] == ["clock"] and len(row) > 1)
        busy, hz, cores, used, total = next([float(one) for one in row[1:]] for row in rows if row[:1] == ["host"])
        return Figures(clock, Look(busy / hz, cores, used, total), containers)
    return None


def _container(row: list[str]) -> Look | None:
    with suppress(ValueError):
        numbers = [float(one) for one in row]
        if len(numbers) == NUMBERS:
            cpu, memory, cached, nano, quota, period, limit = numbers
            cpus = nano / 1e9 or max(0.0, quota) / (period or 100_000)
            return Look(cpu / 1e9, cpus, max(0.0, memory - cached), max(0.0, limit))
    return None
