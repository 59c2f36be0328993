"""Packages: installed where they are missing, never upgraded here (that is unattended-upgrades' work)."""

from __future__ import annotations

import shlex

from hosts.bootstrap.model import Step, System, script
from layout.machine import Machine

# What serves as well: an engine or a clock that somebody chose is not replaced.
INSTEAD = {
    "docker.io": ("docker-ce", "moby-engine"),
    "systemd-timesyncd": ("chrony", "ntp", "ntpsec", "openntpd"),
}
# $@ packages. Lists are read anew only when they are older than a day or do not know a package.
INSTALL = """
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
apt="apt-get -y -q -o DPkg::Lock::Timeout=180 -o Dpkg::Options::=--force-confold -o Acquire::Retries=2"
fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mmin -1440 2>/dev/null | head -n 1)
[ -n "$fresh" ] && apt-cache show "$@" > /dev/null 2>&1 || $apt update
$apt install --no-install-recommends "$@"
"""


class Packages:
    section = "packages"

    def probe(self, wanted: Machine) -> str:
        names = sorted({one for name in wanted.packages for one in (name, *INSTEAD.get(name, ()))})
        return f"dpkg-query -W -f '${{Package}} ${{db:Status-Status}}\\n' {shlex.join(names)} 2>/dev/null"

    def found(self, text: str, wanted: Machine) -> dict[str, str]:
        there = {name for name, _, state in (line.partition(" ") for line in text.splitlines()) if state == "installed"}
        return {name: "installed" for name in wanted.packages if there & {name, *INSTEAD.get(name, ())}}

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        missing = sorted(set(wanted.packages) - set(found.packages))
        return [script(f"install {', '.join(missing)}", INSTALL, *missing, long=True)] if missing else []
