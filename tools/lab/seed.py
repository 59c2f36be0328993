"""What makes one host itself: its name, its host key, who may log in. The topmost layer below its disk, written before it boots."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from tools.container_engine import SETTINGS
from tools.lab.call import must
from tools.lab.plan import Host, Plan

# The first user that Debian makes.
USER_ID = 1000
KEY = "id_ed25519"
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"


def login_key(folder: Path) -> Path:
    """The private key that every host of the lab lets in, made if it is not there; 0600."""
    return _key(folder / KEY, "cmctl lab")


def write(folder: Path, plan: Plan, host: Host, login: str, *, bare: bool) -> None:
    """`login` is the public key's line. A bare host lets root in with it too, as a provider hands it over."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "".join(f"{other.address} {other.name}\n" for other in plan.hosts)
    _write(folder, "etc/hostname", f"{host.name}\n")
    _write(folder, "etc/hosts", f"127.0.0.1 localhost\n{names}")
    _write(folder, "etc/machine-id", hashlib.sha256(f"{plan.name}/{host.number}".encode()).hexdigest()[:32] + "\n")
    # No name server answers there, and it says so at once; with an empty file containers would ask a public one.
    _write(folder, "etc/resolv.conf", f"nameserver {plan.gateway}\noptions timeout:1 attempts:1\n")
    _key(folder / HOST_KEY, host.name)
    _write(folder, "home/cmctl/.ssh/authorized_keys", login, 0o600, USER_ID)
    if bare:
        _write(folder, "root/.ssh/authorized_keys", login, 0o600)
    else:
        _write(folder, "etc/docker/daemon.json", json.dumps(SETTINGS, indent=2) + "\n")
    _own_folders(folder)


def known_host(folder: Path, host: Host) -> str:
    """The host's line of a known_hosts file."""
    kind, key = (folder / f"{HOST_KEY}.pub").read_text(encoding="utf-8").split()[:2]
    return f"{host.address} {kind} {key}\n"


def _key(path: Path, comment: str) -> Path:
    """An ed25519 key pair; one that was half made is made anew."""
    public = path.with_name(f"{path.name}.pub")
    if not (path.exists() and public.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path


def _write(folder: Path, name: str, text: str, mode: int = 0o644, owner: int = 0) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    os.chown(path, owner, owner)


def _own_folders(folder: Path) -> None:
    """A folder of an upper layer hides the owner and mode of the same folder below it."""
    for name, _, _ in os.walk(folder):
        path = Path(name)
        inside = path.relative_to(folder)
        private = path.name == ".ssh" or inside == Path("root")
        path.chmod(0o700 if private else 0o755)
        owner = USER_ID if inside.is_relative_to("home/cmctl") else 0
        os.chown(path, owner, owner)
