"""The facts of a system: distribution, init, user, size, clock. One short program, one answer."""

from __future__ import annotations

from typing import Any

from errors import CmctlError
from hosts.bootstrap.model import System
from hosts.connection import Connection, output
from layout.machine_files import OWNER

PROBE = f"""
. /etc/os-release 2>/dev/null || . /usr/lib/os-release 2>/dev/null
disk=$(df -Pm /var/lib 2>/dev/null | awk 'NR == 2 {{print $2, $4}}')
echo "distribution=$ID"
echo "version=$VERSION_ID"
echo "name=$PRETTY_NAME"
[ -d /run/systemd/system ] && echo init=systemd || echo init=
echo "user=$(id -un)"
echo "arch=$(uname -m)"
echo "cpus=$(nproc)"
echo "memory_mb=$(awk '/^MemTotal/ {{print int($2 / 1024)}}' /proc/meminfo)"
echo "disk_mb=${{disk% *}}"
echo "disk_free_mb=${{disk#* }}"
echo "clock=$(date +%s)"
echo "owner=$(cat {OWNER} 2>/dev/null)"
"""
NUMBERS = ("cpus", "memory_mb", "disk_mb", "disk_free_mb", "clock")


async def system(host: Connection) -> System:
    """Raises Unreachable, or CmctlError when the answer is not one of a Linux machine."""
    return parse(await output(host, ["sh", "-c", PROBE], timeout_s=20, what="reading the system's facts"), host.name)


def parse(text: str, name: str) -> System:
    given = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    values: dict[str, Any] = {key: int(value) if key in NUMBERS and value.isdigit() else value for key, value in given.items()}
    try:
        return System(**values)
    except TypeError as error:
        raise CmctlError(f"the facts of {name} cannot be read", why=str(error), hint="is it a Linux machine with a POSIX shell?") from error
