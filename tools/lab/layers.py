"""What the hosts' disks begin with: a Debian or Ubuntu as a provider installs it (`bare`), and one with an engine (`ready`).

Made once per content under cmctl's cache; all hosts share them, and each writes to a disk of its own.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from environments.home import cache
from errors import CmctlError
from images.base import codename, sources
from tools.builder import alone, begun
from tools.container_engine import PACKAGES, PACKAGES_WHERE_KNOWN
from tools.lab import packages
from tools.lab.call import must

Report = Callable[[str], None]
USER = "cmctl"
READY_SCRIPT = Path(__file__).with_name("ready.sh")
MAKE_S = 900
# What a provider's image of the smallest size has.
BARE = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "iputils-ping", "procps", "ca-certificates", "curl",
    "python3-minimal", "less",
)  # fmt: skip
# What hosts may install over the lab's own source; with the engine, what preparing a server takes.
OFFERED = (
    *PACKAGES, *PACKAGES_WHERE_KNOWN, "cgroupfs-mount", "fail2ban", "python3-systemd", "unattended-upgrades", "python3-apt", "logrotate", "cron", "chrony", "ufw",
    "nftables", "rsyslog", "rsync", "gnupg", "jq", "acl", "apparmor", "needrestart",
)  # fmt: skip
# Releases divide their packages differently: of those asked for, the ones that this release has.
KNOWN = "for name; do apt-cache show $name > /dev/null 2>&1 && echo $name; done"
PLUGIN = Path("usr/local/lib/docker/cli-plugins/docker-compose")


@dataclass(frozen=True)
class Layers:
    """`bare` and `ready` are folders; a host's root is both, or bare alone. `offered` is the folder of packages."""

    folder: Path

    @property
    def offered(self) -> Path:
        return self.folder / "packages"

    def below(self, *, bare: bool) -> list[Path]:
        """The layers of a host's root, the topmost first."""
        return [self.folder / "bare"] if bare else [self.folder / "ready", self.folder / "bare"]


def make(report: Report) -> Layers:
    """The layers, made if they are not there: half a minute, once. Raises CmctlError when that fails."""
    layers = Layers(cache() / "lab" / _key())
    if layers.folder.exists():
        return layers
    with alone(layers.folder.parent, report):
        if not layers.folder.exists():
            start = time.monotonic()
            report("making the disks' contents from Debian packages (about half a minute, once)")
            with begun(layers.folder.parent) as folder:
                made = folder / "made"
                made.mkdir()
                _fill(Layers(made), report)
                made.rename(layers.folder)
            report(f"that took {time.monotonic() - start:.0f} s")
    return layers


def _fill(layers: Layers, report: Report) -> None:
    layers.offered.mkdir()
    _must(["mmdebstrap", *recipe(layers)], "the hosts' bare system cannot be made")
    report(f"{packages.index(layers.offered)} packages for the hosts to install; now the engine")
    bare, ready = layers.folder / "bare", layers.folder / "ready"
    work, root = layers.folder / "work", layers.folder / "root"
    script = ["bash", str(READY_SCRIPT), *map(str, (bare, layers.offered, ready, work, root)), "--", *PACKAGES, *PACKAGES_WHERE_KNOWN]
    _must(["unshare", "--mount", "--pid", "--fork", "--kill-child", *script], "the engine cannot be installed into the hosts' system")
    shutil.rmtree(work)
    root.rmdir()
    _bring_compose(ready)


def recipe(layers: Layers) -> list[str]:
    """The arguments of mmdebstrap: the system, the packages beside it, and no key that two hosts would share."""
    hooks = (
        f"""chroot "$1" sh -c '{KNOWN} | xargs apt-get install -y -qq --download-only --no-install-recommends' sh {" ".join(OFFERED)}""",
        f'mv "$1"/var/cache/apt/archives/*.deb {layers.offered}/',
        'rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/ssh/ssh_host_*',
        f'echo "{packages.SOURCE.strip()}" > "$1"/etc/apt/sources.list',
        f'chroot "$1" useradd --create-home --shell /bin/bash {USER}',
        f'echo "{USER} ALL=(ALL) NOPASSWD:ALL" > "$1"/etc/sudoers.d/{USER}; chmod 440 "$1"/etc/sudoers.d/{USER}',
    )
    return [
        "--quiet", "--variant=minbase", "--mode=root", "--dpkgopt=force-unsafe-io", "--aptopt=APT::Install-Recommends false",
        f"--include={','.join(BARE)}", *(f"--customize-hook={hook}" for hook in hooks), codename(), str(layers.folder / "bare"), *sources(),
    ]  # fmt: skip


def _bring_compose(ready: Path) -> None:
    """The compose binary that comes with cmctl's own packages, where docker and a PATH find it."""
    own = Path(sys.executable).with_name("docker-compose")
    found = own if own.exists() else shutil.which("docker-compose")
    if found is None:
        raise CmctlError("docker-compose is not beside cmctl's Python", hint="tools/bootstrap.sh")
    (ready / PLUGIN).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, ready / PLUGIN)
    (ready / PLUGIN).chmod(0o755)
    (ready / "usr/local/bin").mkdir(exist_ok=True)
    (ready / "usr/local/bin/docker-compose").symlink_to(f"/{PLUGIN}")


def _key() -> str:
    made_of = (codename(), BARE, OFFERED, recipe(Layers(Path("here"))), READY_SCRIPT.read_text(encoding="utf-8"))
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]


def _must(command: list[str], what: str) -> None:
    # A cmctl that is killed takes the build with it.
    must(["setpriv", "--pdeathsig", "KILL", *command], timeout_s=MAKE_S, what=what)
