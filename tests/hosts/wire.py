"""A TCP proxy that misbehaves as links do: silent without closing, or cut after some bytes."""

from __future__ import annotations

import asyncio
import contextlib


class Wire:
    """Passes connections on to a port of the loopback. `silent` swallows everything; `cuts` are bytes after which the next connections end."""

    def __init__(self, to: int, cuts: list[int] | None = None) -> None:
        self.to, self.port, self.silent = to, 0, False
        self.cuts = cuts or []
        self.passed = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Wire:
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        left = [self.cuts.pop(0) if self.cuts else -1]
        for source, sink, other in ((reader, far_writer, writer), (far_reader, writer, far_writer)):
            self.tasks.add(asyncio.create_task(self._pass(source, sink, other, left)))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, other: asyncio.StreamWriter, left: list[int]) -> None:
        try:
            while data := await source.read(65536):
                if left[0] >= 0 and left[0] < len(data):
                    sink.write(data[: left[0]])
                    left[0] = 0
                    with contextlib.suppress(ConnectionError):
                        await sink.drain()
                    break
                left[0] -= len(data) if left[0] >= 0 else 0
                self.passed += len(data)
                if not self.silent:
                    sink.write(data)
        except ConnectionError:
            pass
        finally:
            for one in (sink, other):
                one.close()
