"""Only the pinned key is talked to: everything else is refused before a login, and the text says what to compare."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from errors import Unreachable
from hosts import ssh_pins
from hosts.ssh import SshConnection, fresh
from hosts.ssh_errors import KeyChanged, KeyUnknown
from layout.release import Login
from tests.hosts.sshd import Server, serving

OTHER = asyncssh.generate_private_key("ssh-ed25519")
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048)


def line(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


def known_hosts(folder: Path, server: Server, key: asyncssh.SSHKey, prefix: str = "") -> str:
    path = folder / "known_hosts"
    path.write_text(f"{prefix}[127.0.0.1]:{server.port} {line(key)}\n")
    return str(path)


async def test_the_pinned_key_is_let_pass(tmp_path: Path) -> None:
    """As a scanned line, as type and key, as a fingerprint, or in a file of keys."""
    async with serving() as server:
        ways = [
            {"host_key": f"127.0.0.1 {server.pin()}"},
            {"host_key": f"{server.pin()} a comment"},
            {"host_key": server.host_key.get_fingerprint()},
            {"host_key": "", "known_hosts": known_hosts(tmp_path, server, server.host_key)},
        ]
        for number, way in enumerate(ways):
            host = SshConnection(f"h{number}", server.target(tmp_path, **way))
            assert (await host.run(["echo", "in"])).stdout == "in\n"
        assert server.logins == ["root"] * len(ways)


async def test_a_changed_key_is_refused_before_the_login(tmp_path: Path) -> None:
    """Exit 7, nobody logs in, nothing runs, and the text has both fingerprints, whose key was expected, where from, and what to do."""
    async with serving() as server:
        ways = [
            ({"host_key": line(OTHER)}, "host_key in the environment's file"),
            ({"host_key": OTHER.get_fingerprint()}, "host_key in the environment's file"),
            ({"host_key": "", "known_hosts": known_hosts(tmp_path, server, OTHER)}, str(tmp_path / "known_hosts")),
        ]
        for way, source in ways:
            with pytest.raises(KeyChanged) as caught:
                await SshConnection("app1", server.target(tmp_path, **way)).run(["true"])
            text = str(caught.value)
            assert caught.value.exit_code == 7
            for said in ("app1", OTHER.get_fingerprint(), server.host_key.get_fingerprint(), source, "ssh-keyscan", "console"):
                assert said in text
        assert (server.logins, server.commands) == ([], [])


async def test_a_key_of_another_type_is_a_changed_key(tmp_path: Path) -> None:
    """A machine that has only keys of other types than the pinned one is refused, and its key is shown."""
    async with serving(Server(host_key=RSA)) as server:
        with pytest.raises(KeyChanged) as caught:
            await SshConnection("app1", server.target(tmp_path, host_key=line(OTHER))).run(["true"])
        assert RSA.get_fingerprint() in str(caught.value)
        assert server.logins == []
        host = SshConnection("app1", server.target(tmp_path, host_key=RSA.get_fingerprint()))
        assert (await host.run(["echo", "in"])).stdout == "in\n"


async def test_an_unknown_key_is_refused_before_the_login(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pin nothing is trusted: not the first key that is seen, and not what the user's own ~/.ssh/known_hosts holds."""
    monkeypatch.setenv("HOME", str(tmp_path))
    async with serving() as server:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {server.pin()}\n")
        (tmp_path / "empty").write_text("# nothing\n")
        for known, said in (("", "nothing"), (str(tmp_path / "empty"), "empty"), ("lab/known_hosts", "which does not exist")):
            with pytest.raises(KeyUnknown) as caught:
                await SshConnection("app1", server.target(tmp_path, host_key="", known_hosts=known)).run(["true"])
            assert server.host_key.get_fingerprint() in str(caught.value)
            assert said in str(caught.value)
        assert server.logins == []


async def test_a_revoked_key_is_refused(tmp_path: Path) -> None:
    """A key that the file of keys revokes is refused although it stands there too."""
    async with serving() as server:
        path = Path(known_hosts(tmp_path, server, server.host_key))
        path.write_text(path.read_text() + f"@revoked * {server.pin()}\n")
        with pytest.raises(KeyChanged):
            await SshConnection("app1", server.target(tmp_path, host_key="", known_hosts=str(path))).run(["true"])
        assert server.logins == []


async def test_a_key_signed_by_a_pinned_authority(tmp_path: Path) -> None:
    """Hosts whose keys an authority signed need only that one's line; a key that another authority signed is a changed key."""
    authority, other = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    server = Server()
    server.certificate = authority.generate_host_certificate(server.host_key, "app1", principals=["127.0.0.1"])
    async with serving(server):
        for key, welcome in ((authority, True), (other, False)):
            path = known_hosts(tmp_path, server, key, "@cert-authority ")
            async with fresh("app1", server.target(tmp_path, host_key="", known_hosts=path)) as host:
                if welcome:
                    assert (await host.run(["echo", "in"])).stdout == "in\n"
                    continue
                with pytest.raises(KeyChanged) as caught:
                    await host.run(["true"])
                assert f"any key signed by ssh-ed25519 {other.get_fingerprint()}" in caught.value.why
        assert server.logins == ["root"]


def test_a_file_of_keys_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is no file of keys is exit 7 with its name, not a host that is trusted."""
    (tmp_path / "broken").write_bytes(b"\xff\xfe\n")
    for path in (tmp_path / "broken", tmp_path):
        with pytest.raises(KeyUnknown, match="cannot be read") as caught:
            ssh_pins.pins(Login(address="192.0.2.1", known_hosts=str(path)))
        assert str(path) in caught.value.why


def test_a_relative_file_of_keys_lies_under_the_home(private_home: Path) -> None:
    """`lab/known_hosts` is looked for under cmctl's home, wherever the command is typed."""
    (private_home / "lab").mkdir(parents=True)
    (private_home / "lab" / "known_hosts").write_text(f"192.0.2.1 {line(OTHER)}\n192.0.2.2 {line(RSA)}\n")
    found = ssh_pins.pins(Login(address="192.0.2.1", known_hosts="lab/known_hosts"))
    assert [key.get_fingerprint() for key in found.keys] == [OTHER.get_fingerprint()]
    assert ssh_pins.pins(Login(address="192.0.2.3", known_hosts="lab/known_hosts")).empty


def test_all_refusals_are_exit_seven() -> None:
    """Whoever catches Unreachable catches these."""
    assert issubclass(KeyChanged, Unreachable)
    assert issubclass(KeyUnknown, Unreachable)
