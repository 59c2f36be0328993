"""The SSH connection against a real sshd with its usual limits, on this machine's loopback."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosts.ssh import SshConnection
from layout.release import Target
from tests.hosts.contract import CLAIMS

pytestmark = pytest.mark.live
SSHD = "/usr/sbin/sshd"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""


@dataclass
class Sshd:
    """A real sshd of our own: its folder, port and process."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def target(self, **changes: object) -> Target:
        key = (self.folder / "host_key.pub").read_text().strip()
        facts = {
            "connection": "ssh",
            "address": "127.0.0.1",
            "root": str(self.folder / "root"),
            "user": getpass.getuser(),
            "port": self.port,
        }
        return Target.model_validate(facts | {"identity": str(self.folder / "id"), "host_key": key} | changes)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if not Path(SSHD).exists():
        pytest.skip("no sshd here: apt-get install openssh-server")
    for name in ("host_key", "id", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    (tmp_path / "authorized_keys").write_text((tmp_path / "id.pub").read_text())
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    (tmp_path / "config").write_text(CONFIG.format(port=port, folder=tmp_path))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(tmp_path / "config")], stderr=log)
    try:
        _listening(port)
        yield Sshd(tmp_path, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _listening(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
async def test_contract(claim: object, sshd: Sshd, tmp_path: Path) -> None:
    """Every claim that holds for this machine's connection holds for a real sshd with its usual limits."""
    work = tmp_path / "work"
    work.mkdir()
    await claim(SshConnection("there", sshd.target()), str(work))  # type: ignore[operator]
