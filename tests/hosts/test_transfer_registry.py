"""The registry of a transfer: engines push and pull what they know by its hash, and nobody else gets in."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.transfer_registry import Registry, Taken, server
from hosts.transfer_store import Manifest, Store

PART = bytes(range(256)) * 3000
DIGEST = f"sha256:{hashlib.sha256(PART).hexdigest()}"


class Client:
    """One keep-alive connection of an engine."""

    def __init__(self, registry: Registry, port: int) -> None:
        self.name, self.port = registry.name, port

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        target = path if path.startswith("/") else f"/v2/{self.name}/{path}"
        lines = [f"{method} {target} HTTP/1.1", "Host: x", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        if "Transfer_Encoding" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        got = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        text = b"" if method == "HEAD" else await self.reader.readexactly(int(got["content-length"]))
        return int(head[0].split()[1]), got, text

    async def push(self, data: bytes, digest: str) -> int:
        """As the engine does it: POST, PATCH in chunks, PUT with the digest."""
        _, headers, _ = await self.ask("POST", "blobs/uploads/")
        chunked = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (data[:1000], data[1000:]) if part) + b"0\r\n\r\n"
        await self.ask("PATCH", headers["location"], chunked, Transfer_Encoding="chunked")
        return (await self.ask("PUT", f"{headers['location']}?digest={digest}"))[0]


@contextlib.asynccontextmanager
async def serving(folder: Path, *, push: bool = True, taken: Taken | None = None) -> AsyncIterator[Client]:
    registry = Registry(Store(folder))
    listening = await asyncio.start_server(server(registry, taken or Taken(), push=push), "127.0.0.1", 0)
    async with listening, Client(registry, listening.sockets[0].getsockname()[1]) as client:
        yield client


async def test_what_is_pushed_is_pulled(tmp_path: Path) -> None:
    """A part and a manifest come back as they went in, over one connection; a part that is there is not pushed again."""
    taken = Taken()
    async with serving(tmp_path, taken=taken) as client:
        assert (await client.ask("GET", "/v2/"))[0] == 200
        assert (await client.ask("HEAD", f"blobs/{DIGEST}"))[0] == 404
        assert await client.push(PART, DIGEST) == 201
        status, headers, _ = await client.ask("HEAD", f"blobs/{DIGEST}")
        assert (status, headers["content-length"]) == (200, str(len(PART)))
        text = json.dumps({"layers": [{"digest": DIGEST}]}).encode()
        status, headers, _ = await client.ask("PUT", "manifests/one", text, Content_Type="kind/of")
        digest = headers["docker-content-digest"]
        assert (status, digest) == (201, f"sha256:{hashlib.sha256(text).hexdigest()}")
        for name in ("one", digest):
            status, headers, body = await client.ask("GET", f"manifests/{name}")
            assert (status, headers["content-type"], body) == (200, "kind/of", text)
        assert (await client.ask("GET", f"blobs/{DIGEST}"))[2] == PART
    assert (taken.bytes, taken.parts) == (len(PART), {DIGEST})


async def test_an_interrupted_pull_goes_on(tmp_path: Path) -> None:
    """A range gives the rest, and only the rest is counted."""
    taken = Taken()
    async with serving(tmp_path, taken=taken) as client:
        await client.push(PART, DIGEST)
        status, headers, body = await client.ask("GET", f"blobs/{DIGEST}", Range="bytes=700000-")
        assert (status, body) == (206, PART[700_000:])
        assert headers["content-range"] == f"bytes 700000-{len(PART) - 1}/{len(PART)}"
    assert taken.bytes == len(PART) - 700_000


async def test_a_part_that_is_not_its_digest_is_refused(tmp_path: Path) -> None:
    """A broken upload leaves nothing behind."""
    async with serving(tmp_path) as client:
        assert await client.push(PART[:-1], DIGEST) == 400
        assert (await client.ask("HEAD", f"blobs/{DIGEST}"))[0] == 404
    assert list(tmp_path.iterdir()) == []


async def test_a_host_cannot_push(tmp_path: Path) -> None:
    """What is offered to hosts only gives."""
    async with serving(tmp_path, push=False) as client:
        for method, path in (
            ("POST", "blobs/uploads/"),
            ("PUT", "manifests/one"),
            ("PATCH", "blobs/uploads/x"),
            ("DELETE", "manifests/one"),
        ):
            assert (await client.ask(method, path, b"{}"))[0] == 405
    assert list(tmp_path.iterdir()) == []


async def test_another_repository_is_not_there(tmp_path: Path) -> None:
    """Who does not know the name of this transfer's repository gets nothing from it, and cannot reach other files."""
    async with serving(tmp_path) as client:
        await client.push(PART, DIGEST)
        for path in (
            f"/v2/other/blobs/{DIGEST}",
            f"/v2//blobs/{DIGEST}",
            "/",
            "/v2/_catalog",
            f"blobs/{DIGEST}/../../x",
            "blobs/%2e%2e",
            "blobs/..",
        ):
            assert (await client.ask("GET", path))[0] == 404
        assert (await client.ask("PUT", "blobs/uploads/..%2fx?digest=x"))[0] == 404


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"x" * 200_000, b"PATCH / HTTP/1.1\r\nContent-Length: no\r\n\r\n"]
)
async def test_noise_is_hung_up_on(tmp_path: Path, said: bytes) -> None:
    """TLS, which an engine tries first, and everything that is no request end the connection at once."""
    async with serving(tmp_path) as client:
        client.writer.write(said)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(2):
                assert await client.reader.read() == b""


@given(st.text(max_size=80))
def test_only_digests_name_parts(name: str) -> None:
    """No text that hypothesis finds names a file outside the store."""
    assert Store(Path(tempfile.gettempdir())).part(name) is None


def test_parts_are_forgotten_after_a_month(tmp_path: Path) -> None:
    """A part that was not used for thirty days goes; one that was asked for stays."""
    store = Store(tmp_path)
    for name in ("0" * 64, "1" * 64):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, time.time() - 31 * 86400))
    assert store.part("sha256:" + "1" * 64) is not None
    store.forget_old()
    assert [path.name for path in tmp_path.iterdir()] == ["1" * 64]


def test_layers_of_a_manifest() -> None:
    """A list of manifests has no layers of its own."""
    assert Manifest("", b'{"layers": [{"digest": "a"}, {"digest": "b"}]}').layers() == {"a", "b"}
    assert Manifest("", b'{"manifests": []}').layers() == frozenset()
