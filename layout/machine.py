"""A machine as it has to be, as a value: packages, engine, users, folders, firewall, sshd, kernel settings, files, services.

What is found on a machine has the same shape, so the difference of two values is the work to do, and drift is the same
difference the other way round. Maps hold only what cmctl looks after: anything else on the machine is its owner's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from environments.model import Environment
from layout import machine_files as files
from layout.openings import Opening

ANYONE = "anyone"
CLOSED = "closed"
KEPT = "kept"
RUNNING = "running"
# An engine without a proxy on published ports and whose containers outlive it (DESIGN §4); logs that cannot fill a disk.
ENGINE = {
    "live-restore": True,
    "userland-proxy": False,
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
}
CLOCK = "systemd-timesyncd"
PACKAGES = (
    "ca-certificates", "curl", "docker.io", "fail2ban", "iptables", "iproute2", "logrotate", "openssh-server", "procps",
    "python3-systemd", "sudo", CLOCK, "unattended-upgrades",
)  # fmt: skip
SSHD = {
    "allowagentforwarding": "no",
    "clientaliveinterval": "30",
    "kbdinteractiveauthentication": "no",
    "logingracetime": "30",
    "maxauthtries": "4",
    # cmctl keeps one connection to a host and at most eight channels on it; sshd's own limits break at about ten.
    "maxsessions": "30",
    "maxstartups": "30:30:100",
    "passwordauthentication": "no",
    "permitemptypasswords": "no",
    "x11forwarding": "no",
}
# Kernel settings of one network namespace, and those that hold for the whole kernel (a lab's hosts share one).
SYSCTL_NET = {
    "net.core.somaxconn": "4096",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.tcp_max_syn_backlog": "4096",
    "net.ipv4.tcp_syncookies": "1",
}
SYSCTL_KERNEL = {"fs.inotify.max_user_instances": "512", "kernel.panic": "10", "vm.overcommit_memory": "1", "vm.swappiness": "10"}
SWAP_MB = 2048
SERVICES = ("docker", "fail2ban", "journald", "ssh", "time-sync", "unattended-upgrades")
LAB_SERVICES = ("docker", "fail2ban", "journald", "ssh", "unattended-upgrades")


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class User(Part):
    """`groups` it is in; `sudo`: may do everything without a password, as a deploy without a person must."""

    groups: tuple[str, ...] = ()
    sudo: bool = False


class Directory(Part):
    """`owner` as `user:group`, `mode` in octal digits."""

    owner: str
    mode: str


class Machine(Part):
    """One machine, desired or found.

    `packages`: name → installed. `engine`: keys of daemon.json. `firewall`: `tcp 443` → `anyone` or the addresses that may,
    and `INPUT`, `DOCKER-USER` → closed, `boot` → kept. `sshd`: what `sshd -T` says. `sysctl`: values of the running kernel.
    `files`: path → text. `services`: name → running. `compose`: the engine's compose plugin, `2` for version 2 or newer.
    `swap_mb`: at least this much; None leaves it alone.
    """

    packages: dict[str, str] = {}
    engine: dict[str, Any] = {}
    compose: str = ""
    users: dict[str, User] = {}
    directories: dict[str, Directory] = {}
    firewall: dict[str, str] = {}
    sshd: dict[str, str] = {}
    sysctl: dict[str, str] = {}
    files: dict[str, str] = {}
    services: dict[str, str] = {}
    swap_mb: int | None = None


def machine(platform: str, environment: Environment, host: str, openings: Iterable[Opening]) -> Machine:
    """How the machine `host` of an environment has to be, for everything the platform places on it.

    A lab's hosts share one kernel and one clock: swap, kernel-wide settings and time are left out there.
    """
    facts = environment.hosts[host]
    lab = environment.kind == "lab"
    sysctl = SYSCTL_NET if lab else SYSCTL_NET | SYSCTL_KERNEL
    folder = facts.root or "/var/lib/cmctl"
    return Machine(
        packages={name: "installed" for name in PACKAGES if not (lab and name == CLOCK)},
        engine=dict(ENGINE),
        compose="2",
        users={facts.user: User(groups=("docker",), sudo=True)} if facts.user != "root" else {},
        directories=_directories(platform, folder),
        firewall=firewall(facts.port, (one for one in openings if one.host == host)),
        sshd=SSHD | {"permitrootlogin": "no" if facts.user != "root" else "prohibit-password"},
        sysctl=sysctl,
        files=files.all_files(platform, f"{environment.name}/{host}", sysctl, _trusted(environment)),
        services=dict.fromkeys(LAB_SERVICES if lab else SERVICES, RUNNING),
        swap_mb=None if lab else SWAP_MB,
    )


def _trusted(environment: Environment) -> tuple[str, ...]:
    """Who is never banned: the environment's own hosts; in a lab also this machine, which logs in wrongly on purpose."""
    hosts = {str(address) for one in environment.hosts.values() for address in (one.address, one.private) if address}
    here = {str(network) for network in environment.trusted_proxies} if environment.kind == "lab" else set()
    return tuple(sorted(hosts | here))


def _directories(platform: str, folder: str) -> dict[str, Directory]:
    open_to_read = Directory(owner="root:root", mode="755")
    return {
        folder: open_to_read,
        f"/var/log/{platform}": open_to_read,
        f"/var/backups/{platform}": Directory(owner="root:root", mode="700"),
    }


def firewall(ssh_port: int, openings: Iterable[Opening]) -> dict[str, str]:
    """The firewall of one host: SSH and what is declared is open, everything else closed, after a reboot too."""
    allowed: dict[str, set[str]] = {f"tcp {ssh_port}": {ANYONE}}
    for one in openings:
        allowed.setdefault(f"{one.protocol} {one.port}", set()).update(one.sources or (ANYONE,))
    opened = {port: ANYONE if ANYONE in sources else ", ".join(sorted(sources)) for port, sources in sorted(allowed.items())}
    return opened | {"INPUT": CLOSED, "DOCKER-USER": CLOSED, "boot": KEPT}


def differences(found: Machine, wanted: Machine) -> dict[str, tuple[Any, Any]]:
    """`section.key` → (found, wanted) for everything that is not as it has to be. Empty when the machine is right."""
    result: dict[str, tuple[Any, Any]] = {}
    for section in Machine.model_fields:
        old, new = getattr(found, section), getattr(wanted, section)
        if isinstance(new, dict):
            result |= {f"{section}.{key}": (old.get(key), new.get(key)) for key in sorted({*old, *new}) if old.get(key) != new.get(key)}
        elif old != new:
            result[section] = (old, new)
    return result
