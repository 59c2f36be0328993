"""Who is still connected to a balancer that is left, and how its entrance is led elsewhere."""

from __future__ import annotations

import pytest

from hosts.handover import connected

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000 10001        0 1 1 0 100 0 0 10 0
   1: 0A07590A:20FB 014B0A0A:D2F0 01 00000000:00000000 00:00000000 00000000 10001        0 2 1 0 20 4 30 10 -1
   2: 0A07590A:20FB 014B0A0A:D2F2 06 00000000:00000000 00:00000000 00000000 10001        0 3 1 0 20 4 30 10 -1
   3: 0A07590A:1F90 014B0A0A:D2F4 01 00000000:00000000 00:00000000 00000000 10001        0 4 1 0 20 4 30 10 -1
   4: 0A07590A:D2F0 020B0A0A:1F91 01 00000000:00000000 00:00000000 00000000 10001        0 5 1 0 20 4 30 10 -1
"""
SIX = "   0: 0000000000000000FFFF00000A07590A:20FB 0000000000000000FFFF0000014B0A0A:D300 01 0:0 0:0 0 0 0 9"


@pytest.mark.parametrize(
    ("text", "ports", "count"),
    [
        (TABLE, {8443}, 1),
        (TABLE, {8443, 8080}, 2),
        (TABLE + SIX, {8443}, 2),
        (TABLE, {9}, 0),
        ("", {8443}, 0),
        ("cat: not found", {8443}, 0),
    ],
)
def test_connected(text: str, ports: set[int], count: int) -> None:
    """Clients are the established connections to the entrance's ports: not listeners, not closing ones, not the way to the apps."""
    assert connected(text.splitlines(), ports) == count
