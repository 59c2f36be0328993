"""A small registry for container engines: this machine's engine pushes to it, each host's engine pulls from it through its SSH connection.

It speaks what both need of the distribution protocol, for one repository whose name nobody can guess, while a transfer lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote

import asyncssh

from hosts.transfer_store import Manifest, Store

CHUNK = 1 << 18
HEAD_LIMIT = 16_384
MANIFEST_LIMIT = 4 << 20
TLS_HELLO = b"\x16"


class Reader(Protocol):
    async def readexactly(self, size: int, /) -> bytes: ...

    async def readuntil(self, separator: bytes, /) -> bytes: ...


class Writer(Protocol):
    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Taken:
    """What one engine took: bytes of parts, the parts that went whole, and when it had all (monotonic, s)."""

    bytes: int = 0
    parts: set[str] = field(default_factory=set)
    ended: float = 0.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """`file` from `start` on stands for a body that is a part."""

    status: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    file: Path | None = None
    start: int = 0


NOT_FOUND = Answer("404 Not Found", b'{"errors":[{"code":"NOT_FOUND"}]}', (("Content-Type", "application/json"),))
BAD = Answer("400 Bad Request", b'{"errors":[{"code":"DIGEST_INVALID"}]}', (("Content-Type", "application/json"),))


class Registry:
    """One repository over a store. Only connections that may push can change it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.name = secrets.token_hex(16)

    async def serve(self, reader: Reader, writer: Writer, taken: Taken, *, push: bool) -> None:
        """Answer the requests of one TCP connection until it ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError, asyncssh.Error):
            # An engine tries TLS first, and would wait ten seconds for an answer to it.
            while (first := await reader.readexactly(1)) != TLS_HELLO:
                request = _request(first + await reader.readuntil(b"\r\n\r\n"))
                body = _body(request, reader)
                answer = await self._answer(request, body, push=push)
                async for _ in body:
                    pass
                await _give(request, answer, writer, taken)
        writer.close()

    async def _answer(self, request: Request, body: AsyncIterator[bytes], *, push: bool) -> Answer:
        if request.path.rstrip("/") == "/v2":
            return Answer("200 OK", b"{}", (("Content-Type", "application/json"),))
        kind, _, rest = request.path.removeprefix(f"/v2/{self.name}/").partition("/")
        if kind not in {"manifests", "blobs"}:
            return NOT_FOUND
        if request.method in {"GET", "HEAD"}:
            return self._manifest(rest) if kind == "manifests" else self._part(rest, request)
        if not push:
            return Answer("405 Method Not Allowed")
        return await (self._put_manifest(rest, request, body) if kind == "manifests" else self._upload(rest, request, body))

    def _manifest(self, name: str) -> Answer:
        found = self.store.manifests.get(name)
        if found is None:
            return NOT_FOUND
        return Answer("200 OK", found.text, (("Content-Type", found.kind), ("Docker-Content-Digest", found.digest)))

    def _part(self, digest: str, request: Request) -> Answer:
        path = self.store.part(digest)
        if path is None:
            return NOT_FOUND
        size = path.stat().st_size
        start = min(_from(request), size)
        headers = (("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", digest))
        if not start:
            return Answer("200 OK", headers=headers, file=path)
        return Answer(
            "206 Partial Content", headers=(*headers, ("Content-Range", f"bytes {start}-{size - 1}/{size}")), file=path, start=start
        )

    async def _put_manifest(self, name: str, request: Request, body: AsyncIterator[bytes]) -> Answer:
        text = b""
        async for piece in body:
            text += piece
            if len(text) > MANIFEST_LIMIT:
                return BAD
        manifest = Manifest(request.headers.get("content-type", ""), text)
        self.store.put(name, manifest)
        return Answer("201 Created", headers=(("Location", request.path), ("Docker-Content-Digest", manifest.digest)))

    async def _upload(self, rest: str, request: Request, body: AsyncIterator[bytes]) -> Answer:
        """POST begins an upload, PATCH adds to it, PUT ends it with its digest."""
        path = self.store.begin() if request.method == "POST" else self.store.upload(rest.rpartition("/")[2])
        if path is None:
            return NOT_FOUND
        where = ("Location", f"/v2/{self.name}/blobs/uploads/{path.name}")
        if request.method == "PUT":
            digest = request.query.get("digest", "")
            kept = await self.store.keep(path, digest, body)
            return Answer("201 Created", headers=(where, ("Docker-Content-Digest", digest))) if kept else BAD
        size = await self.store.add(path, body)
        return Answer("202 Accepted", headers=(where, ("Range", f"0-{max(size - 1, 0)}"), ("Docker-Upload-UUID", path.name)))


def server(registry: Registry, taken: Taken, *, push: bool) -> Callable[[Reader, Writer], Awaitable[None]]:
    """What asyncio and asyncssh call for each connection."""
    return lambda reader, writer: registry.serve(reader, writer, taken, push=push)


def _request(head: bytes) -> Request:
    if len(head) > HEAD_LIMIT:
        raise ValueError("the request's head is too long")
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    path, _, query = target.partition("?")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, unquote(path), {name: values[0] for name, values in parse_qs(query).items()}, headers)


async def _body(request: Request, reader: Reader) -> AsyncIterator[bytes]:
    if request.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            async for piece in _pieces(reader, size):
                yield piece
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
    else:
        async for piece in _pieces(reader, int(request.headers.get("content-length", "0"))):
            yield piece


async def _pieces(reader: Reader, size: int) -> AsyncIterator[bytes]:
    while size > 0:
        piece = await reader.readexactly(min(size, CHUNK))
        size -= len(piece)
        yield piece


def _from(request: Request) -> int:
    """Where an interrupted download goes on: the start of `Range: bytes=N-`."""
    start = request.headers.get("range", "").removeprefix("bytes=").partition("-")[0]
    return int(start) if start.isdigit() else 0


async def _give(request: Request, answer: Answer, writer: Writer, taken: Taken) -> None:
    size = len(answer.body) if answer.file is None else answer.file.stat().st_size - answer.start
    headers = (*answer.headers, ("Content-Length", str(size)), ("Docker-Distribution-Api-Version", "registry/2.0"))
    head = f"HTTP/1.1 {answer.status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    writer.write(head.encode("latin-1") + (b"" if request.method == "HEAD" else answer.body))
    await writer.drain()
    if answer.file is None or request.method == "HEAD":
        return
    with answer.file.open("rb") as content:  # from the page cache, in small pieces
        content.seek(answer.start)
        while chunk := content.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
            taken.bytes += len(chunk)
    taken.parts.add(request.path.rpartition("/")[2])
