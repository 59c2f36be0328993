"""The small files of a machine: log rotation, journal limits, fail2ban's jail, unattended upgrades, kernel settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# The machine's own note of who it belongs to; a machine that two environments name is refused.
OWNER = "/etc/cmctl/environment"
SYSCTL = "/etc/sysctl.d/60-cmctl.conf"
JAIL = "/etc/fail2ban/jail.d/cmctl.conf"
JOURNAL = "/etc/systemd/journald.conf.d/cmctl.conf"
UPGRADES = "/etc/apt/apt.conf.d/60cmctl-upgrades"

JAIL_TEXT = """[sshd]
enabled = true
backend = systemd
maxretry = 5
findtime = 10m
bantime = 1h
bantime.increment = true
ignoreip = 127.0.0.0/8 ::1 {trusted}
"""
JOURNAL_TEXT = """[Journal]
SystemMaxUse=500M
SystemKeepFree=1G
MaxRetentionSec=1month
"""
# Security updates come by themselves; a reboot does not: it is planned by a person, host by host.
UPGRADES_TEXT = """APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
Unattended-Upgrade::Automatic-Reboot "false";
"""


def all_files(platform: str, owner: str, sysctl: Mapping[str, str], trusted: Iterable[str]) -> dict[str, str]:
    """Path → text. `owner` is `environment/host`; addresses in `trusted` are never banned."""
    return {
        OWNER: f"{platform}/{owner}\n",
        SYSCTL: "".join(f"{key} = {value}\n" for key, value in sorted(sysctl.items())),
        JAIL: JAIL_TEXT.format(trusted=" ".join(trusted)),
        JOURNAL: JOURNAL_TEXT,
        UPGRADES: UPGRADES_TEXT,
        f"/etc/logrotate.d/{platform}": logrotate(platform),
    }


def logrotate(platform: str) -> str:
    """Daily, kept for 30 days, as the deployment journey has it; readable by root alone, because logs name people."""
    return f"""/var/log/{platform}/*.log {{
    daily
    missingok
    rotate 30
    compress
    delaycompress
    notifempty
    create 640 root adm
}}
"""
