"""A web service of known behaviour: `python -m loadtests.reference KIND PORT [SEED [SERVERS [WORK_S [ADDRESS]]]]`, on loopback by default.

Answers GET after as long as its station says (stations.py). It sleeps instead of working, so it costs little CPU and its
capacity is the station's, not this machine's. Port 0 takes a free one; the line `listening PORT` says which.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from loadtests.priority import be_on_time
from loadtests.stations import Station, station

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nfull\n"
END = b"\r\n\r\n"
# The event loop rounds its timers up to whole milliseconds: on average this much.
ROUNDING_S = 0.0005


class Server(asyncio.Protocol):
    """One connection. Requests have no body and come one after the other."""

    def __init__(self, place: Station, begin: float) -> None:
        self._place, self._begin = place, begin
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP gives no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while END in self._buffer:
            _, _, self._buffer = self._buffer.partition(END)
            now = time.monotonic() - self._begin
            leaves = self._place.arrive(now)
            self._loop.call_later(max(0.0, leaves.at - now - ROUNDING_S), self._answer, GOOD if leaves.good else REFUSED)

    def _answer(self, text: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(text)


async def serve(place: Station, port: int, address: str) -> None:
    begin = time.monotonic()
    server = await asyncio.get_running_loop().create_server(lambda: Server(place, begin), address, port, backlog=1024)
    sys.stdout.write(f"listening {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        # Whoever started it may be killed without a word: then nobody needs it any more.
        parent = os.getppid()
        while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells when a parent dies
            await asyncio.sleep(1.0)


def main(argv: list[str]) -> None:
    kind, port, seed, servers, work_s, address = (argv + ["mmc", "0", "1", "8", "0.02", "127.0.0.1"][len(argv) :])[:6]
    # Its capacity is to be its station's, whatever else this machine does.
    be_on_time()
    asyncio.run(serve(station(kind, int(seed), int(servers), float(work_s)), int(port), address))


if __name__ == "__main__":
    main(sys.argv[1:])
