"""Each way in which a host cannot be used is told apart, is exit 7, and names the next step."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from errors import CmctlError, Unreachable
from hosts import ssh_errors, ssh_link
from hosts.fleet import connect, each
from hosts.ssh import SshConnection
from hosts.ssh_errors import AuthRefused, Lost, NameUnknown, NoAnswer, NoSudo, Refused
from tests.hosts.sshd import Server, serving


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port that accepts and never says a word."""
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_link, "WAIT_S", (0.0, 0.01))


async def test_unknown_name(tmp_path: Path) -> None:
    """A name that nobody knows."""
    target = Server(port=22).target(tmp_path, address="no-such-host.invalid")
    with pytest.raises(NameUnknown, match=r"app1: no-such-host\.invalid is no known name"):
        await SshConnection("app1", target).run(["true"])


async def test_refused(tmp_path: Path) -> None:
    """No sshd at that port."""
    port = free_port()
    with pytest.raises(Refused, match=rf"app1: 127\.0\.0\.1 port {port} refuses connections"):
        await SshConnection("app1", Server(port=port).target(tmp_path)).run(["true"])


async def test_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something accepts and says nothing: three attempts, each bounded, then exit 7; right after that one attempt only."""
    monkeypatch.setattr(ssh_link, "CONNECT_S", 0.2)
    async with silent() as port:
        host = SshConnection("app1", Server(port=port).target(tmp_path))
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="does not answer"):
            await host.run(["true"])
        three = time.monotonic() - begun
        with pytest.raises(NoAnswer):
            await host.run(["true"])
        one = time.monotonic() - begun - three
        assert 0.6 <= three < 2
        assert one < three / 2


async def test_a_hiccup_is_survived(tmp_path: Path) -> None:
    """A machine whose sshd comes up between two attempts is reached; the command ran once."""
    server = Server(port=free_port())
    call = asyncio.create_task(SshConnection("app1", server.target(tmp_path)).run(["echo", "in"]))
    await asyncio.sleep(0)
    async with serving(server):
        assert (await call).stdout == "in\n"
        assert len(server.commands) == 1


async def test_wrong_user_or_key(tmp_path: Path) -> None:
    """The text says who tried with which key, and the host is asked once only."""
    async with serving() as server:
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        path = tmp_path / "id_stranger"
        path.touch(mode=0o600)
        path.write_bytes(stranger.export_private_key())
        with pytest.raises(AuthRefused) as caught:
            await SshConnection("app1", server.target(tmp_path, identity=str(path), user="deploy")).run(["true"])
        text = str(caught.value)
        for said in ("app1", "does not let deploy in", str(path), stranger.get_fingerprint(), "ssh-copy-id"):
            assert said in text
        assert len(server.connections) == 1


async def test_no_key_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without identity, agent and files in ~/.ssh the text says that no key was tried."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    async with serving() as server:
        with pytest.raises(AuthRefused, match="no key at all"):
            await SshConnection("app1", server.target(tmp_path, identity="")).run(["true"])


@pytest.mark.parametrize(
    ("name", "text", "mode", "said"),
    [
        ("missing", None, 0o600, "No such file"),
        ("open", "", 0o644, "others on this machine may read it"),
        ("odd", "no key", 0o600, "private key"),
    ],
)
async def test_unusable_identity(tmp_path: Path, name: str, text: str | None, mode: int, said: str) -> None:
    """A key's file that is missing, open to others or no key is named, and no connection is made."""
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    async with serving() as server:
        with pytest.raises(AuthRefused, match=f"{name} cannot be used") as caught:
            await SshConnection("app1", server.target(tmp_path, identity=str(path))).run(["true"])
        assert said in str(caught.value)
        assert server.connections == []


async def test_a_labs_identity_says_how_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab's own key, below cmctl's home: missing, it is made by the lab; open to others, the hint can be typed anywhere."""
    monkeypatch.setenv("CMCTL_HOME", str(tmp_path))
    target = Server(port=free_port()).target(tmp_path, identity="lab/id_ed25519")
    with pytest.raises(AuthRefused) as missing:
        await SshConnection("lb1", target).run(["true"])
    assert missing.value.hint == "cmctl lab up makes it; or correct `identity` in the environment's file"
    key = tmp_path / "lab" / "id_ed25519"
    key.parent.mkdir()
    key.touch(0o644)
    with pytest.raises(AuthRefused) as shared:
        await SshConnection("lb2", target).run(["true"])
    assert shared.value.hint == f"chmod 600 {key}"


@pytest.mark.parametrize(
    ("sudo", "said"),
    [
        ("echo 'sudo: a password is required' >&2; exit 1", "sudo asks for a password"),
        ("echo 'deploy is not in the sudoers file.' >&2; exit 1", "not in the sudoers file"),
        ("exit 127", "sudo or sh does not run there"),
    ],
)
async def test_no_sudo(tmp_path: Path, sudo: str, said: str) -> None:
    """A user who may not become root without a password gets the line that lets him."""
    (tmp_path / "sudo").write_text(f"#!/bin/sh\n{sudo}\n")
    (tmp_path / "sudo").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    async with serving(Server(environment=environment)) as server:
        with pytest.raises(NoSudo, match="deploy may not become root") as caught:
            await SshConnection("app1", server.target(tmp_path, user="deploy")).run(["true"])
        assert said in caught.value.why
        assert "NOPASSWD" in caught.value.hint


async def test_a_talkative_login(tmp_path: Path) -> None:
    """What a user's shell says on its own, on either output, is no part of the answer."""
    async with serving(Server(noise="echo welcome; echo 'quota is low' >&2; ")) as server:
        done = await SshConnection("app1", server.target(tmp_path)).run(["sh", "-c", "echo out; echo err >&2"])
        assert (done.stdout, done.stderr) == ("out\n", "err\n")


