"""Services that have to run, with the settings that lie on the disk. Where there is no init system, sysv scripts and dockerd by hand.

A service is `outdated` when one of its files is newer than both its process and the mark that the last restart left.
"""

from __future__ import annotations

from dataclasses import dataclass

from hosts.bootstrap import engine
from hosts.bootstrap.model import Step, System, script
from layout import machine_files
from layout.machine import RUNNING, Machine


@dataclass(frozen=True)
class Service:
    """`units`: any of them will do. `config`: files that it reads when it starts."""

    units: tuple[str, ...]
    process: str
    config: tuple[str, ...] = ()


SERVICES = {
    "docker": Service(("docker",), "dockerd", (engine.CONFIG,)),
    "fail2ban": Service(("fail2ban",), "fail2ban-server", (machine_files.JAIL,)),
    "journald": Service(("systemd-journald",), "systemd-journald", (machine_files.JOURNAL,)),
    "ssh": Service(("ssh", "sshd"), "sshd"),
    "time-sync": Service(("systemd-timesyncd", "chrony", "chronyd", "ntpsec", "ntp", "openntpd"), "systemd-timesyncd"),
    "unattended-upgrades": Service(("unattended-upgrades",), "unattended-upgrades"),
}
# $1 name, $2 process, $3 units, $4 files
STATE = """
state() {
  state=stopped; pid=
  if [ -d /run/systemd/system ]; then
    for unit in $3; do systemctl is-active --quiet "$unit" && state=running && pid=$(systemctl show -p MainPID --value "$unit") && break; done
  else pid=$(pgrep -xo "$(echo "$2" | cut -c1-15)") && state=running; fi
  [ "$1" = time-sync ] && systemd-detect-virt --container --quiet && state=running  # its clock is the machine below's
  mark=/run/cmctl/$1.loaded
  if [ -n "$pid" ] && [ "$pid" != 0 ]; then
    started=$(($(date +%s) - $(ps -o etimes= -p "$pid")))
    for file in $4; do
      [ -f "$file" ] && { [ ! -e "$mark" ] || [ "$file" -nt "$mark" ]; } && [ "$(stat -c %Y "$file")" -gt "$started" ] && state=outdated
    done
  fi
  echo "$1 $state"
}
"""
# $1 name, $2 units. The mark says which settings the running process has read.
RESTART = """
mkdir -p /run/cmctl; touch /run/cmctl/$1.loading
if [ -d /run/systemd/system ]; then
  for unit in $2; do [ "$(systemctl show -p LoadState --value "$unit")" = loaded ] && break; done
  systemctl enable --quiet "$unit" 2>/dev/null || true
  systemctl restart "$unit"
else service "$1" restart; fi
mv /run/cmctl/$1.loading /run/cmctl/$1.loaded
"""
# Live restore is switched on before the restart, so that the containers that run now outlive it.
RESTART_ENGINE = """
mkdir -p /run/cmctl; touch /run/cmctl/docker.loading
pid=$(cat /run/docker.pid 2>/dev/null || true)
if [ -n "$pid" ] && kill -HUP "$pid" 2>/dev/null; then
  i=0; until docker info --format '{{.LiveRestoreEnabled}}' 2>/dev/null | grep -q true || [ $i -ge 50 ]; do sleep 0.1; i=$((i + 1)); done
fi
if [ -d /run/systemd/system ]; then systemctl enable --quiet docker; systemctl restart docker
else
  if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then
    i=0; while kill -0 "$pid" 2>/dev/null && [ $i -lt 300 ]; do sleep 0.1; i=$((i + 1)); done
  fi
  setsid dockerd >> /var/log/dockerd.log 2>&1 < /dev/null &
fi
i=0; until docker version > /dev/null 2>&1 || [ $i -ge 600 ]; do sleep 0.1; i=$((i + 1)); done
docker version > /dev/null || { tail -n 8 /var/log/dockerd.log 2>/dev/null; exit 1; }
mv /run/cmctl/docker.loading /run/cmctl/docker.loaded
"""


class Services:
    section = "services"

    def probe(self, wanted: Machine) -> str:
        calls = [
            f"state {name} {one.process} '{' '.join(one.units)}' '{' '.join(one.config)}'"
            for name, one in SERVICES.items()
            if name in wanted.services
        ]
        return STATE + "\n".join(calls) if calls else ""

    def found(self, text: str, wanted: Machine) -> dict[str, str]:
        del wanted
        return dict(line.split() for line in text.splitlines())

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        return [
            _restart(name, found.services.get(name, "missing"))
            for name in wanted.services
            if found.services.get(name) != RUNNING or _changes(name, found, wanted)
        ]


def _changes(name: str, found: Machine, wanted: Machine) -> bool:
    """Whether an earlier step of the same run writes one of the service's files."""
    if name == "docker" and found.engine != wanted.engine:
        return True
    return any(found.files.get(path) != wanted.files[path] for path in SERVICES[name].config if path in wanted.files)


def _restart(name: str, state: str) -> Step:
    what = f"service {name}: {state} → {RUNNING}"
    if name == "docker":
        return script(what, RESTART_ENGINE, long=True)
    return script(what, RESTART, name, " ".join(SERVICES[name].units), long=True)
