"""SSH and image transfers on hosts of a lab: real sshd, real sudo, real engines, and links that are cut."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from hosts import transfer
from hosts.connection import output
from hosts.fleet import each
from hosts.local import LocalConnection
from hosts.ssh_errors import Lost
from hosts.ssh_link import link
from hosts.transfer_registry import Registry, Taken, server
from hosts.transfer_store import Store
from tests.hosts.contract import CLAIMS
from tests.live.fleet_lab import NAME, SUBNET, forget, hosts, image, target
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
DEAD_S = 15


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(tmp_path_factory.mktemp("home")))
        with Lab(NAME, SUBNET, report=print) as lab:
            lab.up(2)
            yield lab


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of the test's own, so that its parts do not fill the shared cache."""
    monkeypatch.setenv("CMCTL_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
async def test_contract(claim: object, lab: Lab) -> None:
    """Every claim that holds for this machine holds for another one, as a user who becomes root by the real sudo."""
    host = hosts(lab, 1)["h1"].connection
    folder = f"/var/tmp/{claim.__name__}"  # type: ignore[attr-defined]
    await output(host, ["mkdir", "-p", folder])
    await claim(host, folder)  # type: ignore[operator]


async def test_a_cut_link_is_noticed_and_forgotten(lab: Lab) -> None:
    """A link that swallows everything ends the call within 15 s; once it is whole the next call works, and nothing goes on there for ever."""
    host = hosts(lab, 1)["h1"].connection
    call = asyncio.create_task(host.run(["sleep", "77"], timeout_s=20))
    while (await host.run(["pgrep", "-x", "sleep"])).code:
        await asyncio.sleep(0.05)
    lab.cut(1)
    begun = time.monotonic()
    try:
        with pytest.raises(Lost):
            await call
        noticed = time.monotonic() - begun
        print(f"a dead peer was noticed after {noticed:.1f} s")
        assert noticed < DEAD_S
    finally:
        lab.restore(1)
    assert (await host.run(["echo", "in"])).stdout == "in\n"
    end = time.monotonic() + 40
    while not (await host.run(["pgrep", "-x", "sleep"])).code:
        assert time.monotonic() < end
        await asyncio.sleep(0.5)


async def test_a_dead_host_beside_a_living_one(lab: Lab) -> None:
    """The living host does its work, and the error names the dead one, within the three attempts."""
    fleet = hosts(lab, 1, 2)
    lab.cut(2)
    begun = time.monotonic()
    try:
        with pytest.raises(Unreachable, match=r"h2: .* does not answer"):
            await each(fleet, lambda host: host.connection.run(["touch", "/tmp/alive"]))
    finally:
        lab.restore(2)
    print(f"a dead host was given up after {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 35
    assert (await fleet["h1"].connection.run(["test", "-e", "/tmp/alive"])).code == 0


async def test_a_full_disk(lab: Lab) -> None:
    """On a host whose disk is full a file stays the old one whole and the error says why; what only reads, still works, stdin too."""
    host = hosts(lab, 1)["h1"].connection
    await host.write("/var/lib/cmctl/file", b"old")
    lab.fill(1)
    try:
        with pytest.raises(CmctlError, match="/var/lib/cmctl/file cannot be written on h1") as caught:
            await host.write("/var/lib/cmctl/file", b"new" * 2_000_000)
        assert "No space left on device" in caught.value.why
        assert await host.read("/var/lib/cmctl/file") == "old"
        assert (await output(host, ["wc", "-c"], stdin=b"x" * 2_000_000)).split() == ["2000000"]
        assert (await output(host, ["ls", "-A", "/var/lib/cmctl"])).split() == ["file"]
    finally:
        lab.free(1)
    await host.write("/var/lib/cmctl/file", b"new")


async def test_a_slow_link(lab: Lab, parts: None, images: list[str]) -> None:
    """Half a second for every round trip: connecting, commands, files and an image still work, and nobody is taken for dead."""
    host = hosts(lab, 1)["h1"]
    lab.slow(1, 500, "ssh")
    begun = time.monotonic()
    try:
        await output(host.connection, ["true"])
        connected = time.monotonic() - begun
        await host.connection.write("/var/tmp/slow", b"x" * 500_000)
        assert (await output(host.connection, ["wc", "-c", "/var/tmp/slow"])).split()[0] == "500000"
        images.append(image(os.urandom(2_000_000)))
        sent = await transfer.images({"h1": host}, {"h1": images}, print)
    finally:
        lab.restore(1)
    print(f"500 ms a round trip: the first command after {connected:.1f} s, 2 MB of image in {sent['h1'].seconds:.1f} s")
    assert sent["h1"].layers == 1


@pytest.fixture
def images() -> Iterator[list[str]]:
    """Ids of images that are removed at the end."""
    made: list[str] = []
    yield made
    forget(made)


async def test_missing_layers_only(lab: Lab, parts: None, images: list[str]) -> None:
    """Two hosts get two images under their ids; the next version costs its own layer alone, and what is there costs nothing."""
    base, thin = os.urandom(20_000_000), os.urandom(1000)
    images += [image(base), image(base, thin), image(base, thin, os.urandom(30_000))]
    fleet, said = hosts(lab, 1, 2), list[str]()
    first = await transfer.images(fleet, dict.fromkeys(fleet, images[:2]), said.append)
    again = await transfer.images(fleet, dict.fromkeys(fleet, images[:2]), said.append)
    third = await transfer.images(fleet, dict.fromkeys(fleet, images), said.append)
    print(f"first {first}; again {again}; next {third}")
    for name in fleet:
        assert 20_000_000 < first[name].bytes < 21_000_000
        assert (first[name].layers, again[name].bytes, third[name].layers) == (2, 0, 1)
        assert 30_000 < third[name].bytes < 60_000
        text = await output(fleet[name].connection, ["docker", "image", "inspect", "--format", "{{.Id}}", *images])
        assert text.split() == images
        assert "127.0.0.1" not in await output(fleet[name].connection, ["docker", "images", "--digests", "--format", "{{.Repository}}"])
    assert (await LocalConnection("here").run(["docker", "image", "inspect", *images])).code == 0


@pytest.mark.parametrize("restored", [True, False], ids=["mended in time", "mended later"])
async def test_a_transfer_that_breaks(lab: Lab, parts: None, images: list[str], monkeypatch: pytest.MonkeyPatch, *, restored: bool) -> None:
    """The link is cut while parts go over it. Mended in time, the call goes on; else it is exit 7 for that host, while the other one
    gets all, and the same call later brings the rest."""
    monkeypatch.setattr(transfer, "SAY_S", 0.05)
    images.append(image(os.urandom(100_000_000)))
    fleet, cut = hosts(lab, 1, 2), list[str]()

    def report(text: str) -> None:
        if text.startswith("h2") and "sent" in text and not cut:
            cut.append(text)
            lab.cut(2)
        elif restored and "once more" in text:
            lab.restore(2)

    begun = time.monotonic()
    try:
        if restored:
            assert (await transfer.images(fleet, dict.fromkeys(fleet, images), report))["h2"].layers == 1
        else:
            with pytest.raises(Unreachable, match="h2"):
                await transfer.images(fleet, dict.fromkeys(fleet, images), report)
    finally:
        lab.restore(2)
    print(f"cut at {cut}, {'done' if restored else 'told'} after {time.monotonic() - begun:.1f} s")
    sent = await transfer.images(fleet, dict.fromkeys(fleet, images), print)
    assert (sent["h1"].bytes, sent["h2"].layers) == (0, 0 if restored else 1)


async def test_a_registry_comes_first(lab: Lab, parts: None, images: list[str], tmp_path: Path) -> None:
    """An image that came from a registry which the host reaches is pulled by the host itself, by digest; nothing is sent from here."""
    registry = Registry(Store(tmp_path / "elsewhere"))
    listening = await asyncio.start_server(server(registry, Taken(), push=True), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    images.append(image(os.urandom(100_000)))
    name = f"localhost:{port}/{registry.name}:1"
    async with listening:
        for argv in (["docker", "tag", images[0], name], ["docker", "push", "-q", name]):
            await output(LocalConnection("here"), argv)
        there = await (await link("h1", target(lab, 1)).opened()).start_server(
            lambda _host, _port: server(registry, Taken(), push=False), "127.0.0.1", port
        )
        sent = await transfer.images(hosts(lab, 1), {"h1": images}, print)
        there.close()
    await LocalConnection("here").run(["docker", "rmi", name])
    assert sent["h1"].bytes == 0
    assert (await hosts(lab, 1)["h1"].connection.run(["docker", "image", "inspect", images[0]])).code == 0
