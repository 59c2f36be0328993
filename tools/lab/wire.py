"""A slow wire between two bridges of the switch. A program of its own: `wire.py SWITCH PORT MS WHAT`, run in the switch's namespace.

It makes two TAP interfaces, near<port> and far<port>, leaves a process behind that carries every frame from one to the other
MS/2 later, and ends; so a round trip takes MS longer. WHAT is `whole` or `ssh`: then only TCP 22 is late. The kernel's own
netem would do the same where it is built in, which is not everywhere. The interfaces go with the process.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

NEAR, FAR = "near", "far"
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
FRAME = 65536
OPEN_FILES = 1024
IPV4, TCP, SSH = b"\x08\x00", 6, 22

Queue = deque[tuple[float, bytes]]


def tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def is_ssh(frame: bytes) -> bool:
    """Whether an Ethernet frame carries TCP from or to port 22 over IPv4."""
    if len(frame) < 38 or frame[12:14] != IPV4 or frame[23] != TCP:
        return False
    start = 14 + (frame[14] & 0x0F) * 4
    return SSH in struct.unpack("!HH", frame[start : start + 4].ljust(4, b"\0"))


def carry(near: int, far: int, delay_s: float, *, only_ssh: bool) -> None:
    """What comes in at one end leaves at the other, late where it is to be late, in its order; until an end is closed."""
    other = {near: far, far: near}
    late: dict[int, Queue] = {near: deque(), far: deque()}
    while True:
        due = min((queue[0][0] for queue in late.values() if queue), default=None)
        ready, _, _ = select.select(list(other), [], [], None if due is None else max(0.0, due - time.monotonic()))
        for end in ready:
            frame = os.read(end, FRAME)
            if not frame:
                return
            if only_ssh and not is_ssh(frame):
                send(other[end], frame)
            else:
                late[other[end]].append((time.monotonic() + delay_s, frame))
        for end, queue in late.items():
            while queue and queue[0][0] <= time.monotonic():
                send(end, queue.popleft()[1])


def send(end: int, frame: bytes) -> None:
    try:
        os.write(end, frame)
    except OSError:
        return  # a full queue or an interface that is not up yet loses frames, as a wire does


def main() -> None:
    _, port, milliseconds, what = sys.argv[1:]
    os.closerange(3, OPEN_FILES)  # a lock of the lab among them: it ends with this program, not with the wire
    near, far = tap(f"{NEAR}{port}"), tap(f"{FAR}{port}")
    if os.fork() == 0:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        carry(near, far, float(milliseconds) / 2000, only_ssh=what == "ssh")


if __name__ == "__main__":
    main()
