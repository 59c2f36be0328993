"""How the firewall's script looks, and how it comes back after a reboot or a restart of the engine."""

from __future__ import annotations

import hashlib

from hosts.bootstrap.model import Step, System, script, write

SCRIPT = "/etc/cmctl/firewall"
UNIT = "/etc/systemd/system/cmctl-firewall.service"
AFTER_ENGINE = "/etc/systemd/system/docker.service.d/cmctl-firewall.conf"
# The engine makes DOCKER-USER where it is missing and keeps it where it is there, so ours may come before it.
PROGRAM = """#!/bin/sh
# Written by cmctl: change the environment's file, not this one. `apply` (the default) may be run at any time; `off` takes it away.
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
off() {{
  for chain in "$@"; do $tables -w 10 -F "$chain" 2>/dev/null && $tables -w 10 -X "$chain" || true; done
}}
unask() {{ while $tables -w 10 -D "$1" -j "$2" 2>/dev/null; do :; done; }}
# Asked before all but the rules of fail2ban: a banned address stays out.
ask() {{
  rules=$($tables -w 10 -S "$1" | grep '^-A' || true)
  [ "$(echo "$rules" | grep -v -- '-j f2b-' | head -n 1)" = "-A $1 -j $2" ] && return
  unask "$1" "$2"
  before=$(echo "$rules" | grep -c -- '-j f2b-' || true)
  $tables -w 10 -I "$1" $((before + 1)) -j "$2"
}}
if [ "${{1:-apply}}" = off ]; then
  for tables in iptables ip6tables; do unask INPUT {input}; done
  tables=iptables; unask DOCKER-USER {forward}
  for tables in iptables ip6tables; do off {input} {forward}; done
  exit 0
fi
tables=iptables
iptables-restore -w 10 --noflush << 'RULES'
{rules4}
RULES
$tables -w 10 -n -L DOCKER-USER > /dev/null 2>&1 || $tables -w 10 -N DOCKER-USER
ask INPUT {input}
ask DOCKER-USER {forward}
[ -e /proc/net/if_inet6 ] || exit 0
tables=ip6tables
ip6tables-restore -w 10 --noflush << 'RULES'
{rules6}
RULES
ask INPUT {input}
"""
UNIT_TEXT = f"""[Unit]
Description=Firewall of cmctl, before any network and before the container engine
DefaultDependencies=no
ConditionPathExists={SCRIPT}
After=local-fs.target
Before=network-pre.target docker.service shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={SCRIPT} apply

[Install]
WantedBy=sysinit.target
"""
AFTER_ENGINE_TEXT = f"""[Service]
ExecStartPost=-{SCRIPT} apply
"""
PROBE = f"""
sha256sum {SCRIPT} {UNIT} {AFTER_ENGINE} 2>/dev/null | sed 's/^/file /'
if [ ! -d /run/systemd/system ]; then [ -x {SCRIPT} ] && echo boot=script
elif systemctl is-enabled --quiet cmctl-firewall 2>/dev/null; then echo boot=unit; fi; true
"""


def kept(text: str, program: str) -> bool:
    """Whether the rules will be there after a reboot, and are these ones."""
    files = {SCRIPT: program} | ({UNIT: UNIT_TEXT, AFTER_ENGINE: AFTER_ENGINE_TEXT} if "boot=unit" in text else {})
    as_written = all(f"file {hashlib.sha256(content.encode()).hexdigest()}  {path}" in text for path, content in files.items())
    return as_written and ("boot=unit" in text or "boot=script" in text)


def steps(system: System) -> list[Step]:
    """Without systemd whatever starts the machine has to run the script; a lab's hosts do. Done first: harmless without the script."""
    if system.init != "systemd":
        return []
    return [
        write(f"write {UNIT}", UNIT, UNIT_TEXT),
        write(f"write {AFTER_ENGINE}", AFTER_ENGINE, AFTER_ENGINE_TEXT),
        script("firewall: at every boot", "systemctl daemon-reload; systemctl enable --quiet cmctl-firewall"),
    ]