async def test_lost_in_the_middle(tmp_path: Path) -> None:
    """A connection that breaks while a program runs is not silently tried again; the next command connects anew."""
    async with serving() as server:
        host = SshConnection("app1", server.target(tmp_path))
        call = asyncio.create_task(host.run(["sleep", "20"]))
        while not server.open:
            await asyncio.sleep(0.01)
        server.connections[0].abort()
        with pytest.raises(Lost, match="connection to app1 was lost while sleep ran"):
            await call
        assert len(server.commands) == 1
        assert (await host.run(["echo", "in"])).stdout == "in\n"
        assert len(server.connections) == 2


async def test_files_are_written_again_after_a_loss(tmp_path: Path) -> None:
    """Writing a whole file does the same when it is done twice, so it is: a broken connection in the middle is not seen."""
    async with serving() as server:
        host = SshConnection("app1", server.target(tmp_path))
        await host.run(["true"])
        server.cut_next = 2
        await host.write(str(tmp_path / "file"), b"x" * 100_000)
        assert (tmp_path / "file").read_bytes() == b"x" * 100_000
        assert len(server.connections) == 3
        server.cut_next = 3
        with pytest.raises(Lost):
            await host.write(str(tmp_path / "file"), b"y")


async def test_what_is_secret_is_in_no_argument(tmp_path: Path) -> None:
    """Files and stdin travel as stdin: no line that the machine's shell, sudo or process list sees holds any of it."""
    async with serving() as server:
        host = SshConnection("app1", server.target(tmp_path))
        await host.write(str(tmp_path / "key"), b"canary-secret", 0o600)
        await host.run(["sha256sum"], stdin=b"canary-secret")
        assert len(server.commands) == 2
        assert "canary-secret" not in "".join(server.commands)


async def test_no_room_for_stdin(tmp_path: Path) -> None:
    """A machine that cannot take what a program reads is told; it is never the program's answer, and the program does not run."""
    (tmp_path / "mktemp").write_text("#!/bin/sh\necho 'No space left on device' >&2; exit 1\n")
    (tmp_path / "mktemp").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    async with serving(Server(environment=environment)) as server:
        with pytest.raises(CmctlError, match="app1 has no room for what touch reads") as caught:
            await SshConnection("app1", server.target(tmp_path)).run(["touch", str(tmp_path / "ran")], stdin=b"x")
        assert caught.value.why == "No space left on device"
        assert not (tmp_path / "ran").exists()


async def test_half_a_stdin_is_none(tmp_path: Path) -> None:
    """What a program reads reaches it whole or not at all: a connection cut in the middle starts nothing with half of it."""
    async with serving() as server:
        server.deaf_after = 50_000
        host = SshConnection("app1", server.target(tmp_path))
        with pytest.raises(Lost):
            await host.run(["sh", "-c", 'cat > "$1"', "x", str(tmp_path / "half")], stdin=b"x" * 100_000)
        await asyncio.gather(*server.running, return_exceptions=True)
        assert not (tmp_path / "half").exists()


async def test_all_hosts_are_told_at_once(tmp_path: Path) -> None:
    """Three hosts with three different problems: one error, exit 7, with all of them; the healthy one does its work."""
    async with serving() as server:
        targets = {
            "app1": server.target(tmp_path, host_key=asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()),
            "app2": Server(port=free_port()).target(tmp_path),
            "data1": server.target(tmp_path, identity=str(tmp_path / "gone")),
            "lb1": server.target(tmp_path),
        }
        with pytest.raises(Unreachable) as caught:
            await each(connect("stack", targets), lambda host: host.connection.run(["touch", str(tmp_path / host.name)]))
        text = str(caught.value)
        assert text.startswith("3 hosts cannot be used:")
        for said in ("- app1: ", "another key than the pinned one", "- app2: ", "refuses connections", "- data1: ", "gone cannot be used"):
            assert said in text
        assert (tmp_path / "lb1").exists()


async def test_another_failure_is_not_hidden(tmp_path: Path) -> None:
    """A host that answers with a failure is told before hosts that do not answer."""
    targets = {name: Server(port=free_port()).target(tmp_path) for name in ("a", "b")}

    async def work(host: object) -> None:
        if host is hosts["b"]:
            raise CmctlError("b failed")
        await hosts["a"].connection.run(["true"])

    hosts = connect("stack", targets)
    with pytest.raises(CmctlError, match="b failed"):
        await each(hosts, work)


def test_every_kind_stands_on_the_page() -> None:
    """docs/ssh.md has a line for each kind of error, and the errors name the page."""
    page = Path(__file__).parent.parent.parent / ssh_errors.PAGE
    kinds = {kind.__name__ for kind in ssh_errors.SshError.__subclasses__()}
    rows = [line.split("|")[1].strip() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert kinds == {row for row in rows if row[:1].isupper()}
    assert "read: docs/ssh.md" in str(Refused("x"))


def test_the_page_has_the_limits_of_the_code() -> None:
    """The figures of docs/ssh.md are those of hosts/ssh_link.py."""
    text = (Path(__file__).parent.parent.parent / ssh_errors.PAGE).read_text(encoding="utf-8")
    link = ssh_link
    for said in (
        f"{link.ATTEMPTS} attempts of at most {link.CONNECT_S:.0f} s; after a host was given up, 1 attempt for the next {link.GIVEN_UP_S:.0f} s",
        f"noticed within {link.ALIVE_S * (link.ALIVE_ASKED + 1)} s",
        f"{link.SESSIONS} over one connection",
    ):
        assert said in text
