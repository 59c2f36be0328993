"""How people get in: sshd's settings as sshd itself reports them, changed by one drop-in that is tried before it is used."""

from __future__ import annotations

from hosts.bootstrap.model import Step, System, script, write
from layout.machine import Machine

CONFIG = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/10-cmctl.conf"
# The first value counts, so our drop-in is read before a cloud image's own.
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf"
# sshd answers only where its separation folder is, which a socket-activated one makes late.
PROBE = 'mkdir -p /run/sshd; "$(command -v sshd || echo /usr/sbin/sshd)" -T 2>/dev/null'
# One signal only: a second one meets an sshd that has just begun anew and cannot take it, and ends it. ssh and sshd are one unit.
RELOAD = """
if [ -d /run/systemd/system ]; then
  for unit in ssh sshd; do systemctl is-active --quiet $unit && systemctl reload $unit && break; done; true
elif [ -f /run/sshd.pid ]; then kill -HUP "$(cat /run/sshd.pid)"; fi
"""
APPLY = f"""
grep -q '^Include /etc/ssh/sshd_config.d/' {CONFIG} || sed -i '1i {INCLUDE}' {CONFIG}
mkdir -p /run/sshd; sshd=$(command -v sshd || echo /usr/sbin/sshd)
"$sshd" -t || {{ rm -f {DROP_IN}; exit 1; }}
{RELOAD}
"""


class Sshd:
    section = "sshd"

    def probe(self, wanted: Machine) -> str:
        return PROBE if wanted.sshd else ""

    def found(self, text: str, wanted: Machine) -> dict[str, str]:
        rows = (line.partition(" ") for line in text.splitlines())
        told = {key: value.strip() for key, _, value in rows}
        # `prohibit-password` is told by its older name.
        told = {key: "prohibit-password" if value == "without-password" else value for key, value in told.items()}
        return {key: told[key] for key in wanted.sshd if key in told}

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        wrong = [key for key, value in wanted.sshd.items() if found.sshd.get(key) != value]
        if not wrong:
            return []
        text = "".join(f"{key} {value}\n" for key, value in wanted.sshd.items())
        return [
            write(f"sshd: {', '.join(wrong)}", DROP_IN, text, "600", risky=True),
            script("sshd: read it anew", APPLY, risky=True),
        ]
