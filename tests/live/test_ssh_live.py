"""The SSH connection against a real sshd with its usual limits, on this machine's loopback."""

from __future__ import annotations

import asyncio
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

from errors import Unreachable
from hosts.ssh import SshConnection, fresh
from hosts.ssh_errors import AuthRefused, KeyChanged
from layout.release import Target
from tests.hosts.contract import CLAIMS, bears_many_at_once

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


def tell(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


@pytest.fixture
def sshd(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sshd]:
    if not Path(SSHD).exists():
        pytest.skip("no sshd here: apt-get install openssh-server")
    for name in ("host_key", "id", "other"):
        tell("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name))
    (tmp_path / "authorized_keys").write_text((tmp_path / "id.pub").read_text())
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    (tmp_path / "config").write_text(CONFIG.format(port=port, folder=tmp_path) + getattr(request, "param", ""))
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


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real agent, empty."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not (tmp_path / "agent").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    yield
    process.terminate()
    process.wait(10)


async def test_keys_of_the_agent(sshd: Sshd, agent: None) -> None:
    """Without an identity the agent's keys are tried; the refusal names them."""
    tell("ssh-add", "-q", str(sshd.folder / "other"))
    with pytest.raises(AuthRefused, match="agent: ") as caught:
        await SshConnection("a", sshd.target(identity="")).run(["true"])
    assert "SHA256:" in caught.value.why
    tell("ssh-add", "-q", str(sshd.folder / "id"))
    assert (await SshConnection("a", sshd.target(identity="")).run(["echo", "in"])).stdout == "in\n"


async def test_an_identity_with_a_passphrase(sshd: Sshd, agent: None) -> None:
    """A key's file that is locked needs the agent to hold that key; the text says how to give it."""
    key = sshd.folder / "id"
    tell("ssh-add", "-q", str(key))
    tell("ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", str(key))
    assert (await SshConnection("a", sshd.target()).run(["echo", "in"])).stdout == "in\n"
    tell("ssh-add", "-q", "-D")
    with pytest.raises(AuthRefused, match="cannot be used") as caught:
        async with fresh("a", sshd.target()) as host:
            await host.run(["true"])
    assert f"ssh-add {key}" in caught.value.hint


async def test_through_a_real_jump_host(sshd: Sshd) -> None:
    """The machine behind is reached through a jump host's TCP forwarding, each with its own pinned key."""
    there = sshd.target()
    jump = {name: getattr(there, name) for name in ("address", "port", "user", "identity", "host_key")}
    async with fresh("a", sshd.target(jump=jump)) as host:
        assert (await host.run(["echo", "in"])).stdout == "in\n"


async def test_a_changed_key_is_refused_before_the_login(sshd: Sshd) -> None:
    """A real sshd with another key never sees a user name."""
    other = (sshd.folder / "other.pub").read_text().strip()
    with pytest.raises(KeyChanged, match="another key than the pinned one"):
        await SshConnection("a", sshd.target(host_key=other)).run(["true"])
    text = (sshd.folder / "log").read_text()
    assert "Accepted" not in text
    assert "authenticating user" not in text


@pytest.mark.parametrize("sshd", ["MaxSessions 2\n"], indirect=True)
async def test_an_sshd_that_allows_two_sessions(sshd: Sshd) -> None:
    """A machine that allows fewer programs at a time than usual is waited for."""
    await bears_many_at_once(SshConnection("a", sshd.target()), "")


@pytest.mark.parametrize("sshd", ["MaxStartups 3:50:20\n"], indirect=True)
async def test_sixteen_who_come_at_once(sshd: Sshd) -> None:
    """An sshd that turns away some of those who have not logged in yet lets all of sixteen in, by their second or third attempt."""

    async def knock() -> str:
        async with fresh("a", sshd.target()) as host:
            return (await host.run(["echo", "in"])).stdout

    assert await asyncio.gather(*(knock() for _ in range(16))) == ["in\n"] * 16
    print((sshd.folder / "log").read_text().count("drop connection"), "were turned away first")


async def test_nothing_of_stdin_stays_behind(sshd: Sshd, tmp_path: Path) -> None:
    """What a program was given on stdin lies nowhere afterwards, not even when the program was killed in the middle."""
    places = (Path("/dev/shm"), Path("/tmp"))
    before = {path for place in places for path in place.glob("tmp.*")}
    host = SshConnection("a", sshd.target())
    with pytest.raises(Unreachable, match="did not end"):
        await host.run(["sleep", "20"], stdin=b"a secret" * 1000, timeout_s=0.5)
    await host.run(["cat"], stdin=b"a secret")
    left = {path for place in places for path in place.glob("tmp.*")} - before
    assert [path for path in left if b"a secret" in path.read_bytes()] == []
