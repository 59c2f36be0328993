"""A small HTTP(S) service for the generator's live tests: `odd_service.py KIND [CHAIN KEY]`.

KIND: `good` answers 200; `closing` closes every tenth connection instead of answering; `broken` answers 404, `breaking` after the twentieth request; `limited`
answers 429 to a client (X-Forwarded-For) that comes more often than twenty times a second; `torn` answers 500 with gzip that
ends too soon; `dripping` begins an answer and never ends it, a byte now and then; `choking` does so from the twentieth request on. On SIGTERM it prints how many requests it
saw and how many clients and connections they came from.
"""

from __future__ import annotations

import asyncio
import collections
import gzip
import json
import signal
import ssl
import sys
import time


class Service:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.seen = self.connections = 0
        self.clients: collections.Counter[str] = collections.Counter()
        self.recent: dict[str, list[float]] = collections.defaultdict(list)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                answer = self.answer(head)
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
                while self.drips:
                    await asyncio.sleep(0.2)
                    writer.write(b"x")
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def drips(self) -> bool:
        return self.kind == "dripping" or (self.kind == "choking" and self.seen > 20)

    def answer(self, head: bytes) -> bytes:
        self.seen += 1
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        client = next((value for name, _, value in lines if name.lower() == "x-forwarded-for"), "alone")
        self.clients[client] += 1
        if self.kind == "closing" and self.seen % 10 == 0:
            return b""
        if self.kind == "torn":
            packed = gzip.compress(b"word\n")[:-9]
            return b"HTTP/1.1 500 Oh\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        if self.drips:
            return b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        status = "404 Not Found" if self.kind == "broken" or (self.kind == "breaking" and self.seen > 20) else "200 OK"
        if self.kind == "limited":
            now = time.monotonic()
            self.recent[client] = [one for one in self.recent[client] if one > now - 1] + [now]
            status = "429 Too Many Requests" if len(self.recent[client]) > 20 else status
        return f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nword\n".encode()


async def main(kind: str, files: list[str]) -> None:
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    service = Service(kind)
    server = await asyncio.start_server(service.connected, "127.0.0.1", 0, ssl=context)
    print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a test that asks nothing has closed its end
    print(json.dumps({"seen": service.seen, "clients": len(service.clients), "connections": service.connections}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
