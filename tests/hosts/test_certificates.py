"""A certificate changes on hosts while releases stand, and an older release never brings an older one back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from errors import CmctlError
from hosts import bundles, certificates, rollback
from hosts import lease as leases
from hosts import state as states
from layout.release import CERTIFICATE, Target
from tests.hosts.machines import host, spec

FILES = {"base/compose.yaml": "services: {}\n"}


def targets(folder: Path) -> dict[str, Target]:
    return {"one": Target(connection="local", address="127.0.0.1", root=str(folder / "one"))}


def test_a_certificate_is_no_version() -> None:
    """Another certificate makes no other release and no other part; any other secret file does."""
    first, renewed = (spec(FILES, {CERTIFICATE: text, "base/secrets/key": "a"}) for text in ("old", "new"))
    other = spec(FILES, {CERTIFICATE: "old", "base/secrets/key": "b"})
    assert first.release_id() == renewed.release_id() != other.release_id()
    assert first.part_id("base") == renewed.part_id("base") != other.part_id("base")
    assert first.certified({"one": "new", "elsewhere": "x"}) == renewed
    assert spec(FILES).certified({"one": "new"}) == spec(FILES)


def test_brought_by_one_rename(tmp_path: Path) -> None:
    """Only hosts that have a certificate get the new one; the file is replaced, not written into."""
    one = host(tmp_path)
    assert asyncio.run(certificates.deliver("stack", targets(tmp_path), "new")) == []
    path = Path(one.paths.folder) / CERTIFICATE
    path.parent.mkdir(parents=True)
    path.write_text("old")
    before = path.stat().st_ino
    assert asyncio.run(certificates.deliver("stack", targets(tmp_path), "new")) == ["one"]
    assert path.read_text() == "new"
    assert path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o644
    assert asyncio.run(certificates.held("stack", targets(tmp_path))) == {"one": "new"}


def test_an_older_release_keeps_the_newest(tmp_path: Path) -> None:
    """The older release's folder gets today's certificate before its files are placed."""
    one, old = host(tmp_path), spec(FILES, {CERTIFICATE: "old"})

    async def back() -> str | None:
        async with leases.held({"one": one}, "test") as lease:
            await bundles.upload(one, lease, old, old.release_id())
            await certificates.keep({"one": one}, lease, old.certified({"one": "new"}))
            await bundles.place_base(one, lease, old.release_id())
        return await one.connection.read(f"{one.paths.folder}/{CERTIFICATE}")

    assert asyncio.run(back()) == "new"


def test_a_renewal_is_no_difference(tmp_path: Path) -> None:
    """What has settled is told with the certificate that was brought since, so that whoever compares finds nothing edited."""
    one, old = host(tmp_path), spec(FILES, {CERTIFICATE: "old"})

    async def renewed() -> list[str]:
        async with leases.held({"one": one}, "test") as lease:
            await bundles.upload(one, lease, old, old.release_id())
            await bundles.place_base(one, lease, old.release_id())
            await states.save(one, lease, states.State(release=old.release_id(), version=old.version))
        await certificates.deliver("stack", targets(tmp_path), "new")
        found = await rollback.settled("stack", targets(tmp_path))
        assert found is not None
        return await bundles.differing(one, found, "blue")

    assert asyncio.run(renewed()) == []


def test_answers_come_and_go(tmp_path: Path) -> None:
    """Answers lie only where a load balancer shows them, and nothing is left; no answer's name climbs out of the folder."""
    one = host(tmp_path)
    assert asyncio.run(certificates.answer("stack", targets(tmp_path), {"token": "text"})) == []
    Path(one.paths.acme).mkdir(parents=True)
    for _ in range(2):
        assert asyncio.run(certificates.answer("stack", targets(tmp_path), {"token-_1": "text"})) == ["one"]
    assert (Path(one.paths.acme) / "token-_1").read_text() == "text"
    asyncio.run(certificates.forget("stack", targets(tmp_path), ["token-_1", "never-there"]))
    assert list(Path(one.paths.acme).iterdir()) == []
    for name in ("../base/x", "", "a/b", "a b", ".."):
        with pytest.raises(CmctlError, match="file name that is none"):
            asyncio.run(certificates.answer("stack", targets(tmp_path), {name: "text"}))
