"""Which networks a lab can take, and which frames its slow wire holds back."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.lab import wire
from tools.lab.switch import in_the_way

LAB = IPv4Network("10.77.0.0/24")


@pytest.mark.parametrize(
    ("route", "hinders"),
    [
        ({"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}, False),
        ({"dst": "10.0.0.0/8", "gateway": "192.0.2.9", "dev": "vpn0"}, False),
        ({"dst": "10.0.0.0/8", "dev": "eth1"}, True),
        ({"dst": "10.77.0.0/24", "dev": "cl-other"}, True),
        ({"dst": "10.77.0.0/24", "gateway": "192.0.2.9", "dev": "eth0"}, True),
        ({"dst": "10.77.0.128/25", "dev": "br0"}, True),
        ({"dst": "10.77.0.7", "dev": "eth0"}, True),
        ({"dst": "10.78.0.0/24", "dev": "cl-other"}, False),
    ],
)
def test_a_network_that_is_reached_otherwise_is_taken(route: dict[str, str], hinders: bool) -> None:
    """Whatever is on a cable of this machine is taken; a wide route through a gateway is not, because the lab's is more exact."""
    assert bool(in_the_way(LAB, [route])) is hinders


def frame(source: int, target: int, *, protocol: int = 6, kind: bytes = b"\x08\x00", options: int = 0) -> bytes:
    head = bytes([0x45 + options]) + bytes(8) + bytes([protocol]) + bytes(10) + bytes(4 * options)
    return bytes(12) + kind + head + struct.pack("!HH", source, target) + bytes(16)


@pytest.mark.parametrize(
    ("carried", "late"),
    [
        (frame(22, 40000), True),
        (frame(40000, 22), True),
        (frame(40000, 22, options=3), True),
        (frame(40000, 443), False),
        (frame(40000, 22, protocol=17), False),
        (frame(40000, 22, kind=b"\x86\xdd"), False),
        (frame(40000, 22)[:30], False),
        (b"", False),
    ],
)
def test_ssh_is_told_from_everything_else(carried: bytes, late: bool) -> None:
    """TCP from or to port 22 over IPv4, whatever options the header has; nothing else, and no short frame."""
    assert wire.is_ssh(carried) is late


@given(st.binary(max_size=80))
def test_no_frame_breaks_the_wire(carried: bytes) -> None:
    """Whatever a host sends is judged without an error."""
    assert wire.is_ssh(carried) in {True, False}


def test_frames_are_late_and_in_order() -> None:
    """Each frame arrives no sooner than the delay, none overtakes another, and with `ssh` the others do not wait."""
    near, outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    inside.settimeout(5)
    ends = os.dup(near.fileno()), os.dup(far.fileno())
    carrier = threading.Thread(target=wire.carry, args=(*ends, 0.05), kwargs={"only_ssh": True}, daemon=True)
    carrier.start()
    start = time.monotonic()
    for carried in (frame(22, 1), frame(22, 2), frame(443, 3)):
        outside.send(carried)
    arrived = [(inside.recv(2000), time.monotonic() - start) for _ in range(3)]
    assert [struct.unpack("!HH", carried[34:38]) for carried, _ in arrived] == [(443, 3), (22, 1), (22, 2)]
    assert arrived[1][1] >= 0.05
    for one in (near, outside, far, inside):
        one.close()
    carrier.join(5)
    assert not carrier.is_alive()
    for end in ends:
        os.close(end)
