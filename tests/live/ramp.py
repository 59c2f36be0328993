"""The peer: a ramp as k6 does it with `ramping-arrival-rate` and a threshold that aborts: `python -m tests.live.ramp PORT`.

Arrivals evenly spaced on a rate that grows from 0 to 600/s in ten minutes; every 2 s p95 of the whole run so far is held
against 200 ms. Prints `limit RATE after SECONDS`.
"""

from __future__ import annotations

import asyncio
import sys
import time

import numpy as np

from loadtests.priority import be_on_time

LIMIT_S, RAMP_S, TOP, LOOK_S = 0.2, 600.0, 600.0, 2.0
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def main(port: int) -> None:
    idle: list[Pair] = []
    took: list[float] = []

    async def hit(due: float) -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        took.append(time.monotonic() - due)
        idle.append((reader, writer))

    begin, number, next_look = time.monotonic(), 0, LOOK_S
    tasks: set[asyncio.Task[None]] = set()
    while (now := time.monotonic() - begin) < RAMP_S:
        while (due := (2 * number * RAMP_S / TOP) ** 0.5) <= now:
            one = asyncio.create_task(hit(begin + due))
            tasks.add(one)
            one.add_done_callback(tasks.discard)
            number += 1
        if now >= next_look:
            next_look += LOOK_S
            if len(took) > 100 and float(np.quantile(took, 0.95)) > LIMIT_S:
                break
        await asyncio.sleep(min(0.001, max(0.0, due - now)))
    print(f"limit {TOP * now / RAMP_S} after {now:.0f}")


if __name__ == "__main__":
    be_on_time()
    asyncio.run(main(int(sys.argv[1])))
